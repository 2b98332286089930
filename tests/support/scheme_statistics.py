"""Statistics that values of a scheme must pass, each failed by a perfect scheme with probability below 1e-6."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from embinit.distributions import Normal, Uniform
from embinit.initializers import Initializer, VarianceScaling

#: Enough for 2 percent in a bound or deviation to fail every statistic.
N = 2**20
#: The standard deviation of a standard normal truncated to [-2, 2], by numerical integration.
TRUNCATED = float(stats.truncnorm(-2, 2).std())


@dataclass(frozen=True)
class Expected:
    """A distribution function, its variance, and its bounds where it has any."""

    cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    variance: float
    bounds: tuple[float, float] | None = None

    @property
    def statistics(self) -> set[str]:
        """The statistics that it can fail."""
        return {"variance", "kolmogorov_smirnov"} | ({"bounds"} if self.bounds else set())


def uniform(low: float, high: float) -> Expected:
    """U(low, high)."""
    return Expected(lambda x: np.clip((x - low) / (high - low), 0, 1), (high - low) ** 2 / 12, (low, high))


def normal(stddev: float) -> Expected:
    """N(0, stddev^2)."""
    return Expected(lambda x: special.ndtr(x / stddev), stddev**2)


def truncated_normal(stddev: float) -> Expected:
    """A normal truncated at two deviations of its own, of standard deviation stddev as it is."""
    sigma, below = stddev / TRUNCATED, special.ndtr(-2)
    return Expected(
        lambda x: np.clip((special.ndtr(x / sigma) - below) / (1 - 2 * below), 0, 1), stddev**2, (-2 * sigma, 2 * sigma)
    )


def failed(values: NDArray[np.float32], expected: Expected) -> set[str]:
    """Return the names of the statistics that N values fail."""
    x = np.sort(values.ravel()).astype(np.float64)
    assert x.size == N
    squares = (x - x.mean()) ** 2
    found = set()
    if abs(squares.mean() - expected.variance) > 5 * squares.std() / math.sqrt(N):
        found.add("variance")
    at, ranks = expected.cdf(x), np.arange(N + 1) / N
    if max(np.max(ranks[1:] - at), np.max(at - ranks[:-1])) * math.sqrt(N) > 2.7:
        found.add("kolmogorov_smirnov")
    if expected.bounds is not None:
        # Of N values one lies within 15 / N of either end of the distribution but for e^-15.
        low, high = expected.bounds
        rounding = 2.0**-23 * max(abs(low), abs(high))
        inside = x[0] >= low - rounding and x[-1] <= high + rounding
        if not (inside and at[0] < 15 / N and at[-1] > 1 - 15 / N):
            found.add("bounds")
    return found


def rescaled(initializer: Initializer, factor: float) -> Initializer:
    """Return an initializer whose bounds or deviation are a factor of its own."""
    match initializer:
        case Uniform(low, high):
            return Uniform(low * factor, high * factor)
        case Normal(mean, stddev):
            return Normal(mean, stddev * factor)
        case VarianceScaling(scale):
            return replace(initializer, scale=scale * factor**2)
    raise AssertionError(initializer)
