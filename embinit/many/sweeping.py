"""A sweep: many seeds of a model, drawn and summed up in a report."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import islice
from os import PathLike
from pathlib import Path

from embinit.errors import EmbinitError
from embinit.many.batches import here
from embinit.many.drawing import measured
from embinit.many.findings import NO_SEEDS, Findings
from embinit.many.kept import Kept
from embinit.many.report import Sweep
from embinit.many.seeds import Seeds
from embinit.model import Description
from embinit.plan import plan
from embinit.process import uninterrupted
from embinit.progress import Progress, say

#: Roughly how many bytes a report needs for each seed.
SEED_BYTES = 300


def sweep(
    model: Description, seeds: Iterable[int], progress: bool = False, kept: str | PathLike[str] | None = None
) -> Sweep:
    """Return a report on many seeds of a model: which are the same, extreme, dead or saturated.

    Use it before a seed is built into firmware: a bad one costs a training run.

    Parameters
    ----------
    model
        The model; its own seed is not used.
    seeds
        The seeds, each in the dialect's range; a sequence such as range(1000) if kept is given.
    progress
        Whether to show a line on stderr, if that is a terminal and it takes more than a second.
    kept
        A file in which what is found is kept, every ten seconds and when the sweep is interrupted; if it exists, the
        sweep goes on from there.

    Raises
    ------
    EmbinitError
        If there are no seeds, more than memory_limit allows, or one that the dialect does not take; or if the file
        is of another model, of other seeds, or of another version of embinit.

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
    keeper = None if kept is None else Kept(Path(kept), planned, _listed(seeds))
    found = Findings(planned) if keeper is None else keeper.read()
    found.begin_again(seeds)
    with Progress(model.name) if progress else nullcontext():
        try:
            for batch, measurements in here(measured, planned, _after(seeds, found.count)):
                with uninterrupted():
                    found.add(batch, measurements)
                say(f"{found.count}{of} seeds")
                if keeper is not None:
                    keeper.write_now_and_then(found)
        finally:
            if keeper is not None and found.count and found.whole:
                keeper.write(found)
    return found.report()


def _listed(seeds: Iterable[int]) -> Sequence[int]:
    """Return seeds, or raise EmbinitError unless they can be iterated over again and there is at least one."""
    if not isinstance(seeds, Sequence):
        raise EmbinitError(
            f"seeds must be a sequence such as range(1000) if what is found is kept, got {type(seeds).__name__}"
        )
    if not seeds:
        raise EmbinitError(NO_SEEDS)
    return seeds


def _after(seeds: Iterable[int], count: int) -> Iterable[int]:
    """Return seeds without the first ones."""
    if not count:
        return seeds
    if isinstance(seeds, Seeds):
        return seeds.after(count)
    return seeds[count:] if isinstance(seeds, Sequence) else islice(seeds, count, None)
