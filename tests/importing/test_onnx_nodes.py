"""ONNX nodes by themselves: what layer each makes, and why it makes none."""

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(5)


def floats(*shape):
    return RNG.standard_normal(shape, np.float32)


def codes(*shape, dtype=np.int8):
    return RNG.integers(-100, 100, shape).astype(dtype)


def read(folder, nodes, constants, opset=21, rank=3, **keys):
    """Import a graph of nodes, as (type, inputs, attributes), and return its layers with weights.

    A node begins with what the one before it makes, unless = before its type says that it has no other inputs.
    """
    made, last = [], "x"
    for i, (kind, inputs, more) in enumerate(nodes):
        begins = [] if kind[0] == "=" else [last]
        made.append(helper.make_node(kind.lstrip("="), [*begins, *inputs.split()], [f"t{i}"], **more))
        last = f"t{i}"
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2] * rank)
    graph = helper.make_graph(made, "g", [x], [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)], held)
    path = folder / "net.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString())
    found = import_model(str(path), "torch", 1, **keys)
    stored = {tensor.layer.name for tensor in found.model.tensors}
    return [layer for layer in found.model.layers if layer.name in stored]


SCALE, ZERO, ONE = np.float32(0.5), np.int8(0), np.array([0.25], np.float32)
#: Nodes, their constants, and the keys of the layer that they make.
LAYERS = {
    "RMSNormalization": (
        [("RMSNormalization", "w", {})], {"w": floats(4)}, {"type": "RMSNorm", "normalized_shape": (4,)},
    ),
    "GroupNormalization": (
        [("GroupNormalization", "w b", {"num_groups": 2})], {"w": floats(6), "b": floats(6)},
        {"type": "GroupNorm", "num_groups": 2, "num_channels": 6},
    ),
    "QLinearConv": (
        [("QLinearConv", "s z w sw zw s z b", {"group": 2})],
        {"s": SCALE, "z": ZERO, "w": codes(4, 3, 5), "sw": np.full(4, 0.1, np.float32), "zw": np.zeros(4, np.int8),
         "b": codes(4, dtype=np.int32)},
        {"type": "Conv1d", "in_channels": 6, "out_channels": 4, "groups": 2, "weight_format": "int8",
         "bias_format": "int32", "input_scale": 0.5},
    ),
    "ConvInteger": (
        [("ConvInteger", "w", {})], {"w": codes(4, 3, 5)},
        {"type": "Conv1d", "weight_format": "int8", "per_channel": False},
    ),
    "MatMulInteger with a zero point": (
        [("MatMulInteger", "w zx zw", {})], {"w": codes(3, 4), "zx": np.int8(0), "zw": np.int8(3)},
        {"type": "Linear", "in_features": 3, "out_features": 4, "weight_format": "affine_int8"},
    ),
    "QLinearMatMul": (
        [("QLinearMatMul", "s z w sw zw s z", {})],
        {"s": SCALE, "z": ZERO, "w": codes(3, 4), "sw": ONE, "zw": np.zeros(1, np.int8)},
        {"type": "Linear", "in_features": 3, "out_features": 4, "weight_format": "int8"},
    ),
    "a weight that is reshaped": (
        [("=Reshape", "w to", {}), ("=MatMul", "x t0", {})], {"w": floats(2, 6), "to": np.array([-1, 4])},
        {"type": "Linear", "in_features": 3, "out_features": 4},
    ),
    "a weight that is squeezed": (
        [("=Squeeze", "w axes", {}), ("=MatMul", "x t0", {})], {"w": floats(3, 1, 4), "axes": np.array([1])},
        {"type": "Linear", "in_features": 3, "out_features": 4},
    ),
    "a weight that is unsqueezed": (
        [("=Unsqueeze", "w axes", {}), ("=Conv", "x t0", {})], {"w": floats(4, 3), "axes": np.array([-1])},
        {"type": "Conv1d", "in_channels": 3, "out_channels": 4, "kernel_size": 1},
    ),
    "a list as a constant": (
        [("=Constant", "", {"value_ints": [4, 3]}), ("=Reshape", "w t0", {}), ("=Gemm", "x t1", {"transB": 1})],
        {"w": floats(12)}, {"type": "Linear", "in_features": 3, "out_features": 4},
    ),
    "numbers as a constant": (
        [("=Constant", "", {"value_floats": [0.5, 1.5]}), ("=LayerNormalization", "x t0", {})], {},
        {"type": "LayerNorm", "normalized_shape": (2,), "bias": False},
    ),
    "slopes of channels": ([("PRelu", "w", {})], {"w": floats(4, 1)}, {"type": "PReLU", "num_parameters": 4}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_node_makes_a_layer(name, tmp_path):
    nodes, constants, keys = LAYERS[name]
    (layer,) = read(tmp_path, nodes, constants)
    assert {key: getattr(layer, key) for key in keys} == keys


COMPUTED = "its weights are no constants of the file"
#: Nodes, their constants, and why they make no layer.
UNKNOWN = {
    "groups with a scale each": (
        [("GroupNormalization", "w b", {"num_groups": 2})], {"w": floats(2), "b": floats(2)}, 18,
        "it has a scale for each group, and in PyTorch each channel has one",
    ),
    "slopes of elements": (
        [("PRelu", "w", {})], {"w": floats(4, 9)}, 21, "its slopes must be of channels, got shape [4, 9]",
    ),
    "a computed slope": ([("PRelu", "x", {})], {}, 21, COMPUTED),
    "a computed convolution": ([("Conv", "x", {})], {}, 21, COMPUTED),
    "a computed layer norm": ([("LayerNormalization", "x", {})], {}, 21, COMPUTED),
    "a computed root": ([("RMSNormalization", "x", {})], {}, 23, COMPUTED),
    "a computed group norm": ([("GroupNormalization", "x x", {"num_groups": 2})], {}, 21, COMPUTED),
    "a computed instance norm": ([("InstanceNormalization", "x x", {})], {}, 21, COMPUTED),
    "a computed batch norm": ([("BatchNormalization", "x x x x", {})], {}, 21, COMPUTED),
    "a kernel of two axes": ([("Conv", "w", {})], {"w": floats(4, 3)}, 21, "unknown, with weights w [4, 3]"),
    "a bias of a convolution": (
        [("Conv", "w b", {})], {"w": floats(4, 3, 1), "b": floats(3)}, 21, "its bias must have shape [4], got [3]",
    ),
    "a bias of a product": (
        [("Gemm", "w b", {})], {"w": floats(3, 4), "b": floats(3)}, 21, "its bias must have 4 elements, got shape [3]",
    ),
    "a product of three axes": ([("MatMul", "w", {})], {"w": floats(2, 3, 4)}, 21, "unknown, with weights w [2, 3, 4]"),
    "peepholes": (
        [("LSTM", "w r b s h c p", {"hidden_size": 2})],
        {"w": floats(1, 8, 3), "r": floats(1, 8, 2), "b": floats(1, 16), "s": np.array([4], np.int32),
         "h": floats(1, 1, 2), "c": floats(1, 1, 2), "p": floats(1, 6)},
        21, "it has peepholes, which embinit does not know",
    ),
    "backwards": (
        [("GRU", "w r", {"hidden_size": 2, "direction": "reverse"})], {"w": floats(1, 6, 3), "r": floats(1, 6, 2)}, 21,
        "its weights [1, 6, 3] and direction are not those of one",
    ),
    "a table of three axes": (
        [("=Gather", "w x", {})], {"w": floats(5, 4, 3)}, 21, "unknown, with weights w [5, 4, 3]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_node_that_is_no_layer_is_named(name, tmp_path):
    nodes, constants, opset, why = UNKNOWN[name]
    constants = {**constants, "fc": floats(2, 2)}
    with pytest.raises(EmbinitError) as refused:
        read(tmp_path, [*nodes, ("MatMul", "fc", {})], constants, opset)
    assert why in str(refused.value)
    assert "1 of its layers is unknown" in str(refused.value)
    (layer,) = read(tmp_path, [*nodes, ("MatMul", "fc", {})], constants, opset, skip=True)
    assert layer.name == "fc"
