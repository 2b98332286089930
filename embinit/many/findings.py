"""What a sweep has found so far, and how it becomes a report."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Self

import numpy as np

from embinit.errors import EmbinitError
from embinit.many.drawing import Measured, Table, states
from embinit.many.report import Extremes, Sweep
from embinit.plan import Plan
from embinit.tally import Spread, Tally

#: How many seeds' statistics are counted at once.
AT_ONCE = 1 << 13
NO_SEEDS = "seeds must hold at least one seed, got none"


class Findings:
    """What has been found about the seeds so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        rows = {row.name: row for row in plan.rows}
        self._drawn = {row.name for row in plan.rows if rows[row.same_as or row.name].draws != 0}
        self._groups: dict[bytes, list[int]] = {}
        self._buffers: dict[str, Extremes] = {}
        self._spreads = {name: Spread(*(Tally() for _ in Spread._fields)) for name in rows}
        self._pending: list[tuple[list[int], dict[str, Table]]] = []
        self._waiting = self.count = 0

        #: Whether every batch has been taken in completely; an interrupt may cut one short.
        self.whole = True

    @classmethod
    def of(cls, plan: Plan, kept: dict[str, Any]) -> Self:
        """Return the findings that `as_json` returned as plain values, without the groups of equal seeds, which
        `begin_again` finds.
        """
        found = cls(plan)
        found.count = int(kept["done"])
        found._buffers = {name: Extremes(**_pairs(each)) for name, each in kept["buffers"].items()}
        found._spreads = {name: Spread(*map(Tally.of, tallies)) for name, tallies in kept["spreads"].items()}
        names = {row.name for row in plan.rows}
        if set(found._buffers) != names or set(found._spreads) != names:
            raise ValueError("these are other buffers")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what has been found as plain values, except the groups of equal seeds, which follow from the seeds."""
        self._sum_up()
        spreads = {name: [tally.as_json() for tally in spread] for name, spread in self._spreads.items()}
        buffers = {name: asdict(extremes) for name, extremes in self._buffers.items()}
        return {"done": self.count, "buffers": buffers, "spreads": spreads}

    def begin_again(self, seeds: Iterable[int]) -> None:
        """Group the seeds that are done by the state from which they start, which needs no draws."""
        done = iter(islice(seeds, self.count)) if self.count else iter(())
        while batch := list(islice(done, AT_ONCE)):
            self._group(batch, states(self._plan.model, batch))

    def _group(self, seeds: Sequence[int], states: Sequence[bytes]) -> None:
        for state, seed in zip(states, seeds, strict=True):
            self._groups.setdefault(state, []).append(seed)

    def add(self, seeds: list[int], found: Measured) -> None:
        """Take in a batch of seeds."""
        self.whole = False
        self._group(seeds, found.states)
        if not self._buffers:
            self._buffers = {name: Extremes.of(seeds[0], first) for name, first in found.statistics()[0].items()}
        self.count += len(seeds)
        self._waiting += len(seeds)
        self._pending.append((seeds, found.tables))
        if self._waiting >= AT_ONCE:
            self._sum_up()
        self.whole = True

    def _sum_up(self) -> None:
        """Count the statistics of the batches that wait."""
        if not self._waiting:
            return
        seeds = [seed for batch, _ in self._pending for seed in batch]
        for name, extremes in self._buffers.items():
            table = np.concatenate([tables[name] for _, tables in self._pending])
            extremes.add(seeds, table, name in self._drawn)
            self._spreads[name].add(table.T)
        self._pending, self._waiting = [], 0

    def report(self) -> Sweep:
        """Return the report on all seeds."""
        if not self._groups:
            raise EmbinitError(NO_SEEDS)
        self._sum_up()
        duplicates = [group for group in self._groups.values() if len(group) > 1]
        return Sweep(self._plan.model, self.count, duplicates, self._buffers, self._spreads)


def _pairs(extremes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of Extremes from plain values, in which pairs are lists."""
    ends = {name: (float(extremes[name][0]), extremes[name][1]) for name in extremes.keys() - {"dead", "saturated"}}
    return {**ends, "dead": extremes["dead"], "saturated": [(seed, count) for seed, count in extremes["saturated"]]}
