"""Growth: models that grow, and what is refused of them."""

import math

import numpy as np
import pytest

import embinit
from embinit import Conv1d, EmbinitError, Generator, GroupNorm, LayerNorm, Linear, Model, Xorshift32
from embinit.bundle import gather
from embinit.growth import INITIALIZERS, STRATEGIES, Weights, behind_init, factors, grow, grow_layers, variance

from support.growth_models import network


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dialect", ["odt", "portable", "gomlx", "torch"])
@pytest.mark.parametrize("kind", ["Linear", "Conv1d", "ConvTranspose1d"])
def test_a_grown_model_is_a_wider_model(kind, dialect, bias):
    if (kind, dialect) == ("ConvTranspose1d", "gomlx"):
        pytest.skip("GoMLX has no transposed convolution")
    model = network(kind, dialect, bias=bias)
    grown = grow(model, model.init(), "a", 3)
    wider = network(kind, dialect, hidden=9, bias=bias)

    assert grown.model.layers == wider.layers
    assert {n: v.shape for n, v in grown.values.items()} == {n: v.shape for n, v in wider.init().items()}
    assert list(grown.extensions) == ["b.weight", "a.weight", *(["a.bias"] if bias else [])]


@pytest.mark.parametrize("dialect", ["odt", "odt-2026-06", "portable"])
def test_draws_go_on_behind_the_init(dialect):
    """In the order of the specification, from the model's own stream."""
    model = network("Linear", dialect)
    values = model.init()
    grown = grow(model, values, "a", 2, None, ("kaiming", "copy_normal"), "vv_z_negz", 0.01)

    stream = behind_init(model)
    assert stream.drawn == sum(row.draws for row in model.plan().rows)
    z, v, b = (np.empty(shape, np.float32) for shape in ((4, 1), (1, 5), (1,)))
    bound = math.sqrt(6 / 8)
    stream.uniform(-bound, bound, z)
    stream.normal(0.0, math.sqrt(variance(values["a.weight"])), v)
    stream.normal(0.0, math.sqrt(variance(values["a.bias"])), b)
    paired, noise = np.concatenate([z, -z], axis=1), np.empty((4, 2), np.float32)
    stream.normal(0.0, 1.0, noise)
    noise *= np.float32(math.sqrt(0.01 * 0.01 * variance(paired)))
    assert grown.extensions["b.weight"].tobytes() == (paired + noise).tobytes()
    assert grown.extensions["a.weight"].tobytes() == np.concatenate([v, v]).tobytes()
    assert grown.extensions["a.bias"].tobytes() == np.concatenate([b, b]).tobytes()
    assert grown.state_after == stream.bitgen.state


def test_stochastic_rounding_is_part_of_the_init():
    layers = [Linear(name=n, in_features=3, out_features=3, weight_format="sym8", rounding="stochastic") for n in "ab"]
    model = Model("net", layers, seed=1)

    assert behind_init(model).drawn == 2 * (9 + 3) + 2 * 9
    assert behind_init(model).bitgen.state == gather(model.plan()).state_after


def test_one_step_after_another():
    """A device that grows twice goes on with one stream."""
    model = network("Conv1d")
    once = grow(model, model.init(), "a", 2)
    twice = grow(once.model, once.values, "a", 2, generator=once.generator)

    assert twice.model.layers == network("Conv1d", hidden=10).layers
    again = grow(once.model, once.values, "a", 2, generator=behind(model, once.model))
    assert again.extensions["b.weight"].tobytes() == twice.extensions["b.weight"].tobytes()
    assert not np.array_equal(once.extensions["a.weight"], twice.extensions["a.weight"])


def behind(model, wider):
    """Return the model's generator behind its init and a step with three uniform extensions."""
    generator = behind_init(model)
    sizes = {tensor.name: tensor.size for tensor in wider.tensors}
    grown = sum(sizes.values()) - sum(tensor.size for tensor in model.tensors)
    generator.advance(grown)
    return generator


@pytest.mark.parametrize("dialect", ["odt", "portable"])
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_the_targets_arithmetic_decides_the_bits(dialect, target):
    models = [Model("net", network("Linear").layers, seed=3, dialect=dialect, target=name) for name in ("host", target)]
    values = models[0].init()
    made = [grow(model, values, "a", 4, initializer="copy_normal").extensions["a.weight"] for model in models]

    assert np.array_equal(*made) == (dialect == "portable")


def test_norms_between_the_layers_grow_with_them():
    norms = [GroupNorm(name="g", num_groups=2, num_channels=6), LayerNorm(name="l", normalized_shape=[6, 20])]
    layers = list(network("Conv1d").layers)
    model = Model("net", [layers[0], *norms, layers[2]], seed=3)
    values = model.init()
    values["g.weight"][:] = 3
    mean, var = np.arange(6, dtype=np.float32), np.arange(1, 7, dtype=np.float32)
    values |= {"g.running_mean": mean, "g.running_var": var}
    grown = grow(model, values, "a", 2, "vt_constraint_old_shape")

    assert grown.values["g.weight"].tolist() == [3] * 6 + [1] * 2
    assert grown.values["g.bias"].tolist() == [0] * 8
    assert grown.values["g.running_mean"].tolist() == [*(mean * grown.alpha), 0, 0]
    assert grown.values["g.running_var"].tolist() == [*(var * (grown.alpha * grown.alpha)), 1, 1]
    assert grown.values["l.weight"].shape == (8, 20)
    assert list(grown.values)[: len(model.tensors)] == [tensor.name for tensor in model.tensors]
    assert grow(grown.model, grown.values, "a", 2, generator=grown.generator).values["g.running_var"].shape == (10,)


def test_kernels_of_two_axes_grow_beside_other_layers():
    layers = [
        embinit.LSTM(name="other", input_size=2, hidden_size=2),
        embinit.Conv2d(name="a", in_channels=2, out_channels=4, kernel_size=[3, 2]),
        embinit.BatchNorm2d(name="n", num_features=4),
        embinit.Conv2d(name="b", in_channels=4, out_channels=3, kernel_size=2),
    ]
    model = Model("net", layers, seed=1, dialect="torch")
    grown = grow(model, model.init(), "a", 2, pairing="vv_z_negz", noise_ratio=0)

    assert grown.values["a.weight"].shape == (6, 2, 3, 2)
    assert grown.values["n.weight"].tolist() == [1.0] * 6
    assert grown.values["n.bias"].tolist() == [0.0] * 6
    assert np.array_equal(*np.split(grown.extensions["a.weight"], 2))
    assert np.array_equal(grown.extensions["b.weight"][:, :1], -grown.extensions["b.weight"][:, 1:])
    assert grown.beta == np.float32(math.sqrt(16 / 24))
    other = [name for name in grown.values if name.startswith("other")]
    assert len(other) == 4
    for name in other:
        assert np.array_equal(grown.values[name], model.init()[name])


def test_values_given_stay_as_they_are():
    model = network("Linear")
    values = model.init()
    grow(model, values, "a", 2, "vt_constraint_old_shape", pairing="vv_z_negz")

    assert all(np.array_equal(values[name], array) for name, array in model.init().items())


def bad(**changed):
    model = network("Linear")
    return {"model": model, "values": model.init(), "layer": "a", "extension": 2, **changed}


def model_of(*layers):
    return Model("net", layers, seed=1)


CONV = Conv1d(name="a", in_channels=2, out_channels=2, kernel_size=3)
FLATTENED = model_of(CONV, Linear(name="b", in_features=8, out_features=1))
GROUPED = model_of(CONV, Conv1d(name="b", in_channels=2, out_channels=2, kernel_size=3, groups=2))
BETWEEN = Model(
    "net",
    [CONV, embinit.GRU(name="g", input_size=2, hidden_size=2), Linear(name="b", in_features=2, out_features=1)],
    seed=1,
    dialect="torch",
)
SQUARE_NORM = model_of(
    CONV, LayerNorm(name="l", normalized_shape=[2, 2]), Linear(name="b", in_features=2, out_features=1)
)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"strategy": "vt"}, ["strategy", *STRATEGIES, "vt"]),
        ({"initializer": "kaimnig"}, ["initializer", *INITIALIZERS, "kaimnig"]),
        ({"initializer": ("zeros", "one")}, ["initializer", "one"]),
        ({"initializer": ("zeros",)}, ["initializer", "two"]),
        ({"pairing": "vv"}, ["pairing", "vv_z_negz"]),
        ({"pairing": "vv_z_negz", "extension": 3}, ["even", "3"]),
        ({"extension": 0}, ["extension", "0"]),
        ({"extension": 1.5}, ["extension", "1.5"]),
        ({"noise_ratio": -1.0}, ["noise_ratio", "-1.0"]),
        ({"noise_ratio": math.nan}, ["noise_ratio", "nan"]),
        ({"gain": 2.0}, ["gain", "default_vt", "2.0"]),
        ({"gain": 0.0, "strategy": "vt_constraint_old_shape"}, ["gain", "0.0"]),
        ({"layer": "b"}, ["layer", "a", "'b'"]),
        ({"layer": "relu"}, ["layer", "'relu'"]),
        ({"values": {}}, ["a.weight", "None"]),
        ({"values": bad()["values"] | {"a.bias": np.zeros(5, np.float32)}}, ["a.bias", "[6]", "[5]"]),
        ({"values": bad()["values"] | {"a.bias": np.zeros(6)}}, ["a.bias", "float64"]),
        ({"values": bad()["values"] | {"c.bias": np.zeros(6)}}, ["c.bias"]),
        ({"values": bad()["values"] | {"a.weight": np.full((6, 5), np.nan, np.float32)}}, ["finite", "nan"]),
        ({"generator": Generator(Xorshift32(1), "portable")}, ["odt", "portable"]),
        ({"model": FLATTENED, "values": FLATTENED.init()}, ["'b'", "2 outputs", "8"]),
        ({"model": GROUPED, "values": GROUPED.init()}, ["'b'", "groups", "2"]),
        ({"model": BETWEEN, "values": BETWEEN.init()}, ["'g'", "GRU", "between"]),
        ({"model": SQUARE_NORM, "values": SQUARE_NORM.init()}, ["'l'", "normalized_shape", "[2, 2]"]),
    ],
)
def test_errors_say_what_is_wrong(changed, words):
    with pytest.raises(EmbinitError) as error:
        grow(**bad(**changed))
    for word in words:
        assert word in str(error.value)


def test_a_factor_beyond_float32_is_an_error():
    tiny = Weights(np.array([[1e-40, -1e-40]], np.float32))
    with pytest.raises(EmbinitError, match="factor"):
        factors(tiny, tiny, 2, "vt_constraint_old_shape", gain=1e10)


def test_layers_that_do_not_meet_are_refused():
    first, second = Weights(np.ones((4, 3), np.float32)), Weights(np.ones((2, 5), np.float32))
    with pytest.raises(EmbinitError, match="second must have the 4 outputs of first as its inputs, got 5"):
        grow_layers(first, second, 2, Generator(Xorshift32(1)))
