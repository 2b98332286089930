"""The report of a sweep: which seeds are the same, extreme, dead or saturated."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from embinit.many.drawing import Statistics, Table
from embinit.markup import SHOWN, notebook
from embinit.model import Description
from embinit.tally import Spread
from embinit.text import table

#: The columns of a table of statistics.
MINIMUM, MAXIMUM, _, STDDEV, _, CLIPPED = range(len(Statistics._fields))


@dataclass
class Extremes:
    """The seeds that give one buffer its smallest and largest values and deviations, and the seeds that ruin it.

    dead: seeds with which every value is 0 although values are drawn. saturated: seeds with which codes were clipped,
    and how many.
    """

    lowest: tuple[float, int]
    highest: tuple[float, int]
    least_stddev: tuple[float, int]
    most_stddev: tuple[float, int]
    dead: list[int] = field(default_factory=list)
    saturated: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, found: Statistics) -> "Extremes":
        """Return the extremes of one seed."""
        deviation = found.stddev, seed
        return cls((found.minimum, seed), (found.maximum, seed), deviation, deviation)

    def add(self, seeds: Sequence[int], table: Table, drawn: bool) -> None:
        """Take in the statistics of more seeds. drawn: whether the buffer's values are drawn."""
        self.lowest = _first(self.lowest, seeds, table[:, MINIMUM], 1)
        self.highest = _first(self.highest, seeds, table[:, MAXIMUM], -1)
        self.least_stddev = _first(self.least_stddev, seeds, table[:, STDDEV], 1)
        self.most_stddev = _first(self.most_stddev, seeds, table[:, STDDEV], -1)
        if drawn:
            dead = (table[:, MINIMUM] == 0) & (table[:, MAXIMUM] == 0)
            self.dead += [seeds[i] for i in np.flatnonzero(dead).tolist()]
        self.saturated += [(seeds[i], int(table[i, CLIPPED])) for i in np.flatnonzero(table[:, CLIPPED]).tolist()]


def _first(before: tuple[float, int], seeds: Sequence[int], column: Table, sign: int) -> tuple[float, int]:
    """Return the least number (sign 1) or the greatest one (-1), and the first seed that has it. NaN in the column is
    passed over; NaN from before stays.
    """
    i = int(np.argmin(np.where(np.isnan(column), np.inf, sign * column)))
    found = float(column[i])
    return (found, seeds[i]) if sign * found < sign * before[0] else before


@dataclass(frozen=True)
class Sweep:
    """What a sweep over the seeds of a model found; duplicates are groups of seeds that start from the same state."""

    model: Description
    count: int
    duplicates: list[list[int]]
    buffers: dict[str, Extremes]
    spreads: dict[str, Spread]

    def __str__(self) -> str:
        return "\n".join([self._head, *self._same, *table(self._cells), *self._ruined])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first buffers, and the seeds to avoid."""
        same = [f"the same from {_seeds(group)}" for group in self.duplicates[:SHOWN]]
        return notebook(self._head, self._cells, [*same, *self._ruined[:SHOWN]])

    @property
    def _head(self) -> str:
        return f"{self.model.name}: {self.count} seeds of dialect {self.model.dialect}, target {self.model.target}"

    @property
    def _same(self) -> list[str]:
        lines = [f"the same from seeds {', '.join(map(str, group))}" for group in self.duplicates]
        return lines or ["no two are the same"]

    @property
    def _cells(self) -> list[tuple[str, ...]]:
        head = "buffer", "lowest", "seed", "highest", "seed", "least stddev", "seed", "most stddev", "seed"
        cells: list[tuple[str, ...]] = [head]
        for name, buffer in self.buffers.items():
            pairs = (buffer.lowest, buffer.highest, buffer.least_stddev, buffer.most_stddev)
            cells.append((name, *(text for value, seed in pairs for text in (f"{value:.6g}", str(seed)))))
        return cells

    @property
    def _ruined(self) -> list[str]:
        lines = []
        for name, buffer in self.buffers.items():
            lines += [f"{name} is all zeros with {_seeds(buffer.dead)}"] if buffer.dead else []
            saturated = [seed for seed, _ in buffer.saturated]
            most = max((count for _, count in buffer.saturated), default=0)
            lines += [f"{name} saturates, {most} elements at most, with {_seeds(saturated)}"] if saturated else []
        return lines or ["no buffer is all zeros, and none saturates"]

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        buffers = {name: asdict(extremes) for name, extremes in self.buffers.items()}
        return {"model": self.model.as_json(), "seeds": self.count, "duplicates": self.duplicates, "buffers": buffers}


def _seeds(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, seeds[:8]))
    return f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}: {shown}{', ...' if len(seeds) > 8 else ''}"
