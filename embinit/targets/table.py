"""The table of device builds whose arithmetic was measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from embinit.errors import EmbinitError, check_bool, check_known, listed, nearest, shown

#: A kind that no target was measured to be, but a model file may state: clang fuses a product with a sum within one
#: expression.
MultiplyAdd = Literal["separate", "fused", "fused-expression"]
Libm = Literal["double", "fdlibm", "fdlibm-fused"]
Rand = Literal["newlib", "newlib-nano", "picolibc", "glibc", "musl", "avr", "avr-random", "msvc"]
MULTIPLY_ADDS: tuple[MultiplyAdd, ...] = get_args(MultiplyAdd)
LIBMS: tuple[Libm, ...] = get_args(Libm)
RANDS: tuple[Rand, ...] = get_args(Rand)
#: The libm of a target whose logf and cosf have bits of no class.
Other = Literal["other"]
OTHER: Other = "other"
_NANO, _PICO = "newlib-nano", "picolibc"


class Libc(NamedTuple):
    """What a C library gives a target: the class of its logf and cosf, and its rand()."""

    libm: Libm
    rand: Rand


@dataclass(frozen=True)
class Build:
    """What decides bits in a device's build: its target, its multiply-add, libm and rand(), and whether a framework's
    compiler, jax.jit, has merged what the framework would compute step by step. libc: the C library; None if unknown.
    """

    target: str
    multiply_add: str
    libm: str
    rand: str
    jit: bool = False
    libc: str | None = None

    def __post_init__(self) -> None:
        check_known("multiply_add", self.multiply_add, MULTIPLY_ADDS)
        if self.libm != OTHER or target_named(self.target).libm != OTHER:
            check_known("libm", self.libm, LIBMS)
        check_known("rand", self.rand, RANDS)
        check_bool("jit", self.jit)

    @property
    def known_libm(self) -> str:
        """The class of libm; EmbinitError if the target's belongs to no class, for whatever calls logf or cosf."""
        if self.libm == OTHER:
            raise EmbinitError(
                f"logf and cosf of {target_named(self.target).libc}, on target {self.target}, have bits of no class: "
                f"draw uniform values, or say in [model] libm = one of {listed(LIBMS)} for a device that calls the "
                "functions of that class in embinit's C library"
            )
        return self.libm

    @property
    def fuses_double(self) -> bool:
        """Whether the FPU of the target fuses doubles."""
        return target_named(self.target).fuses_double

    @property
    def roots_branch(self) -> bool:
        """Whether sqrtf tests its argument, to set errno. Picolibc's <math.h> has the instruction itself."""
        return self.libc != _PICO

    @property
    def hoists(self) -> bool:
        """Whether gcc computes what both arms of ?: need before them, as it does for all but a Cortex-M."""
        return target_named(self.target).isa != "arm"

    @property
    def fuses_negation(self) -> bool:
        """Whether gcc negates a multiply-add in the same instruction, as it does for all but 32-bit Arm."""
        return target_named(self.target).isa not in ("arm", "arm-a")


@dataclass(frozen=True)
class Target:
    """A device build: what its compiler makes of a*b + c, and which logf, cosf and rand() it links.

    emulated: whether `verify --device` can run it here. fuses_double: whether its FPU fuses doubles too. libc: the C
    library that libm and rand are of. libcs: what the others that were measured on it give instead. isa: the family
    of its instruction set; "arm" is a Cortex-M's, "arm-a" a Cortex-A's. int_bits, double_bits: the sizes of C's types.
    not_run: why the values are not measured. note: what was run in place of a chip, where that is not its core alone.
    """

    name: str
    build: str
    multiply_add: MultiplyAdd
    libm: Libm | Other
    rand: Rand
    emulated: bool = True
    fuses_double: bool = False
    libc: str = "newlib"
    libcs: Mapping[str, Libc] = field(default_factory=dict)
    isa: str = "arm"
    int_bits: int = 32
    double_bits: int = 64
    not_run: str | None = None
    note: str | None = None

    def build_with(self, libc: str | None) -> str:
        """Return the build with another C library, if one is named."""
        return self.build if libc is None else self.build.replace(f", {self.libc}", f", {libc}")

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain values."""
        return {**asdict(self), "libcs": {name: libc._asdict() for name, libc in self.libcs.items()}}


def _arm(name: str, build: str, multiply_add: MultiplyAdd, libm: Libm, **more: Any) -> Target:
    """Return a Cortex-M with newlib; newlib-nano has the same functions, and picolibc never fuses within its own."""
    libcs = {_NANO: Libc(libm, "newlib-nano"), _PICO: Libc("fdlibm", "picolibc")}
    build = f"{build}, gcc -O2, newlib"
    return Target(name, build, multiply_add, libm, "newlib", libcs=libcs, **more)


def _riscv(name: str, build: str, multiply_add: MultiplyAdd, *, newlib: bool = False, **more: Any) -> Target:
    """Return a RISC-V core with picolibc. Without an FPU newlib has the same bits; with one, those of no class."""
    libcs = {"newlib": Libc("fdlibm", "newlib")} if newlib else {}
    build = f"{build}, gcc -O2, picolibc"
    return Target(name, build, multiply_add, "fdlibm", "picolibc", libc=_PICO, libcs=libcs, isa="riscv", **more)


def _linux(name: str, build: str, multiply_add: MultiplyAdd, isa: str, emulated: bool = False) -> Target:
    return Target(name, build, multiply_add, "double", "glibc", emulated, True, libc="glibc", isa=isa)


_M7 = "with toolchain zig as code for a Cortex-M7"
_NO_COMPILER = "no compiler for this core could be had: run `embinit targets probe` with yours"

TARGETS = {
    target.name: target
    for target in (
        _linux("host", "x86-64, gcc -O2", "separate", "x86"),
        _linux("x86-64-v3", "x86-64 with FMA, gcc -O2 -march=x86-64-v3", "fused", "x86"),
        _arm("cortex-m0", "Armv6-M soft float", "separate", "fdlibm"),
        _arm("cortex-m0plus", "Armv6-M soft float", "separate", "fdlibm"),
        _arm("cortex-m3", "Armv7-M soft float", "separate", "fdlibm"),
        _arm("cortex-m4f", "Armv7E-M, FPv4-SP", "fused", "fdlibm-fused"),
        _arm("cortex-m7", "Armv7E-M, FPv5-DP", "fused", "double", fuses_double=True),
        _arm("cortex-m33", "Armv8-M Mainline, FPv5-SP", "fused", "fdlibm-fused"),
        _arm("cortex-m4", "Armv7E-M soft float", "separate", "fdlibm"),
        _arm("cortex-m7-sp", "Armv7E-M, FPv5-SP", "fused", "fdlibm-fused"),
        _arm("cortex-m23", "Armv8-M Baseline soft float", "separate", "fdlibm"),
        _arm("cortex-m33-nofp", "Armv8-M Mainline soft float", "separate", "fdlibm"),
        _arm("cortex-m55", "Armv8.1-M, FPU with doubles", "fused", "double", fuses_double=True, note=_M7),
        _arm(
            "cortex-m85", "Armv8.1-M, FPU with doubles", "fused", "double", fuses_double=True,
            note=f"run on QEMU's Cortex-M55, {_M7}",
        ),
        _riscv("riscv32imac", "RV32IMAC soft float", "separate", newlib=True),
        _riscv("riscv32imafc", "RV32IMAFC, single-precision FPU", "fused"),
        _riscv("riscv64", "RV64GC, FPU with doubles", "fused", fuses_double=True),
        _linux("aarch64", "Armv8-A Linux, gcc -O2", "fused", "aarch64", True),
        _linux("armv7-a", "Armv7-A Linux hard float, VFPv3, gcc -O2", "separate", "arm-a", True),
        _linux("cortex-a7", "Armv7-A Linux hard float, VFPv4, gcc -O2", "fused", "arm-a", True),
        Target(
            "avr", "AVR, gcc -O2, avr-libc", "separate", OTHER, "avr", libc="avr-libc", isa="avr", int_bits=16,
            double_bits=32, note="run on an atmega2560: buffers and stack share its 8 KB of RAM",
        ),
        Target(
            "xtensa-lx106", "Xtensa LX106 soft float, gcc -O2, picolibc", "separate", "fdlibm", "picolibc",
            libc=_PICO, isa="xtensa", note="run on QEMU's LX106, with C for the functions of the chip's ROM",
        ),
        Target(
            "xtensa-lx6", "Xtensa LX6, single-precision FPU, gcc -O2, newlib", "fused", "fdlibm-fused", "newlib", False,
            isa="xtensa", not_run=_NO_COMPILER,
        ),
        Target(
            "xtensa-lx7", "Xtensa LX7, single-precision FPU, gcc -O2, newlib", "fused", "fdlibm-fused", "newlib", False,
            isa="xtensa", not_run=_NO_COMPILER,
        ),
    )
}  # fmt: skip


def target_named(name: str) -> Target:
    """Return a target, by its name or by that of a chip, or raise EmbinitError that suggests the nearest name.

    >>> target_named("cortex-m4f").multiply_add, target_named("stm32f407").name
    ('fused', 'cortex-m4f')
    """
    if not isinstance(name, str):
        check_known("target", name, TARGETS)
    if name in TARGETS:
        return TARGETS[name]
    from embinit.targets.chips import CHIPS, chip_named

    chip = chip_named(name)
    if chip is not None:
        return TARGETS[chip.target]
    raise EmbinitError(
        f"target must be one of {listed(TARGETS)}, or a chip of `embinit targets chips`, got {shown(name)}"
        f"{nearest(name, [*TARGETS, *CHIPS])}"
    )


def build_of(
    target: str,
    multiply_add: str | None = None,
    libm: str | None = None,
    rand: str | None = None,
    jit: bool = False,
    libc: str | None = None,
) -> Build:
    """Return the build of a target, with another C library's libm and rand, and with the given parts replaced.

    >>> build_of("cortex-m4f", multiply_add="separate")
    Build(target='cortex-m4f', multiply_add='separate', libm='fdlibm-fused', rand='newlib', jit=False, libc='newlib')
    >>> build_of("cortex-m4f", libc="picolibc").libm
    'fdlibm'
    """
    known = target_named(target)
    parts: dict[str, str] = {"multiply_add": known.multiply_add, "libm": known.libm, "rand": known.rand}
    if libc not in (None, known.libc):
        check_known(f"libc on target {known.name}", libc, [known.libc, *known.libcs])
        parts.update(known.libcs[str(libc)]._asdict())
    given = {"multiply_add": multiply_add, "libm": libm, "rand": rand}
    parts.update({key: value for key, value in given.items() if value is not None})
    return Build(known.name, **parts, jit=jit, libc=libc or known.libc)
