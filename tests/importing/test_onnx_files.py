"""ONNX graphs of every kind of node that has weights, made by the onnx package."""

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.imported_values import values_of

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(5)


def weights(*shape):
    return RNG.standard_normal(shape, np.float32)


def imported(folder, nodes, constants, shapes=None, dialect="torch", skip=False):
    """Import a graph of nodes, as (type, inputs, outputs, attributes), over constants, from the input x."""
    made = [helper.make_node(kind, i.split(), o.split(), **more) for kind, i, o, more in nodes]
    held = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (shapes or {}).get("x", [1, 4, 9]))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(made, "g", [x], [y], held)
    path = folder / "net.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    found = import_model(str(path), dialect, 1, skip)
    layers = [layer for layer in found.model.layers if any(t.layer.name == layer.name for t in found.model.tensors)]
    return found, layers


def test_convolutions_and_products_with_their_biases(tmp_path):
    constants = {
        "c.weight": weights(8, 2, 3), "up.weight": weights(8, 3, 2), "up.bias": weights(6), "m.weight": weights(7, 5),
        "m.bias": weights(5), "g.weight": weights(5, 3), "g.bias": weights(1, 3), "left.weight": weights(4, 3),
    }  # fmt: skip
    nodes = [
        ("Conv", "x c.weight", "a", {"group": 2}), ("ConvTranspose", "a up.weight up.bias", "b", {"group": 2}),
        ("MatMul", "b m.weight", "c", {}), ("Add", "m.bias c", "d", {}), ("Gemm", "d g.weight g.bias", "e", {}),
        ("MatMul", "left.weight e", "y", {}),
    ]  # fmt: skip
    found, layers = imported(tmp_path, nodes, constants)
    assert [(layer.name, layer.type, layer.bias) for layer in layers] == [
        ("c", "Conv1d", False), ("up", "ConvTranspose1d", True), ("m", "Linear", True), ("g", "Linear", True),
        ("left", "Linear", False),
    ]  # fmt: skip
    values = values_of(found)
    assert np.array_equal(values["m.weight"], constants["m.weight"].T)
    assert np.array_equal(values["left.weight"], constants["left.weight"])
    assert np.array_equal(values["g.bias"], constants["g.bias"][0])


def test_norms_also_as_exporters_write_their_arithmetic(tmp_path):
    constants = {
        "bn.weight": weights(4), "bn.bias": weights(4), "bn.mean": weights(4), "bn.var": weights(4),
        "ones": np.ones(2, np.float32), "zeros": np.zeros(2, np.float32), "to": np.array([0, 2, -1]),
        "back": np.array([1, 4, 9]), "gn.weight": weights(4, 1), "gn.bias": weights(4, 1), "ln.weight": weights(9),
        "ln.bias": weights(9), "old.weight": weights(9), "old.bias": weights(9), "rms.weight": weights(9),
        "in.weight": weights(4), "in.bias": weights(4),
    }  # fmt: skip
    nodes = [
        ("BatchNormalization", "x bn.weight bn.bias bn.mean bn.var", "a", {}), ("Reshape", "a to", "b", {}),
        ("InstanceNormalization", "b ones zeros", "c", {}), ("Reshape", "c back", "d", {}),
        ("Mul", "d gn.weight", "e", {}), ("Add", "e gn.bias", "f", {}),
        ("LayerNormalization", "f ln.weight ln.bias", "h", {}),
        ("Sqrt", "h", "s", {}), ("Div", "h s", "i", {}), ("Mul", "i old.weight", "j", {}),
        ("Add", "j old.bias", "k", {}),
        ("Sqrt", "k", "t", {}), ("Reciprocal", "t", "u", {}), ("Mul", "k u", "v", {}), ("Mul", "v rms.weight", "w", {}),
        ("InstanceNormalization", "w in.weight in.bias", "y", {}),
    ]  # fmt: skip
    _, layers = imported(tmp_path, nodes, constants)
    assert [(layer.name, layer.type) for layer in layers] == [
        ("bn", "BatchNorm1d"), ("gn", "GroupNorm"), ("ln", "LayerNorm"), ("old", "LayerNorm"), ("rms", "RMSNorm"),
        ("in", "InstanceNorm1d"),
    ]  # fmt: skip
    assert layers[1].num_groups == 2


@pytest.mark.parametrize(("kind", "order"), [("LSTM", "iofc"), ("GRU", "zrh"), ("RNN", "h")])
def test_gates_stand_in_pytorchs_order(kind, order, tmp_path):
    theirs = {"LSTM": "ifco", "GRU": "rzh", "RNN": "h"}[kind]
    gates = len(order)
    constants = {"r.w": weights(2, gates * 3, 4), "r.r": weights(2, gates * 3, 3), "r.b": weights(2, 2 * gates * 3)}
    found, (layer,) = imported(
        tmp_path, [(kind, "x r.w r.r r.b", "y", {"hidden_size": 3, "direction": "bidirectional"})], constants
    )
    assert (layer.type, layer.hidden_size, layer.bidirectional) == (kind, 3, True)
    values = values_of(found)
    for ours, gate in enumerate(theirs):
        at = order.index(gate)
        rows, their_rows = slice(3 * ours, 3 * ours + 3), slice(3 * at, 3 * at + 3)
        assert np.array_equal(values[f"{layer.name}.weight_ih_l0"][rows], constants["r.w"][0][their_rows])
        assert np.array_equal(values[f"{layer.name}.weight_hh_l0_reverse"][rows], constants["r.r"][1][their_rows])
        assert np.array_equal(values[f"{layer.name}.bias_hh_l0"][rows], constants["r.b"][0][3 * gates :][their_rows])


def test_embeddings_slopes_and_weights_through_what_makes_them(tmp_path):
    constants = {
        "emb.weight": weights(9, 4),
        "act.weight": weights(4, 1),
        "fc.weight": weights(5, 9),
        "idx": np.array([1, 2]),
    }
    nodes = [
        ("Cast", "x", "i", {"to": TensorProto.INT64}), ("Gather", "emb.weight i", "a", {}),
        ("PRelu", "a act.weight", "b", {}), ("Transpose", "fc.weight", "t", {"perm": [1, 0]}),
        ("MatMul", "b t", "y", {}),
    ]  # fmt: skip
    found, layers = imported(tmp_path, nodes, constants)
    assert [(layer.name, layer.type) for layer in layers] == [("emb", "Embedding"), ("act", "PReLU"), ("fc", "Linear")]
    assert np.array_equal(values_of(found)["fc.weight"], constants["fc.weight"])


def test_codes_keep_their_scales_axes_and_zero_points(tmp_path):
    codes = RNG.integers(-128, 127, (4, 6), np.int8)
    constants = {
        "a.weight": codes, "a.scale": np.abs(weights(6)), "a.zero": np.zeros(6, np.int8), "b.weight": codes.T.copy(),
        "b.scale": np.float32(0.5), "b.zero": np.int8(3),
    }  # fmt: skip
    nodes = [
        ("DequantizeLinear", "a.weight a.scale a.zero", "aw", {"axis": 1}), ("MatMul", "x aw", "a", {}),
        ("DequantizeLinear", "b.weight b.scale b.zero", "bw", {}), ("MatMul", "a bw", "y", {}),
    ]  # fmt: skip
    found, (first, second) = imported(tmp_path, nodes, constants)
    assert (first.weight_format, first.per_channel, first.channel_axis) == ("int8", True, None)
    assert (second.weight_format, second.per_channel) == ("affine_int8", False)
    assert np.array_equal(values_of(found)["a.weight"], (codes * constants["a.scale"]).T)
    assert np.array_equal(values_of(found)["b.weight"], ((codes.astype(np.float32) - 3) * np.float32(0.5)))


def test_a_weight_that_is_used_twice_is_one_layer(tmp_path):
    nodes = [("MatMul", "x w", "a", {}), ("MatMul", "a w", "y", {})]
    found, layers = imported(tmp_path, nodes, {"w": weights(9, 9)})
    assert len(layers) == 1
    assert any("1 nodes use the weights of an earlier one" in note for note in found.notes)


def test_unknown_nodes_with_weights_are_named(tmp_path):
    nodes = [
        ("Conv", "x c.weight", "a", {}),
        ("Add", "a pos", "b", {}),
        ("Einsum", "b e.weight", "y", {"equation": "ij,jk"}),
    ]
    constants = {"c.weight": weights(4, 4, 3), "pos": weights(4, 7), "e.weight": weights(7, 3)}
    with pytest.raises(EmbinitError, match=r"2 of its layers .* pos \(Add: .*pos \[4, 7\]\), e \(Einsum"):
        imported(tmp_path, nodes, constants)
    found, layers = imported(tmp_path, nodes, constants, skip=True)
    assert [layer.name for layer in layers] == ["c"]
    assert [each.type for each in found.skipped] == ["Add", "Einsum"]


def test_weights_that_a_graph_makes_of_nothing_have_shapes(tmp_path):
    nodes = [("ConstantOfShape", "s", "w", {}), ("Conv", "x w", "y", {})]
    _, (layer,) = imported(tmp_path, nodes, {"s": np.array([6, 4, 3])})
    assert (layer.type, layer.in_channels, layer.out_channels) == ("Conv1d", 4, 6)


def test_weights_that_a_graph_computes_are_unknown(tmp_path):
    with pytest.raises(
        EmbinitError, match=r"1 of its layers is unknown.*Conv: its weights are no constants of the file"
    ):
        imported(tmp_path, [("Conv", "x x", "y", {})], {"unused": weights(1)})


def test_dims_without_data_are_refused(tmp_path):
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], b"\0\0\0\0", raw=True)
    tensor.dims[:] = [10**6, 10**6]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [], [], [tensor])
    (tmp_path / "big.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(
        EmbinitError, match=r"big.onnx: initializer 'w' of dims .* needs 4000000000000 bytes of data, got 4"
    ):
        import_model(str(tmp_path / "big.onnx"), "torch", 1)
