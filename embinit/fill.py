"""Fill: run a plan's draws, in order, and say where in the stream each buffer lay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects import dialect_named
from embinit.errors import EmbinitError
from embinit.generator import Generator
from embinit.model import Model
from embinit.plan import Plan, Row, together

CODES = np.dtype(np.int64)


@dataclass(frozen=True)
class Values:
    """What the device's init code draws: an array per buffer, of float32 or codes, and the stream's positions.

    first_draw and draws count words per buffer; store_first_draw is where a buffer that is rounded at once draws for
    that. bitgen is the generator when all is drawn.
    """

    plan: Plan
    arrays: dict[str, NDArray[Any]]
    first_draw: dict[str, int]
    draws: dict[str, int]
    store_first_draw: dict[str, int]
    bitgen: BitGenerator
    drawn: int


def fill(plan: Plan, out: Mapping[str, NDArray[Any]] | None = None) -> Values:
    """Execute a plan, into the arrays of out if given, one of each buffer's shape and type.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> values = fill(embinit.Model("tiny", [fc], seed=1).plan())
    >>> values.arrays["fc.bias"].view(np.uint32).tolist(), values.bitgen.state
    ([3201338438, 3203112702], 435756210)
    """
    return fill_from(generator_of(plan.model, plan.model.seed), plan, out)


def fill_from(generator: Generator, plan: Plan, out: Mapping[str, NDArray[Any]] | None = None) -> Values:
    """Execute a plan, and leave the generator where its draws end."""
    arrays, first_draw, draws, store_first_draw = {}, {}, {}, {}
    for rows in together(plan.rehearsed):
        draw_together(generator, rows, [np.empty(row.shape, generator.dialect.element) for row in rows])
    for rows in plan.turns:
        for row in rows:
            arrays[row.name] = _array(row, out, generator.dialect.element)
        places = draw_together(generator, rows, [arrays[row.name] for row in rows])
        for row, (start, drawn) in zip(rows, places, strict=True):
            first_draw[row.name], draws[row.name] = start, drawn
            if row.stored_at_once and row.store_draws:
                store_first_draw[row.name] = generator.drawn
                generator.advance(row.store_draws)
    return Values(plan, arrays, first_draw, draws, store_first_draw, generator.bitgen, generator.drawn)


def generator_of(model: Model, seed: int) -> Generator:
    """Return the generator with which a model's init code starts from a seed."""
    return going_on(model, dialect_named(model.dialect).seeded(seed))


def going_on(model: Model, bitgen: BitGenerator) -> Generator:
    """Return a generator of a model's dialect and build that draws on from a bit generator."""
    return Generator(bitgen, model.dialect, model.target, model.multiply_add, model.libm)


def _array(row: Row, out: Mapping[str, NDArray[Any]] | None, element: str) -> NDArray[Any]:
    """Return the array for a buffer's values, or on a device without floats its codes: a new one, or that of out."""
    dtype = np.dtype(element) if row.codes is None else CODES
    if out is None:
        return np.empty(row.shape, dtype)
    array = out.get(row.name)
    if not isinstance(array, np.ndarray) or array.shape != row.shape or array.dtype != dtype:
        got = f"one of {array.dtype} and shape {array.shape}" if isinstance(array, np.ndarray) else repr(array)
        raise EmbinitError(f"out[{row.name!r}] must be an array of {dtype} and shape {row.shape}, got {got}")
    return array


def draw(generator: Generator, row: Row, array: NDArray[Any]) -> None:
    """Draw the values of a buffer or, on a device without floats, its codes before they saturate."""
    if row.order.restart is not None:
        generator.restart(*row.order.restart)
    if row.codes is not None:
        array[...] = row.codes.draw(generator, row.size).reshape(row.shape)
    elif row.order.axes is None:
        generator.draw(row.distribution, array)
    else:
        drawn = np.empty([row.shape[axis] for axis in row.order.axes], array.dtype)
        generator.draw(row.distribution, drawn)
        array.transpose(row.order.axes)[...] = drawn


def draw_together(
    generator: Generator, rows: Sequence[Row], arrays: Sequence[NDArray[Any]]
) -> list[tuple[int, int]]:
    """Draw buffers that take turns, or one; return for each where its first draw lay, and how many words it took."""
    if len(rows) == 1:
        start = generator.drawn if rows[0].order.restart is None else 0
        draw(generator, rows[0], arrays[0])
        return [(start, generator.drawn - start)]
    order = rows[0].order
    if order.restart is not None:
        generator.restart(*order.restart)
    runs = [np.empty((order.turns, row.size // order.turns), array.dtype) for row, array in zip(rows, arrays, strict=True)]
    first, drawn = [-1] * len(rows), [0] * len(rows)
    for turn in range(order.turns):
        for i, (row, run) in enumerate(zip(rows, runs, strict=True)):
            start = generator.drawn
            generator.draw(row.distribution, run[turn])
            first[i] = start if first[i] < 0 else first[i]
            drawn[i] += generator.drawn - start
    for row, run, array in zip(rows, runs, arrays, strict=True):
        axes = row.order.axes or tuple(range(array.ndim))
        array.transpose(axes)[...] = run.reshape([row.shape[axis] for axis in axes])
    return list(zip(first, drawn, strict=True))
