"""Threads: work that releases the interpreter lock, spread over the cores that this process may use."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from embinit.errors import EmbinitError, shown

#: Parts of an array are multiples of so many elements, so that they are whole vectors, blocks, and bytes of codes.
GRAIN = 4096

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count() -> int:
    """Return how many threads may draw at once: EMBINIT_THREADS, else one per core that this process may use.

    >>> thread_count() >= 1
    True
    """
    text = os.environ.get("EMBINIT_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) == 0:
        raise EmbinitError(f"EMBINIT_THREADS must be a positive integer, got {shown(text)}")
    return int(text)


def parts(n: int) -> list[slice]:
    """Return one part of n elements per thread; the length of each but the last is a multiple of GRAIN.

    >>> sum(part.stop - part.start for part in parts(10**6))
    1000000
    """
    size = -(-n // thread_count() // GRAIN) * GRAIN
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results of work for each item. The first one is done in this thread, and the call ends, even by an
    exception, only when all are done.

    >>> each(abs, [-1, -2, 3])
    [1, 2, 3]
    """
    futures = [_pool(len(items) - 1).submit(work, item) for item in items[1:]]
    try:
        return [work(items[0]), *(future.result() for future in futures)]
    finally:
        wait(futures)


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, "embinit")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child inherits the pool without its threads
