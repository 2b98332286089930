"""The boards on which code of real compilers runs: compilers and C libraries by system, and each target's board."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Cores without an operating system, and programs of Linux.
ARM, RISCV, XTENSA, LINUX = "board_arm.c", "board_riscv.c", "board_xtensa.c", "board_linux.c"


@dataclass(frozen=True)
class System:
    """What boards of one kind have in common.

    compiler, emulator: programs. start: which of the files board_*.c begins. flags: of the compiler. libcs: the flags
    of each C library, the first of which is the default. core: the emulator's flags beside a board's name. rom: C of
    what the chips have in their ROM and an emulated core lacks.
    """

    compiler: str
    emulator: str
    start: str
    flags: tuple[str, ...] = ()
    libcs: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"glibc": ()})
    core: tuple[str, ...] = ()
    rom: tuple[str, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether there is no operating system, so that the board's own linker script lays out the memory."""
        return self.start != LINUX


_PICOLIBC = ("--specs=picolibc.specs", "--oslib=semihost")
CORTEX_M = System(
    "arm-none-eabi-gcc", "qemu-system-arm", ARM, ("-mthumb",),
    {
        "newlib": ("--specs=rdimon.specs",),
        "newlib-nano": ("--specs=nano.specs", "--specs=rdimon.specs"),
        "picolibc": _PICOLIBC,
    },
)  # fmt: skip


@dataclass(frozen=True)
class Board:
    """A board of QEMU and the core to build for: where its code and its 16 MB of RAM are, and gcc's flags."""

    machine: str
    code: int
    ram: int
    flags: tuple[str, ...] = ()
    system: System = CORTEX_M


RISCV32, RISCV64 = (
    System(
        "riscv64-unknown-elf-gcc", f"qemu-system-riscv{bits}", RISCV, ("-mcmodel=medany",), {"picolibc": _PICOLIBC},
        ("-bios", "none"),
    )
    for bits in (32, 64)
)  # fmt: skip
LX106 = System(
    "xtensa-lx106-elf-gcc", "qemu-system-xtensa", XTENSA, (),
    {"picolibc": ("--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs",)},  # where gcc does not look by itself
    ("-cpu", "lx106"), ("rom_esp8266.c",),
)  # fmt: skip
AARCH64 = System("aarch64-linux-gnu-gcc", "qemu-aarch64", LINUX, ("-static",))
ARMHF = System("arm-linux-gnueabihf-gcc", "qemu-arm", LINUX, ("-static",))

_AN385 = ("mps2-an385", 0x0000_0000, 0x2100_0000)
_AN386 = ("mps2-an386", 0x0000_0000, 0x2100_0000)
_AN500 = ("mps2-an500", 0x0000_0000, 0x6000_0000)
_AN505 = ("mps2-an505", 0x1000_0000, 0x8000_0000)
_AN547 = ("mps3-an547", 0x1000_0000, 0x7000_0000)  # a Cortex-M55
_VIRT = ("virt", 0x8000_0000, 0x8100_0000)
_PROGRAM = ("", 0, 0)


def riscv(bits: int, *flags: str) -> Board:
    """Return QEMU's RISC-V board with a core that has every extension, for code with these flags."""
    return Board(*_VIRT, flags, RISCV32 if bits == 32 else RISCV64)


BOARDS = {
    "cortex-m0": Board(*_AN385, ("-mcpu=cortex-m0",)),
    "cortex-m0plus": Board(*_AN385, ("-mcpu=cortex-m0plus",)),
    "cortex-m3": Board(*_AN385, ("-mcpu=cortex-m3",)),
    "cortex-m4f": Board(*_AN386, ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "cortex-m7": Board(*_AN500, ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16")),
    "cortex-m33": Board(*_AN505, ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
    "cortex-m4": Board(*_AN386, ("-mcpu=cortex-m4",)),
    "cortex-m7-sp": Board(*_AN500, ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
    "cortex-m23": Board(*_AN505, ("-mcpu=cortex-m23",)),
    "cortex-m33-nofp": Board(*_AN505, ("-mcpu=cortex-m33+nofp",)),
    "cortex-m55": Board(*_AN547, ("-mcpu=cortex-m55", "-mfloat-abi=hard")),
    # What gcc 13 calls -mcpu=cortex-m85, for older ones too.
    "cortex-m85": Board(*_AN547, ("-march=armv8.1-m.main+mve.fp+fp.dp", "-mfloat-abi=hard")),
    "riscv32imac": riscv(32, "-march=rv32imac", "-mabi=ilp32"),
    "riscv32imafc": riscv(32, "-march=rv32imafc", "-mabi=ilp32f"),
    "riscv64": riscv(64, "-march=rv64imafdc", "-mabi=lp64d"),
    "xtensa-lx106": Board("sim", 0x5000_0000, 0x6000_0000, (), LX106),
    "aarch64": Board(*_PROGRAM, (), AARCH64),
    "armv7-a": Board(*_PROGRAM, ("-march=armv7-a", "-mfpu=vfpv3-d16"), ARMHF),
    "cortex-a7": Board(*_PROGRAM, ("-mcpu=cortex-a7", "-mfpu=neon-vfpv4"), ARMHF),
}
ANY_ARMV7 = BOARDS["cortex-m7"]
ANY_ARMV8 = BOARDS["cortex-m55"]
