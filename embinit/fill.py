"""Fill: run a plan's draws, in order, and say where in the stream each buffer lay."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.dialects import dialect_named
from embinit.generator import Generator
from embinit.plan import Plan


@dataclass(frozen=True)
class Values:
    """What the device holds after its init code: a float32 array per buffer, and the stream's positions.

    first_draw and draws count words per buffer; state_after is the generator's state once all is drawn.
    """

    plan: Plan
    arrays: dict[str, NDArray[np.float32]]
    first_draw: dict[str, int]
    draws: dict[str, int]
    state_after: Any


def fill(plan: Plan) -> Values:
    """Execute a plan.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> values = fill(embinit.Model("tiny", [fc], seed=1).plan())
    >>> values.arrays["fc.bias"].view(np.uint32).tolist(), values.state_after
    ([3201338438, 3203112702], 435756210)
    """
    model = plan.model
    bitgen = dialect_named(model.dialect).seeded(model.seed)
    generator = Generator(bitgen, model.dialect, model.target, model.multiply_add)
    arrays, first_draw, draws = {}, {}, {}
    for row in plan.rows:
        out = np.empty(row.shape, np.float32)
        start = generator.drawn
        generator.draw(row.distribution, out)
        arrays[row.name], first_draw[row.name], draws[row.name] = out, start, generator.drawn - start
    return Values(plan, arrays, first_draw, draws, bitgen.state)
