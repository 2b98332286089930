"""Growth: recorded steps of GroMo, exact properties, models that grow, and the C twin on the host and on cores."""

import json
import math
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embinit
from embinit import Conv1d, ConvTranspose1d, EmbinitError, Generator, GroupNorm, LayerNorm, Linear, Model, Xorshift32
from embinit.bundle import gather
from embinit.dialects import dialect_named
from embinit.distributions import Constant, Normal, Uniform
from embinit.growth import (
    INITIALIZERS,
    STRATEGIES,
    Weights,
    behind_init,
    factors,
    grow,
    grow_layers,
    spread,
    variance,
)
from embinit.layers import DrawFree

from support.answers import assert_equal, on_core, on_host
from support.compilers import HOST_COMPILERS
from support.requests.growth import UNITS, growth_requests, random_weights, root_requests, variance_requests

VECTORS = Path(__file__).parents[1] / "vectors" / "growth"
CASES = json.loads((VECTORS / "growth.json").read_text())["cases"]
RECORDED = np.load(VECTORS / "growth.npz")
#: The variance is a float32 sum in PyTorch, in an order of its own.
TOLERANCE = 1e-6


def recorded(case, what):
    return RECORDED.get(f"{case['id']}/{what}")


def recorded_step(case, dialect):
    """Repeat a recorded step from its seed."""
    names = ("first.weight", "first.bias", "first.bn_mean", "first.bn_var", "second.weight", "second.bias")
    weight, bias, mean, var, *second = (recorded(case, f"before/{name}") for name in names)
    seed = case["seed_before_extension"]
    return grow_layers(
        Weights(weight, bias, running_mean=mean, running_var=var),
        Weights(*second),
        case["extension_size"],
        Generator(dialect_named(dialect).seeded(seed), dialect),
        case["rescaling"],
        (case["input_extension_init"], case["output_extension_init"]),
        case["neuron_pairing"],
        case["noise_ratio"],
    )


def close(a, b):
    return a.shape == b.shape and np.all(np.abs(a.astype(np.float64) - b) <= TOLERANCE * np.abs(b))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_recorded_rescaling_and_structure(case):
    step, hidden = recorded_step(case, "odt"), case["hidden"]
    before = {part: recorded(case, f"before/{part}") for part in ("first.weight", "second.weight")}
    after = {part: recorded(case, f"after/{part}") for part in before}
    for part, factor in (("first.weight", step.alpha), ("second.weight", step.beta)):
        measured = np.median(after[part].astype(np.float64) / before[part])
        assert abs(factor / measured - 1) < TOLERANCE

    assert close(step.first.weight[:hidden], after["first.weight"])
    assert close(step.first.bias[:hidden], recorded(case, "after/first.bias"))
    assert close(step.second.weight[:, :hidden], after["second.weight"])
    assert close(step.second.bias, recorded(case, "after/second.bias"))
    if case["batch_norm_between"]:
        assert close(step.first.running_mean, recorded(case, "after/first.bn_mean"))
        assert close(step.first.running_var, recorded(case, "after/first.bn_var"))
    theirs = [recorded(case, f"ext/{name}") for name in ("ext_in.weight", "ext_out.weight", "ext_out.bias")]
    ours = [step.input_weight, step.output_weight, step.output_bias]
    assert [array.shape for array in ours] == [array.shape for array in theirs]
    assert np.array_equal(step.first.weight[hidden:], step.output_weight)
    assert np.array_equal(step.first.bias[hidden:], step.output_bias)
    assert np.array_equal(step.second.weight[:, hidden:], step.input_weight)
    if case["neuron_pairing"]:
        for inputs, outputs, bias in (ours, theirs):
            assert np.array_equal(*np.split(outputs, 2))
            assert np.array_equal(*np.split(bias, 2))
            z, negated = np.split(inputs, 2, axis=1)
            assert np.array_equal(z, -negated) == (case["noise_ratio"] == 0 or not z.any())


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_recorded_draws(case):
    """The same bits where the spread comes from the fan, the same up to the spread where it comes from a variance."""
    step = recorded_step(case, "torch")
    noisy = bool(case["neuron_pairing"]) and case["noise_ratio"] > 0
    for name, ours, init in (
        ("ext_in.weight", step.input_weight, case["input_extension_init"]),
        ("ext_out.weight", step.output_weight, case["output_extension_init"]),
        ("ext_out.bias", step.output_bias, case["output_extension_init"]),
    ):
        theirs = recorded(case, f"ext/{name}")

        assert close(ours, theirs)
        if init == "zeros" or not (init.startswith("copy") or (noisy and name == "ext_in.weight")):
            assert ours.tobytes() == theirs.tobytes()


# ---- What a step is made of ----

arrays = (
    st.integers(0, 40)
    .flatmap(lambda n: st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=n, max_size=n))
    .map(lambda values: np.array(values, np.float32))
)


@given(arrays)
def test_variance_is_summed_in_order(values):
    """Python's floats are float64 and its loop goes from the first to the last."""
    n, total, squares = values.size, 0.0, 0.0
    for value in values.tolist():
        total += value
    for value in values.tolist():
        squares += (value - total / n) * (value - total / n)

    assert variance(values) == (squares / (n - 1) if n > 1 else 0.0)


def test_variance_is_unbiased():
    values = np.random.default_rng(3).normal(5.0, 0.01, (11, 7, 3)).astype(np.float32)
    exact = [Fraction(float(value)) for value in values.ravel()]
    mean = sum(exact) / len(exact)
    expected = sum((value - mean) ** 2 for value in exact) / (len(exact) - 1)

    assert abs(variance(values) / float(expected) - 1) < 1e-12


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2.0), 0.3])
@pytest.mark.parametrize("strategy", STRATEGIES[1:])
def test_constraints_reach_the_variance_they_name(strategy, gain):
    first, second = random_weights((12, 5, 3), seed=1), random_weights((7, 12, 4), seed=2)
    alpha, beta = factors(first, second, 6, strategy, gain)

    assert abs(variance(first.weight * alpha) * 15 / gain**2 - 1) < TOLERANCE
    fan_in = {"vt_constraint_old_shape": 48, "vt_constraint_new_shape": 72}[strategy]
    assert abs(variance(second.weight * beta) * fan_in / gain**2 - 1) < TOLERANCE


def test_the_default_strategy_knows_widths_alone():
    first, second = random_weights((12, 5, 3)), random_weights((7, 12, 4))

    assert factors(first, second, 6, "default_vt") == (1, np.float32(math.sqrt(48 / 72)))
    assert factors(first, second, 6, None) == (1, 1)


@pytest.mark.parametrize("strategy", [None, *STRATEGIES])
def test_nothing_is_rescaled_without_variance_or_without_neurons(strategy):
    flat, single = Weights(np.full((4, 3), 0.5, np.float32)), Weights(np.full((1, 1), 0.5, np.float32))
    beta = np.float32(math.sqrt(4 / 6)) if strategy == "default_vt" else 1
    assert factors(flat, Weights(np.zeros((2, 4), np.float32)), 2, strategy) == (1, beta)
    if strategy != "default_vt":
        assert factors(single, single, 2, strategy) == (1, 1)

    empty = Weights(np.empty((0, 3), np.float32)), Weights(np.empty((2, 0), np.float32))
    assert factors(*empty, 2, strategy) == (1, 1)
    step = grow_layers(*empty, 2, Generator(Xorshift32(1)), strategy)
    assert (step.first.weight.shape, step.second.weight.shape) == ((2, 3), (2, 2))


def test_a_spread_comes_from_the_reference_or_from_the_fan():
    reference = np.array([[-2, 0], [2, 4]], np.float32)  # variance 20/3
    one, flat = np.ones((1, 1), np.float32), np.ones((3, 3), np.float32)

    assert spread("copy_uniform", reference, 6) == Uniform(-math.sqrt(20), math.sqrt(20))
    assert spread("copy_normal", reference, 6) == Normal(0.0, math.sqrt(20 / 3))
    assert spread("kaiming", reference, 6) == Uniform(-1.0, 1.0)
    assert spread("kaiming_normal", reference, 8) == Normal(0.0, 0.5)
    assert spread("zeros", reference, 6) == Constant(0.0)
    assert spread("lecun_normal", reference, 4) == Normal(0.0, 0.5)
    for lacking in (None, one, flat):
        assert spread("copy_uniform", lacking, 6) == Uniform(-1.0, 1.0)
        assert spread("copy_normal", lacking, 8) == Normal(0.0, 0.5)


def test_statistics_of_batch_norms_follow_both_layers():
    first, second = (random_weights(shape, seed=i) for i, shape in enumerate([(4, 6), (6, 4)]))
    mean, var = np.arange(6, dtype=np.float32), np.arange(1, 7, dtype=np.float32)
    first = Weights(first.weight, first.bias, running_mean=mean[:4], running_var=var[:4])
    second = Weights(second.weight, second.bias, running_mean=mean, running_var=var)
    step = grow_layers(first, second, 2, Generator(Xorshift32(1)), "vt_constraint_new_shape")

    for layer, factor, n in ((step.first, step.alpha, 4), (step.second, step.beta, 6)):
        assert factor != 1
        assert np.array_equal(layer.running_mean, mean[:n] * factor)
        assert np.array_equal(layer.running_var, var[:n] * (factor * factor))


# ---- Function preservation ----

DIALECTS = ("odt", "portable", "gomlx", "torch")


def network(kind, dialect="odt", hidden=6, **first):
    """Return a model of two layers of a kind with something between them, and its activations."""
    if kind == "Linear":
        layers = [
            Linear(name="a", in_features=5, out_features=hidden, **first),
            DrawFree(name="relu", kind="ReLU"),
            Linear(name="b", in_features=hidden, out_features=4),
        ]
    else:
        cls = {"Conv1d": Conv1d, "ConvTranspose1d": ConvTranspose1d}[kind]
        layers = [
            cls(name="a", in_channels=5, out_channels=hidden, kernel_size=3, **first),
            DrawFree(name="relu", kind="ReLU"),
            cls(name="b", in_channels=hidden, out_channels=4, kernel_size=2),
        ]
    return Model("net", layers, seed=3, dialect=dialect)


def canonical(model, values, name):
    """Return weight as [out, in, kernel] and bias, in float64."""
    tensor = next(t for t in model.tensors if t.name == f"{name}.weight")
    order = [tensor.axes.index(axis) for axis in ("out", "in", "kernel") if axis in tensor.axes]
    weight = values[tensor.name].transpose(order).astype(np.float64)
    return weight.reshape(*weight.shape[:2], -1), values[f"{name}.bias"].astype(np.float64)


def products(kind, weight, x):
    """Return w * x as [out, in, kernel, place of the output], x being [in, place]."""
    kernel, n = weight.shape[2], x.shape[1]
    if kind == "ConvTranspose1d":
        out = np.zeros((*weight.shape, n + kernel - 1))
        for k in range(kernel):
            out[:, :, k, k : k + n] = weight[:, :, k, None] * x
        return out
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=1)
    return weight[:, :, :, None] * windows.transpose(0, 2, 1)


def forward(kind, model, values, x):
    """Run both layers; return the output and the products of the second, of which each is exact in float64."""
    weight, bias = canonical(model, values, "a")
    hidden = np.maximum(products(kind, weight, x).sum(axis=(1, 2)) + bias[:, None], 0).astype(np.float32)
    weight, bias = canonical(model, values, "b")
    terms = products(kind, weight, hidden.astype(np.float64))
    return terms.sum(axis=(1, 2)) + bias[:, None], terms


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["Linear", "Conv1d", "ConvTranspose1d"])
def test_paired_neurons_change_nothing(kind, dialect):
    if (kind, dialect) == ("ConvTranspose1d", "gomlx"):
        pytest.skip("GoMLX has no transposed convolution")
    model = network(kind, dialect)
    values, x = model.init(), np.random.default_rng(7).normal(size=(5, 9))
    grown = grow(model, values, "a", 4, strategy=None, pairing="vv_z_negz", noise_ratio=0)
    before, _ = forward(kind, model, values, x)
    after, terms = forward(kind, grown.model, grown.values, x)

    new = terms[:, 6:].transpose(0, 3, 1, 2).reshape(-1, 4 * terms.shape[2])
    assert np.abs(new).max() > 0.01
    assert all(math.fsum(contributions) == 0 for contributions in new)
    assert np.allclose(before, after, rtol=1e-12, atol=1e-12)

    noisy = grow(model, values, "a", 4, strategy=None, pairing="vv_z_negz")
    changed, _ = forward(kind, noisy.model, noisy.values, x)
    assert 0 < np.abs(changed - before).max() < 0.02


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rescaling_scales_the_function_by_both_factors(strategy):
    model = network("Conv1d")
    values, x = model.init(), np.random.default_rng(7).normal(size=(5, 9))
    for name in ("a.bias", "b.bias"):
        values[name][:] = 0
    grown = grow(model, values, "a", 4, strategy, ("copy_normal", "kaiming"), "vv_z_negz", 0)
    before, _ = forward("Conv1d", model, values, x)
    after, _ = forward("Conv1d", grown.model, grown.values, x)

    assert np.allclose(after, before * float(grown.alpha) * float(grown.beta), rtol=1e-5)


@pytest.mark.parametrize("ratio", [0.0, 0.001, 0.1])
def test_noise_has_the_named_share_of_the_deviation(ratio):
    first, second = random_weights((4, 6)), random_weights((500, 4))
    step = grow_layers(first, second, 100, Generator(Xorshift32(5)), None, "kaiming", "vv_z_negz", ratio)
    sums = sum(np.split(step.input_weight.astype(np.float64), 2, axis=1))

    # z + n1 - z + n2: the deviation of 25,000 sums of two noises, within five standard errors
    expected = ratio * math.sqrt(2 * variance(step.input_weight))
    assert abs(sums.std() - expected) <= 5 * expected / math.sqrt(2 * sums.size) + 1e-9


# ---- Models ----


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


# ---- The C twin ----


@pytest.fixture(scope="module")
def requests():
    chance = random.Random(20261122)
    made = [*root_requests(chance), *variance_requests(chance), *growth_requests(chance)]
    assert len(made) > 6000
    return made


def test_layers_that_do_not_meet_are_refused():
    first, second = Weights(np.ones((4, 3), np.float32)), Weights(np.ones((2, 5), np.float32))
    with pytest.raises(EmbinitError, match="second must have the 4 outputs of first as its inputs, got 5"):
        grow_layers(first, second, 2, Generator(Xorshift32(1)))


@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-march=native", "-ffp-contract=fast"]], ids=["-O0", "-O3"])
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_the_c_twin_under_sanitizers(compiler, flags, requests, tmp_path):
    assert_equal(requests, on_host("growth", UNITS, requests, compiler, flags, tmp_path))


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_the_c_twin_on_emulated_cores(core, requests, tmp_path):
    some = requests[::7] + requests[-60:]
    assert_equal(some, on_core("growth", UNITS, some, core, tmp_path))
