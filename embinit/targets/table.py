"""The table of device builds whose arithmetic was measured."""

from dataclasses import dataclass
from typing import Literal, get_args

from embinit.errors import EmbinitError, check_known, shown

#: A kind that no target was measured to be, but a model file may state: clang fuses a product with a sum within one
#: expression.
MultiplyAdd = Literal["separate", "fused", "fused-expression"]
Libm = Literal["double", "fdlibm", "fdlibm-fused"]
Rand = Literal["newlib", "newlib-nano", "picolibc", "glibc", "musl", "avr", "avr-random", "msvc"]
MULTIPLY_ADDS: tuple[MultiplyAdd, ...] = get_args(MultiplyAdd)
LIBMS: tuple[Libm, ...] = get_args(Libm)
RANDS: tuple[Rand, ...] = get_args(Rand)


@dataclass(frozen=True)
class Build:
    """What decides bits in a device's build: its target, its multiply-add, libm and rand(), and whether a framework's
    compiler, jax.jit, has merged what the framework would compute step by step.
    """

    target: str
    multiply_add: str
    libm: str
    rand: str
    jit: bool = False

    def __post_init__(self) -> None:
        check_known("multiply_add", self.multiply_add, MULTIPLY_ADDS)
        check_known("libm", self.libm, LIBMS)
        check_known("rand", self.rand, RANDS)
        if not isinstance(self.jit, bool):
            raise EmbinitError(f"jit must be true or false, got {shown(self.jit)}")

    @property
    def fuses_double(self) -> bool:
        """Whether the FPU of the target fuses doubles."""
        return target_named(self.target).fuses_double

    @property
    def is_x86(self) -> bool:
        """Whether gcc compiles for x86-64, where it hoists common code out of ?: and negates a multiply-add in one."""
        return not self.target.startswith("cortex-")


@dataclass(frozen=True)
class Target:
    """A device build: what its compiler makes of a*b + c, and which logf, cosf and rand() it links. emulated: whether
    `verify --device` can run it here. fuses_double: whether its FPU fuses doubles too.
    """

    name: str
    build: str
    multiply_add: MultiplyAdd
    libm: Libm
    rand: Rand
    emulated: bool = True
    fuses_double: bool = False


TARGETS = {
    target.name: target
    for target in (
        Target("host", "x86-64, gcc -O2", "separate", "double", "glibc", False, True),
        Target("x86-64-v3", "x86-64 with FMA, gcc -O2 -march=x86-64-v3", "fused", "double", "glibc", False, True),
        Target("cortex-m0", "Armv6-M soft float, gcc -O2, newlib", "separate", "fdlibm", "newlib"),
        Target("cortex-m0plus", "Armv6-M soft float, gcc -O2, newlib", "separate", "fdlibm", "newlib"),
        Target("cortex-m3", "Armv7-M soft float, gcc -O2, newlib", "separate", "fdlibm", "newlib"),
        Target("cortex-m4f", "Armv7E-M, FPv4-SP, gcc -O2, newlib", "fused", "fdlibm-fused", "newlib"),
        Target("cortex-m7", "Armv7E-M, FPv5-DP, gcc -O2, newlib", "fused", "double", "newlib", True, True),
        Target("cortex-m33", "Armv8-M Mainline, FPv5-SP, gcc -O2, newlib", "fused", "fdlibm-fused", "newlib"),
    )
}


def target_named(name: str) -> Target:
    """Return a target, or raise EmbinitError that lists the known ones.

    >>> target_named("cortex-m4f").multiply_add
    'fused'
    """
    check_known("target", name, TARGETS)
    return TARGETS[name]


def build_of(
    target: str, multiply_add: str | None = None, libm: str | None = None, rand: str | None = None, jit: bool = False
) -> Build:
    """Return the build of a target, with the given parts replaced.

    >>> build_of("cortex-m4f", multiply_add="separate")
    Build(target='cortex-m4f', multiply_add='separate', libm='fdlibm-fused', rand='newlib', jit=False)
    """
    known = target_named(target)
    given = {"multiply_add": multiply_add, "libm": libm, "rand": rand}
    parts = {key: getattr(known, key) if value is None else value for key, value in given.items()}
    return Build(target, **parts, jit=jit)
