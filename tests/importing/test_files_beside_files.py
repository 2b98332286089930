"""Models that lie in several files, and tensors whose names or makers tell more than their shapes."""

import json

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.imported_values import values_of

RNG = np.random.default_rng(8)


def weights(*shape):
    return RNG.standard_normal(shape, np.float32)


TENSORS = {"a.weight": weights(3, 4), "a.bias": weights(3), "b.weight": weights(2, 3), "b.bias": weights(2)}


@pytest.fixture
def shards(tmp_path):
    """A model in two .safetensors files with their list."""
    safetensors = pytest.importorskip("safetensors.numpy")
    where = {}
    for number, names in enumerate((["a.bias", "b.weight"], ["a.weight", "b.bias"]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        safetensors.save_file({name: TENSORS[name] for name in names}, tmp_path / file)
        where |= dict.fromkeys(names, file)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return tmp_path / "model.safetensors.index.json", where


def test_a_model_in_several_files(shards):
    path, where = shards
    found = import_model(str(path), "torch", 1)
    assert {name: held.tolist() for name, held in values_of(found).items()} == {
        name: held.tolist() for name, held in TENSORS.items()
    }
    one = import_model(str(path.parent / where["a.bias"]), "torch", 1, skip=True)
    assert any("one of several files of a model" in note for note in one.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda where: where | {"c": "../other.safetensors"}, "its files must lie beside it, got '../other.safetens"),
        (lambda where: where | {"c": "absent.safetensors"}, "absent.safetensors, which it names, cannot be read: No s"),
        (lambda where: where | {"c": where["a.bias"]}, "'c' must be in model-00001-of-00002.safetensors, and is not"),
        (lambda _: {}, "is no list of the files of a model: its weight_map must name a file for each tensor"),
        (lambda _: {"a": 3}, "its files must lie beside it, got 3"),
        (lambda _: [1], "is no list of the files of a model"),
    ],
)
def test_wrong_lists_of_files(change, message, shards):
    path, where = shards
    path.write_text(json.dumps({"weight_map": change(where)}))
    with pytest.raises(EmbinitError, match=message):
        import_model(str(path), "torch", 1)


def test_pytorchs_files_with_a_list(tmp_path):
    torch = pytest.importorskip("torch")
    names = list(TENSORS)
    for number, held in enumerate((names[:1], names[1:]), 1):
        state = {name: torch.from_numpy(TENSORS[name]) for name in held}
        torch.save(state, tmp_path / f"pytorch_model-{number:05}-of-00002.bin")
    where = {name: f"pytorch_model-{1 + bool(i):05}-of-00002.bin" for i, name in enumerate(names)}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))
    found = import_model(str(tmp_path / "pytorch_model.bin.index.json"), "torch", 1)
    assert [layer.name for layer in found.model.layers] == ["a", "b"]
    (tmp_path / "pytorch_model-00002-of-00002.bin").write_bytes(b"\x80nothing")
    with pytest.raises(EmbinitError, match=r"index\.json: pytorch_model-00002-of-00002\.bin: "):
        import_model(str(tmp_path / "pytorch_model.bin.index.json"), "torch", 1)


# ---- ONNX ----


def onnx_model(nodes, tensors, path, external):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(kind, given, made, **attributes) for kind, given, made, attributes in nodes],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 8))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(held, name) for name, held in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    more = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0} if external else {}
    onnx.save_model(model, path, **more)
    return str(path)


QUANTIZED = (
    [
        ("DequantizeLinear", ["w", "scale", "zero"], ["wf"], {"axis": 0}),
        ("Gemm", ["x", "wf", "b"], ["y"], {"transB": 1}),
    ],
    {
        "w": RNG.integers(-128, 128, (4, 8)).astype(np.int8),
        "scale": np.full(4, 0.01, np.float32),
        "zero": np.array([1, 0, -3, 4], np.int8),
        "b": weights(4),
    },
)


def test_what_onnx_keeps_in_another_file(tmp_path):
    inside = import_model(onnx_model(*QUANTIZED, tmp_path / "m.onnx", False), "torch", 1)
    outside = import_model(onnx_model(*QUANTIZED, tmp_path / "m.onnx", True), "torch", 1)
    assert inside.model == outside.model
    assert values_of(inside)["w.bias"].tolist() == values_of(outside)["w.bias"].tolist()
    (tmp_path / "w.bin").unlink()
    nodes, tensors = [("Gemm", ["x", "w"], ["y"], {"transB": 1})], {"w": weights(4, 8)}
    path = onnx_model(nodes, tensors, tmp_path / "n.onnx", True)
    (tmp_path / "w.bin").unlink()
    alone = import_model(path, "torch", 1)
    assert "nothing is said of the values in w.bin" in alone.notes[0]
    assert values_of(alone) == {}


@pytest.mark.parametrize(("equation", "shape", "first"), [("ab,bc->ac", (8, 4), False), ("oi, bi -> bo", (4, 8), True)])
def test_an_equation_of_onnx(equation, shape, first, tmp_path):
    held = weights(*shape)
    given = ["w", "x"] if first else ["x", "w"]
    path = onnx_model([("Einsum", given, ["y"], {"equation": equation})], {"w": held}, tmp_path / "m.onnx", False)
    wanted = held if first else held.T
    assert np.array_equal(values_of(import_model(path, "torch", 1))["w.weight"], wanted)


@pytest.mark.parametrize("equation", ["ab,bc->abc", "ab,cc->ab", "ab,bc"])
def test_equations_that_are_no_layer(equation, tmp_path):
    nodes = [("Einsum", ["x", "w"], ["y"], {"equation": equation})]
    path = onnx_model(nodes, {"w": weights(8, 8)}, tmp_path / "m.onnx", False)
    with pytest.raises(EmbinitError, match=r"w \(Einsum: .*with weights w \[8, 8\]"):
        import_model(path, "torch", 1)


# ---- Names ----


def test_names_that_differ_by_a_separator_are_two_layers(tmp_path):
    held = {"a/b.weight": weights(3, 4), "a.b.weight": weights(2, 4), "a.b.bias": weights(2)}
    np.savez(tmp_path / "m.npz", **held)
    found = import_model(str(tmp_path / "m.npz"), "torch", 1)
    assert sorted(tensor.shape for tensor in found.model.tensors) == [(2,), (2, 4), (3, 4)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fc.weight_g", "fc.weight_v", "fc.bias"], r"fc \(weight_norm: .* after torch.nn.utils.remove_weight_norm"),
        (["fc.weight_orig", "fc.weight_u", "fc.weight_v"], r"fc \(spectral_norm: .*remove_spectral_norm"),
        (["fc.weight_orig", "fc.weight_mask"], r"fc \(pruning: .*prune.remove"),
        (["fc.parametrizations.weight.original0", "fc.parametrizations.weight.0._u"], r"1 of .* fc \(parametrization"),
    ],
)
def test_weights_that_are_computed_are_named(names, message, tmp_path):
    np.savez(tmp_path / "m.npz", **{name: weights(4, 4) for name in names})
    with pytest.raises(EmbinitError, match=message):
        import_model(str(tmp_path / "m.npz"), "torch", 1)
