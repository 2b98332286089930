"""Chips by the names that people type: the core and the FPU of each, and the target that this makes it."""

import re
from typing import NamedTuple


class Chip(NamedTuple):
    """A chip or a family of chips: its core, the floats of its FPU, and the target of code for it."""

    core: str
    fpu: str
    target: str


_SOFT, _SINGLE, _DOUBLE = "none", "single", "single and double"

#: A core, its FPU, the target, and the chips: names, and what part numbers of a family begin with.
_TABLE = (
    ("Cortex-M0", _SOFT, "cortex-m0", "stm32f0 nrf51 microbit lpc11u24 xmc1100"),
    (
        "Cortex-M0+", _SOFT, "cortex-m0plus",
        "stm32c0 stm32g0 stm32l0 stm32u0 rp2040 pico samd21 samc21 saml21 mkl25z kl25z lpc845 mspm0 efm32hg",
    ),
    ("Cortex-M3", _SOFT, "cortex-m3", "stm32f1 stm32f2 stm32l1 sam3x arduino-due lpc1768 efm32gg cc2640 gd32f1"),
    ("Cortex-M4", _SOFT, "cortex-m4", "stm32wl nrf52805 nrf52810 nrf52811 nrf52820 teensy31 teensy32"),
    (
        "Cortex-M4F", _SINGLE, "cortex-m4f",
        "stm32f3 stm32f4 stm32g4 stm32l4 stm32wb stm32mp1-m4 nrf52 nrf52832 nrf52833 nrf52840 microbit-v2 "
        "arduino-nano-33-ble samd51 same51 same53 same54 sam4e k64f mk64f k66f mk66f teensy35 teensy36 max78000 "
        "max78002 max32660 apollo3 apollo4 psoc6 efr32mg12 cc1352 cc2652 msp432p401r ra4m1 arduino-uno-r4 "
        "xmc4500 gd32f3 gd32f4 tm4c123",
    ),
    (
        "Cortex-M7", _DOUBLE, "cortex-m7",
        "stm32f7 stm32h7 teensy4 teensy40 teensy41 imxrt1050 imxrt1060 imxrt1062 imxrt1170 same70 samv71 portenta-h7",
    ),
    ("Cortex-M7", _SINGLE, "cortex-m7-sp", "stm32f72 stm32f73 stm32f74 stm32f75"),
    ("Cortex-M23", _SOFT, "cortex-m23", "saml10 saml11 m2351 ra2a1 ra2e1 gd32e23"),
    (
        "Cortex-M33", _SINGLE, "cortex-m33",
        "stm32h5 stm32l5 stm32u3 stm32u5 stm32wba nrf53 nrf5340 nrf54 nrf54l15 nrf54h20 nrf91 nrf9160 rp2350 "
        "rp2350-arm pico2 lpc55s69 efr32mg24 efr32bg22 ra4m3 ra6m4 ra6m5 mcxn947 am13e2",
    ),
    ("Cortex-M33", _SOFT, "cortex-m33-nofp", "nrf5340-net"),
    ("Cortex-M55", _DOUBLE, "cortex-m55", "stm32n6 ensemble-e7 apollo510"),
    ("Cortex-M85", _DOUBLE, "cortex-m85", "ra8m1 ra8d1 ra8e1"),
    (
        "RV32IMAC", _SOFT, "riscv32imac",
        "esp32c6 esp32h2 esp32c5 esp32c61 rp2350-riscv gd32v gd32vf103 ch32v103 ch32v203 ch32v208 fe310 longan-nano",
    ),
    ("RV32IMC", _SOFT, "riscv32imac", "esp32c2 esp32c3"),
    ("RV32EC", _SOFT, "riscv32imac", "ch32v003"),
    ("RV32IMAFC", _SINGLE, "riscv32imafc", "esp32p4 ch32v303 ch32v305 ch32v307 bl602"),
    ("RV64GC", _DOUBLE, "riscv64", "k210 fu540 jh7110 cv1800b milkv-duo"),
    ("Cortex-A7", _DOUBLE, "cortex-a7", "stm32mp1 bcm2836 rpi2 imx6ull"),
    ("Cortex-A8", "VFPv3, which has no fused multiply-add", "armv7-a", "am335x beaglebone"),
    ("Cortex-A9", "VFPv3, which has no fused multiply-add", "armv7-a", "zynq7000 imx6q"),
    ("Armv8-A", _DOUBLE, "aarch64", "bcm2711 bcm2712 bcm2837 rpi3 rpi4 rpi5 imx8m stm32mp2 am62 jetson-nano"),
    (
        "AVR", _SOFT, "avr",
        "atmega168 atmega328 atmega328p atmega32u4 atmega1280 atmega1284p atmega2560 arduino-uno arduino-nano "
        "arduino-mega arduino-leonardo",
    ),
    ("Xtensa LX106", _SOFT, "xtensa-lx106", "esp8266"),
    ("Xtensa LX6", _SINGLE, "xtensa-lx6", "esp32"),
    ("Xtensa LX7", _SINGLE, "xtensa-lx7", "esp32s3"),
    ("Xtensa LX7", _SOFT, "xtensa-lx106", "esp32s2"),
)  # fmt: skip

CHIPS = {name: Chip(core, fpu, target) for core, fpu, target, names in _TABLE for name in names.split()}
#: A part number of these makers goes on after the family: stm32f407vgt6, atsamd21g18a, ch32v203c8t6.
_FAMILY = re.compile(r"(at)?(stm32|sam[cdel]|gd32|ch32|efm32|efr32|mspm0|mk|imxrt|nrf54|tm4c)")


def chip_named(name: str) -> Chip | None:
    """Return a chip by its name, in capitals or small letters and with or without dashes, or by a part number that
    begins with the name of its family; None if it is unknown.

    >>> chip_named("STM32F746ZG").target, chip_named("ESP32-C3").core
    ('cortex-m7-sp', 'RV32IMC')
    """
    plain = _plain(name)
    known = {_plain(chip): each for chip, each in CHIPS.items()}
    if plain in known:
        return known[plain]
    if _FAMILY.match(plain):
        families = [family for family in known if plain.removeprefix("at").startswith(family)]
        return known[max(families, key=len)] if families else None
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.lower())
