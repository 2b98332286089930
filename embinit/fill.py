"""Fill: run a plan's draws, in order, and say where in the stream each buffer lay."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects import dialect_named
from embinit.generator import Generator
from embinit.plan import Plan, Row


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


def fill(plan: Plan) -> Values:
    """Execute a plan.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> values = fill(embinit.Model("tiny", [fc], seed=1).plan())
    >>> values.arrays["fc.bias"].view(np.uint32).tolist(), values.bitgen.state
    ([3201338438, 3203112702], 435756210)
    """
    model = plan.model
    bitgen = dialect_named(model.dialect).seeded(model.seed)
    generator = Generator(bitgen, model.dialect, model.target, model.multiply_add)
    arrays, first_draw, draws, store_first_draw = {}, {}, {}, {}
    for row in plan.rows:
        start, out = generator.drawn, _filled(generator, row)
        arrays[row.name], first_draw[row.name], draws[row.name] = out, start, generator.drawn - start
        if row.stored_at_once and row.store_draws:
            store_first_draw[row.name] = generator.drawn
            generator.advance(row.store_draws)
    return Values(plan, arrays, first_draw, draws, store_first_draw, bitgen, generator.drawn)


def _filled(generator: Generator, row: Row) -> NDArray[Any]:
    """Draw the values of a buffer or, on a device without floats, its codes before they saturate."""
    if row.codes is not None:
        return row.codes.draw(generator, row.size).reshape(row.shape)
    out = np.empty(row.shape, np.float32)
    generator.draw(row.distribution, out)
    return out
