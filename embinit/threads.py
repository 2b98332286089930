"""Threads: work that lets go of the interpreter, over the cores that this process may use."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from embinit.errors import EmbinitError, shown

#: Elements of which each part of an array has a multiple: whole vectors, blocks, and bytes of packed codes.
GRAIN = 4096

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count() -> int:
    """Return how many threads may draw at once: EMBINIT_THREADS, else one for each core of this process.

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
    """Return a part of n elements for each thread; every one but the last is a multiple of GRAIN long.

    >>> sum(part.stop - part.start for part in parts(10**6))
    1000000
    """
    size = -(-n // thread_count() // GRAIN) * GRAIN
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return what work makes of each item, the first in this thread; all have ended when it returns or raises.

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
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child inherits the pool without its threads
