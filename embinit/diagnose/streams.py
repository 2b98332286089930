"""Streams: recover from a dump the stream from which its values were drawn, and the place in it.

If the generator is linear, the signs of values tell its state. If there are fewer values, or they are another
generator's, they are looked for in likely streams instead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache, partial, reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.bitgen.base import Words
from embinit.diagnose.account import (
    F32,
    Account,
    Image,
    Place,
    Run,
    draws,
    fresh,
    precision,
    resolution,
    seeding,
    set_later,
    started,
    stuck,
    tells_signs,
    tells_values,
    until_set,
)
from embinit.diagnose.hypothesis import Aspect, Hypothesis, model_with, seeded
from embinit.diagnose.seeds import FREE_SEED, ordinary_seeds, seed_instead
from embinit.diagnose.signs import PLENTY, SPARE, Family, family_of, state_before, stepped_back
from embinit.dialects import Dialect, dialect_named
from embinit.errors import EmbinitError
from embinit.model import Description
from embinit.plan import Row

#: How far from the planned place a state is looked for, in words.
FORWARD, BACKWARD = 2**20, 2**16
#: The same if words have to be turned into values first, or the seed is another one.
SCANNED_FORWARD, SCANNED_BACKWARD = 2**16, 2**12
#: How many values of a buffer are looked for, and how many are not found by chance.
SAMPLE, SURE = 16, 8
#: How many later keys are tried if each tensor has one, and how many for a pair of mistakes.
SCANNED_KEYS, FEW_KEYS = 2**11, 2**8
#: How many sizes are tried of a tensor that may have been drawn before.
SCANNED_CALLS = 2**12
#: Up to how many elements a model may have for which rare seeds are tried where only bytes can be compared.
FEW = 2**12
#: How many places in a stream are followed up.
MOST = 8
#: The fewest words for which it is worth saying that a shuffle draws as many.
TELLING = 8
#: A state that is found in a stream tells a position if at most one state in 2^12 is as near; else a seed may be why.
TELLING_BITS = 12


def starts(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the seeds and positions from which wrong buffers were drawn, as hypotheses, if not those of the run;
    thorough: for each buffer, not only for the first, and with rarer seeds.
    """
    wrong = [row for row in wrong if not run.drew(row, dump[row.name])]
    drawn = [row for row in wrong if draws(row) and not stuck(run.places[row.name].origin)]
    families = {row.name: found for row in drawn if (found := family_of(run.places[row.name].origin)) is not None}
    signed = [row for row in drawn if row.name in families and tells_signs(row)]
    linear = [row for row in signed if _free_signs(row) >= families[row.name].bits + SPARE]
    seen: set[int] = set()
    for row in linear if thorough else linear[:1]:
        place = run.places[row.name]
        state = state_before(run, row, dump[row.name])
        start = None if not state else stepped_back(families[row.name], state, place.words)
        if start is not None and start != place.origin and start.state not in seen:
            seen.add(start.state)
            yield from _named(start, run.account, place.origin)
    samples: Mapping[str, F32] = {}
    for row in () if linear else drawn if thorough else drawn[:1]:
        values = run.account.observed(row, dump[row.name])
        if values is not None and until_set(row) > 1 and tells_values(row):
            samples = {**samples, row.name: values[: min(SAMPLE, until_set(row))]}
    mute = drawn if thorough and not linear and not samples else ()
    for search in _searches(run, dump, wrong, mute, thorough):
        compounds = list(search(samples))
        yield from compounds
        if thorough:
            samples = _unexplained(samples, compounds, run)


def _free_signs(row: Row) -> int:
    """Return how many of the values whose signs are looked at are as they were drawn."""
    return int(np.count_nonzero(~set_later(row)[:PLENTY]))


#: Looks for where the first values of buffers, by their names, come from.
_Looks = Callable[[Mapping[str, F32]], Iterable[tuple[Hypothesis, ...]]]


def _searches(run: Run, dump: Image, wrong: Sequence[Row], mute: Sequence[Row], thorough: bool) -> Iterator[_Looks]:
    """Yield the searches for the streams of wrong buffers. What one of them explains, the next need not look for."""
    dialect = run.account.model.conventions
    if thorough and dialect.keys_by is not None:
        yield lambda _: _keys(dialect)(run, dump, wrong)
    if mute or dialect.sampler.whole or any(row.order.restart for row in run.account.rows):
        yield lambda samples: _reseeded(run.account, samples, {row.name: dump[row.name] for row in mute}, thorough)
    for row in wrong:
        yield partial(_scanned, run, row, thorough)


def _unexplained(
    samples: Mapping[str, F32], compounds: Iterable[tuple[Hypothesis, ...]], run: Run
) -> Mapping[str, F32]:
    """Return the samples that none of some hypotheses gives. The others need no further search, but for short samples,
    which may be as in the dump by chance.
    """
    for compound in compounds if samples else ():
        with suppress(EmbinitError):
            given = reduce(lambda account, hypothesis: hypothesis.change(account), compound, run.account).run()
            rows = {row.name: row for row in given.account.rows}
            samples = {name: sample for name, sample in samples.items() if not _gives(given, rows[name], sample)}
    return samples


def _gives(run: Run, row: Row, sample: F32) -> bool:
    """Return whether a buffer begins with a sample that is too long for chance."""
    values = run.account.observed(row, run.image[row.name])
    return sample.size >= SURE and values is not None and bool(_beginning([values], sample, row))


def _keys(dialect: Dialect) -> Callable[[Run, Image, Sequence[Row]], Iterator[tuple[Hypothesis, ...]]]:
    """Return the function that looks for the keys of wrong buffers or, without keys, for their seeds."""
    if dialect.keys_by != "seeds":
        from embinit.diagnose.keys import keys

        return keys
    from embinit.diagnose.seed_lists import seed_lists

    return seed_lists


# What to call a start


def _named(start: BitGenerator, account: Account, origin: BitGenerator) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield what a start state is: a position in the stream, an ordinary seed, both, or just a state."""
    family = family_of(start)
    assert family is not None
    words = _distance(family, origin.state, start.state)
    if words and abs(words) <= 1 << family.bits >> TELLING_BITS:
        yield (_moved(words, account, origin),)
        return
    model = account.model
    skipped = model.skip_words if origin == account.start else 0
    seeds, states = ordinary_seeds(model.dialect, model.seed), _states(model)
    before = stepped_back(family, start.state, skipped)
    if before is not None and before.state in states:
        seed = states[before.state]
        yield (seed_instead(model, seed, seeds[seed]),)
        return
    reached = None if words else _reached(model, start.state)
    if reached is not None:
        seed, further = reached
        yield seed_instead(model, seed, seeds[seed]), _moved(further - skipped, account, started(model, seed))
    if before is not None:
        yield (_begun(model, before),)
    if words:
        yield (replace(_moved(words, account, origin), cost=FREE_SEED),)


def _begun(model: Description, start: BitGenerator) -> Hypothesis:
    """Return the hypothesis that a device begins in a state: that it seeds with what leads there or, if no such seed is
    known, the state alone.
    """
    state = int(start.state)
    sentence = f"The device starts from the state {state:#010x}."
    for seed in _leading_to(model, state, 1 << start.word_bits):
        if seed in model.conventions.seeds and fresh(model, seed).state == state:
            if seed != state:
                sentence = f"The device seeds with {seed}, which makes the state {state:#010x}."
            return seeded(seed, "seed", sentence, FREE_SEED)
    return Hypothesis(Aspect.SEED, "seed", sentence, model_with(state=state), f"state = {state}", FREE_SEED)


def _leading_to(model: Description, state: int, states: int) -> Iterator[int]:
    """Yield the seeds that would lead to a state if it were the seed, the seed with some bits inverted, or the seed
    times an odd number and plus another one.
    """
    yield state
    zero, one = (int(fresh(model, seed).state) for seed in (0, 1))
    yield state ^ zero
    if (one - zero) % 2:
        yield (state - zero) * pow(one - zero, -1, states) % states


@cache
def _distance(family: Family, origin: int, state: int) -> int:
    """Return how many words after an origin a state comes, as a negative number if before it; 0 if it is not found."""
    ahead = np.flatnonzero(_ahead(family, origin) == state)
    if ahead.size:
        return int(ahead[0]) + 1
    behind = np.flatnonzero(family.at(state).random_raw(BACKWARD) == origin)
    return -int(behind[0]) - 1 if behind.size else 0


@lru_cache(maxsize=2)
def _ahead(family: Family, origin: int) -> Words:
    return family.at(origin).random_raw(FORWARD)


def _reached(model: Description, state: int) -> tuple[int, int] | None:
    """Return a plausible seed and after how many words its stream reaches a state; None if none does."""
    for other, why in ordinary_seeds(model.dialect, model.seed).items():
        if why:
            stream = fresh(model, other)
            if stream.state == state:
                return other, 0
            found = np.flatnonzero(stream.random_raw(SCANNED_FORWARD) == state)
            if found.size:
                return other, int(found[0]) + 1
    return None


def _moved(words: int, account: Account, origin: BitGenerator) -> Hypothesis:
    """Return the hypothesis that the stream is some words further on, or, if negative, further back."""
    if words > 0:
        shuffled = f", as a shuffle of {words + 1} indices does" if _shuffles(account, origin, words) else ""
        sentence = f"{words} word{'s were' if words > 1 else ' was'} drawn from the stream before{shuffled}."
    else:
        sentence = f"The stream stands {-words} word{'s' if words < -1 else ''} further back: so many fewer were drawn."
    return Hypothesis(
        Aspect.POSITION, "stream position", sentence,
        lambda account: replace(account, start=account.start.jumped(words)),
        _line(account.model, origin, words),
    )  # fmt: skip


def _shuffles(account: Account, origin: BitGenerator, words: int) -> bool:
    """Whether a shuffle draws exactly so many words, and enough to be worth saying; some dialects have no shuffle."""
    shuffling = account.generator(origin)
    try:
        shuffling.shuffle(np.arange(words + 1))
    except EmbinitError:
        return False
    return shuffling.drawn == words >= TELLING


def _line(model: Description, origin: BitGenerator, words: int) -> str | None:
    """Return the line that makes a model begin so many words after an origin: skip_words or, before the origin, state,
    if the state there is known and an integer; else None.
    """
    if model.skip_words + words >= 0:
        return f"skip_words = {model.skip_words + words}"
    try:
        bitgen = origin.jumped(words)
    except EmbinitError:  # the generator cannot go back
        return None
    return f"state = {bitgen.state}" if isinstance(bitgen.state, int) else None


def _states(model: Description) -> dict[int, int]:
    """Return the seed that leads to each start state, of several the one with the best reason."""
    return _states_of(model.dialect, model.build.rand, model.seed)


@lru_cache(maxsize=8)
def _states_of(dialect: str | Dialect, rand: str, seed: int) -> dict[int, int]:
    start = dialect_named(dialect).start
    return {start(other, rand).state: other for other in reversed(ordinary_seeds(dialect, seed))}


# Values looked for in streams


def _scanned(run: Run, row: Row, thorough: bool, samples: Mapping[str, F32]) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield where a buffer's values are, if they are asked for: elsewhere in its own stream, or at its place in the
    streams of other seeds.
    """
    if row.name not in samples:
        return
    account, place, sample = run.account, run.places[row.name], samples[row.name]
    sampler = account.model.conventions.sampler
    if sampler.keyed:
        yield from _under_later_keys(account, row, place, sample, thorough)
    elif sampler.whole and not place.words and thorough:
        yield from _after_a_call(account, row, place, sample)
    if sampler.whole:
        return
    stride = max(1, place.taken // row.size)
    block = _block(row)
    back = min(place.words // (stride * block) * block, SCANNED_BACKWARD)
    for phase in range(0 if sampler.keyed else stride * block):
        origin = place.origin.jumped(place.words - back * stride + phase)
        stream = account.drawn(origin, row, back + SCANNED_FORWARD // block + sample.size)
        found = _windows(stream, sample, row)
        for at in found[found % block == 0][:MOST].tolist():
            taken = at * stride if place.taken == stride * row.size else _taken(account, origin, row, at)
            words = taken - back * stride + phase
            if words:
                yield (_moved(words, account, place.origin),)
                if sample.size >= SURE:
                    return
    ordinary = ordinary_seeds(account.model.dialect, account.model.seed)
    seeds = [seed for seed, why in ordinary.items() if thorough or why]
    others = (started(account.model, seed).jumped(place.words) for seed in seeds)
    for i in _beginning(account.drawn_from(others, row, sample.size), sample, row):
        yield (seed_instead(account.model, seeds[i], ordinary[seeds[i]]),)


def _block(row: Row) -> int:
    """Return how many values of a buffer are made together, from words that are not next to each other."""
    recipe = getattr(row.distribution, "recipe", None)
    if recipe is None or recipe.normal is None:
        return 1
    block = int(recipe.normal.block)
    return block if block > 1 and row.size >= block else 1 + (recipe.normal.spare is not None)


def _taken(account: Account, origin: BitGenerator, row: Row, n: int) -> int:
    """Return how many words n values of a buffer take if some are drawn again."""
    generator = account.generator(origin)
    if n:
        generator.draw(row.distribution, np.empty(n, generator.dialect.element))
    return generator.drawn


def _reseeded(
    account: Account, samples: Mapping[str, F32], mute: Image, thorough: bool
) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the other seeds of the whole model that give buffers their values, if streams start again or tensors are
    drawn whole. mute: buffers whose bytes are compared, since they do not tell values.
    """
    rows = [row for row in account.rows if row.name in samples]
    rare = thorough and (not mute or sum(row.size for row in account.rows) <= FEW)
    for seed, why in ordinary_seeds(account.model.dialect, account.model.seed).items() if rows or mute else ():
        if not rare and not why:
            continue
        model = seeding(account.model, seed)
        other = replace(account, model=model, start=started(model, seed)).run()
        if any(other.image[name] == held for name, held in mute.items()):
            yield (seed_instead(account.model, seed, why),)
        for row in rows:
            values, sample = account.observed(row, other.image[row.name]), samples[row.name]
            if values is not None and _windows(values[: sample.size], sample, row).size:
                yield (seed_instead(account.model, seed, why),)
                break


def _under_later_keys(
    account: Account, row: Row, place: Place, sample: F32, thorough: bool
) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the positions of later keys than a buffer's own that give it its values."""
    later = _moving(place.bitgen(), (SCANNED_KEYS if thorough else FEW_KEYS) - 1)
    for i in _beginning(account.drawn_from(later, row, row.size), sample, row):
        yield (_moved(i + 1, account, place.origin),)


def _moving(bitgen: BitGenerator, most: int) -> Iterator[BitGenerator]:
    for _ in range(most):
        bitgen.advance(1)
        yield bitgen


def _after_a_call(account: Account, row: Row, place: Place, sample: F32) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the sizes of a tensor that was drawn before the first buffer and so gave it its values. A tensor is one
    call of the generator, or two if it has normal values.
    """
    block, skipped = place.origin.block, account.model.skip_words
    calls: list[tuple[int, str, bool]] = [(1, "words", False), (2, "normal values", False)]
    if skipped and place.origin == account.start:
        calls.append((1, f"words, and not of {skipped}", True))
    tried = list(product(range(block, block * SCANNED_CALLS, block), calls))
    later = (_started_after(words, count, first, account).start for words, (count, _, first) in tried)
    for i in _beginning(account.drawn_from(later, row, row.size), sample, row):
        words, (count, what, first) = tried[i]
        sentence = f"A tensor of {words} {what}, or up to {block - 1} fewer, was drawn from the state before."
        line = f"skip_words = {words}" if first or (count == 1 and not skipped) else None
        change = partial(_started_after, words, count, first)
        yield (Hypothesis(Aspect.POSITION, "stream position", sentence, change, line),)


def _called(start: BitGenerator, words: int) -> BitGenerator:
    """Return a generator after a call that draws so many words."""
    after = start.jumped(words)
    after.align()
    return after


def _started_after(words: int, calls: int, first: bool, account: Account) -> Account:
    """Return the account of a device that makes calls before its first draw; first: and skips no words before them."""
    start = account.model.start if first else account.start
    for _ in range(calls):
        start = _called(start, words)
    return replace(account, start=start)


def _beginning(drawn: Iterable[F32], sample: F32, row: Row) -> list[int]:
    """Return which of some draws begin with a sample, as `_windows` finds it."""
    heads = [values[: sample.size].copy() for values in drawn]
    if not heads:
        return []
    with np.errstate(invalid="ignore", over="ignore"):
        stacked = np.stack(heads)
        tolerances = _part(row) * np.abs(stacked).max(axis=1).astype(np.float64) + resolution(row)
        near = np.abs(stacked - sample) <= tolerances.astype(stacked.dtype)[:, None]
    found: list[int] = np.flatnonzero(near.all(axis=1)).tolist()
    return found


def _part(row: Row) -> float:
    """Return how much short literals, or the format of a buffer, may change a value, as a part of the largest one."""
    return max(0.01, precision(row.format) or 0.0)


def _windows(stream: F32, sample: F32, row: Row) -> NDArray[np.intp]:
    """Return the places in a stream where a sample is found, up to the errors that short literals or codes cause."""
    tolerance = _part(row) * float(np.max(np.abs(stream))) + resolution(row)
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.flatnonzero(np.abs(stream[: max(0, stream.size - sample.size + 1)] - sample[0]) <= tolerance)
        for i in range(1, sample.size):
            if not found.size:
                break
            found = found[np.abs(stream[found + i] - sample[i]) <= tolerance]
    return found
