"""Support: the values that a distribution can give, as far as they are known before any word is drawn."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from embinit.distributions import (
    FLOAT32_MAX,
    BoundedNormal,
    Broadcast,
    Constant,
    Declared,
    Dirac,
    Distribution,
    Eye,
    Normal,
    PaddedNormal,
    SingleNormal,
    SingleUniform,
    Sparse,
    TruncatedNormal,
    TruncNormal,
    Uniform,
    f32,
)
from embinit.errors import EmbinitError

#: How far a normal value may be from its mean, in standard deviations: with uniform values of 53 bits at most 8.6.
FURTHEST = 9.0


class Support(NamedTuple):
    """Every value is from low to high, which may be infinite, and is 0 or at least `least` in magnitude. undefined:
    whether NaN may be among the values.
    """

    low: float
    high: float
    least: float
    undefined: bool = False

    @property
    def finite(self) -> bool:
        """Whether every value is a finite float32."""
        return not self.undefined and self.low >= -FLOAT32_MAX and self.high <= FLOAT32_MAX


def support(distribution: Distribution) -> Support:
    """Return the values that any sampler may give, so that a format can say beforehand whether it can hold them.

    Values cancel most if a draw is near the mean or a bound: the remainder is then a multiple of the last bit of both,
    which have 24 bits each, or 53 in PyTorch's small normal and in NumPy.

    >>> support(Uniform(-0.5, 0.25)) == Support(-0.5, 0.25, 0.5 * 2.0**-54)
    True
    """
    match distribution:
        case Constant(value):
            return _given([value])
        case Broadcast(base):
            return _given(np.ravel(base).tolist())
        case Eye() | Dirac():
            return _given([0.0, 1.0])
        case Uniform(low, high):
            return _between(low, high)
        case SingleUniform():
            return _between(0.0, 1.0)
        case SingleNormal():
            return _around(0.0, 1.0)
        case Normal(mean, stddev) | TruncatedNormal(mean, stddev):  # Keras on torch gives up after 4 candidates
            return _around(mean, stddev)
        case PaddedNormal(mean, stddev):
            return _with_zero(_around(mean, stddev))
        case Sparse(_, stddev):
            return _around(0.0, stddev)
        case BoundedNormal(stddev, lower, upper):
            least, most = sorted([f32(stddev) * f32(lower), f32(stddev) * f32(upper)])
            return Support(f32(least), f32(most), _around(0.0, stddev).least)
        case TruncNormal(mean, stddev, low, high):
            least = min(_around(mean, stddev).least, _between(low, high).least)
            return Support(f32(low), f32(high), least)
        case Declared():
            return _easiest(*distribution.limits)
    raise EmbinitError(f"{distribution}: nothing is known of its values, which a format has to hold; keep float32")


def _given(values: Iterable[float]) -> Support:
    given = [f32(value) for value in values]
    return Support(min(given), max(given), _least(given))


def _between(low: float, high: float) -> Support:
    first, last = sorted([f32(low), f32(high)])
    if f32(last - first) > FLOAT32_MAX:
        return Support(-math.inf, math.inf, 0.0, undefined=True)
    if first == last:
        return _given([first])
    return Support(first, last, _least([f32(low), last - first]) * 2.0**-54)


def _around(mean: float, stddev: float) -> Support:
    middle, reach = f32(mean), abs(f32(stddev)) * FURTHEST
    if abs(middle) + reach > FLOAT32_MAX:
        return Support(-math.inf, math.inf, 0.0)
    if reach == 0:
        return _given([middle])
    return Support(middle - reach, middle + reach, min(_least([middle]) * 2.0**-54, abs(f32(stddev)) * 2.0**-80))


def _easiest(low: float, high: float, undefined: bool) -> Support:
    """Return the value between limits that formats hold most easily, so that a format which refuses it would refuse
    whatever is drawn: 0 or, if 0 is outside, the largest finite magnitude.
    """
    if low > high:
        return Support(-math.inf, math.inf, 0.0, undefined)
    if low <= 0 <= high:
        return _given([0.0])
    nearest, furthest = sorted([low, high], key=abs)
    finite = math.copysign(min(abs(furthest), FLOAT32_MAX), furthest)
    return _given([finite if abs(nearest) <= FLOAT32_MAX else nearest])


def _with_zero(given: Support) -> Support:
    return given._replace(low=min(given.low, 0.0), high=max(given.high, 0.0))


def _least(values: Iterable[float]) -> float:
    return min((abs(value) for value in values if value), default=math.inf)
