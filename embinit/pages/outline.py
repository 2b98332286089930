"""Outline: what share of the values of a distribution is to be expected where, and which of them matter."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import (
    BoundedNormal,
    Declared,
    Distribution,
    Normal,
    PaddedNormal,
    SingleNormal,
    SingleUniform,
    TruncatedNormal,
    TruncNormal,
    Uniform,
)

F64 = NDArray[np.float64]


class Outline(NamedTuple):
    """The values between which a distribution is drawn, those to be marked, and the share of values up to each of some
    places. open: whether values lie beyond.
    """

    low: float
    high: float
    marks: tuple[float, ...]
    below: Callable[[F64], F64] | None = None
    open: bool = False


def outline(distribution: Distribution) -> Outline | None:
    """Return the outline of a distribution; None if it is not known before it is drawn, or is one value.

    >>> outline(Uniform(-1.0, 1.0)).below(np.array([-2.0, 0.0, 0.5])).tolist()
    [0.0, 0.5, 0.75]
    """
    match distribution:
        case Uniform(low, high):
            return _uniform(low, high)
        case SingleUniform():
            return _uniform(0.0, 1.0)
        case Normal(mean, stddev) | PaddedNormal(mean, stddev):
            return _normal(mean, stddev)
        case SingleNormal():
            return _normal(0.0, 1.0)
        case TruncatedNormal(mean, stddev):
            return _normal(mean, stddev, mean - 2 * abs(stddev), mean + 2 * abs(stddev))
        case BoundedNormal(stddev, lower, upper):
            return _normal(0.0, stddev, *sorted([stddev * lower, stddev * upper]))
        case TruncNormal(mean, stddev, low, high):
            return _normal(mean, stddev, low, high)
        case Declared():
            return _declared(distribution)
    return None


def _declared(distribution: Declared) -> Outline | None:
    """Return the outline of a distribution of a dialect file, if it says its limits or its deviation."""
    told = distribution.as_json()
    values = {name: each["value"] for name, each in told.items() if isinstance(each, dict)}
    if distribution.kind == "uniform" and {"low", "high"} <= values.keys():
        return _uniform(values["low"], values["high"])
    if distribution.kind == "normal" and {"mean", "stddev"} <= values.keys():
        return _normal(values["mean"], values["stddev"])
    return None


def _uniform(low: float, high: float) -> Outline | None:
    low, high = min(low, high), max(low, high)
    if not low < high or not math.isfinite(high - low):
        return None

    def below(at: F64) -> F64:
        return np.clip((at - low) / (high - low), 0.0, 1.0)

    return Outline(low, high, (low, high), below)


def _normal(mean: float, stddev: float, low: float = -math.inf, high: float = math.inf) -> Outline | None:
    stddev = abs(stddev)
    if mean + stddev == mean or not math.isfinite(mean + 6 * stddev) or not low < high:
        return None
    share = np.vectorize(lambda at: math.erfc((mean - at) / stddev / math.sqrt(2)) / 2, otypes=[np.float64])
    first, last = (float(share(at)) for at in (low, high))
    if not first < last:
        return None

    def below(at: F64) -> F64:
        kept: F64 = (share(np.clip(at, low, high)) - first) / (last - first)
        return kept

    three = mean - 3 * stddev, mean + 3 * stddev
    ends = max(low, three[0]), min(high, three[1])
    marks = (ends[0], mean, ends[1]) if ends[0] < mean < ends[1] else ends
    return Outline(*ends, marks, below, ends != (low, high))
