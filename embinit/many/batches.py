"""Batches of seeds, which threads of this process or the workers of a Dask cluster work on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from embinit.many.drawing import Draws
from embinit.many.seeds import checked
from embinit.plan import Plan
from embinit.threads import each, thread_count

#: How many elements a batch has: about a megabyte, which stays in the cache while it is measured.
BATCH = 2**18
#: The most batches of a Dask task that returns statistics alone: a task costs milliseconds, a batch less than one.
BATCHES_OF_A_TASK = 64

Found = TypeVar("Found")
#: What is found for each of several seeds.
Work = Callable[[Draws, list[int]], Found]
Results = Iterator[tuple[list[int], Found]]


class Client(Protocol):
    """The part of a dask.distributed.Client that is used."""

    def nthreads(self) -> dict[str, int]:
        """Return the number of threads of each worker."""

    def submit(self, function: Callable[..., Any], *arguments: Any, pure: bool) -> Any:
        """Return a future of what a call returns on a worker."""


def here(work: Work[Found], plan: Plan, seeds: Iterable[int]) -> Results[Found]:
    """Yield batches of seeds with what threads of this process find. Batches of one seed are worked on one after the
    other, because their buffers are split among the threads.
    """
    draws, batches = Draws(plan), _batches(checked(plan.model, seeds), _size(plan))
    while group := list(islice(batches, 1)):
        if len(group[0]) > 1:
            group += islice(batches, thread_count() - 1)
        yield from zip(group, each(lambda batch: work(draws, batch), group), strict=True)


def there(work: Work[Found], plan: Plan, seeds: Iterable[int], client: Client, small: bool) -> Results[list[Found]]:
    """Yield tasks of seeds with what the workers of a Dask cluster find in each batch of a task. Each thread of the
    workers has two tasks under way. small: whether the results are small, so that a task may have many batches.
    """
    size, most, sweep = _size(plan), 2 * sum(client.nthreads().values()), uuid4().hex
    share = len(seeds) // most if isinstance(seeds, Sized) else size * BATCHES_OF_A_TASK
    largest = size * BATCHES_OF_A_TASK if small else size
    under_way: deque[Any] = deque()
    for task in _batches(checked(plan.model, seeds), max(size, min(largest, share))):
        under_way.append((task, client.submit(_in_parts, work, size, sweep, plan, task, pure=False)))
        if len(under_way) >= most:
            task, future = under_way.popleft()
            yield task, future.result()
    for task, future in under_way:
        yield task, future.result()


#: The prepared draws of the sweep that this worker takes part in, by the name of the sweep.
_prepared: dict[str, Draws] = {}


def _in_parts(work: Work[Found], size: int, sweep: str, plan: Plan, seeds: list[int]) -> list[Found]:
    """Return what is found for seeds, one batch of which is in memory at a time. The draws, and the arrays that they
    fill, are kept for the next task of the same sweep.
    """
    draws = _prepared.get(sweep)
    if draws is None:
        _prepared.clear()
        draws = _prepared[sweep] = Draws(plan)
    return [work(draws, batch) for batch in _batches(iter(seeds), size)]


def _size(plan: Plan) -> int:
    """Return how many seeds a batch has."""
    return max(1, BATCH // max(1, sum(row.size for row in plan.rows)))


def _batches(seeds: Iterator[int], size: int) -> Iterator[list[int]]:
    while batch := list(islice(seeds, size)):
        yield batch
