"""init_many: what each of many seeds draws, or statistics of that."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any

from embinit.many.batches import Client, here, there
from embinit.many.drawing import Measured, drawn, measured
from embinit.model import Description
from embinit.plan import plan
from embinit.progress import Progress, say


def init_many(
    model: Description,
    seeds: Iterable[int],
    statistics: bool = False,
    client: Client | None = None,
    progress: bool = False,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each seed with what `Model.init` returns for it, or with the Statistics of each buffer.

    Memory holds a few batches of about a million bytes, or of one seed if that is larger, however many seeds there are.

    Parameters
    ----------
    model
        The model; its own seed is not used.
    seeds, statistics, client, progress
        As in `Model.init_many`.

    Yields
    ------
    tuple
        The seed, and a dict by buffer name.

    Raises
    ------
    EmbinitError
        For a seed that the dialect does not take, or that asks for a random one.

    Examples
    --------
    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> model = embinit.Model("tiny", [fc], seed=0)
    >>> [(seed, values["fc.bias"].tolist()) for seed, values in init_many(model, range(42, 44))]
    [(42, [-0.550189733505249]), (43, [0.00921487808227539])]
    """
    planned, work = plan(model), measured if statistics else drawn
    results: Iterator[tuple[list[int], list[Any]]]
    if client is None:
        results = ((batch, [found]) for batch, found in here(work, planned, seeds))
    else:
        results = there(work, planned, seeds, client, small=statistics)
    done, of = 0, f" of {len(seeds)}" if isinstance(seeds, Sequence) else ""
    with Progress(model.name) if progress else nullcontext():
        for batch, parts in results:
            yield from zip(batch, chain.from_iterable(map(_by_seed, parts)), strict=True)
            done += len(batch)
            say(f"{done}{of} seeds")


def _by_seed(found: Any) -> list[dict[str, Any]]:
    return found.statistics() if isinstance(found, Measured) else found
