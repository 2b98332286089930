"""Signs: recover from the signs of values the state of a linear generator.

The sign of a value is one bit of the word that it was drawn from, or for a normal value the sum of two bits, and a
xorshift is linear over GF(2). So the signs of some forty consecutive values, or 72 for a state of 64 bits, are
equations that leave one state, whatever the limit, the rounding and the libm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.bitgen.base import Words
from embinit.diagnose.account import F32, Run, set_later
from embinit.distributions import Declared, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError
from embinit.formats import FLOATS
from embinit.plan import Row, row_with

Bools = NDArray[np.bool_]

#: How many equations beyond the bits of a state are needed, so that a second state fits with a chance of one in 2^8,
#: and the most that are used.
SPARE, PLENTY = 8, 128
#: How many bits of a state signs may leave open if a xorshift does not have the full period.
FREE_BITS = 6


@dataclass(frozen=True)
class Family:
    """The generators of one kind whose words are linear in the state; one: any of them."""

    kind: type[BitGenerator]
    parameters: tuple[object, ...]
    bits: int
    one: BitGenerator = field(compare=False)

    def at(self, state: int) -> BitGenerator:
        """Return the generator in a state."""
        bitgen = self.one.copy()
        bitgen.state = state
        return bitgen


def family_of(bitgen: BitGenerator) -> Family | None:
    """Return the family of a generator; None if its words are not linear in the state."""
    return Family(type(bitgen), bitgen.parameters, bitgen.word_bits, bitgen.copy()) if bitgen.linear else None


def stepped_back(family: Family, state: int, words: int) -> BitGenerator | None:
    """Return the generator so many words before it is in a state; None if it cannot go back."""
    try:
        return family.at(state).jumped(-words)
    except EmbinitError:
        return None


def state_before(run: Run, row: Row, payload: bytes) -> int | None:
    """Return the state before a buffer; None if no state fits the signs of its values."""
    values = run.account.observed(row, payload)
    if values is None:
        return None
    signs, before = _signs(row.distribution, values[:PLENTY]), run.places[row.name].bitgen()
    family = family_of(before)
    assert family is not None
    known = ~set_later(row)[:PLENTY]
    if row.format not in FLOATS:
        known &= values[:PLENTY] != 0  # what is rounded to 0 has no sign
    row = row_with(row, slices=())
    own = run.account.drawn(before, row, signs.size)
    rule = _sign_rule(before, _signs(row.distribution, own))
    if rule is None:
        return None
    stride, bits, inverted = rule
    equations = np.array(_equations(family, stride, bits), np.uint64)[: signs.size][known]
    states = _solutions(equations.tolist(), (signs ^ inverted)[known].tolist(), family.bits)
    if len(states) < 2:
        return states[0] if states else None

    def agreeing(state: int) -> int:
        return int(np.count_nonzero(run.account.drawn(family.at(state), row, signs.size) == values[: signs.size]))

    return max((state for state in states if state), key=agreeing)


def _signs(distribution: Distribution, values: F32) -> Bools:
    """Return which values are below the middle of their distribution; -0 counts as below it."""
    match distribution:
        case Uniform(low, high):
            middle = np.float32((low + high) / 2)
        case Normal(mean, _) | TruncatedNormal(mean, _):
            middle = np.float32(mean)
        case Declared():
            middle = np.float32(distribution.middle)
        case _:
            raise AssertionError(distribution)
    with np.errstate(invalid="ignore", over="ignore"):
        signs: Bools = np.signbit(values - middle)
    return signs


def _sign_rule(bitgen: BitGenerator, signs: Bools) -> tuple[int, tuple[int, ...], bool] | None:
    """Return how the sign of a value depends on its words: how many words a value takes, which bits of the last one
    decide, and whether the result is inverted.
    """
    words, top = bitgen.random_raw(2 * signs.size), bitgen.word_bits - 1
    for stride in (1, 2):
        for bits in ((top,), (top, top - 1), (23,)):
            sums = _sum_of_bits(words[stride - 1 :: stride][: signs.size], bits)
            for inverted in (True, False):
                if np.array_equal(sums ^ inverted, signs):
                    return stride, bits, inverted
    return None


def _sum_of_bits(words: Words, bits: tuple[int, ...]) -> Bools:
    sums = np.zeros(words.size, np.bool_)
    for bit in bits:
        sums ^= (words >> words.dtype.type(bit) & words.dtype.type(1)).astype(np.bool_)
    return sums


@cache
def _equations(family: Family, stride: int, bits: tuple[int, ...]) -> tuple[int, ...]:
    """Return, for each value, the bits of the state before the buffer that add up to its sign: those that set it in a
    stream from that bit alone.
    """
    alone = [family.at(1 << i).random_raw(stride * PLENTY)[stride - 1 :: stride] for i in range(family.bits)]
    columns = np.array([_sum_of_bits(words, bits) for words in alone], np.uint64)
    return tuple((columns << np.arange(family.bits, dtype=np.uint64)[:, None]).sum(axis=0).tolist())


def _solutions(equations: Sequence[int], signs: Sequence[bool], bits: int = 32) -> list[int]:
    """Return the states that solve equations over GF(2), by elimination; none if these contradict each other, or leave
    too many states.

    >>> _solutions([*(1 << i for i in range(32)), 3], [True, *31 * [False], True])
    [1]
    >>> _solutions([1 << i for i in range(1, 32)], [True, *30 * [False]])
    [2, 3]
    """
    pivots: dict[int, int] = {}
    for equation, sign in zip(equations, signs, strict=True):
        row = equation | int(sign) << bits
        while low := row & (1 << bits) - 1:
            top = low.bit_length() - 1
            if top not in pivots:
                pivots[top] = row
                break
            row ^= pivots[top]
        if row == 1 << bits:
            return []
    if len(pivots) < bits - FREE_BITS:
        return []
    states = [0]
    for bit in range(bits):
        if bit in pivots:
            row = pivots[bit]
            states = [state | ((row >> bits ^ (row & state).bit_count()) & 1) << bit for state in states]
        else:
            states = [state | value << bit for state in states for value in (0, 1)]
    return states
