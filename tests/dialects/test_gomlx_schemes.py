"""GoMLX's initializers: their statistics and formulas, and what they make of ranks, dtypes and shapes."""

import math

import numpy as np
import pytest

from embinit import (
    EmbinitError,
    Generator,
    Linear,
    Model,
    initializers,
)
from embinit.dialects import gomlx
from embinit.distributions import Broadcast

from support import gomlx as oracle
from support import scheme_statistics as expect
from support.gomlx_layers import RANDOM, SCALED, assert_same, draw

MATRIX = (512, 2048)  # fans 512 and 2048
KERNEL = (2, 2, 128, 2048)  # fans 512 and 8192

#: A name for the test -> what builds the initializer, the shape, what it must draw by the text of GoMLX.
SCHEMES = {
    "random_uniform": (gomlx.random_uniform(-0.3, 0.7), MATRIX, expect.uniform(-0.3, 0.7)),
    "random_uniform rank 1": (gomlx.random_uniform(0.0, 2.0), (expect.N,), expect.uniform(0, 2)),
    "random_normal": (gomlx.random_normal(0.05), MATRIX, expect.normal(0.05)),
    "random_normal rank 1": (gomlx.random_normal(2.0), (expect.N,), expect.normal(2)),
    "glorot_uniform": (gomlx.glorot_uniform(), MATRIX, expect.uniform(-math.sqrt(3 / 1280), math.sqrt(3 / 1280))),
    "glorot_uniform kernel": (
        gomlx.glorot_uniform(),
        KERNEL,
        expect.uniform(-math.sqrt(3 / 4352), math.sqrt(3 / 4352)),
    ),
    "xavier_uniform": (gomlx.xavier_uniform(), MATRIX, expect.uniform(-math.sqrt(6 / 2560), math.sqrt(6 / 2560))),
    "xavier_normal": (gomlx.xavier_normal(), MATRIX, expect.normal(math.sqrt(2 / 2560))),
    "xavier_normal kernel": (gomlx.xavier_normal(), KERNEL, expect.normal(math.sqrt(2 / 8704))),
    "he": (gomlx.he(), MATRIX, expect.normal(math.sqrt(2 / 512))),
    "he kernel": (gomlx.he(), KERNEL, expect.normal(math.sqrt(2 / 512))),
}


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-xla"])
@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name, dialect):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(initializer, shape, dialect=dialect)[0], expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, shape, expected = SCHEMES[name]
    values, _ = draw(expect.rescaled(initializer, factor), shape)

    assert expect.failed(values, expected) == expected.statistics


@pytest.mark.parametrize("name", ["xavier_normal", "he"])
def test_normals_are_not_truncated(name):
    initializer, shape, expected = SCHEMES[name]

    assert np.abs(draw(initializer, shape)[0]).max() > 4 * math.sqrt(expected.variance)


def test_parameters_are_gomlxs_formulas():
    def parameters(initializer, *fans):
        return gomlx.GOMLX.distribution(initializer, *fans)

    chance = np.random.default_rng(4)
    for fan_in, fan_out in [
        *chance.integers(1, 40, (1000, 2)).tolist(),
        *chance.integers(1, 2**30, (2000, 2)).tolist(),
    ]:
        total = float(fan_in + fan_out)
        assert parameters(gomlx.glorot_uniform(), fan_in, fan_out).high == math.sqrt(3.0 / (total / 2.0))
        assert parameters(gomlx.xavier_uniform(), fan_in, fan_out).high == math.sqrt(6.0 / total)
        assert parameters(gomlx.xavier_normal(), fan_in, fan_out).stddev == math.sqrt(2.0 / total)
        assert parameters(gomlx.he(), fan_in, fan_out).stddev == math.sqrt(2.0 / fan_in)


def test_bounds_are_rounded_after_the_subtraction():
    """fl(b - a) is not fl(b) - fl(a)."""
    low, high = 0.1, 1.3
    width = np.float32(high - low)
    assert width != np.float32(high) - np.float32(low)
    out = np.empty(64, np.float32)
    Generator.seeded(5, "gomlx").uniform(low, high, out)

    assert_same(out, oracle.GoMlx("gomlx", 5).units(64) * width + np.float32(low))


# ---- Ranks, dtypes, shapes ----


@pytest.mark.parametrize("shape", [(), (1,), (7,)])
def test_scaled_variance_is_zeros_up_to_rank_one(shape):
    for initializer in SCALED:
        for fans in ({}, {"fan_in": 3, "fan_out": 4}):
            values, drawn = draw(initializer, shape, **fans)
            assert (values == 0).all()
            assert drawn == 0
    for initializer, words in zip(RANDOM, (1, 3), strict=True):
        values, drawn = draw(initializer, shape)
        assert (values != 0).all()
        assert drawn == {0: words + 1, 1: words + 1, 7: 8 * (words + 1) // 2}[values.size if shape else 0]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.bool_])
def test_tensors_that_are_not_float_are_zeros_unless_their_values_are_given(dtype):
    for initializer in (*SCALED, *RANDOM):
        values, drawn = draw(initializer, (3, 4), dtype)
        assert not values.any()
        assert drawn == 0
    assert (draw(initializers.ones(), (3, 4), dtype)[0] == 1).all()
    given, _ = draw(gomlx.broadcast_tensor_to_shape([1.9, 0, 3]), (2, 3), dtype)
    assert given.tolist() == np.array([[1, 0, 3]] * 2).astype(dtype).tolist()


def test_values_that_an_integer_cannot_hold_are_an_error():
    with pytest.raises(EmbinitError, match="int8"):
        draw(gomlx.broadcast_tensor_to_shape([1, 300]), (2, 2), np.int8)
    with pytest.raises(EmbinitError, match="float64"):
        draw(gomlx.he(), (2, 2), np.float64)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((3, 5), (3, 5)), ((7, 3, 5), (21, 35)), ((2, 7, 3, 5), (42, 70)), ((0, 5), (0, 5)), ((4, 0, 5), (0, 20)),
        ((6,), (0, 0)), ((), (1, 1)),
    ],
)  # fmt: skip
def test_fans_of_shapes(shape, fans):
    assert gomlx.shape_fans(gomlx.he(), shape) == fans
    assert draw(gomlx.he(), shape)[0].shape == shape


@pytest.mark.parametrize("base", [0.1, [0.1, 2, 3], [[1, 2, 3], [4, 5, 6.5]], np.arange(12).reshape(2, 2, 3)])
def test_a_base_is_repeated_over_leading_axes(base):
    for shape in ((2, 2, 3), (5, 2, 2, 3)):
        values, drawn = draw(gomlx.broadcast_tensor_to_shape(base), shape)
        assert values.tobytes() == np.broadcast_to(np.asarray(base, np.float32), shape).tobytes()
        assert drawn == 0


@pytest.mark.parametrize(
    ("base", "shape"),
    [([1.0, 2.0], (2, 3)), ([1.0, 2.0], (1,)), ([[1.0], [2.0]], (2, 2)), ([[1.0, 2.0]], (2,)), ([1], ())],
)
def test_a_base_that_is_no_suffix_is_an_error_with_both_shapes(base, shape):
    with pytest.raises(EmbinitError) as error:
        draw(gomlx.broadcast_tensor_to_shape(base), shape)

    assert str(list(np.shape(base))) in str(error.value)
    assert str(list(shape)) in str(error.value)


@pytest.mark.parametrize("base", ["text", [], [[1, 2], [3]], None, [1.0, math.inf], [1e39], [True, False]])
def test_a_base_of_something_else_is_an_error(base):
    with pytest.raises(EmbinitError, match="base"):
        gomlx.broadcast_tensor_to_shape(base)


@pytest.mark.parametrize("dialect", ["odt", "portable", "torch"])
def test_other_dialects_have_no_broadcast(dialect):
    layer = Linear(name="fc", in_features=3, out_features=2, weight_init=Broadcast((1.0, 2.0)))
    with pytest.raises(EmbinitError, match=f"'fc': dialect {dialect} has no broadcast"):
        Model("m", [layer], seed=1, dialect=dialect)
