"""Fill: run a plan's draws, in order, and note where in the stream each buffer was drawn."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects import Dialect
from embinit.errors import EmbinitError, shown
from embinit.generator import Generator
from embinit.model import Description
from embinit.plan import Action, Plan, Row

CODES = np.dtype(np.int64)


@dataclass(frozen=True)
class Values:
    """What the device's init code draws: one array of values or codes for each buffer, and where in the stream each was
    drawn.

    first_draw and draws count words per buffer. rounding holds, for each buffer whose rounding draws, the generator
    that it draws from; generator is the one after everything.
    """

    plan: Plan
    arrays: dict[str, NDArray[Any]]
    first_draw: dict[str, int]
    draws: dict[str, int]
    store_first_draw: dict[str, int]
    rounding: dict[str, Generator]
    generator: Generator

    @property
    def state_after(self) -> Any:
        """The generator's state after everything is drawn."""
        return self.generator.state


def fill(
    plan: Plan,
    out: Mapping[str, NDArray[Any]] | None = None,
    seed: int | None = None,
    told: Callable[[str], None] | None = None,
) -> Values:
    """Return the values that a plan's draws give. out: arrays to fill instead of new ones. seed: the seed to draw with
    instead of the model's. told: called with the name of each buffer before it is drawn.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> values = fill(embinit.Model("tiny", [fc], seed=1).plan())
    >>> values.arrays["fc.bias"].view(np.uint32).tolist(), values.generator.bitgen.state
    ([3201338438, 3203112702], 435756210)
    """
    generator = generator_of(plan.model, plan.model.seed if seed is None else seed)
    values = Values(plan, {}, {}, {}, {}, {}, generator)
    turns: dict[str, Iterator[int]] = {}
    for action, row in plan.events:
        start = generator.drawn
        if told is not None and action in (Action.DRAW, Action.COPY, Action.TURN):
            told(row.name)
        match action:
            case Action.RESTART:
                restart(generator, plan.model, row)
            case Action.SKIP:
                skip(generator, row.order.skip)
            case Action.LOSE:
                lose(generator, row)
            case Action.REHEARSE:
                draw(generator, row, np.empty(row.shape, generator.dialect.element))
            case Action.DRAW | Action.COPY:
                values.arrays[row.name] = array = _array(row, out, generator.dialect.element)
                values.first_draw[row.name], values.draws[row.name] = start, 0
                if action is Action.DRAW:
                    draw(generator, row, array)
                    values.draws[row.name] = generator.drawn - start - generator.dropped
                else:
                    array[...] = values.arrays[str(row.same_as)]
            case Action.TURN:
                if row.name not in turns:
                    values.arrays[row.name] = _array(row, out, generator.dialect.element)
                    values.first_draw[row.name], values.draws[row.name], turns[row.name] = start, 0, count()
                draw_turn(generator, row, values.arrays[row.name], next(turns[row.name]))
                values.draws[row.name] += generator.drawn - start
            case Action.ROUND:
                values.store_first_draw[row.name] = start
                if row.store_draws:
                    values.rounding[row.name] = generator.copy()
                    generator.spend(row.store_draws)
            case _:
                assert_never(action)
    return values


def generator_of(model: Description, seed: int) -> Generator:
    """Return the generator with which a model's init code starts from a seed."""
    generator = Generator.of(model.begin(seed), model.conventions, model.build, seed)
    skip(generator, model.skip_words)
    return generator


def skip(generator: Generator, words: int) -> None:
    """Drop words; in dialects that draw tensors whole, they are a tensor of their own."""
    generator.drawn += drop(generator.dialect, generator.bitgen, words)


def drop(dialect: Dialect, bitgen: BitGenerator, words: int) -> int:
    """Move a dialect's bit generator past words that are dropped, and return by how many words it moved. In dialects
    that draw tensors whole, the words are a tensor of their own.
    """
    if words:
        bitgen.advance(words)
    return words + (bitgen.align() if dialect.sampler.whole else 0)


def restart(generator: Generator, model: Description, row: Row) -> None:
    """Start the stream again before a buffer: from the buffer's own seed, or from the model's state or seed."""
    generator.restart(*row.order.restart or (0, 0))
    if row.order.seed is not None:
        numbers = row.order.restart or (0, 0)
        generator.bitgen = generator.dialect.restarted(row.order.seed, model.build.rand, *numbers)
    elif model.state is not None:
        generator.bitgen = model.start.copy()


def going_on(model: Description, bitgen: BitGenerator) -> Generator:
    """Return a generator of a model's dialect and build that continues from a bit generator."""
    return Generator.of(bitgen, model.conventions, model.build, model.seed)


def _array(row: Row, out: Mapping[str, NDArray[Any]] | None, element: str) -> NDArray[Any]:
    """Return the array for a buffer's values, or on a device without floats for its codes: a new one, or out's."""
    dtype = np.dtype(element) if row.codes is None else CODES
    if out is None:
        try:
            return np.empty(row.shape, dtype)
        except (MemoryError, ValueError):
            raise EmbinitError(f"{row.place}: memory has no room for its {row.size} values") from None
    array = out.get(row.name)
    if not isinstance(array, np.ndarray) or array.shape != row.shape or array.dtype != dtype:
        got = f"one of {array.dtype} and shape {array.shape}" if isinstance(array, np.ndarray) else shown(array)
        raise EmbinitError(f"out[{row.name!r}] must be an array of {dtype} and shape {row.shape}, got {got}")
    return array


def lose(generator: Generator, row: Row) -> None:
    """Draw what the device draws before a buffer and then overwrites."""
    for distribution, size in row.lost:
        generator.draw(distribution, np.empty(size, generator.dialect.element))


def draw(generator: Generator, row: Row, array: NDArray[Any]) -> None:
    """Draw the values of a buffer or, on a device without floats, its codes before they saturate."""
    in_order = array if row.order.axes is None else array.transpose(row.order.axes)
    if row.codes is not None:
        in_order[...] = row.codes.draw(generator, row.size).reshape(in_order.shape)
    elif row.order.axes is None:
        generator.draw(row.distribution, array)
    else:
        drawn = np.empty(in_order.shape, array.dtype)
        generator.draw(row.distribution, drawn)
        in_order[...] = drawn
    set_slices(row, array)


def draw_turn(generator: Generator, row: Row, array: NDArray[Any], turn: int) -> None:
    """Draw one turn of a buffer: all elements with one index along the slowest axis of its draws."""
    in_order = array if row.order.axes is None else array.transpose(row.order.axes)
    drawn = np.empty(in_order.shape[1:], array.dtype)
    generator.draw(row.distribution, drawn)
    in_order[turn] = drawn
    set_slices(row, array)


def set_slices(row: Row, array: NDArray[Any]) -> None:
    """Set the slices of a buffer that the device sets after it has drawn them."""
    for start, stop, value in row.slices:
        array[start:stop] = value
