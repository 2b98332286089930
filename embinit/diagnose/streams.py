"""Streams: recover from a dump from which stream, and where in it, its values were drawn.

The sign of a value is one bit of the word that it was drawn from, or the sum of two bits for a normal value, and
xorshift32 is linear over GF(2). So the signs of some forty consecutive values are equations with one state as their
solution, whatever the limit, the rounding and the libm. Fewer values, and values of other generators, are searched for
in likely streams instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator, Xorshift32
from embinit.diagnose.account import F32, Account, Image, Run, draws, resolution, started
from embinit.diagnose.hypothesis import Aspect, Hypothesis, seeded
from embinit.dialects import dialect_named
from embinit.distributions import Distribution, Normal, TruncatedNormal, Uniform
from embinit.model import Description
from embinit.plan import Row

Bools = NDArray[np.bool_]

#: How many equations leave a second state with a chance of only 1 in 2^8, and how many are used if there are more.
ENOUGH, PLENTY = 40, 128
#: How many words from the planned place a state is searched for.
FORWARD, BACKWARD = 2**20, 2**16
#: The same if every word has to become a value first, and from other seeds.
SCANNED_FORWARD, SCANNED_BACKWARD = 2**16, 2**12
#: From how many words on it is worth mentioning that a shuffle draws as many.
TELLING = 8
#: The cost of a seed for which only the dump speaks.
FREE_SEED = 2


def starts(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Return the seeds and positions that wrong buffers were drawn from; thorough: for each buffer, and with rarer
    seeds.
    """
    drawn = [row for row in wrong if draws(row) and run.places[row.name].origin.words.any()]
    linear = [row for row in drawn if row.size >= ENOUGH and isinstance(run.places[row.name].origin, Xorshift32)]
    seen: set[int] = set()
    for row in linear if thorough else linear[:1]:
        place = run.places[row.name]
        state = _state_before(run, row, dump[row.name])
        if state:
            start = Xorshift32(state).jumped(-place.words)
            if start != place.origin and start.state not in seen:
                seen.add(start.state)
                yield from _named(start, run.account, place.origin)
    for row in () if linear else drawn if thorough else drawn[:1]:
        values = run.account.observed(row, dump[row.name])
        if values is not None and row.size > 1 and (row.format == "float32" or resolution(row)):
            yield from _scanned(run, row, values, thorough)


# The state of xorshift32 from signs


def _state_before(run: Run, row: Row, payload: bytes) -> int | None:
    """Return the state before a buffer; None if no state fits the signs of its values."""
    values = run.account.observed(row, payload)
    if values is None:
        return None
    signs, before = _signs(row.distribution, values[:PLENTY]), run.places[row.name].bitgen()
    known = values[:PLENTY] != 0 if row.format != "float32" else np.ones(signs.size, np.bool_)  # code 0 has no sign
    own = run.account.drawn(before, row, signs.size)
    rule = _sign_rule(before, _signs(row.distribution, own))
    if rule is None:
        return None
    stride, bits, inverted = rule
    equations = np.array(_equations(stride, bits), np.uint64)[: signs.size][known]
    return _solved(equations.tolist(), (signs ^ inverted)[known].tolist())


def _signs(distribution: Distribution, values: F32) -> Bools:
    """Return which values are below the middle of their distribution; -0 counts as below 0."""
    match distribution:
        case Uniform(low, high):
            middle = np.float32((low + high) / 2)
        case Normal(mean, _) | TruncatedNormal(mean, _):
            middle = np.float32(mean)
        case _:
            raise AssertionError(distribution)
    with np.errstate(invalid="ignore", over="ignore"):
        signs: Bools = np.signbit(values - middle)
    return signs


def _sign_rule(bitgen: BitGenerator, signs: Bools) -> tuple[int, tuple[int, ...], bool] | None:
    """Return how the sign of a value depends on the words drawn for it: how many words it takes, which bits of the last
    word decide, and whether the result is inverted.
    """
    words = bitgen.random_raw(2 * signs.size)
    for stride in (1, 2):
        for bits in ((31,), (31, 30), (23,)):
            sums = _sum_of_bits(words[stride - 1 :: stride][: signs.size], bits)
            for inverted in (True, False):
                if np.array_equal(sums ^ inverted, signs):
                    return stride, bits, inverted
    return None


def _sum_of_bits(words: NDArray[np.uint32], bits: tuple[int, ...]) -> Bools:
    sums = np.zeros(words.size, np.bool_)
    for bit in bits:
        sums ^= (words >> np.uint32(bit) & np.uint32(1)).astype(np.bool_)
    return sums


@cache
def _equations(stride: int, bits: tuple[int, ...]) -> tuple[int, ...]:
    """Return, for each value, which bits of the first state add up to its sign: those whose own stream sets it."""
    alone = [Xorshift32(1 << i).random_raw(stride * PLENTY)[stride - 1 :: stride] for i in range(32)]
    columns = np.array([_sum_of_bits(words, bits) for words in alone], np.uint64)
    return tuple((columns << np.arange(32, dtype=np.uint64)[:, None]).sum(axis=0).tolist())


def _solved(equations: Sequence[int], signs: Sequence[bool]) -> int | None:
    """Return the solution for 32 bits over GF(2), by elimination; None if there is none, or more than one.

    >>> _solved([*(1 << i for i in range(32)), 3], [True, *31 * [False], True])
    1
    """
    pivots: dict[int, int] = {}
    for equation, sign in zip(equations, signs, strict=True):
        row = equation | int(sign) << 32
        while low := row & 0xFFFFFFFF:
            top = low.bit_length() - 1
            if top not in pivots:
                pivots[top] = row
                break
            row ^= pivots[top]
        if row == 1 << 32:
            return None
    if len(pivots) < 32:
        return None
    state = 0
    for bit in range(32):
        row = pivots[bit]
        state |= ((row >> 32 ^ (row & state).bit_count()) & 1) << bit
    return state


# What to call a start


def _named(start: Xorshift32, account: Account, origin: BitGenerator) -> Iterator[tuple[Hypothesis, ...]]:
    """Return what a start state may be called: a position in the stream, a common seed, both, or just the seed that it
    is.
    """
    words = _distance(origin.state, start.state)
    if words:
        yield (_moved(words, account, origin),)
        return
    model = account.model
    seeds, states = ordinary_seeds(model.dialect, model.seed), _states(model)
    if start.state in states:
        seed = states[start.state]
        yield (_seed(model, seed, seeds[seed]),)
        return
    reached = _reached(model, start.state)
    if reached is not None:
        seed, words = reached
        yield _seed(model, seed, seeds[seed]), _moved(words, account, started(model, seed))
    yield (seeded(start.state, "seed", f"The device starts from the state {start.state:#010x}.", FREE_SEED),)


@cache
def _distance(origin: int, state: int) -> int:
    """Return how many words after an origin a state comes; negative if it comes before, 0 for neither."""
    ahead = np.flatnonzero(Xorshift32(origin).random_raw(FORWARD) == state)
    if ahead.size:
        return int(ahead[0]) + 1
    behind = np.flatnonzero(Xorshift32(state).random_raw(BACKWARD) == origin)
    return -int(behind[0]) - 1 if behind.size else 0


def _reached(model: Description, state: int) -> tuple[int, int] | None:
    """Return a plausible seed, and after how many words its stream reaches a state."""
    for other, why in ordinary_seeds(model.dialect, model.seed).items():
        if why:
            found = np.flatnonzero(started(model, other).random_raw(SCANNED_FORWARD) == state)
            if found.size:
                return other, int(found[0]) + 1
    return None


def _moved(words: int, account: Account, origin: BitGenerator) -> Hypothesis:
    """Return the hypothesis that the stream is some words further on, or further back."""
    if words > 0:
        shuffling = account.generator(origin)
        shuffling.shuffle(np.arange(words + 1))
        shuffled = f", as a shuffle of {words + 1} indices does" if shuffling.drawn == words >= TELLING else ""
        sentence = f"{words} word{'s were' if words > 1 else ' was'} drawn from the stream before{shuffled}."
    else:
        sentence = f"The stream stands {-words} word{'s' if words < -1 else ''} further back: so many fewer were drawn."
    return Hypothesis(
        Aspect.POSITION, "stream position", sentence,
        lambda account: replace(account, start=account.start.jumped(words)),
        f"seed = {origin.jumped(words).state}" if isinstance(origin, Xorshift32) else None,
    )  # fmt: skip


def _seed(model: Description, seed: int, why: str) -> Hypothesis:
    if why == UNSEEDED:
        return seeded(seed, "unseeded start", f"The device never seeds before it draws: {UNSEEDED}.")
    return seeded(seed, "seed", f"The device seeds with {seed}{why and ', ' + why}; the model says {model.seed}.")


UNSEEDED = "the generator starts from state 1"
WELL_KNOWN = (
    7, 42, 123, 1234, 1337, 12345, 123456, 1234567, 12345678, 123456789, 31415, 314159, 27182, 271828, 65536,
    0x12345678, 0xDEADBEEF, 0xCAFEBABE, 0xCAFE, 0xBEEF, 0xBADC0FFE, 0xFEEDFACE, 0xA5A5A5A5, 0x55555555, 0xFFFFFFFF,
    2463534242, *range(2020, 2031),
)  # fmt: skip


@cache
def ordinary_seeds(dialect: str, seed: int) -> dict[int, str]:
    """Return the seeds that a device may have been given by mistake, and what speaks for each of the better ones."""
    known = dialect_named(dialect)
    word = seed & 0xFFFFFFFF
    named = {
        **dict.fromkeys(WELL_KNOWN, "a common choice"),
        seed + 1: "one more",
        seed - 1: "one less",
        int.from_bytes(word.to_bytes(4, "little"), "big"): "its bytes swapped",
        word & 0xFFFF: "its low 16 bits",
        word & 0xFF: "its low 8 bits",
        word ^ 0xFFFFFFFF: "its complement",
    }
    if isinstance(known.seeded(seed), Xorshift32):
        named[1] = UNSEEDED
    likely = {**named, **{n: "" for n in range(1001) if n not in named}}
    return {n: why for n, why in likely.items() if n in known.seeds and n not in (seed, known.no_seed)}


def _states(model: Description) -> dict[int, int]:
    """Return the common seed of each start state, the best reason first."""
    return {started(model, other).state: other for other in reversed(ordinary_seeds(model.dialect, model.seed))}


# Values looked for in streams


def _scanned(run: Run, row: Row, values: F32, thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Find a buffer's values elsewhere in its own stream, and at its place in the streams of other seeds."""
    account, place, sample = run.account, run.places[row.name], values[:16]
    stride = max(1, place.taken // row.size)
    back = min(place.words // stride, SCANNED_BACKWARD)
    for phase in range(stride):
        origin = place.origin.jumped(place.words - back * stride + phase)
        stream = account.drawn(origin, row, back + SCANNED_FORWARD + sample.size)
        for at in _windows(stream, sample, resolution(row)):
            words = (int(at) - back) * stride + phase
            if words:
                yield (_moved(words, account, place.origin),)
    for seed, why in ordinary_seeds(account.model.dialect, account.model.seed).items():
        if thorough or why:
            other = started(account.model, seed).jumped(place.words)
            if _windows(account.drawn(other, row, sample.size), sample, resolution(row)).size:
                yield (_seed(account.model, seed, why),)


def _windows(stream: F32, sample: F32, step: float) -> NDArray[np.intp]:
    """Return where in a stream a sample is, within the errors that short literals, or codes with a step, can cause."""
    tolerance = 0.01 * float(np.max(np.abs(stream))) + step
    found = np.arange(stream.size - sample.size + 1)
    with np.errstate(invalid="ignore", over="ignore"):
        for i, value in enumerate(sample):
            found = found[np.abs(stream[found + i] - value) <= tolerance]
    return found
