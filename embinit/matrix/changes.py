"""Changes: what makes one property of two builds the same, so that it is known whether their difference is that one."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from embinit.matrix.builds import Build
from embinit.matrix.widths import DOUBLES, INTEGERS, LONG_DOUBLES

#: The folder of same.h and same.c.
SAME = Path(__file__).parent


@dataclass(frozen=True)
class Change:
    """Flags after all others, text before the user's code, C besides it, and which of its types get one width."""

    flags: tuple[str, ...] = ()
    head: str = ""
    sources: tuple[Path, ...] = ()
    widths: frozenset[str] = frozenset()

    def __or__(self, other: "Change") -> "Change":
        sources = tuple(dict.fromkeys([*self.sources, *other.sources]))
        head = self.head + other.head
        return Change((*self.flags, *other.flags), head, sources, self.widths | other.widths)


UNCHANGED = Change()


@dataclass(frozen=True)
class Cause:
    """Why two builds may differ: the property, what is said of it, what makes it the same, and when it can differ."""

    name: str
    text: str
    change: Change
    differs: Callable[[Build, Build], bool] = lambda one, other: True  # noqa: ARG005


def _replaced(*functions: str) -> str:
    """Return the text by which functions of the C library become those that are the same everywhere."""
    included = "#include <math.h>\n#include <stdlib.h>\n#include <same.h>\n"
    return included + "".join(f"#undef {name}\n#define {name} embinit_same_{name}\n" for name in functions)


def _functions() -> list[str]:
    """Return the functions of <math.h> that same.h has.

    >>> _functions()[:4]
    ['exp', 'expf', 'exp2', 'exp2f']
    """
    text = (SAME / "same.h").read_text(encoding="utf-8")
    return [f"{name}{suffix}" for name in re.findall(r"\b(?:ONE|TWO)\((\w+)\)", text) for suffix in ("", "f")]


def _is_fast(build: Build) -> bool:
    return any("fast" in flag or "unsafe-math" in flag for flag in build.flags)


def _other_library(one: Build, other: Build) -> bool:
    return (one.target, one.compiler) != (other.target, other.compiler) and not (one.on_host and other.on_host)


#: Flags by which types have other sizes or signs.
_OF_TYPES = re.compile(r"-f(no-)?(short-enums|signed-char|unsigned-char)|-m(?!arch|tune|cpu|fma|avx|sse)")


def _other_types(one: Build, other: Build) -> bool:
    """Whether types may differ: on another target, by another compiler, or by a flag that only one build has."""
    apart = set(one.flags) ^ set(other.flags)
    return (one.target, one.compiler) != (other.target, other.compiler) or any(map(_OF_TYPES.match, apart))


_UNINITIALIZED, _ZERO = "a variable is read before anything was written to it", "-ftrivial-auto-var-init=zero"

#: Macros that stand for the time of building, and texts that are as long.
TIMES = {"__TIME__": "hh:mm:ss", "__DATE__": "Mmm dd yyyy", "__TIMESTAMP__": "Ddd Mmm dd hh:mm:ss yyyy"}
TIME_OF_BUILDING = Cause(
    "time of building",
    "__TIME__, __DATE__ or __TIMESTAMP__ is another text in each build: take a seed that does not change",
    Change((), "".join(f'#undef {macro}\n#define {macro} "{text}"\n' for macro, text in TIMES.items())),
)

CAUSES = (
    Cause(
        "fast math",
        "-ffast-math regroups sums and products, divides by multiplying, and drops NaN and -0: build without it",
        Change(("-fno-fast-math",)),
        lambda one, other: _is_fast(one) or _is_fast(other),
    ),
    Cause(
        "contraction",
        "one compiler rounds a * b + c once, as a fused multiply-add, the other twice: build with -ffp-contract=off, "
        "or write fmaf where you want it",
        Change(("-ffp-contract=off",)),
    ),
    Cause(
        "libm",
        "logf, cosf and the like have other bits in another C library: draw without them, or bring your own",
        Change((), _replaced(*_functions()), (SAME / "same.c",)),
    ),
    Cause(
        "rand",
        "each C library has a rand() of its own: bring your own generator",
        Change((), _replaced("rand", "srand"), (SAME / "same.c",)),
        _other_library,
    ),
    Cause(
        "int width",
        "int, long, size_t or an int_fast type is wider on one than on the other: use uint32_t and its like",
        Change(widths=frozenset([INTEGERS])),
        lambda one, other: one.integers != other.integers,
    ),
    Cause(
        "long double",
        "long double has 80 bits on one, 128 or 64 on the other: compute in double",
        Change(widths=frozenset([LONG_DOUBLES])),
        _other_types,
    ),
    Cause(
        "double size",
        "double has 32 bits on one, as float has: compute in float, with f after each literal, or in integers",
        Change(widths=frozenset([DOUBLES])),
        lambda one, other: one.double_bits != other.double_bits,
    ),
    Cause(
        "enum size",
        "an enum takes as few bytes as it needs on one, and 4 on the other: take no sizeof of it, or store an integer",
        Change(("-fno-short-enums",)),
        _other_types,
    ),
    Cause(
        "sort",
        "qsort leaves elements that compare equal in an order of its own in each C library: compare them further",
        Change((), _replaced("qsort"), (SAME / "same.c",)),
        _other_library,
    ),
    Cause(
        "char",
        "char is signed on one and unsigned on the other: write signed char, or int8_t",
        Change(("-fsigned-char",)),
        _other_types,
    ),
    Cause("uninitialized variable", _UNINITIALIZED, Change((_ZERO,))),
    Cause(
        "uninitialized variable",
        _UNINITIALIZED,
        Change((_ZERO, "-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang")),
        lambda one, other: one.compiler == other.compiler == "clang",  # before version 16
    ),
    Cause(
        "uninitialized heap",
        "memory of malloc is read before anything was written to it: take calloc",
        Change((), "#include <stdlib.h>\n#undef malloc\n#define malloc(size) calloc(1, size)\n"),
    ),
    Cause(
        "signed overflow",
        "a signed integer overflows, and then the compiler may do what it likes: compute in uint32_t",
        Change(("-fwrapv",)),
    ),
    Cause(
        "aliasing",
        "bits are read by a pointer of another type, which the compiler may reorder: copy them with memcpy",
        Change(("-fno-strict-aliasing",)),
    ),
    TIME_OF_BUILDING,
)
#: Causes that often come in pairs.
_OFTEN = ("fast math", "contraction", "libm", "rand", "int width", "double size")
UNDEFINED = "undefined behaviour"
NOT_REPEATABLE = Cause(
    "not repeatable",
    "the same build leaves other bits when it runs again: they depend on an address, the time, or memory never written",
    UNCHANGED,
)
UNKNOWN = (
    "none of what is tried makes them equal; the order in which operands and arguments are evaluated is the compiler's "
    "choice: draw into a variable of its own first. Sizes of types and functions of the C library may differ, too"
)


def undefined_behaviour(said: Sequence[str]) -> Cause:
    """Return the cause for what a sanitizer says of a run: its first place, and how many more there are."""
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    text = f"{said[0]}{more}: C does not define what comes of it, so each compiler and core may do something else"
    return Cause(UNDEFINED, text, UNCHANGED)


def causes(
    one: Build, other: Build, equal: Callable[[Change], bool | None], known: Sequence[tuple[Cause, ...]] = ()
) -> tuple[Cause, ...]:
    """Return the fewest properties that make two builds equal when they are the same in both; none if no set of them
    does. equal: whether both builds leave the same bits after a change; None if a compiler does not know it, which is
    then in no set. known: sets to try first after single ones.
    """
    possible = list[Cause]()
    for cause in CAUSES:
        same = equal(cause.change) if cause.differs(one, other) else None
        if same:
            return (cause,)
        possible += [cause] if same is not None else []
    pairs = combinations([cause for cause in possible if cause.name in _OFTEN], 2)
    found = next((each for each in (*known, *pairs) if set(each) <= set(possible) and equal(_all(each))), None)
    if found is not None:
        return found
    needed = tuple(possible)
    if not equal(_all(needed)):
        return ()
    for cause in reversed(possible):
        fewer = tuple(each for each in needed if each is not cause)
        needed = fewer if equal(_all(fewer)) else needed
    return needed


def _all(chosen: Sequence[Cause]) -> Change:
    change = UNCHANGED
    for cause in chosen:
        change |= cause.change
    return change
