"""Growth: what a step is made of, and exact properties of it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embinit import Generator, Xorshift32
from embinit.distributions import Constant, Normal, Uniform
from embinit.growth import STRATEGIES, Weights, factors, grow, grow_layers, spread, variance

from support.growth_models import network
from support.requests.growth import random_weights

#: The variance is a float32 sum in PyTorch, in an order of its own.
TOLERANCE = 1e-6

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
