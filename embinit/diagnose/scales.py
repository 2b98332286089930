"""Scales: recover from a dump the limits and standard deviations of its buffers, and the gain that explains them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.diagnose.account import F32, Account, Image, Place, Run, draws, run_of, set_later, stuck
from embinit.diagnose.hypotheses import scaled_parts, with_gain
from embinit.diagnose.hypothesis import Aspect, Hypothesis, initializers
from embinit.diagnose.pasting import initialized
from embinit.distributions import Distribution, Normal, TruncatedNormal, Uniform
from embinit.initializers import VarianceScaling
from embinit.plan import Row, row_with

#: The costs of a gain that only the dump suggests, of one such limit for all buffers, and of one for each buffer.
FREE_GAIN, FREE_LIMIT, FREE_LIMITS = 2, 2, 3
#: Buffers of fewer values show too little of their limit.
ENOUGH = 8
#: So many values rule out nearly all wrong bounds.
SURE = 16


def scales(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield hypotheses about gains and limits, for wrong buffers whose draws are those of the account."""
    account = run.account
    found: dict[str, Row] = {}  # rows with the distribution that the dump shows
    for row in wrong:
        if draws(row) and row.format == "float32" and run_of(row) == row.size >= ENOUGH:
            values = account.observed(row, dump[row.name])
            distribution = None if values is None else _recovered(account, run.places[row.name], row, values)
            if distribution is not None:
                found[row.name] = row_with(row, distribution=distribution)
    if not found:
        return
    weights = [row for name, row in found.items() if name.endswith(".weight")]
    groups = [list(found.values()), weights, *([row] for row in found.values())]
    gains = dict.fromkeys(gain for group in groups if (gain := _common_gain(account, group)) is not None)
    for gain in islice(gains, 4):
        yield (_gain(gain, [row for row in found.values() if _gives(account, row, gain)]),)
    yield (_limits({name: row.distribution for name, row in found.items()}),)


def _recovered(account: Account, place: Place, row: Row, values: F32) -> Distribution | None:
    """Return the distribution that turns a buffer's draws into its values, bit for bit; None if none does."""
    unit = _rescaled(row.distribution, 1.0)
    if unit is None or stuck(place.origin):
        return None
    before, free = place.bitgen(), ~set_later(row)
    drawn, values = account.drawn(before, row_with(row, distribution=unit), row.size)[free], values[free]
    if drawn.size < ENOUGH:
        return None
    strongest = np.argpartition(-np.abs(drawn), min(16, drawn.size) - 1)[:16]
    with np.errstate(invalid="ignore", over="ignore"):
        ratios = values[strongest].astype(np.float64) / drawn[strongest]
        guess = float(np.median(ratios))
        if not (np.abs(ratios - guess) < 1e-5 * abs(guess)).all() or not 1e-30 < abs(guess) < 1e30:
            return _between(account, before, row, values, drawn, free) if isinstance(unit, Uniform) else None
    for scale in dict.fromkeys(_near(guess, row)):
        distribution = _rescaled(row.distribution, scale)
        assert distribution is not None
        changed = row_with(row, distribution=distribution)
        if account.drawn(before, changed, row.size)[free].tobytes() == values.tobytes():
            return distribution
    return None


def _between(
    account: Account, before: BitGenerator, row: Row, values: F32, drawn: F32, free: NDArray[np.bool_]
) -> Distribution | None:
    """Return the uniform distribution, not around 0, that turns a buffer's draws into its values, bit for bit; None if
    no bounds of few digits do. drawn: what the buffer draws from -1 to 1. free: of which elements these are.
    """
    least, most = int(drawn.argmin()), int(drawn.argmax())
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        half = (float(values[most]) - float(values[least])) / (float(drawn[most]) - float(drawn[least]))
        middle = float(values[most]) - half * float(drawn[most])
        apart = np.abs(middle + half * drawn.astype(np.float64) - values)
    if not 1e-30 < abs(half) < 1e30 or not (apart < 1e-5 * abs(half)).all():
        return None
    own, head = account.model.conventions, int(np.flatnonzero(free)[:SURE][-1]) + 1
    for low, high in product(_rounded(middle - half, half), _rounded(middle + half, half)):
        found = own.distribution_on(account.model.build, Uniform(low, high), row.fan_in, row.fan_out)
        changed = row_with(row, distribution=found)
        for n in (head, row.size):
            given = account.drawn(before, changed, n)[free[:n]]
            if given.tobytes() != values[: given.size].tobytes():
                break
        else:
            return Uniform(low, high)
    return None


def _rounded(guess: float, width: float) -> list[float]:
    """Return the numbers of few digits that are near enough to a guess of a bound, those of the fewest digits first."""
    rounded = [0.0, *(float(f"{guess:.{digits}g}") for digits in range(1, 8))]
    return list(dict.fromkeys(each for each in rounded if abs(each - guess) < 1e-5 * abs(width)))


def _near(guess: float, row: Row) -> Iterator[float]:
    """Yield what a limit or a deviation near a guess may be: the nearest float32s, numbers of few digits, and square
    roots of a small number over a fan.
    """
    bits = int(np.float32(guess).view(np.uint32))
    yield from (float(np.uint32(bits + ulps).view(np.float32)) for ulps in (0, 1, -1, 2, -2, 3, -3))
    yield from (float(f"{guess:.{digits}g}") for digits in range(1, 8))
    sizes = dict(zip(row.axes, row.shape, strict=True))
    kernel = row.size // (sizes.get("in", 1) * sizes.get("out", 1))
    fans = [sizes[axis] * part for axis in ("in", "out") if axis in sizes for part in (1, kernel)]
    for fan in {*fans, *(a + b for a in fans for b in fans)}:
        yield from (root for part in (1, 2, 3, 6) if abs((root := math.sqrt(part / fan)) - guess) < 1e-5 * guess)


def _rescaled(distribution: Distribution, scale: float) -> Distribution | None:
    """Return a distribution of the same kind, around 0, with another limit or deviation; None if the kind has none."""
    match distribution:
        case Uniform():
            return Uniform(-scale, scale)
        case Normal():
            return Normal(0.0, scale)
        case TruncatedNormal():
            return TruncatedNormal(0.0, scale)
    return None


def _with(account: Account, row: Row, gain: float) -> Distribution | None:
    """Return a buffer's distribution with another gain; None if it has no gain."""
    if not isinstance(row.initializer, VarianceScaling):
        return None
    return account.model.conventions.distribution(with_gain(gain)(row.initializer), row.fan_in, row.fan_out)


def _gives(account: Account, row: Row, gain: float) -> bool:
    return _with(account, row, gain) == row.distribution


def _common_gain(account: Account, group: Sequence[Row]) -> float | None:
    """Return the gain with the fewest digits that gives all rows their distributions; None if none does."""
    ratios = []
    for row in group:
        unit = _with(account, row, 1.0)
        if unit is None:
            return None
        ratios.append(_width(row.distribution) / _width(unit))
    ratio = float(np.median(ratios)) if ratios else 0.0
    gains = (float(f"{ratio:.{digits}g}") for digits in range(1, 10))
    return next((gain for gain in gains if group and all(_gives(account, row, gain) for row in group)), None)


def _width(distribution: Distribution) -> float:
    match distribution:
        case Uniform(_, high):
            return high
        case Normal(_, stddev) | TruncatedNormal(_, stddev):
            return stddev
    raise AssertionError(distribution)


def _gain(gain: float, given: Sequence[Row]) -> Hypothesis:
    """Return the hypothesis that weights, biases or both have a gain that reproduces the values of these rows."""
    parts = tuple(part for part in (".weight", ".bias") if any(row.name.endswith(part) for row in given))
    whose = "Weights and biases" if len(parts) > 1 else "The weights" if parts == (".weight",) else "The biases"
    sentence, change = f"{whose} are drawn with gain {gain!r}.", scaled_parts(with_gain(gain), *parts)
    return Hypothesis(Aspect.INITIALIZER, "gain", sentence, change, None, FREE_GAIN, told=initialized(change))


def _limits(found: Mapping[str, Distribution]) -> Hypothesis:
    """Return the hypothesis that buffers have limits or deviations of their own."""
    texts = [f"{name} {distribution}" for name, distribution in found.items()]
    change = initializers(lambda row: found.get(row.name))
    return Hypothesis(
        Aspect.INITIALIZER, "limit", f"Limits or deviations differ: {'; '.join(texts)}.", change, None,
        FREE_LIMIT if len(set(found.values())) == 1 else FREE_LIMITS, tuple(found), told=initialized(change),
    )  # fmt: skip
