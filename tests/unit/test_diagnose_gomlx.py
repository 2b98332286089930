"""Diagnosis where a tensor is one call: other seeds and the other backend are found by whole tensors."""

import pytest

from embinit import Linear, Model
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import gomlx

LAYERS = [
    Linear(name="u", in_features=5, out_features=3, weight_init=gomlx.random_uniform(-0.3, 0.7)),
    Linear(name="n", in_features=3, out_features=7),
]


def explained(model, device):
    image = {entry.name: entry.payload for entry in gather(device.plan()).entries}
    return str(diagnose(gather(model.plan()), image, "a dump"))


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-xla"])
def test_another_seed(dialect):
    model = Model("m", LAYERS, seed=42, dialect=dialect)
    said = explained(model, Model("m", LAYERS, seed=43, dialect=dialect))

    assert "explained, every bit" in said
    assert "seed = 43" in said


def test_the_other_backend():
    model = Model("m", LAYERS, seed=42, dialect="gomlx-xla")
    said = explained(model, Model("m", LAYERS, seed=42, dialect="gomlx"))

    assert "explained, every bit" in said
    assert 'dialect = "gomlx"' in said
