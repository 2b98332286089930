"""Many seeds of one model, a batch at a time: their values, statistics of them, and a report that finds bad seeds."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import nullcontext
from copy import copy
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from math import prod
from re import fullmatch
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Native
from embinit.dialects import dialect_named
from embinit.errors import EmbinitError, shown
from embinit.fill import draw, fill, generator_of, lose
from embinit.formats import FLOATS
from embinit.generator import Generator
from embinit.layers import IN_MEMORY
from embinit.markup import SHOWN, notebook
from embinit.model import Description
from embinit.plan import Action, Plan, plan
from embinit.progress import Progress, say
from embinit.samplers import MultiplyAdd, ScaledInteger
from embinit.store import store
from embinit.tally import Spread, Tally
from embinit.text import table
from embinit.threads import each, thread_count

#: Elements of a batch: about a megabyte, which stays in the cache while it is measured.
BATCH = 2**18
#: The most batches of a Dask task that gives back statistics alone: a task costs milliseconds, a batch less than one.
BATCHES_OF_A_TASK = 64
#: Roughly how many bytes a report needs for each seed.
SEED_BYTES = 300
#: The statistics of so many seeds are counted at once.
AT_ONCE = 1 << 13
#: The samplers whose kernels fill several arrays from several generators if an element takes one word.
SIDE_BY_SIDE = MultiplyAdd, ScaledInteger


class Client(Protocol):
    """What is used of a dask.distributed.Client."""

    def nthreads(self) -> dict[str, int]:
        """Return the number of threads of each worker."""

    def submit(self, function: Callable[..., Any], *arguments: Any, pure: bool) -> Any:
        """Return a future of what a call gives on a worker."""


class Statistics(NamedTuple):
    """Statistics of what one buffer holds: float32 values, or the values of its codes; clipped counts codes that
    saturated.
    """

    minimum: float
    maximum: float
    mean: float
    stddev: float
    zeros: int
    clipped: int


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
    seeds
        The seeds, each in the dialect's range.
    statistics
        Whether to yield Statistics of each stored buffer instead of its values.
    client
        A dask.distributed Client, whose workers then do the drawing; by default threads of this process do.
    progress
        Whether to show a line on stderr, if that is a terminal and it takes more than a second.

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
    for part in seeds.parts if isinstance(seeds, Seeds) else [seeds] if isinstance(seeds, range) else []:
        for end in (*part[:1], *part[-1:]):
            _check(model, end)
    work, planned = _measured if statistics else _drawn, plan(model)
    size = max(1, BATCH // max(1, sum(row.size for row in planned.rows)))
    checked = _checked(model, seeds)
    if client is None:
        results = _here(work, planned, _batches(checked, size))
    else:
        most = size * BATCHES_OF_A_TASK if statistics else size
        tasks = _batches(checked, _share(seeds, size, most, client))
        results = _there(partial(_in_parts, work, size), planned, tasks, client)
    done, of = 0, f" of {len(seeds)}" if isinstance(seeds, Sequence) else ""
    with Progress(model.name) if progress else nullcontext():
        for batch, values in results:
            yield from zip(batch, values, strict=True)
            done += len(batch)
            say(f"{done}{of} seeds")


def _check(model: Description, seed: int) -> None:
    dialect = dialect_named(model.dialect)
    dialect.check_seed(seed)
    if seed == dialect.no_seed:
        raise EmbinitError(f"seeds must not have {seed}: it asks dialect {dialect.name} for a random one")


def _checked(model: Description, seeds: Iterable[int]) -> Iterator[int]:
    for seed in seeds:
        _check(model, seed)
        yield seed


def _batches(seeds: Iterator[int], size: int) -> Iterator[list[int]]:
    while batch := list(islice(seeds, size)):
        yield batch


Work = Callable[[Plan, list[int]], list[dict[str, Any]]]
Results = Iterator[tuple[list[int], list[dict[str, Any]]]]


def _here(work: Work, plan: Plan, batches: Iterator[list[int]]) -> Results:
    """Process batches on the threads of this process; a buffer that is split among threads gets a batch of its own."""
    while group := list(islice(batches, 1)):
        if len(group[0]) > 1:
            group += islice(batches, thread_count() - 1)
        yield from zip(group, each(lambda batch: work(plan, batch), group), strict=True)


def _there(work: Work, plan: Plan, batches: Iterator[list[int]], client: Client) -> Results:
    """Process batches on the workers of a Dask cluster, two at a time for each of their threads."""
    most = 2 * sum(client.nthreads().values())
    under_way: deque[Any] = deque()
    for batch in batches:
        under_way.append((batch, client.submit(work, plan, batch, pure=False)))
        if len(under_way) >= most:
            batch, future = under_way.popleft()
            yield batch, future.result()
    for batch, future in under_way:
        yield batch, future.result()


def _share(seeds: Iterable[int], least: int, most: int, client: Client) -> int:
    """Return how many seeds a task has: as many as let each thread of the cluster have two tasks, within limits."""
    if not isinstance(seeds, Sized):
        return most
    return max(least, min(most, len(seeds) // (2 * sum(client.nthreads().values()))))


def _in_parts(work: Work, size: int, plan: Plan, seeds: list[int]) -> list[dict[str, Any]]:
    """Return what a work gives for seeds, of which it has a batch in memory at a time."""
    return [each for i in range(0, len(seeds), size) for each in work(plan, seeds[i : i + size])]


def _drawn(plan: Plan, seeds: list[int]) -> list[dict[str, NDArray[Any]]]:
    """Return the values of each seed."""
    stacks = _stacks(plan, seeds)
    return [{name: stack[i] for name, stack in stacks.items()} for i in range(len(seeds))]


def _measured(plan: Plan, seeds: list[int]) -> list[dict[str, Statistics]]:
    """Return the statistics of each seed."""
    if all(row.format in FLOATS and row.codes is None for row in plan.rows):
        stacks = _stacks(plan, seeds)
        measured = {name: _statistics(stack, [0] * len(seeds)) for name, stack in stacks.items()}
        return [{name: values[i] for name, values in measured.items()} for i in range(len(seeds))]
    stored = (store(fill(plan, seed=seed)) for seed in seeds)
    return [
        {name: _statistics(buffer.decode()[None], [buffer.clipped])[0] for name, buffer in buffers.items()}
        for buffers in stored
    ]


def _stacks(plan: Plan, seeds: list[int]) -> dict[str, NDArray[Any]]:
    """Return the values of all seeds, one array per buffer; its first axis is the seed."""
    if any(row.order != IN_MEMORY or row.slices for row in plan.rows):
        filled = [fill(plan, seed=seed).arrays for seed in seeds]
        return {row.name: np.stack([arrays[row.name] for arrays in filled]) for row in plan.rows}
    generators = [generator_of(plan.model, seed) for seed in seeds]
    together, sampler = _side_by_side(generators), generators[0].dialect.sampler
    element, stacks = generators[0].dialect.element, {}
    for action, row in plan.events:
        if action is Action.ROUND:
            for generator in generators if row.store_draws else ():
                generator.spend(row.store_draws)
            continue
        if action is Action.LOSE:
            for generator in generators:
                lose(generator, row)
            continue
        stack = stacks[row.name] = np.empty((len(seeds), *row.shape), element if row.codes is None else "int64")
        if action is Action.COPY:
            stack[...] = stacks[str(row.same_as)]
        elif together is not None and row.codes is None and row.draws == row.size:
            sampler.fill(together, row.distribution, stack.reshape(-1))
        else:
            for generator, values in zip(generators, stack, strict=True):
                draw(generator, row, values)
    return stacks


def _side_by_side(generators: Sequence[Generator]) -> Generator | None:
    """Return one generator with the states of all, for kernels that fill several arrays; None if no kernel does."""
    first = generators[0]
    native = isinstance(first.bitgen, Native) and type(first.dialect.sampler) in SIDE_BY_SIDE
    if not native or len(generators) == 1:
        return None
    together = copy(first)
    together.bitgen = first.bitgen.copy()
    together.bitgen.words = np.concatenate([generator.bitgen.words for generator in generators])
    for generator, words in zip(generators, np.split(together.bitgen.words, len(generators)), strict=True):
        generator.bitgen.words = words
    return together


def _statistics(stack: NDArray[np.float32], clipped: Sequence[int]) -> list[Statistics]:
    """Return the statistics of each array of a stack."""
    from embinit._kernels.statistics import statistics

    out = np.empty((len(stack), 5))
    statistics(stack.reshape(len(stack), prod(stack.shape[1:])), out)
    return [
        Statistics(low, high, mean, stddev, int(zeros), count)
        for (low, high, mean, stddev, zeros), count in zip(out.tolist(), clipped, strict=True)
    ]


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
    if isinstance(seeds, Sequence) and len(seeds) * SEED_BYTES > model.memory_limit:
        raise EmbinitError(
            f"a report of {len(seeds)} seeds takes about {len(seeds) * SEED_BYTES} bytes, more than memory_limit = "
            f"{model.memory_limit}; take fewer seeds at a time, or raise memory_limit in [model]"
        )
    rows = {row.name: row for row in plan(model).rows}
    drawn = {row.name for row in rows.values() if rows[row.same_as or row.name].draws != 0}
    groups: dict[bytes, list[int]] = {}
    buffers: dict[str, Extremes] = {}
    spreads = {name: Spread(*(Tally() for _ in Spread._fields)) for name in rows}
    pending: dict[str, list[Statistics]] = {name: [] for name in rows}
    for seed, statistics in init_many(model, seeds, True, progress=progress):
        state = generator_of(model, seed).bitgen.words.tobytes()
        groups.setdefault(blake2b(state, digest_size=16).digest(), []).append(seed)
        for name, found in statistics.items():
            _add(buffers, name, seed, found, name in drawn)
            pending[name].append(found)
            if len(pending[name]) == AT_ONCE:
                spreads[name].add(pending.pop(name))
                pending[name] = []
    for name, rest in pending.items():
        if rest:
            spreads[name].add(rest)
    if not groups:
        raise EmbinitError("seeds must hold at least one seed, got none")
    duplicates = [group for group in groups.values() if len(group) > 1]
    return Sweep(model, sum(map(len, groups.values())), duplicates, buffers, spreads)


def _add(buffers: dict[str, Extremes], name: str, seed: int, found: Statistics, drawn: bool) -> None:
    low, high, deviation = (found.minimum, seed), (found.maximum, seed), (found.stddev, seed)
    buffer = buffers.setdefault(name, Extremes(low, high, deviation, deviation))
    buffer.lowest, buffer.highest = min(buffer.lowest, low, key=_value), max(buffer.highest, high, key=_value)
    buffer.least_stddev = min(buffer.least_stddev, deviation, key=_value)
    buffer.most_stddev = max(buffer.most_stddev, deviation, key=_value)
    if drawn and found.minimum == found.maximum == 0:
        buffer.dead.append(seed)
    if found.clipped:
        buffer.saturated.append((seed, found.clipped))


def _value(pair: tuple[float, int]) -> float:
    return pair[0]


class Seeds(Sequence[int]):
    """The numbers of several ranges, one range after the other; only the ends of the ranges are in memory."""

    def __init__(self, parts: Sequence[range]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.parts)

    def __getitem__(self, i: Any) -> Any:
        return next(islice(self, i, None))


def parse_seeds(text: str) -> Sequence[int]:
    """Return the seeds that a text lists as numbers and ranges.

    Parameters
    ----------
    text
        Numbers and ranges, with commas between them.

    Raises
    ------
    EmbinitError
        If the text is anything else, or a range ends before it begins.

    Examples
    --------
    >>> parse_seeds("0-999")
    range(0, 1000)
    >>> list(parse_seeds("3,7-9"))
    [3, 7, 8, 9]
    """
    ranges = []
    for part in text.split(","):
        match = fullmatch(r"\s*(-?\d{1,40})(?:-(-?\d{1,40}))?\s*", part)
        if match is None:
            raise EmbinitError(f"seeds must be numbers and ranges such as 0-999,4294967295, got {shown(part)}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise EmbinitError(f"a range of seeds must not fall, got {shown(part)}")
        ranges.append(range(first, last + 1))
    if sum(each.stop - each.start for each in ranges) > sys.maxsize:
        raise EmbinitError(f"seeds must be at most {sys.maxsize} numbers, got {shown(text)}")
    return ranges[0] if len(ranges) == 1 else Seeds(ranges)
