"""What a batch of seeds draws: the values of each, or statistics of them, all seeds in one array per buffer."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from hashlib import blake2b
from threading import local
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator, Native, Outside
from embinit.fill import CODES, draw, drop, fill, generator_of, lose
from embinit.generator import Generator
from embinit.layers import IN_MEMORY
from embinit.many.storing import Drawn, Held, held
from embinit.model import Description
from embinit.plan import Action, Plan, Row
from embinit.samplers.base import Fill

#: How many bytes the fingerprint of a state has at most.
SHORT = 16
#: How many words tell a generator whose state is not known.
FOLLOWING = 16


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


#: Statistics of one buffer with each seed of a batch: a row has the fields of Statistics.
Table = NDArray[np.float64]


class Measured(NamedTuple):
    """What a batch left: a fingerprint of the state in which each seed starts, and a table for each buffer."""

    states: list[bytes]
    tables: dict[str, Table]

    def statistics(self) -> list[dict[str, Statistics]]:
        """Return the statistics of each seed."""
        columns = {
            name: [
                Statistics(low, high, mean, stddev, int(zeros), int(clipped))
                for low, high, mean, stddev, zeros, clipped in table.tolist()
            ]
            for name, table in self.tables.items()
        }
        if not columns:
            return [{} for _ in self.states]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


#: Returns an array for what so many seeds draw into a buffer; its first axis is the seed.
Empty = Callable[[int, Row], NDArray[Any]]


class Memory(local):
    """Arrays that the next batch of the same thread fills again: to give memory back and to get it again, page by page,
    would take longer than to draw what it holds.
    """

    def __init__(self, new: Empty) -> None:
        self._new, self._kept = new, dict[str, NDArray[Any]]()

    def empty(self, count: int, row: Row) -> NDArray[Any]:
        """Return the thread's array for what so many seeds draw into a buffer, until the next batch fills it."""
        kept = self._kept.get(row.name)
        if kept is None or len(kept) < count:
            kept = self._kept[row.name] = self._new(count, row)
        return kept[:count]


class Draws:
    """A plan's draws, prepared once for many seeds."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.memory = plan, Memory(self.new)

    def new(self, count: int, row: Row) -> NDArray[Any]:
        """Return a new array for what seeds draw into a buffer."""
        return np.empty((count, *row.shape), self.plan.model.conventions.element if row.codes is None else CODES)

    @cached_property
    def in_stacks(self) -> bool:
        """Whether all seeds of a batch are drawn buffer by buffer, and not seed by seed."""
        return all(row.order == IN_MEMORY and not row.slices for row in self.plan.rows)

    @cached_property
    def fills(self) -> dict[str, Fill]:
        """For each buffer that one generator with the states of all seeds can draw, the function that fills it. Its
        elements take one word each.
        """
        model = self.plan.model
        found = {
            row.name: model.conventions.sampler.side_by_side(row.distribution, model.build)
            for row in self.plan.rows
            if row.codes is None and row.draws == row.size
        }
        return {name: fill for name, fill in found.items() if fill is not None}


def drawn(draws: Draws, seeds: list[int]) -> list[dict[str, NDArray[Any]]]:
    """Return the values of each seed."""
    stacks = _drawn(draws, seeds, _Start(draws, seeds), draws.new).stacks
    return [{name: stack[i] for name, stack in stacks.items()} for i in range(len(seeds))]


def measured(draws: Draws, seeds: list[int]) -> Measured:
    """Return statistics of what each seed leaves."""
    start = _Start(draws, seeds)
    begun = start.states
    kept = held(draws.plan, _drawn(draws, seeds, start, draws.memory.empty))
    return Measured(begun, {name: _table(of_buffer) for name, of_buffer in kept.items()})


def states(model: Description, seeds: Sequence[int]) -> list[bytes]:
    """Return a fingerprint of the state in which each seed starts: seeds with equal ones draw the same."""
    return [_told(generator_of(model, seed).bitgen) for seed in seeds]


def _told(bitgen: BitGenerator) -> bytes:
    """Return a fingerprint of a generator's state; of an object whose state is not known, of the words that follow."""
    words = bitgen.copy().random_raw(FOLLOWING) if isinstance(bitgen, Outside) else bitgen.words
    return _short(words.tobytes())


def _drawn(draws: Draws, seeds: Sequence[int], start: "_Start", empty: Empty) -> Drawn:
    """Return what all seeds draw: buffer by buffer if possible, else seed by seed."""
    if draws.in_stacks:
        return _stacks(draws, start, empty)
    drawn = Drawn({row.name: empty(len(seeds), row) for row in draws.plan.rows}, {}, start.first)
    for i, seed in enumerate(seeds):
        values = fill(draws.plan, {name: stack[i] for name, stack in drawn.stacks.items()}, seed)
        for name, generator in values.rounding.items():
            drawn.rounding.setdefault(name, []).append(generator)
    return drawn


class _Start:
    """The generators of several seeds: one for each and, if kernels can draw from it, one with the states of all."""

    def __init__(self, draws: Draws, seeds: Sequence[int]) -> None:
        self._model, self._seeds = draws.plan.model, seeds
        bitgens = [self._model.begin(seed) for seed in seeds]
        self.first = Generator.of(bitgens[0], self._model.dialect, self._model.build, seeds[0])
        self.together: Generator | None = None
        if len(seeds) > 1 and isinstance(bitgens[0], Native) and draws.fills:
            if self._model.skip_words:
                for bitgen in bitgens:
                    drop(self._model.conventions, bitgen, self._model.skip_words)
            self._bitgens, self.together = bitgens, copy(self.first)
            self.together.bitgen = bitgens[0].copy()
            self.together.bitgen.words = np.concatenate([bitgen.words for bitgen in bitgens])

    @cached_property
    def each(self) -> list[Generator]:
        """A generator for each seed. If there is one with all states, they share these, so that drawing from it moves
        them, and drawing from one of them moves it.
        """
        if self.together is None:
            return [generator_of(self._model, seed) for seed in self._seeds]
        words = self.together.bitgen.words.reshape(len(self._seeds), -1)
        for bitgen, own in zip(self._bitgens, words, strict=True):
            bitgen.words = own
        with_seeds = zip(self._bitgens, self._seeds, strict=True)
        return [Generator.of(bitgen, self._model.dialect, self._model.build, seed) for bitgen, seed in with_seeds]

    @property
    def states(self) -> list[bytes]:
        """A fingerprint of each generator's state."""
        if self.together is None:
            return [_told(generator.bitgen) for generator in self.each]
        words = self.together.bitgen.words
        content, size = words.tobytes(), words.nbytes // len(self._seeds)
        return [_short(content[i : i + size]) for i in range(0, len(content), size)]


def _stacks(draws: Draws, start: _Start, empty: Empty) -> Drawn:
    """Return what all seeds draw, one buffer after the other."""
    drawn = Drawn({}, {}, start.first)
    for action, row in draws.plan.events:
        if action is Action.ROUND:
            if row.store_draws:
                drawn.rounding[row.name] = [generator.copy() for generator in start.each]
                for generator in start.each:
                    generator.spend(row.store_draws)
            continue
        if action is Action.LOSE:
            for generator in start.each:
                lose(generator, row)
            continue
        stack = drawn.stacks[row.name] = empty(len(start._seeds), row)
        if action is Action.COPY:
            stack[...] = drawn.stacks[str(row.same_as)]
        elif start.together is not None and row.name in draws.fills:
            draws.fills[row.name](start.together, stack.reshape(-1))
        else:
            for generator, values in zip(start.each, stack, strict=True):
                draw(generator, row, values)
    return drawn


def _short(state: bytes) -> bytes:
    """Return a state itself if it is short, else a hash of it."""
    return state if len(state) <= SHORT else blake2b(state, digest_size=SHORT).digest()


def _table(kept: Held) -> Table:
    """Return the statistics of what each seed leaves in a buffer."""
    from embinit._kernels.statistics import statistics

    table = np.empty((len(kept.values), len(Statistics._fields)))
    table[:, -1] = kept.clipped
    statistics(kept.values.reshape(len(table), -1), table)
    return table
