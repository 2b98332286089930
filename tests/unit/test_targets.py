"""Targets by the names that people type, and the C library as a part of a target."""

import json

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Linear, Model
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.initializers import normal
from embinit.targets import TARGETS, build_of, target_named
from embinit.targets.chips import CHIPS

FC = Linear(name="fc", in_features=16, out_features=4)
NORMAL = Linear(name="fc", in_features=512, out_features=32, weight_init=normal(0, 1))
#: Chips that people name, and what their data sheets say.
KNOWN = {
    "stm32f0": "cortex-m0",
    "stm32g071": "cortex-m0plus",
    "stm32f103c8t6": "cortex-m3",
    "STM32F407VG": "cortex-m4f",
    "stm32wle5": "cortex-m4",
    "stm32f746": "cortex-m7-sp",
    "stm32f767zi": "cortex-m7",
    "stm32h743": "cortex-m7",
    "stm32u585": "cortex-m33",
    "stm32mp1": "cortex-a7",
    "nrf51": "cortex-m0",
    "nrf52810": "cortex-m4",
    "nrf52840": "cortex-m4f",
    "nRF5340": "cortex-m33",
    "nrf54l15": "cortex-m33",
    "rp2040": "cortex-m0plus",
    "rp2350-arm": "cortex-m33",
    "rp2350-riscv": "riscv32imac",
    "esp32": "xtensa-lx6",
    "ESP32-S3": "xtensa-lx7",
    "esp32c3": "riscv32imac",
    "esp32c6": "riscv32imac",
    "esp32p4": "riscv32imafc",
    "samd21": "cortex-m0plus",
    "ATSAMD51J19A": "cortex-m4f",
    "sam3x": "cortex-m3",
    "atmega328p": "avr",
    "atmega2560": "avr",
    "teensy4": "cortex-m7",
    "k64f": "cortex-m4f",
    "gd32v": "riscv32imac",
    "ch32v003": "riscv32imac",
    "ch32v307": "riscv32imafc",
    "max78000": "cortex-m4f",
    "am13e2": "cortex-m33",
}


def bits(model):
    return np.concatenate([values.ravel() for values in model.init().values()]).view(np.uint32).tolist()


@pytest.mark.parametrize("chip", KNOWN)
def test_a_chip_is_the_target_of_its_core(chip):
    model = Model("m", [FC], seed=42, target=chip)

    assert model.target == model.build.target == KNOWN[chip]
    assert gather(model.plan()).manifest()["target"]["name"] == KNOWN[chip]
    assert bits(model) == bits(Model("m", [FC], seed=42, target=KNOWN[chip]))


def test_every_chip_has_a_target_with_its_fpu():
    fused = {"none": "separate", "single": "fused", "single and double": "fused"}
    for name, chip in CHIPS.items():
        target = target_named(name)
        assert target.name == chip.target
        assert target.multiply_add == fused.get(chip.fpu, "separate"), name
        assert target.multiply_add == "separate" or target.fuses_double == (chip.fpu == "single and double"), name


@pytest.mark.parametrize(
    ("name", "meant"),
    [("stm32f9", "stm32f"), ("esp32c33", "esp32c3"), ("nrf5284", "nrf52840"), ("cortex-m4ff", "cortex-m4f")],
)
def test_an_unknown_chip_suggests(name, meant):
    with pytest.raises(EmbinitError, match=rf"got '{name}'; did you mean {meant}") as raised:
        Model("m", [FC], seed=42, target=name)
    assert "cortex-m55" in str(raised.value)


def test_every_command_takes_a_chip(tmp_path, capsys):
    path = tmp_path / "m.toml"
    path.write_text('[model]\nname = "m"\ndialect = "odt"\ntarget = "stm32f4"\nseed = 1\n\n'
                    '[[layer]]\ntype = "Linear"\nin_features = 4\nout_features = 2\n')  # fmt: skip

    assert main(["plan", str(path)]) == 0
    assert "target cortex-m4f (fused)" in capsys.readouterr().out
    assert main(["plan", str(path), "--target", "rp2040"]) == 0
    assert "target cortex-m0plus (separate)" in capsys.readouterr().out
    assert main(["verify", str(path), "--device", "esp32"]) == 2
    assert "--device must be one of cortex-m0, " in capsys.readouterr().err


def test_the_lists_of_targets_and_chips(capsys):
    assert main(["targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TARGETS)
    (lx6,) = (line for line in lines if line.startswith("xtensa-lx6"))
    assert "not run" in lx6
    assert "probe" in lx6
    (lx106,) = (line for line in lines if line.startswith("xtensa-lx106"))
    assert lx106.split()[4] == "yes"
    assert lx106.endswith("run on QEMU's LX106, with C for the functions of the chip's ROM")
    (avr,) = (line for line in lines if line.startswith("avr"))
    assert avr.endswith("run on an atmega2560: buffers and stack share its 8 KB of RAM")
    assert main(["targets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["cortex-m4f"]["libcs"]["picolibc"] == {"libm": "fdlibm", "rand": "picolibc"}
    assert main(["targets", "chips", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(CHIPS)


# ---- The C library ----


def test_picolibc_gives_libm_and_rand_together():
    build = build_of("cortex-m4f", libc="picolibc")

    assert (build.multiply_add, build.libm, build.rand) == ("fused", "fdlibm", "picolibc")
    assert build_of("cortex-m4f", libc="newlib") == build_of("cortex-m4f")
    assert build_of("cortex-m4f", libc="picolibc", rand="msvc").rand == "msvc"


def test_a_model_file_names_its_c_library(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text('[model]\nname = "m"\ndialect = "odt"\ntarget = "stm32f4"\nlibc = "picolibc"\nseed = 1\n\n'
                    '[[layer]]\ntype = "Linear"\nin_features = 512\nout_features = 32\nweight_init = "normal"\n'
                    "stddev = 1.0\nmean = 0.0\n")  # fmt: skip
    model = embinit.load(path)

    assert model.build.libm == "fdlibm"
    assert model.as_json()["libc"] == "picolibc"
    assert gather(model.plan()).manifest()["target"]["build"] == "Armv7E-M, FPv4-SP, gcc -O2, picolibc"
    plain = Model("m", model.layers, seed=1, target="cortex-m4f", libm="fdlibm")
    assert bits(model) == bits(plain)
    assert bits(model) != bits(Model("m", model.layers, seed=1, target="cortex-m4f"))


@pytest.mark.parametrize(("target", "libc", "known"), [
    ("cortex-m4f", "glibc", "newlib, newlib-nano, picolibc"),
    ("host", "newlib", "glibc"),
    ("riscv32imafc", "newlib", "picolibc"),
])  # fmt: skip
def test_a_c_library_that_was_not_measured_is_refused(target, libc, known):
    with pytest.raises(EmbinitError, match=f"libc on target {target} must be one of {known}, got '{libc}'"):
        Model("m", [FC], seed=1, target=target, libc=libc)


# ---- AVR: an int of 16 bits, a double of 32, and a libm of its own ----


def test_avr_computes_uniform_values_and_refuses_what_it_does_otherwise():
    separate = Model("m", [FC], seed=42, target="cortex-m0")
    assert bits(Model("m", [FC], seed=42, target="avr")) == bits(separate)

    with pytest.raises(EmbinitError, match="logf and cosf of avr-libc, on target avr, have bits of no class"):
        Model("m", [NORMAL], seed=42, target="avr")
    with_ours = Model("m", [NORMAL], seed=42, target="avr", libm="fdlibm")
    assert bits(with_ours) == bits(Model("m", [NORMAL], seed=42, target="cortex-m0"))
    with pytest.raises(EmbinitError, match=r"dialect tinn computes with an int of 32 bits .* they have 16 and 32"):
        Model("m", [FC], seed=42, target="avr", dialect="tinn")
    with pytest.raises(EmbinitError, match="libm must be one of"):
        Model("m", [FC], seed=42, target="cortex-m0", libm="other")
