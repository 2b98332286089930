"""Vocabulary: what init code may do between a seed and a weight, as keys of a dialect file and in words.

Words come from a generator, a word becomes a unit value, a unit value becomes an element between two limits, and limits
come from the fans of a tensor. A mistake is another choice in one of these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from embinit.bitgen import RANDS


@dataclass(frozen=True)
class Words:
    """A generator: the keys of [dialect.generator], and what to call it.

    rand: whose rand() the device links, if the generator is a rand(). lcg: multiplier, increment, and the shift and the
    bits of a word, if its state of 32 bits can be solved for.
    """

    keys: Mapping[str, Any] = field(compare=False)
    says: str
    rand: str | None = None
    lcg: tuple[int, int, int, int] | None = None


#: The multiplier and the increment of congruential generators modulo 2^32, and where they are from.
LCGS = (
    (1664525, 1013904223, "Numerical Recipes"),
    (1103515245, 12345, "ANSI C, and glibc's TYPE_0"),
    (214013, 2531011, "Microsoft's C runtime"),
    (22695477, 1, "Borland C"),
    (134775813, 1, "Delphi and Turbo Pascal"),
    (69069, 1, "VAX, and Marsaglia's KISS"),
    (69069, 1234567, "Marsaglia's CONG"),
    (1664525, 1, "Knuth's 1664525"),
    (1566083941, 1, "Knuth, volume 2"),
    (747796405, 2891336453, "PCG's state of 32 bits"),
    (196314165, 907633515, "synthesizers"),
    (1140671485, 12820163, "Visual Basic"),
    (16843009, 826366247, "16843009"),
    (3039177861, 1, "L'Ecuyer's 3039177861"),
    (1099087573, 2531011, "Fishman's 1099087573"),
)
#: How a word is made from a state of 32 bits: the output, and the shift and the bits of the word.
OUTPUTS = (
    ("state", 0, 32),
    ("(state >> 16) & 0x7fff", 16, 15),
    ("state & 0x7fffffff", 0, 31),
    ("state >> 16", 16, 16),
    ("state >> 8", 8, 24),
    ("state >> 1", 1, 31),
)
#: The C libraries whose rand() functions differ; newlib-nano and picolibc have newlib's.
RAND_FAMILIES = tuple(name for name in RANDS if name not in ("newlib-nano", "picolibc"))
#: The shifts of xorshift32 as they are most often written, and as they are most often miswritten.
TRIPLES = ((13, 17, 5), (13, 7, 17), (5, 13, 6), (5, 17, 13), (1, 3, 10), (6, 21, 7), (7, 1, 9))


def generators() -> Iterator[Words]:
    """Yield the generators that a device may have; an xorshift with other shifts is solved for instead."""
    for name in RAND_FAMILIES:
        yield Words({"kind": "rand", "seed": "seed"}, f"rand() of {name}", rand=name)
    for multiplier, increment, whose in LCGS:
        for output, shift, bits in OUTPUTS:
            yield Words(
                {
                    "kind": "lcg", "bits": 32, "multiplier": multiplier, "increment": increment, "output": output,
                    "word_bits": bits, "seed": "seed",
                },
                f"a linear congruential generator (LCG), x * {multiplier} + {increment} ({whose}), "
                f"with {output.replace('state', 'x')} as its word",
                lcg=(multiplier, increment, shift, bits),
            )  # fmt: skip
    for increment in (1, 1442695040888963407):
        for output, bits in (("state >> 32", 32), ("state >> 33", 31), ("(state >> 32) & 0x7fffffff", 31)):
            keys = {"bits": 64, "multiplier": 6364136223846793005, "increment": increment, "output": output}
            says = f"a congruential generator of 64 bits (LCG), x * 6364136223846793005 + {increment}"
            says += f", with {output.replace('state', 'x')} as its word"
            yield Words({"kind": "lcg", **keys, "word_bits": bits, "seed": "seed"}, says)
    for triple in TRIPLES:
        for first in (1, -1):
            yield from _ported((first * triple[0], -first * triple[1], first * triple[2]))
    yield Words({"kind": "mt19937", "seed": "seed"}, "MT19937, as std::mt19937 of <random> and init_genrand seed it")
    for multiplier in (16807, 48271):
        keys = {"multiplier": multiplier, "seed": "seed % 2147483647u == 0 ? 1 : seed % 2147483647u"}
        yield Words({"kind": "minstd", **keys}, f"minstd of <random>, x * {multiplier} modulo 2^31 - 1")
    for stream in (0, 54):
        yield Words({"kind": "pcg32", "stream": stream, "seed": "seed"}, f"PCG32, stream {stream}")


def _ported(shifts: tuple[int, int, int]) -> Iterator[Words]:
    """Yield the ways in which xorshift32 is ported wrongly: with its state in 64 bits, or in a signed type."""
    said = written(shifts)
    for state, output, says in (
        ("uint64_t", "(uint32_t)state", "with its state kept in 64 bits: its left shifts lose nothing"),
        ("uint64_t", "(uint32_t)(state >> 32)", "with a state of 64 bits, of which the high half is the word"),
        ("int32_t", "(uint32_t)state", "with a signed state: its right shifts are arithmetic, they copy the sign"),
        ("int64_t", "(uint32_t)state", "with its state kept in a signed type of 64 bits"),
    ):
        yield Words(xorshift(shifts, state, output), f"xorshift ({said}), {says}")


def xorshift(shifts: Sequence[int], state: str = "uint32_t", output: str = "state") -> dict[str, Any]:
    """Return the keys of an xorshift whose words have 32 bits."""
    return {
        "kind": "xorshift", "shifts": list(shifts), "state": state, "output": output, "word_bits": 32,
        "seed": "seed == 0 ? 0xffffffffu : seed",
    }  # fmt: skip


def written(shifts: Sequence[int]) -> str:
    """Return shifts as C has them.

    >>> written((13, -17, 5))
    '<< 13, >> 17, << 5'
    """
    return ", ".join(f"<< {shift}" if shift > 0 else f">> {-shift}" for shift in shifts)


# From a word to a unit value


@dataclass(frozen=True)
class Unit:
    """How a word becomes a unit value: a number, divided unless divisor is empty.

    signed: whether it lies between -1 and 1.
    """

    numerator: str
    divisor: str
    says: str
    signed: bool = False

    @property
    def text(self) -> str:
        """The C expression."""
        return f"{self.numerator} / {self.divisor}" if self.divisor else self.numerator


#: How many of the high or the low bits of a word are taken, and the divisors whose remainders are.
WIDTHS = (24, 23, 16, 15, 8, 31, 22, 21, 20, 12, 10)
REMAINDERS = (10, 100, 1000, 10000, 100000, 1000000, 200, 2000, 20000, 200000, 500, 5000, 256, 1024, 4096, 32768, 65536)


@lru_cache
def units(bits: int, is_rand: bool) -> tuple[Unit, ...]:
    """Return the ways to make a unit value from a word of so many bits; is_rand: whether words are those of rand()."""
    return tuple({unit.text: unit for unit in _units(bits, is_rand)}.values())


def _units(bits: int, is_rand: bool) -> Iterator[Unit]:
    if is_rand:
        yield Unit("(float)word", "(float)RAND_MAX", "rand() divided by (float)RAND_MAX")
        yield Unit("(float)word", "((float)RAND_MAX + 1.0f)", "rand() divided by RAND_MAX + 1.0f")
        yield Unit("(double)word", "(double)RAND_MAX", "rand() divided by RAND_MAX in double")
        yield Unit("(double)word", "((double)RAND_MAX + 1.0)", "rand() divided by RAND_MAX + 1.0 in double")
    whole = "word, whole," if not is_rand else "rand()"
    for divisor in (2**bits - 1, 2**bits):
        if bits <= 24:
            yield Unit("(float)word", f"{divisor}.0f", f"{whole} divided by {divisor}.0f")
        yield Unit("(double)word", f"{divisor}.0", f"{whole} divided by {divisor} in double")
    if bits > 24:
        also = " (as (float)UINT32_MAX is too)" if bits == 32 else ""
        yield Unit("(float)word", f"{2**bits}.0f", f"{whole} divided by {2**bits}.0f{also}")
    for width in WIDTHS:
        if width < bits:
            yield from _divided(
                f"word >> {bits - width}", width, f"the top {width} bits of a word (word >> {bits - width})"
            )
            mask = f"word & {2**width - 1:#x}u"
            yield from _divided(mask, width, f"the low {width} bits of a word ({mask})")
    if bits == 32:
        text = "the top 23 bits of a word (word >> 9), times 2^-24 (divided by 16777216): units below 0.5"
        yield Unit("(float)(word >> 9)", "16777216.0f", text)
        yield from _divided("(word >> 16) & 0x7fffu", 15, "15 bits of a word ((word >> 16) & 0x7fff)")
        signed = "the word as int32_t"
        yield Unit("(float)(int32_t)word", "2147483648.0f", f"{signed}, divided by 2147483648.0f", True)
        yield Unit("(float)((int32_t)word >> 8)", "8388608.0f", f"{signed}, >> 8, divided by 8388608.0f", True)
    for remainder in REMAINDERS:
        for modulus in (remainder, remainder + 1):
            if modulus < 2**bits:
                yield from _remainders(modulus)


def _divided(integer: str, width: int, says: str) -> Iterator[Unit]:
    for divisor in (2**width, 2**width - 1) if width <= 24 else (2**width,):
        yield Unit(f"(float)({integer})", f"{divisor}.0f", f"{says}, divided by {divisor}")


def _remainders(modulus: int) -> Iterator[Unit]:
    integer = f"word % {modulus}u"
    for divisor in (modulus, modulus - 1):
        yield Unit(f"(float)({integer})", f"{divisor}.0f", f"a remainder ({integer}), divided by {divisor}")
    half = modulus // 2
    middle, says = f"(float)((int32_t)({integer}) - {half})", f"a remainder about 0 ({integer}, minus {half})"
    yield Unit(middle, f"{half}.0f", f"{says}, divided by {half}", True)


# From a unit value to an element


@dataclass(frozen=True)
class Form:
    """How a unit value becomes an element between low and high; text may use {numerator} and {divisor} of the unit.

    signed: whether the unit value is between -1 and 1. mirrored: whether unit value 0 gives high.
    """

    text: str
    signed: bool = False
    mirrored: bool = False
    cost: int = 2


FORMS = (
    Form("low + unit * (high - low)"),
    Form("(2.0f * unit - 1.0f) * high"),
    Form("2.0f * high * unit - high"),
    Form("low + (double)unit * (high - low)"),
    Form("(2.0 * unit - 1.0) * high"),
    Form("low + {numerator} / ({divisor} / (high - low))"),
    Form("low + (high - low) * {numerator} / {divisor}"),
    Form("low * (1.0f - unit) + high * unit"),
    Form("high - unit * (high - low)", mirrored=True),
    Form("unit * high", signed=True, cost=1),
)


# Limits


@dataclass(frozen=True)
class Formula:
    """A limit as C computes it from the fans."""

    text: str
    says: str
    cost: int = 1


#: The costs of a scheme that has a name of its own, and of another spelling of one.
SCHEME, SPELLED = 3, 2


@lru_cache
def formulas() -> tuple[Formula, ...]:
    """Return the limits that init code computes."""
    return tuple(sorted(_formulas(), key=lambda formula: formula.cost != SCHEME))


def _formulas() -> Iterator[Formula]:
    for fan in ("fan_in", "fan_out", "fan_in + fan_out"):
        n, many = f"(float)({fan})", f"({fan})" if "+" in fan else fan
        for square in (6, 3, 2, 1):
            for cost, text in (
                (SCHEME, f"sqrtf({square}.0f / {n})"),
                (SPELLED, f"sqrtf({square}.0f) / sqrtf({n})"),
                (SPELLED, f"(float)sqrt({square}.0 / (double)({fan}))"),
                (SPELLED, f"1.0f / sqrtf({n} / {square}.0f)"),
            ):
                yield Formula(text, f"the limit is sqrt({square} / {many}), computed as {text}", cost)
            without = f"the limit is {square} / {many}: it is computed without the square root"
            yield Formula(f"{square}.0f / {n}", without)
            if square > 1:
                times = f"sqrt({square}) times as wide as sqrt({square} / {many})"
                outside = f"the limit is {square} / sqrt({fan}): {times}"
                yield Formula(f"{square}.0f / sqrtf({n})", outside)
        for gain in ("0.57735026919f", "1.41421356237f", "1.0f"):
            for cost, text in (
                (SCHEME, f"{gain} * sqrtf(3.0f / {n})"),
                (SPELLED, f"{gain} * sqrtf(3.0f) / sqrtf({n})"),
                (SPELLED, f"{gain} * (sqrtf(3.0f) / sqrtf({n}))"),
                (SPELLED, f"sqrtf(3.0f) * ({gain} / sqrtf({n}))"),
                (SPELLED, f"sqrtf(3.0f) * {gain} / sqrtf({n})"),
            ):
                yield Formula(text, f"the limit is {text}", cost)
