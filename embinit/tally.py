"""Tally: a histogram of more numbers than memory holds."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

#: The most bins, and how many powers of two a bin may be narrower than the largest number; LEAST: the exponent of the
#: smallest float.
MOST, DIGITS, LEAST = 48, 30, -1074


class Tally:
    """Counts of numbers in bins whose width is a power of two, the smallest with which at most MOST bins hold all
    numbers. The order in which they were added does not matter.

    >>> tally = Tally()
    >>> tally.add(np.array([0.0, 1.0, 100.0]))
    >>> tally.width, tally.low, tally.counts.tolist()[:2], int(tally.counts.sum())
    (4.0, 0.0, [2, 0], 3)
    """

    def __init__(self) -> None:
        self._counts = Counter[int]()
        self._exponent: int | None = None

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Count numbers; those that are not finite are left out."""
        finite = numbers[np.isfinite(numbers)]
        if not finite.size:
            return
        ends = [float(finite.min()), float(finite.max())]
        if self._exponent is not None:
            ends += [self.low, self.low + self.width * (self.counts.size - 1)]
        largest = max(map(abs, ends))
        exponent = max(math.frexp(largest)[1] - DIGITS, LEAST) if largest else LEAST
        exponent = exponent if self._exponent is None else max(exponent, self._exponent)
        while _bin(max(ends), exponent) - _bin(min(ends), exponent) >= MOST:
            exponent += 1
        if self._exponent is not None and exponent > self._exponent:
            moved = exponent - self._exponent
            before, self._counts = self._counts, Counter()
            for place, count in before.items():
                self._counts[place >> moved] += count
        self._exponent = exponent
        places = np.floor(np.ldexp(finite, -exponent)).astype(np.int64)
        places[(finite < 0) & (places == 0)] = -1  # of numbers so small that ldexp gives -0
        first = int(places.min())
        self._counts.update({first + i: n for i, n in enumerate(np.bincount(places - first).tolist()) if n})

    @classmethod
    def of(cls, kept: Sequence[Any]) -> Self:
        """Return the tally that `as_json` returned as plain values."""
        tally = cls()
        tally._exponent, counts = kept
        tally._counts = Counter({int(place): int(count) for place, count in counts})
        return tally

    def as_json(self) -> list[Any]:
        """Return the exponent of a bin's width, and the place and the count of each bin."""
        return [self._exponent, [list(pair) for pair in sorted(self._counts.items())]]

    @property
    def width(self) -> float:
        """The width of a bin; 0 before a number was added."""
        return 0.0 if self._exponent is None else math.ldexp(1.0, self._exponent)

    @property
    def low(self) -> float:
        """Where the first bin begins."""
        return min(self._counts, default=0) * self.width

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many numbers are in each bin."""
        first, last = min(self._counts, default=0), max(self._counts, default=-1)
        return np.array([self._counts[place] for place in range(first, last + 1)], np.int64)


def _bin(number: float, exponent: int) -> int:
    place = math.floor(math.ldexp(number, -exponent))
    return min(place, -1) if number < 0 else place


class Spread(NamedTuple):
    """How the statistics of one buffer are spread over seeds."""

    minimum: Tally
    maximum: Tally
    mean: Tally
    stddev: Tally

    def add(self, columns: Iterable[NDArray[np.float64]]) -> None:
        """Count the statistics of more seeds: one column for each field, in order; further columns are left out."""
        for tally, column in zip(self, columns, strict=False):
            tally.add(column)
