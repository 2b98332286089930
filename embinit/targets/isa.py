"""Instruction sets as Unicorn emulates them: its names, the calling convention, and the words for exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Isa:
    """What differs between the instruction sets."""

    architecture: str
    mode: str
    constants: str
    register: str  # prefix of Unicorn's register constants
    link: str
    arguments: tuple[str, ...]
    exceptions: Mapping[int, tuple[str, int]]  # by QEMU's number: the cause, and how far pc is past the instruction
    wait: bytes  # the instruction WFI
    word: int = 4  # bytes of an argument on the stack
    thumb: int = 0  # set in the address of code
    state: Mapping[str, int] = field(default_factory=dict)  # left by an earlier call that faulted
    fpu: Mapping[str, int] = field(default_factory=dict)  # what startup code sets before the first float instruction


_ARM = {
    1: ("undefined instruction", 4),
    2: ("supervisor call (SVC)", 4),
    3: ("invalid fetch", 0),
    4: ("unaligned access", 0),
    7: ("breakpoint (BKPT)", 0),
}
_ARM_M = {**_ARM, 2: ("supervisor call (SVC)", 2), 8: ("exception return", 0), 17: ("no coprocessor", 0)}
_RISCV = {2: ("invalid instruction", 4), 8: ("environment call (ECALL)", 4)}
_FS_DIRTY = 3 << 13  # in mstatus; with FS off, float instructions are invalid
_CP10_AND_CP11 = 0xF << 20  # of Arm's CPACR


def _arm(mode: str, exceptions: Mapping[int, tuple[str, int]], wait: bytes, **more: object) -> Isa:
    arguments = ("R0", "R1", "R2", "R3")
    return Isa("UC_ARCH_ARM", mode, "arm_const", "UC_ARM_REG_", "LR", arguments, exceptions, wait, **more)  # type: ignore[arg-type]


def _riscv(bits: int) -> Isa:
    arguments = tuple(f"A{i}" for i in range(8))
    return Isa(
        "UC_ARCH_RISCV", f"UC_MODE_RISCV{bits}", "riscv_const", "UC_RISCV_REG_", "RA", arguments, _RISCV,
        b"\x73\x00\x50\x10", word=bits // 8, fpu={"MSTATUS": _FS_DIRTY},
    )  # fmt: skip


#: By the first part of zig's -target.
ISAS = {
    "thumb": _arm("UC_MODE_THUMB", _ARM_M, b"\x30\xbf", thumb=1, state={"XPSR": 1 << 24}),  # out of any IT block
    "arm": _arm("UC_MODE_ARM", _ARM, b"\x03\xf0\x20\xe3", fpu={"C1_C0_2": _CP10_AND_CP11, "FPEXC": 1 << 30}),
    "aarch64": Isa(
        "UC_ARCH_ARM64", "UC_MODE_ARM", "arm64_const", "UC_ARM64_REG_", "LR", tuple(f"X{i}" for i in range(8)), _ARM,
        b"\x7f\x20\x03\xd5", word=8, fpu={"CPACR_EL1": 3 << 20},
    ),
    "riscv32": _riscv(32),
    "riscv64": _riscv(64),
}  # fmt: skip
#: By the same part: what a Target calls the family in `isa`.
FAMILIES = {"thumb": "arm", "arm": "arm-a", "aarch64": "aarch64", "riscv32": "riscv", "riscv64": "riscv"}
