"""Layers of the numpy dialects against programs that draw their weights with NumPy."""

import numpy as np
import pytest

import embinit
from embinit import Conv2d, EmbinitError, Linear, Model
from embinit.initializers import Sliced, constant, normal, uniform
from embinit.templates import model_file

LAYERS = [
    Linear(name="hidden", in_features=7, out_features=5, weight_init=uniform(-0.3, 0.45)),
    Conv2d(name="conv", in_channels=4, out_channels=6, kernel_size=(3, 2), groups=2, weight_init=normal(0.0, 0.37)),
    Linear(name="head", in_features=5, out_features=3, weight_init=uniform(0, 1), bias_init=normal(0.5, 0.1)),
]


def program(random):
    """What such a program writes; random is a Generator or a RandomState."""
    return {
        "hidden.weight": random.uniform(-0.3, 0.45, (7, 5)),
        "hidden.bias": np.zeros(5),
        "conv.weight": random.normal(0.0, 0.37, (6, 2, 3, 2)),
        "conv.bias": np.zeros(6),
        "head.weight": random.random((5, 3)),
        "head.bias": random.normal(0.5, 0.1, 3),
    }


@pytest.mark.parametrize(
    ("dialect", "start"), [("numpy", np.random.default_rng), ("numpy-legacy", np.random.RandomState)]
)
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_a_program_that_draws_its_own_weights(dialect, start, seed):
    found, expected = Model("m", LAYERS, seed=seed, dialect=dialect).init(), program(start(seed))
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].shape == values.shape
        assert found[name].tobytes() == values.astype(np.float32).tobytes()


def test_weights_of_outputs_first():
    told = {"weight_layout": ["out", "in"], "draws": ["out", "in"]}
    layer = Linear(name="fc", in_features=3, out_features=4, weight_init=uniform(-1, 1), **told)
    drawn = np.random.default_rng(5).uniform(-1, 1, (4, 3)).astype(np.float32)
    found = Model("m", [layer], seed=5, dialect="numpy").init()["fc.weight"]
    assert (found.shape, found.tobytes()) == (drawn.shape, drawn.tobytes())


@pytest.mark.parametrize(
    "told", [{}, {"init": {"bias": constant(1.0)}}, {"init": {"weight": Sliced(None, ((0, 1, 2.0),))}}]
)
def test_a_weight_without_an_initializer_is_refused(told):
    with pytest.raises(EmbinitError, match=r"layer 'fc': dialect numpy has no default initializer.*weight_init"):
        Model("m", [Linear(name="fc", in_features=2, out_features=3, **told)], seed=1, dialect="numpy")
    with pytest.raises(EmbinitError, match="no default initializer"):
        embinit.Generator.seeded(1, "numpy").fill("default", np.zeros(2, np.float32))


def test_init_may_tell_the_weight():
    told = Linear(name="fc", in_features=2, out_features=3, init={"weight": uniform(-1, 1)})
    given = Linear(name="fc", in_features=2, out_features=3, weight_init=uniform(-1, 1))
    one, other = (Model("m", [layer], seed=1, dialect="numpy").init()["fc.weight"] for layer in (told, given))
    assert one.tobytes() == other.tobytes()


def test_a_new_model_file_gives_its_weights_initializers(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_bytes(model_file("tiny", "numpy-legacy"))
    assert [row.name for row in embinit.load(path).plan().rows] == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
