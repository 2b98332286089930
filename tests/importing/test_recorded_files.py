"""Files that frameworks saved: the layers, shapes, names and formats that they were made with."""

from importlib.util import find_spec
from pathlib import Path

import pytest

import embinit
from embinit.importing import import_model, origin_of
from embinit.importing.imported import FAMILIES

from support.cli import run
from support.imported_values import values_of

FILES = Path(__file__).parents[1] / "vectors" / "importing"
CONV, NORM, LINEAR = "Conv1d", "BatchNorm1d", "Linear"
#: A file -> the package that reads it, and each layer's name, type and shapes in dialect torch.
HELD = {
    "conv1d.pt2": (None, [("conv", CONV, [[8, 3, 5], [8]]), ("bn", NORM, [[8], [8]]), ("fc", LINEAR, [[4, 96], [4]])]),
    "conv1d.pt": ("torch", [("conv1d_0", CONV, [[8, 3, 5], [8]]), ("batchnorm1d_1", NORM, [[8], [8]]),
                            ("linear_4", LINEAR, [[4, 96], [4]])]),
    "conv1d.keras": ("h5py", [("front", CONV, [[8, 3, 5], [8]]), ("logits", LINEAR, [[4, 64], [4]])]),
    "conv1d.h5": ("h5py", [("c1", CONV, [[5, 4, 3], [5]]), ("d1", LINEAR, [[9, 110]]), ("d2", LINEAR, [[2, 9], [2]])]),
    "gru.onnx": ("onnx", [("gru", "GRU", [[21, 6], [21, 7], [21], [21]]), ("head", LINEAR, [[3, 7], [3]])]),
    "conv_float.tflite": ("tflite", [("sequential_5_1_conv_1", "Conv2d", [[6, 2, 5, 3], [6]]),
                                     ("sequential_5_1_fc_1", LINEAR, [[4, 600], [4]])]),
    "dense_int8.tflite": ("tflite", [("sequential_6_1_h1_1", LINEAR, [[16, 10], [16]]),
                                     ("sequential_6_1_h2_1", LINEAR, [[3, 16], [3]])]),
}  # fmt: skip
READABLE = [name for name, (package, _) in HELD.items() if package is None or find_spec(package)]


def layers(model):
    held = {}
    for tensor in model.tensors:
        held.setdefault((tensor.layer.name, tensor.layer.type), []).append(list(tensor.shape))
    return [(*key, shapes) for key, shapes in held.items()]


@pytest.fixture(autouse=True)
def _few_seeds(monkeypatch):
    """Look for what drew the weights in few seeds of few dialects: tests of the search are elsewhere."""
    monkeypatch.setattr("embinit.diagnose.origin.MOST_VALUES", 0)
    monkeypatch.setitem(FAMILIES, "keras", ("keras-torch",))


@pytest.mark.parametrize("name", READABLE)
def test_a_file_has_the_layers_that_it_was_made_with(name):
    assert layers(import_model(str(FILES / name), "torch", 1).model) == HELD[name][1]


@pytest.mark.parametrize("name", READABLE)
def test_the_model_file_is_written_and_read_back(name, tmp_path):
    done = run("import", FILES / name, "-o", tmp_path / "m.toml", "--dialect", "torch", "--seed", "7")
    assert done.returncode == 0
    model = embinit.load(tmp_path / "m.toml")
    assert layers(model) == HELD[name][1]
    assert (model.seed, model.dialect) == (7, "torch")
    assert all(layer in done.stdout for layer, *_ in HELD[name][1])


@pytest.mark.parametrize("name", READABLE)
def test_the_weights_of_a_file_have_the_shapes_of_their_buffers(name):
    found = import_model(str(FILES / name), "torch", 1)
    values = values_of(found)
    assert set(values) == {tensor.name for tensor in found.model.tensors}
    assert all(values[tensor.name].shape == tensor.shape for tensor in found.model.tensors)


@pytest.mark.parametrize("name", READABLE)
def test_a_file_that_is_cut_short_is_refused_in_one_line(name, tmp_path):
    content = (FILES / name).read_bytes()
    for length in (0, 1, 7, 40, len(content) // 3, len(content) // 2, len(content) - 30):
        (tmp_path / name).write_bytes(content[:length])
        done = run("import", tmp_path / name, "-o", tmp_path / "m.toml")
        assert done.returncode in (0, 2)  # the end of a flatbuffer may hold nothing that is needed
        if done.returncode == 2:
            assert len(done.stderr.splitlines()) == 1
            assert name in done.stderr
            assert not (tmp_path / "m.toml").exists()
    assert done.returncode == 2 or name.endswith(".tflite")


@pytest.mark.skipif("dense_int8.tflite" not in READABLE, reason="needs tflite")
def test_quantized_weights_keep_their_formats():
    found = import_model(str(FILES / "dense_int8.tflite"), "torch", 1)
    (first, _) = found.model.layers
    assert (first.weight_format, first.bias_format, first.per_channel) == ("int8", "int32", True)
    assert first.input_scale == pytest.approx(0.02189354)
    assert [tensor.storage.channel_axis for tensor in found.model.tensors] == [0, 0, 0, 0]


@pytest.mark.skipif("conv1d.keras" not in READABLE, reason="needs h5py")
def test_a_dialect_of_keras_has_its_own_layout():
    model = import_model(str(FILES / "conv1d.keras"), "keras-tensorflow", 1).model
    assert layers(model) == [("front", CONV, [[5, 3, 8], [8]]), ("logits", LINEAR, [[64, 4], [4]])]


def test_a_dialect_without_such_layers_names_them(tmp_path):
    done = run("import", FILES / "conv1d.pt2", "-o", tmp_path / "m.toml", "--dialect", "kaun")
    assert done.returncode == 2
    assert "conv (Conv1d: dialect kaun has no Conv1d; dialects with one:" in done.stderr
    done = run("import", FILES / "conv1d.pt2", "-o", tmp_path / "m.toml", "--dialect", "kaun", "--skip")
    assert done.returncode == 0
    assert "left out: conv (Conv1d" in done.stderr
    assert [layer.name for layer in embinit.load(tmp_path / "m.toml").layers] == ["bn", "fc"]


def test_pytorch_itself_drew_the_weights_of_its_file():
    found = origin_of(import_model(str(FILES / "conv1d.pt2"), "portable", 1))
    assert (found.dialect, found.seed, found.differing) == ("torch", 1, ())
    assert found.equal == ("conv.weight", "conv.bias", "bn.weight", "bn.bias", "fc.weight", "fc.bias")
