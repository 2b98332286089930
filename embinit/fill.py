"""Fill: run a plan's draws, in order, and say where in the stream each buffer lay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects import dialect_named
from embinit.errors import EmbinitError
from embinit.generator import Generator
from embinit.model import Model
from embinit.plan import Plan, Row

FLOATS, CODES = np.dtype(np.float32), np.dtype(np.int64)


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
    generator = generator_of(plan.model, plan.model.seed)
    arrays: dict[str, NDArray[Any]] = {}
    first_draw, draws, store_first_draw = {}, {}, {}
    for row in plan.rows:
        array = _array(row, out)
        lose(generator, row)
        start = generator.drawn
        if row.same_as is None:
            draw(generator, row, array)
        else:
            array[...] = arrays[row.same_as]
        arrays[row.name], first_draw[row.name], draws[row.name] = array, start, generator.drawn - start
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


def _array(row: Row, out: Mapping[str, NDArray[Any]] | None) -> NDArray[Any]:
    """Return the array for a buffer's values, or on a device without floats its codes: a new one, or that of out."""
    dtype = FLOATS if row.codes is None else CODES
    if out is None:
        return np.empty(row.shape, dtype)
    array = out.get(row.name)
    if not isinstance(array, np.ndarray) or array.shape != row.shape or array.dtype != dtype:
        got = f"one of {array.dtype} and shape {array.shape}" if isinstance(array, np.ndarray) else repr(array)
        raise EmbinitError(f"out[{row.name!r}] must be an array of {dtype} and shape {row.shape}, got {got}")
    return array


def lose(generator: Generator, row: Row) -> None:
    """Draw what the device draws before a buffer and then overwrites."""
    for distribution, size in row.lost:
        generator.draw(distribution, np.empty(size, np.float32))


def draw(generator: Generator, row: Row, array: NDArray[Any]) -> None:
    """Draw the values of a buffer or, on a device without floats, its codes before they saturate."""
    if row.codes is None:
        generator.draw(row.distribution, array)
    else:
        array[...] = row.codes.draw(generator, row.size).reshape(row.shape)
