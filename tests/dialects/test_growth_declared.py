"""Growth in steps of a model whose dialect stands in its file: the generator of one step goes on in the next."""

import tomllib

import numpy as np
import pytest

import embinit
from embinit.api import from_tables
from embinit.growth import grow

MODEL = """[model]
name = "m"
seed = 3
[dialect]
based_on = "odt"
name = "mine"
[dialect.values]
unit = "(float)(word >> 8) * 0x1p-24f"
[[layer]]
name = "a"
type = "Linear"
in_features = 3
out_features = 4
[[layer]]
name = "b"
type = "Linear"
in_features = 4
out_features = 2
"""


def test_a_second_step_draws_on_from_the_first():
    mine = from_tables(tomllib.loads(MODEL), {})
    own = embinit.Model("m", mine.layers, seed=3)
    steps = []
    for model in (mine, own):
        first = grow(model, model.init(), "a", 2)
        steps.append(grow(first.model, first.values, "a", 2, generator=first.generator))

    assert steps[0].values.keys() == steps[1].values.keys()
    for name, values in steps[0].values.items():
        assert np.array_equal(values.view(np.uint32), steps[1].values[name].view(np.uint32)), name


def test_a_generator_of_another_dialect_is_refused():
    mine = from_tables(tomllib.loads(MODEL), {})
    other = embinit.Generator.seeded(3, "odt")

    with pytest.raises(embinit.EmbinitError, match="generator must be of the model's dialect mine, got odt"):
        grow(mine, mine.init(), "a", 2, generator=other)
