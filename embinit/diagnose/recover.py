"""Recover: what a dump itself says of seed, stream position, limits, and of what else its buffers hold.

The sign of a value is one bit of the word that it was drawn from (two for a normal value), and xorshift32 is linear over
GF(2): the signs of some forty consecutive values are equations that leave one state, whatever the limit, the rounding
and the libm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator, Xorshift32
from embinit.diagnose.account import F32, Account, Image, Place, Run, draws
from embinit.diagnose.hypotheses import Aspect, Hypothesis, seeded, weight_line, with_gain
from embinit.dialects import dialect_named
from embinit.initializers import Distribution, Normal, TruncatedNormal, Uniform, VarianceScaling
from embinit.model import Model
from embinit.plan import Row

#: Equations that leave no second state, but for one chance in 2^8; and how many are used where there are more.
ENOUGH, PLENTY = 40, 128
#: How far from the planned place a stream is searched, in words.
FORWARD, BACKWARD = 2**20, 2**16
#: The same where every word has to become a value first.
SCANNED_FORWARD, SCANNED_BACKWARD = 2**16, 2**12
#: What explains nothing cheaper than this is worth a look at two mistakes: a free 32-bit seed, a limit of its own.
FREE_SEED, FREE_GAIN, FREE_LIMIT = 2, 2, 3

Compound = tuple[Hypothesis, ...]


def derived(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> list[Compound]:
    """Return what the buffers that an account gets wrong suggest; thorough: look at each of them, and at all seeds."""
    return [*_starts(run, dump, wrong, thorough), *_scales(run, dump, wrong), *_contents(run, dump, wrong)]


# Seed and position


def _starts(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[Compound]:
    drawn = [row for row in wrong if draws(row) and run.places[row.name].origin.words.any()]
    linear = [row for row in drawn if row.size >= ENOUGH and isinstance(run.places[row.name].origin, Xorshift32)]
    seen: set[int] = set()
    for row in linear if thorough else linear[:1]:
        values = run.account.observed(row, dump[row.name])
        state = None if values is None else _state_before(run, row, values)
        if state:
            place = run.places[row.name]
            start = Xorshift32(state).jumped(-place.words)
            if start != place.origin and start.state not in seen:
                seen.add(start.state)
                yield from _named(start, run.account, place.origin)
    for row in () if linear else drawn if thorough else drawn[:1]:
        values = run.account.observed(row, dump[row.name])
        if values is not None and row.size > 1 and row.format == "float32":
            yield from _scanned(run, row, values, thorough)


def _state_before(run: Run, row: Row, values: F32) -> int | None:
    """Return the state of xorshift32 before a buffer, from the signs of its values; None where no state fits them."""
    account, place = run.account, run.places[row.name]
    signs = _signs(row.distribution, values[:PLENTY])
    own = account.drawn(place.bitgen(), row.distribution, signs.size)
    rule = _sign_rule(place.bitgen(), _signs(row.distribution, own))
    if rule is None:
        return None
    stride, bits, inverted = rule
    known = ~np.isnan(values[:PLENTY])
    equations = np.array(_equations(stride, bits), np.uint64)[: signs.size][known]
    return _solved(equations.tolist(), (signs ^ inverted)[known].tolist())


def _signs(distribution: Distribution, values: F32) -> NDArray[np.bool_]:
    """Return which values lie below the middle of their distribution; -0 counts as below 0."""
    match distribution:
        case Uniform(low, high):
            middle = np.float32((low + high) / 2)
        case Normal(mean, _) | TruncatedNormal(mean, _):
            middle = np.float32(mean)
        case _:
            raise AssertionError(distribution)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.signbit(values - middle)


def _sign_rule(bitgen: BitGenerator, signs: NDArray[np.bool_]) -> tuple[int, tuple[int, ...], bool] | None:
    """Return how signs hang on the words: words a value, the bits of the last one that are added, whether inverted."""
    words = bitgen.random_raw(2 * signs.size)
    for stride in (1, 2):
        for bits in ((31,), (31, 30), (23,)):
            sums = _sum_of_bits(words[stride - 1 :: stride][: signs.size], bits)
            for inverted in (True, False):
                if np.array_equal(sums ^ inverted, signs):
                    return stride, bits, inverted
    return None


def _sum_of_bits(words: NDArray[np.uint32], bits: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.bitwise_xor.reduce([words >> np.uint32(bit) & np.uint32(1) for bit in bits]).astype(np.bool_)


@cache
def _equations(stride: int, bits: tuple[int, ...]) -> tuple[int, ...]:
    """Return, for each value, the bits of the state before it that add up to its sign: each state bit drawn alone."""
    alone = [Xorshift32(1 << i).random_raw(stride * PLENTY)[stride - 1 :: stride] for i in range(32)]
    columns = np.array([_sum_of_bits(words, bits) for words in alone], np.uint64)
    return tuple((columns << np.arange(32, dtype=np.uint64)[:, None]).sum(axis=0).tolist())


def _solved(equations: Sequence[int], signs: Sequence[bool]) -> int | None:
    """Solve for 32 bits over GF(2), by elimination; None where equations contradict or leave a choice.

    >>> _solved([1 << i for i in range(32)] + [3], [True] + 31 * [False] + [True])
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


def _named(start: Xorshift32, account: Account, origin: BitGenerator) -> Iterator[Compound]:
    """Return what to call a start state: a position in the stream, an ordinary seed, both, or just that seed."""
    words = _distance(origin.state, start.state)
    if words:
        yield (_moved(words, account, origin),)
        return
    model = account.model
    seeds, states = ordinary_seeds(model.dialect, model.seed), _states(model.dialect, model.seed)
    if start.state in states:
        seed = states[start.state]
        yield (_seed(model, seed, seeds[seed]),)
        return
    reached = _reached(model.dialect, model.seed, start.state)
    if reached is not None:
        seed, words = reached
        other = dialect_named(model.dialect).seeded(seed)
        yield _seed(model, seed, seeds[seed]), _moved(words, account, other)
    yield (seeded(start.state, "seed", f"The device starts from the state {start.state:#010x}.", FREE_SEED),)


@cache
def _distance(origin: int, state: int) -> int:
    """Return how many words after an origin a state comes, a negative number before it, 0 for neither."""
    ahead = np.flatnonzero(Xorshift32(origin).random_raw(FORWARD) == state)
    if ahead.size:
        return int(ahead[0]) + 1
    behind = np.flatnonzero(Xorshift32(state).random_raw(BACKWARD) == origin)
    return -int(behind[0]) - 1 if behind.size else 0


@cache
def _reached(dialect: str, seed: int, state: int) -> tuple[int, int] | None:
    """Return the seed that something speaks for, and after how many words its stream reaches a state."""
    for other, why in ordinary_seeds(dialect, seed).items():
        if why:
            words = dialect_named(dialect).seeded(other).random_raw(SCANNED_FORWARD)
            found = np.flatnonzero(words == state)
            if found.size:
                return other, int(found[0]) + 1
    return None


def _moved(words: int, account: Account, origin: BitGenerator) -> Hypothesis:
    """Return the hypothesis that the stream stands some words further on."""
    if words < 0:
        sentence = f"The stream stands {-words} words further back: so many fewer were drawn before."
    else:
        sentence = f"{words} words were drawn from the stream before"
        shuffling = account.generator(origin)
        shuffling.shuffle(np.arange(words + 1))
        sentence += f", as a shuffle of {words + 1} indices does." if shuffling.drawn == words > 1 else "."
    state = origin.jumped(words).state
    line = f"seed = {state}" if isinstance(origin, Xorshift32) else None
    return Hypothesis(
        Aspect.POSITION, "stream position", sentence,
        lambda account: replace(account, start=account.start.jumped(words)), line,
    )  # fmt: skip


def _seed(model: Model, seed: int, why: str) -> Hypothesis:
    sentence = f"The device seeds with {seed}{why and ', ' + why}; the model says {model.seed}."
    return seeded(seed, "unseeded start" if why == UNSEEDED else "seed", sentence)


UNSEEDED = "or it never seeds, since that is the start state of the generator"
WELL_KNOWN = (
    7, 42, 123, 1234, 1337, 12345, 123456, 1234567, 12345678, 123456789, 31415, 314159, 27182, 271828, 65536,
    0x12345678, 0xDEADBEEF, 0xCAFEBABE, 0xCAFE, 0xBEEF, 0xBADC0FFE, 0xFEEDFACE, 0xA5A5A5A5, 0x55555555, 0xFFFFFFFF,
    2463534242, *range(2020, 2031),
)  # fmt: skip


@cache
def ordinary_seeds(dialect: str, seed: int) -> dict[int, str]:
    """Return the seeds that a device may have been given by mistake, and what speaks for the better ones."""
    seeds, seeded = dialect_named(dialect).seeds, dialect_named(dialect).seeded
    reasons = {1: UNSEEDED} if isinstance(seeded(seed), Xorshift32) else {}
    near = {
        seed + 1: "one more",
        seed - 1: "one less",
        int.from_bytes(seed.to_bytes(8, "little")[:4], "big"): "its bytes swapped",
        seed & 0xFFFF: "its low 16 bits",
        seed & 0xFF: "its low 8 bits",
        ~seed & 0xFFFFFFFF: "its complement",
    }
    named = {**near, **dict.fromkeys(WELL_KNOWN, "a common choice"), **reasons}
    named |= {n: "" for n in range(1001) if n not in named}
    unfit = (seed, dialect_named(dialect).no_seed)
    return {n: why for n, why in named.items() if n in seeds and n not in unfit}


@cache
def _states(dialect: str, seed: int) -> dict[int, int]:
    """Return the ordinary seed, the best reason first, of each start state."""
    seeded = dialect_named(dialect).seeded
    return {seeded(other).state: other for other in reversed(ordinary_seeds(dialect, seed))}


def _scanned(run: Run, row: Row, values: F32, thorough: bool) -> Iterator[Compound]:
    """Find a buffer's values in its own stream and at the start of others: for few values, and other generators."""
    account, place = run.account, run.places[row.name]
    model, sample = account.model, values[:16]
    trial = account.generator(place.origin)
    trial.draw(row.distribution, np.empty(row.size, np.float32))
    stride = max(1, trial.drawn // row.size)
    back = min(place.words // stride, SCANNED_BACKWARD)
    for phase in range(stride):
        start = place.words - back * stride + phase
        stream = account.drawn(place.origin.jumped(start), row.distribution, back + SCANNED_FORWARD + sample.size)
        for at in _windows(stream, sample):
            moved = (int(at) - back) * stride + phase
            if moved:
                yield (_moved(moved, account, place.origin),)
    for seed, why in ordinary_seeds(model.dialect, model.seed).items():
        if thorough or why:
            other = dialect_named(model.dialect).seeded(seed).jumped(place.words)
            if _windows(account.drawn(other, row.distribution, sample.size), sample).size:
                yield (_seed(model, seed, why),)


def _windows(stream: F32, sample: F32) -> NDArray[np.intp]:
    """Return where in a stream a sample lies, to within what rounding and short literals can do."""
    tolerance = np.float32(0.01) * np.max(np.abs(stream))
    starts = np.arange(stream.size - sample.size + 1)
    with np.errstate(invalid="ignore", over="ignore"):
        for i, value in enumerate(sample):
            starts = starts[np.abs(stream[starts + i] - value) <= tolerance]
    return starts


# Limits and standard deviations


def _scales(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[Compound]:
    """Recover the limits or deviations of buffers whose draws are the account's, and name the gain behind them."""
    found: dict[str, tuple[Row, float]] = {}
    for row in wrong:
        values = run.account.observed(row, dump[row.name])
        scale = None if values is None or row.format != "float32" else _scale(run.account, run.places[row.name], row, values)
        if scale is not None:
            found[row.name] = row, scale
    weights = {name: pair for name, pair in found.items() if name.endswith(".weight")}
    groups = [found, weights, *({name: pair} for name, pair in found.items())] if found else []
    gains = {gain: None for group in groups if (gain := _common_gain(run.account, group)) is not None}
    for gain in islice(gains, 4):
        yield (_gain(run.account.model, gain, [name for name, (row, scale) in found.items()
                                               if _scaled_by(run.account, row, gain) == scale]),)  # fmt: skip
    if found:
        yield (_limits({name: _rescaled(row.distribution, scale) for name, (row, scale) in found.items()}),)


def _scale(account: Account, place: Place, row: Row, values: F32) -> float | None:
    """Return the limit or deviation with which a buffer's draws give its values bit for bit; None if there is none."""
    unit = _rescaled(row.distribution, 1.0)
    if unit is None or row.size < 8 or not place.origin.words.any():
        return None
    drawn = account.drawn(place.bitgen(), unit, row.size)
    strongest = np.argsort(-np.abs(drawn))[:16]
    with np.errstate(invalid="ignore", over="ignore"):
        ratios = values[strongest].astype(np.float64) / drawn[strongest]
        guess = np.median(ratios)
        if not (np.abs(ratios - guess) < 1e-5 * np.abs(guess)).all() or not abs(guess) < 1e30:
            return None
    bits = int(np.float32(guess).view(np.uint32))
    for offset in (0, 1, -1, 2, -2, 3, -3):
        scale = float(np.uint32(bits + offset).view(np.float32))
        distribution = _rescaled(row.distribution, scale)
        assert distribution is not None
        if account.drawn(place.bitgen(), distribution, row.size).tobytes() == values.tobytes():
            return scale
    return None


def _rescaled(distribution: Distribution, scale: float) -> Distribution | None:
    """Return a distribution around 0 with another limit or deviation; None for any other distribution."""
    match distribution:
        case Uniform(low, high) if low == -high:
            return Uniform(-scale, scale)
        case Normal(mean, _) | TruncatedNormal(mean, _) if mean == 0:
            return type(distribution)(0.0, scale)
    return None


def _scaled_by(account: Account, row: Row, gain: float) -> float | None:
    """Return the limit or deviation that a buffer gets from a gain."""
    if not isinstance(row.initializer, VarianceScaling):
        return None
    initializer = with_gain(gain)(row.initializer)
    distribution = dialect_named(account.model.dialect).distribution(initializer, row.fan_in, row.fan_out)
    return distribution.high if isinstance(distribution, Uniform) else distribution.stddev  # type: ignore[union-attr]


def _common_gain(account: Account, found: Mapping[str, tuple[Row, float]]) -> float | None:
    """Return the gain with the fewest digits that gives all buffers the scales found; None if none does."""
    if not found or not all(isinstance(row.initializer, VarianceScaling) for row, _ in found.values()):
        return None
    units = [_scaled_by(account, row, 1.0) or np.inf for row, _ in found.values()]
    ratio = float(np.median([scale / unit for (_, scale), unit in zip(found.values(), units, strict=True)]))
    for digits in range(1, 10):
        gain = float(f"{ratio:.{digits}g}")
        if all(_scaled_by(account, row, gain) == scale for row, scale in found.values()):
            return gain
    return None


def _gain(model: Model, gain: float, names: Sequence[str]) -> Hypothesis:
    whose = {(True, True): "Weights and biases", (True, False): "The weights", (False, True): "The biases"}
    parts = any(name.endswith(".weight") for name in names), any(name.endswith(".bias") for name in names)
    suffixes = tuple(suffix for suffix, there in zip((".weight", ".bias"), parts, strict=True) if there)
    return Hypothesis(
        Aspect.INITIALIZER, "gain", f"{whose[parts]} are drawn with gain {gain!r}.",
        lambda account: account.with_initializers(
            lambda row: with_gain(gain)(row.initializer)
            if isinstance(row.initializer, VarianceScaling) and row.name.endswith(suffixes) else None
        ),
        weight_line(model, with_gain(gain)) if parts == (True, False) else None, FREE_GAIN,
    )  # fmt: skip


def _limits(found: Mapping[str, Distribution | None]) -> Hypothesis:
    """Return the hypothesis that buffers have limits or deviations of their own."""
    texts = [f"{name} {distribution}" for name, distribution in found.items()]
    alike = {distribution for distribution in found.values()}
    line = None
    if len(alike) == 1 and all(name.endswith(".weight") for name in found):
        (common,) = alike
        match common:
            case Uniform(low, high):
                line = f'weight_init = "uniform"\nlow = {low!r}\nhigh = {high!r}'
            case Normal(mean, stddev):
                line = f'weight_init = "normal"\nmean = {mean!r}\nstddev = {stddev!r}'
    return Hypothesis(
        Aspect.INITIALIZER, "limit", f"Drawn with limits of their own: {'; '.join(texts)}.",
        lambda account: account.with_initializers(lambda row: found.get(row.name)), line,
        FREE_GAIN if len(alike) == 1 else FREE_LIMIT, tuple(found),
    )  # fmt: skip


# What else a buffer may hold


def _contents(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[Compound]:
    """Return what other bytes the wrong buffers hold: a fill, another buffer's values, or a part of their own."""
    fills: dict[bytes, list[str]] = {}
    copies: dict[str, "_Source"] = {}
    shorts: dict[str, tuple[int, bytes]] = {}
    explained: set[str] = set()
    memory = b"".join(run.image.values())
    places = dict(zip(run.image, np.cumsum([0, *map(len, run.image.values())]).tolist(), strict=False))
    for row in wrong:
        held, expected = dump[row.name], run.image[row.name]
        fill = _fill(held)
        if fill is not None:
            fills.setdefault(fill, []).append(row.name)
        elif (source := _source(held, memory, places, run.image, row.name)) is not None:
            copies[row.name] = source
        elif (short := _short(held, expected)) is not None:
            shorts[row.name] = short
        else:
            continue
        explained.add(row.name)
    for row in wrong:  # a single element proves nothing alone, but goes with what another buffer holds
        again = (source for source in copies.values() if dump[row.name] == source.of(memory, len(dump[row.name])))
        if row.name not in explained and (source := next(again, None)):
            copies[row.name] = source
    for fill, names in fills.items():
        text = f"Every byte of {', '.join(names)} is 0x{fill.hex()}" if len(fill) == 1 else f"{', '.join(names)} hold 0x{fill[::-1].hex()} throughout"
        why = {b"\0": "never written, or cleared later", b"\xff": "erased flash, or never written"}.get(fill, "a fill pattern, never written")
        yield (_content(f"{text}: {why}.", {name: _repeated(fill, len(dump[name])) for name in names}),)
    if copies:
        texts = [f"{name} holds {source.text}" for name, source in copies.items()]
        yield (_copied("; ".join(texts) + ".", copies),)
    if shorts:
        texts = [f"{name} was written up to byte {n} of {len(dump[name])}, and holds 0x{fill.hex()} from there" for name, (n, fill) in shorts.items()]
        yield (_written_short("; ".join(texts) + ".", shorts),)


WORDS = tuple(word.to_bytes(4, "little") for word in (0xDEADBEEF, 0xFEEDFACE, 0xBAADF00D, 0xCAFEBABE, 0x7FC00000))


def _fill(held: bytes) -> bytes | None:
    """Return the byte, or the well-known word, that a buffer repeats."""
    patterns = (held[:1], *WORDS)
    return next((pattern for pattern in patterns if _repeated(pattern, len(held)) == held), None)


def _repeated(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


@dataclass(frozen=True)
class _Source:
    """Where a buffer's bytes come from: a place in the memory of all buffers, or one buffer over and over."""

    text: str
    offset: int
    period: int = 0

    def of(self, memory: bytes, size: int) -> bytes:
        """Return the bytes that a buffer of some size gets."""
        return _repeated(memory[self.offset :][: self.period or None], size)


def _source(held: bytes, memory: bytes, places: Mapping[str, int], image: Image, name: str) -> _Source | None:
    if len(held) < 8:
        return None
    offset = memory.find(held)
    if offset >= 0:
        owner = max((n for n in places if places[n] <= offset), key=lambda n: places[n])
        shift = offset - places[owner]
        return _Source(f"the values of {owner}" + (f" from byte {shift} on" if shift else ""), offset)
    for owner, values in image.items():
        if owner != name and len(values) < len(held) and _repeated(values, len(held)) == held:
            return _Source(f"the values of {owner} over and over", places[owner], len(values))
    return None


def _short(held: bytes, expected: bytes) -> tuple[int, bytes] | None:
    """Return how many bytes are as expected before one byte is repeated to the end; at least a word of each."""
    last = held[-1:]
    written = len(held.rstrip(last))
    if written > 3 and len(held) - written > 3:
        for n in range(written, min(written + 4, len(held) - 3)):  # the last bytes written may be like the fill
            if held[:n] == expected[:n] and n % 4 == 0:
                return n, last
    return None


def _content(sentence: str, held: Mapping[str, bytes]) -> Hypothesis:
    return Hypothesis(
        Aspect.CONTENT, "stale buffer", sentence,
        lambda account: replace(account, content=lambda image: {**image, **held}), buffers=tuple(held),
    )  # fmt: skip


def _copied(sentence: str, copies: Mapping[str, _Source]) -> Hypothesis:
    def content(image: Image) -> Image:
        memory = b"".join(image.values())
        return {**image, **{name: source.of(memory, len(image[name])) for name, source in copies.items()}}

    return Hypothesis(
        Aspect.CONTENT, "stale buffer", sentence, lambda account: replace(account, content=content), buffers=tuple(copies)
    )  # fmt: skip


def _written_short(sentence: str, shorts: Mapping[str, tuple[int, bytes]]) -> Hypothesis:
    def content(image: Image) -> Image:
        held = {name: image[name][:n] + _repeated(fill, len(image[name]) - n) for name, (n, fill) in shorts.items()}
        return {**image, **held}

    return Hypothesis(
        Aspect.CONTENT, "written short", sentence, lambda account: replace(account, content=content), buffers=tuple(shorts)
    )  # fmt: skip
