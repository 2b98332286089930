"""Frozen means frozen, all the way down: what a caller does to a list or an array later changes no layer."""

import copy
import pickle

import numpy as np
import pytest

import embinit
from embinit import Conv1d, Conv2d, Conv3d, ConvTranspose2d, EmbinitError, LayerNorm, Linear, Model
from embinit.dialects import DIALECTS
from embinit.distributions import Broadcast, Dirac, Eye, PaddedNormal, Sparse
from embinit.initializers import BY_NAME, VarianceScaling

CHANNELS = {"in_channels": 2, "out_channels": 4}
#: What builds something from a list -> two lists, of which the first is also given as a tuple and an array.
BUILT = {
    "LayerNorm": (lambda shape: LayerNorm(normalized_shape=shape), [2, 3], [2, 4]),
    "Conv1d": (lambda size: Conv1d(kernel_size=size, **CHANNELS), [3], [5]),
    "Conv2d": (lambda size: Conv2d(kernel_size=size, **CHANNELS), [3, 5], [5, 3]),
    "Conv3d": (lambda size: Conv3d(kernel_size=size, **CHANNELS), [3, 5, 1], [3, 5, 2]),
    "ConvTranspose2d": (lambda size: ConvTranspose2d(kernel_size=size, **CHANNELS), [1, 2], [2, 1]),
    "Broadcast": (Broadcast, [[1.5, 2.0], [3.0, 4.0]], [[1.5, 2.0], [3.0, 5.0]]),
    "VarianceScaling": (lambda axes: VarianceScaling(1.0, "fan_in", "uniform", axes=axes), [0, 1], [1, 0]),
    "Sparse": (lambda shape: Sparse(0.5, 0.1, shape=shape), [4, 3], [3, 4]),
    "Eye": (lambda shape: Eye(shape=shape), [4, 3], [3, 4]),
    "Dirac": (lambda shape: Dirac(shape=shape), [4, 3, 2], [3, 4, 2]),
    "PaddedNormal": (lambda shape: PaddedNormal(0.0, 1.0, 1, shape=shape), [4, 3], [3, 4]),
}


def as_tuple(nested):
    return tuple(map(as_tuple, nested)) if isinstance(nested, list) else nested


@pytest.mark.parametrize("what", BUILT)
def test_what_is_built_from_lists_is_hashable_and_equal_by_value(what):
    build, value, other = BUILT[what]
    given = copy.deepcopy(value)
    built = build(given)
    as_it_was = repr(built)
    given.append(given.pop())
    given[0] = 99

    assert repr(built) == as_it_was
    for same in (build(value), build(as_tuple(value)), build(np.array(value)), pickle.loads(pickle.dumps(built))):
        assert same == built
        assert hash(same) == hash(built)
    assert build(other) != built


def test_a_layer_and_its_tensor_agree_after_the_callers_list_has_changed():
    shape, kernel, layers = [2, 3], [3], []
    layers += [LayerNorm(normalized_shape=shape), Conv1d(kernel_size=kernel, **CHANNELS)]
    model = Model("m", layers, seed=1)
    shape.append(4)
    kernel.append(4)
    layers.pop()

    assert [layer.type for layer in model.layers] == ["LayerNorm", "Conv1d"]
    assert model.layers[0].shape == model.tensors[0].shape == (2, 3)
    assert model.layers[1].sizes["kernel"] == model.tensors[2].shape[2] == 3
    assert model.init()["layernorm0.weight"].shape == (2, 3)


def models():
    base = np.array([1.0, 2.0])
    broadcast = Linear(in_features=3, out_features=2, weight_init=Broadcast(base))
    return [
        Model("m", [LayerNorm(normalized_shape=[2, 3]), Conv1d(kernel_size=[3], **CHANNELS)], seed=1),
        Model("m", (layer for layer in [LayerNorm(normalized_shape=[2, 3])]), seed=1),
        Model("m", [broadcast], seed=1, dialect="gomlx"),
        Model("m", [embinit.LSTM(input_size=2, hidden_size=3, num_layers=2)], seed=1, dialect="torch"),
        Model("m", [Linear(in_features=3, out_features=2, weight_format="sym4", group_size=3)], seed=1),
    ]


@pytest.mark.parametrize("i", range(len(models())))
def test_equal_models_hash_equal(i):
    one, two = models()[i], models()[i]

    assert one == two
    assert hash(one) == hash(two)
    assert {one: "found"}[two] == "found"
    assert hash(one.plan()) == hash(two.plan())
    assert pickle.loads(pickle.dumps(one)) == one
    assert one not in models()[:i] + models()[i + 1 :]


def test_dialects_and_formats_can_be_keys():
    assert len(set(DIALECTS.values())) == len(DIALECTS)
    assert len({embinit.formats.format_named(name) for name in ("q7", "q1.7", "sym4", "bfp4e3")}) == 4


def test_a_float32_buffer_is_not_the_callers_array():
    values = np.ones(3, np.float32)
    buffer = embinit.encode(values, "float32")
    values[0] = 2

    assert buffer.data.tolist() == [1, 1, 1]


def test_what_no_shape_and_no_axes_are():
    for axes in (1, (1,), (1, 2, 3)):
        with pytest.raises(EmbinitError, match="axes must be in_axis and out_axis"):
            VarianceScaling(1.0, "fan_in", "uniform", axes=axes)
    for row in (-1, 4, True, 1.0):
        with pytest.raises(EmbinitError, match="padding_idx must be an integer from 0 to 3"):
            PaddedNormal(0.0, 1.0, row, shape=(4, 3))
    with pytest.raises(EmbinitError, match="type must be one of"):
        embinit.layers.DrawFree(kind="Relu")
    with pytest.raises(EmbinitError, match="layers must be layers"):
        Model("m", 5, seed=1)


def test_every_named_initializer_holds_floats():
    for name, factory in BY_NAME.items():
        if name in ("uniform", "normal", "truncated_normal"):
            built = factory(np.float32(-0.5), 1)
            assert {type(value) for value in vars(built).values()} == {float}
