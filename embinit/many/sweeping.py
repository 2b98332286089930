"""A sweep: many seeds of a model, drawn and summed up in a report."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import numpy as np

from embinit.errors import EmbinitError
from embinit.many.batches import here
from embinit.many.drawing import Measured, Table, measured
from embinit.many.report import Extremes, Sweep
from embinit.model import Description
from embinit.plan import Plan, plan
from embinit.progress import Progress, say
from embinit.tally import Spread, Tally

#: Roughly how many bytes a report needs for each seed.
SEED_BYTES = 300
#: The statistics of so many seeds are counted at once.
AT_ONCE = 1 << 13


def sweep(model: Description, seeds: Iterable[int], progress: bool = False) -> Sweep:
    """Return a report on many seeds of a model: which are the same, extreme, dead or saturated.

    Use it before a seed is built into firmware: a bad one costs a training run.

    Parameters
    ----------
    model
        The model; its own seed is not used.
    seeds
        The seeds, each in the dialect's range.
    progress
        Whether to show a line on stderr, if that is a terminal and it takes more than a second.

    Raises
    ------
    EmbinitError
        If there are no seeds, more than memory_limit allows, or one that the dialect does not take.

    Examples
    --------
    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> report = sweep(embinit.Model("tiny", [fc], seed=0), [0, 1, 0xFFFFFFFF])
    >>> report.duplicates
    [[0, 4294967295]]
    """
    of = f" of {len(seeds)}" if isinstance(seeds, Sequence) else ""
    if isinstance(seeds, Sequence) and len(seeds) * SEED_BYTES > model.memory_limit:
        raise EmbinitError(
            f"a report of {len(seeds)} seeds takes about {len(seeds) * SEED_BYTES} bytes, more than memory_limit = "
            f"{model.memory_limit}; take fewer seeds at a time, or raise memory_limit in [model]"
        )
    planned = plan(model)
    found = Findings(planned)
    with Progress(model.name) if progress else nullcontext():
        for batch, measurements in here(measured, planned, seeds):
            found.add(batch, measurements)
            say(f"{found.count}{of} seeds")
    return found.report()


class Findings:
    """What has been found about the seeds so far."""

    def __init__(self, plan: Plan) -> None:
        self._model = plan.model
        rows = {row.name: row for row in plan.rows}
        self._drawn = {row.name for row in plan.rows if rows[row.same_as or row.name].draws != 0}
        self._groups: dict[bytes, list[int]] = {}
        self._buffers: dict[str, Extremes] = {}
        self._spreads = {name: Spread(*(Tally() for _ in Spread._fields)) for name in rows}
        self._pending: list[tuple[list[int], dict[str, Table]]] = []
        self._waiting = self.count = 0

    def add(self, seeds: list[int], found: Measured) -> None:
        """Take in a batch of seeds."""
        for state, seed in zip(found.states, seeds, strict=True):
            self._groups.setdefault(state, []).append(seed)
        if not self._buffers:
            self._buffers = {name: Extremes.of(seeds[0], first) for name, first in found.statistics()[0].items()}
        self.count += len(seeds)
        self._waiting += len(seeds)
        self._pending.append((seeds, found.tables))
        if self._waiting >= AT_ONCE:
            self._sum_up()

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
            raise EmbinitError("seeds must hold at least one seed, got none")
        self._sum_up()
        duplicates = [group for group in self._groups.values() if len(group) > 1]
        return Sweep(self._model, self.count, duplicates, self._buffers, self._spreads)
