"""Slopes: the factor by which a device multiplied values, recovered from the codes that they became."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Codes = NDArray[np.int64]

#: Fewer elements than this leave too much room for a factor.
ENOUGH = 16
#: How many elements narrow a factor down before all of them are used.
PREFIX = 512
#: How far rounding to float32 may move a product, relative to the product.
ROUNDED = 2.0**-23


def unwrapped(values: Values, codes: Codes, bits: int, reach: tuple[float, float]) -> Codes | None:
    """Return codes as they were before they wrapped around; None if no one factor gives them all, or if the smallest
    value wrapped too. Each value in turn, from the smallest magnitude on, narrows the factor down, which shows how
    often the code of the next one wrapped.

    >>> codes = np.array([1, 3, 5, 7, -7, -5])
    >>> unwrapped(np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0]), codes, 4, (-0.5, 0.5)).tolist()
    [1, 3, 5, 7, 9, 11]
    """
    if not values.size:
        return None
    order = np.argsort(np.abs(values))[np.linspace(0, values.size - 1, min(PREFIX, values.size)).astype(np.intp)]
    low, high, turn = 0.0, np.inf, 1 << bits
    for value, code in zip(values[order].tolist(), codes[order].tolist(), strict=True):
        slack = abs(value) * (0.0 if high == np.inf else high) * ROUNDED
        ends = sorted((code + each) / value for each in (reach[0] - slack, reach[1] + slack))  # factors, but for turns
        period = turn / abs(value)
        first, last = (
            (0, 0) if high == np.inf else (math.ceil((low - ends[1]) / period), math.floor((high - ends[0]) / period))
        )
        if first > last:
            return None
        if first == last:
            low, high = max(low, ends[0] + first * period), min(high, ends[1] + first * period)
    if not 0 < low <= high < np.inf:
        return None
    turns = np.rint((values * ((low + high) / 2) - codes) / turn)
    return codes + turns.astype(np.int64) * turn


def factors(values: Values, codes: Codes, below: float, above: float) -> Iterator[float]:
    """Yield the factors of at most 9 digits that may give all codes, those of few digits first; none if there are too
    few codes to tell.
    """
    if values.size < ENOUGH:
        return
    slack = np.abs(codes) * ROUNDED
    ends = np.stack([(codes + below - slack) / values, (codes + above + slack) / values])
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    if low > high or low <= 0:
        return
    middle = (low + high) / 2
    candidates = (float(f"{middle:.{digits}g}") for digits in range(1, 10))
    yield from dict.fromkeys(factor for factor in candidates if low <= factor <= high)
