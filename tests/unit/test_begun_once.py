"""The stream is seeded once for a model, and once more for each time that it is filled."""

from dataclasses import replace

import embinit
from embinit.dialects import dialect_named
from embinit.fill import fill
from embinit.plan import plan


def test_a_plan_seeds_nothing_and_draws_nothing():
    seeds = []

    def seeded(seed):
        seeds.append(seed)
        return embinit.Xorshift32(seed)

    dialect = replace(dialect_named("odt"), name="counted", seeded=seeded)
    layer = embinit.Linear(name="fc", in_features=2, out_features=2, weight_format="int8", rounding="stochastic")
    model = embinit.Model("m", [layer], 7, dialect, skip_words=3)
    assert seeds == [7]

    planned = plan(model)
    assert seeds == [7]
    assert model.start == embinit.Xorshift32(7)

    first, second = fill(planned), fill(planned)
    assert seeds == [7, 7, 7]
    assert first.state_after == second.state_after
    assert model.start == embinit.Xorshift32(7)
