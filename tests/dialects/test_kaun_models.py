"""The Kaun dialects: models, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import Conv1d, Conv2d, ConvTranspose2d, Embedding, EmbinitError, Generator, Linear, Model
from embinit.dialects import kaun
from embinit.distributions import Constant, Normal, Uniform
from embinit.initializers import VarianceScaling
from embinit.layers import DrawFree

from support.kaun_arrays import DIALECTS, bits, filled, model_of
from support.reference_kaun import ERAS, Scope


def test_a_model_is_one_scope():
    layers = {
        "fc": Linear(in_features=3, out_features=2),
        "conv": Conv2d(in_channels=4, out_channels=6, kernel_size=[5, 2], bias=False),
        "table": Embedding(num_embeddings=5, embedding_dim=3),
    }
    plan = model_of(layers, "kaun", 5).plan()

    assert [(row.name, row.axes, row.shape, row.fan_in, row.fan_out, row.first_draw) for row in plan.rows] == [
        ("fc.weight", ("in", "out"), (3, 2), 3, 2, 0),
        ("fc.bias", ("out",), (2,), 3, 2, 1),
        ("conv.weight", ("out", "in", "height", "width"), (6, 4, 5, 2), 40, 60, 1),
        ("table.weight", ("index", "feature"), (5, 3), 1, 1, 2),
    ]
    scope = Scope("kaun", ERAS["kaun"].key(5))
    expected = [
        scope.scaled(1, "fan_avg", "uniform", (3, 2), 6), np.zeros(2, np.float32),
        scope.scaled(1, "fan_avg", "uniform", (40, 60), 240), scope.normal(1.0, 15),
    ]  # fmt: skip
    assert [bits(each) for each in plan.model.init().values()] == [bits(each) for each in expected]


def test_a_model_of_alpha3_is_a_sequential_one():
    """A scope for each layer, layers without parameters counted."""
    layers = {
        "conv": Conv1d(in_channels=3, out_channels=4, kernel_size=5),
        "act": DrawFree(kind="ReLU"),
        "norm": embinit.LayerNorm(normalized_shape=4),
        "fc": Linear(in_features=4, out_features=3, weight_init=kaun.he_normal(), bias_init=kaun.lecun_uniform()),
        "table": Embedding(num_embeddings=5, embedding_dim=3),
    }
    plan = model_of(layers, "kaun-alpha3", -9).plan()
    era, root = ERAS["kaun-alpha3"], ERAS["kaun-alpha3"].key(-9)
    scopes = [Scope("kaun-alpha3", era.fold_in(root, i)) for i in range(5)]
    expected = {
        "conv.weight": scopes[0].scaled(1, "fan_avg", "uniform", (15, 20), 60), "conv.bias": np.zeros(4, np.float32),
        "norm.weight": np.ones(4, np.float32), "norm.bias": np.zeros(4, np.float32),
        "fc.weight": scopes[3].scaled(2, "fan_in", "truncated_normal", (4, 3), 12),
        "fc.bias": scopes[3].scaled(1, "fan_in", "uniform", (3, 3), 3), "table.weight": scopes[4].normal(0.02, 15),
    }  # fmt: skip
    values = plan.model.init()

    assert list(values) == list(expected)
    assert {name: bits(each) for name, each in values.items()} == {name: bits(each) for name, each in expected.items()}
    assert [row.order.restart for row in plan.rows] == [(0, 0), None, (2, 0), None, (3, 0), None, (4, 0)]
    assert plan.rows[0].shape == (4, 3, 5)


@pytest.mark.parametrize(
    ("shape", "axes", "fans"),
    [
        ((3, 5), (-2, -1), (3, 5)),
        ((7, 3, 5), (-2, -1), (21, 35)),
        ((5, 3, 7), (1, 0), (21, 35)),
        ((5, 3, 7), (-2, -3), (21, 35)),
        ((3, 5), (0, 0), (15, 15)),
        ((6,), (9, -9), (6, 6)),
        ((), (-2, -1), (1, 1)),
    ],
)
def test_fans_of_alpha3_by_axes(shape, axes, fans):
    assert kaun.fans_by_axes(shape, *axes) == fans
    scaled = {"name": "variance_scaling", "scale": 1.0, "mode": "fan_in", "distribution": "normal"}
    found = filled(Generator.seeded(1, "kaun-alpha3"), {**scaled, "in_axis": axes[0], "out_axis": axes[1]}, shape)
    given = filled(Generator.seeded(1, "kaun-alpha3"), scaled, shape, fan_in=fans[0], fan_out=fans[1])
    assert bits(found) == bits(given)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_plan_shows_the_key_of_each_array(dialect):
    layers = {
        "a": Linear(in_features=3, out_features=2, bias_init=kaun.uniform(0.5)),
        "b": Linear(in_features=3, out_features=2, weight_init=kaun.he_normal(), bias_init=kaun.normal(0.5)),
    }
    plan, era = model_of(layers, dialect, 7).plan(), ERAS[dialect]
    root = era.key(7)
    scopes = [root, root] if dialect == "kaun" else [era.fold_in(root, i) for i in (0, 1)]
    expected = [era.fold_in(scopes[0], 0), era.fold_in(scopes[0], 1), era.fold_in(scopes[1], 2 * (dialect == "kaun"))]
    expected = [key if isinstance(key, tuple) else (key,) for key in expected]

    assert [row.key for row in plan.rows] == [*expected, None]  # the last one: after values that may be drawn again
    written = ["".join(f"{word:08x}" for word in key) for key in expected]
    lines = str(plan).splitlines()[1:]
    assert "  key " in lines[0]
    assert all(key in line for key, line in zip(written, lines[1:], strict=False))
    first, *_, last = plan.as_json()["buffers"]
    assert first["key"] == [f"0x{word:08x}" for word in expected[0]]
    assert "key" not in last


# ---- Refusals ----

NAMES = [
    "zeros", "ones", "constant", "uniform", "normal", "truncated_normal", "variance_scaling", "glorot_uniform",
    "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
]  # fmt: skip


def test_names_and_constants():
    assert list(kaun.KAUN.named) == list(kaun.KAUN_ALPHA3.named) == NAMES
    generator = Generator.seeded(1, "kaun")
    assert filled(generator, "zeros", 2).tolist() == [0, 0]
    assert filled(generator, {"name": "constant", "value": 0.1}, 1).tolist() == [np.float32(0.1)]
    assert generator.drawn == 0
    assert kaun.KAUN_ALPHA3.initializer("uniform") == Uniform(0.0, 0.01)
    assert kaun.KAUN_ALPHA3.initializer("normal") == Normal(0.0, 0.01)


@pytest.mark.parametrize(
    ("dialect", "table", "message"),
    [
        ("kaun", "uniform", "needs the key 'scale'"),
        ("kaun", "normal", "needs the key 'stddev'"),
        ("kaun", "xavier_uniform", "initializer must be one of default, zeros.*got 'xavier_uniform'"),
        ("kaun-alpha3", "kaiming_normal", "got 'kaiming_normal'"),
        ("kaun", {"name": "uniform", "scale": -0.01}, "scale must not be negative, got -0.01"),
        ("kaun", {"name": "normal", "stddev": -1}, "stddev must not be negative, got -1"),
        ("kaun", {"name": "normal", "stddev": math.inf}, "stddev must be a finite float32 number, got inf"),
        ("kaun", {"name": "variance_scaling", "scale": -1, "mode": "fan_in", "distribution": "normal"}, "negative"),
        ("kaun", {"name": "he_normal", "in_axis": 0}, "has no key 'in_axis'"),
        ("kaun", {"name": "he_normal"}, "fan_in must be a positive integer"),
        ("kaun", VarianceScaling(1.0, "fan_in", "normal", axes=(0, 1)), "in_axis and out_axis belong to"),
        ("kaun", embinit.initializers.eye(), "dialect kaun has no eye"),
        ("kaun-alpha3", {"name": "he_normal", "in_axis": 2}, "in_axis must be from -2 to 1 .* rank 2, got 2"),
    ],
)
def test_initializers_that_are_refused(dialect, table, message):
    with pytest.raises(EmbinitError, match=message):
        fans = {"fan_in": 2, "fan_out": 3} if isinstance(table, VarianceScaling) else {}
        filled(Generator.seeded(1, dialect), table, (2, 3), **fans)


CONV = {"in_channels": 2, "out_channels": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("dialect", "layer", "message"),
    [
        ("kaun", Conv2d(**CONV, groups=2), "groups must be 1: a Conv2d of Kaun has none, got 2"),
        ("kaun-alpha3", Conv1d(**CONV, groups=2), "groups must be 1"),
        ("kaun", Conv1d(**CONV), "dialect kaun has no Conv1d; dialects with one: .*kaun-alpha3"),
        ("kaun", ConvTranspose2d(**CONV), "dialect kaun has no ConvTranspose2d; dialects with one: "),
        ("kaun-alpha3", ConvTranspose2d(**CONV), "dialect kaun-alpha3 has no ConvTranspose2d"),
        ("kaun", Embedding(num_embeddings=3, embedding_dim=2, padding_idx=0), "no padding_idx"),
        ("kaun-alpha3", Linear(in_features=2, out_features=3, bias=False), "a Linear .* always has a bias"),
        ("kaun-alpha3", Conv2d(**CONV, weight_init=kaun.he_normal()), "a Conv2d .* takes no initializer"),
        ("kaun", Linear(in_features=2, out_features=3, weight_format="q7", rounding="stochastic"), "of 32 bits.* 64"),
    ],
)
def test_layers_that_are_refused(dialect, layer, message):
    with pytest.raises(EmbinitError, match=f"layer 'x': .*{message}"):
        Model("m", [replace(layer, name="x")], 1, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_other_refusals(dialect):
    generator = Generator.seeded(1, dialect)
    for seed in (-(2**62) - 1, 2**62, 1.5):
        with pytest.raises(EmbinitError, match=f"seed must be an integer from -4611686018427387904 to .* {dialect}"):
            Generator.seeded(seed, dialect)
    with pytest.raises(EmbinitError, match="data must be an integer from -4611686018427387904 to"):
        generator.fold_in(2**62)
    with pytest.raises(EmbinitError, match="Kaun draws no masks"):
        generator.bernoulli(0.5, 3)
    with pytest.raises(EmbinitError, match="Kaun shuffles nothing"):
        generator.shuffle([1, 2, 3])
    with pytest.raises(EmbinitError, match=f"dialect {dialect}: the generator must be a Kaun.*Scope, .* got Pcg32"):
        Generator(embinit.Pcg32(1), dialect)
    with pytest.raises(EmbinitError, match="cannot go back by 1 keys: 0 have been taken"):
        generator.advance(-1)
    other = generator.copy()
    filled(other, Uniform(0, 1), 3)
    generator.state = other.state
    assert bits(filled(generator, Normal(0, 1), 3)) == bits(filled(other, Normal(0, 1), 3))
    assert Constant(0.0) == kaun.KAUN.bias
