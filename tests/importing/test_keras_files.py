"""Keras files of every layer that embinit knows, written as Keras writes them."""

import io
import json
import zipfile

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.imported_values import values_of

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(5)


def entry(kind, name, shapes, place=None, **config):
    """A layer: its configuration, its group of weights, and the weights."""
    arrays = [RNG.standard_normal(shape, np.float32) for shape in shapes]
    module = "keras.layers"
    return {"class_name": kind, "module": module, "config": {"name": name, **config}}, place, arrays


LAYERS = [
    entry("Conv2D", "c", [(3, 5, 3, 8), (8,)], "conv2d", groups=1),
    entry("BatchNormalization", "b", [(8,)] * 4, "batch_normalization"),
    entry("DepthwiseConv2D", "d", [(3, 3, 8, 2), (16,)], "depthwise_conv2d"),
    entry("SeparableConv2D", "s", [(3, 3, 16, 1), (1, 1, 16, 6), (6,)], "separable_conv2d"),
    entry("Conv2DTranspose", "t", [(2, 2, 4, 6)], "conv2d_transpose", use_bias=False),
    entry("Dropout", "drop", [], None, rate=0.5, seed=None),
    entry("Embedding", "e", [(11, 6)], "embedding"),
    entry("LSTM", "l", [(6, 20), (5, 20), (20,)], "lstm/cell"),
    entry("GRU", "g", [(5, 12), (4, 12), (2, 12)], "gru/cell"),
    entry("Dense", "out", [(4, 2), (2,)], "dense",
          kernel_initializer={"class_name": "HeNormal", "config": {"seed": 3}}),
]  # fmt: skip


def saved(folder, layers):
    path, content = folder / "net.keras", io.BytesIO()
    with h5py.File(content, "w") as file:
        for _, place, arrays in layers:
            for i, array in enumerate(arrays):
                file[f"layers/{place}/vars/{i}"] = array
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [config for config, *_ in layers]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content.getvalue())
    return str(path)


def test_layers_of_every_kind(tmp_path):
    found = import_model(saved(tmp_path, LAYERS), "torch", 1)
    shapes = {tensor.name: tensor.shape for tensor in found.model.tensors}
    assert [(layer.name, layer.type) for layer in found.model.layers] == [
        ("c", "Conv2d"), ("b", "BatchNorm1d"), ("d", "Conv2d"), ("s_depthwise", "Conv2d"), ("s_pointwise", "Conv2d"),
        ("t", "ConvTranspose2d"), ("drop", "Dropout"), ("e", "Embedding"), ("l", "LSTM"), ("g", "GRU"),
        ("out", "Linear"),
    ]  # fmt: skip
    assert shapes["d.weight"] == (16, 1, 3, 3)
    assert shapes["s_pointwise.weight"] == (6, 16, 1, 1)
    values = values_of(found)
    held = {config["config"]["name"]: arrays for config, _, arrays in LAYERS}
    assert np.array_equal(values["c.weight"], held["c"][0].transpose(3, 2, 0, 1))
    assert np.array_equal(values["t.weight"], held["t"][0].transpose(3, 2, 0, 1))
    assert np.array_equal(values["d.weight"][:, 0], held["d"][0].reshape(3, 3, 16).transpose(2, 0, 1))
    assert np.array_equal(values["l.weight_ih_l0"], held["l"][0].T)
    reset_first = np.concatenate([held["g"][0].T[4:8], held["g"][0].T[:4], held["g"][0].T[8:]])
    assert np.array_equal(values["g.weight_ih_l0"], reset_first)


def test_initializers_are_those_of_the_file_in_dialects_of_keras_alone(tmp_path):
    path = saved(tmp_path, [LAYERS[0], LAYERS[5], LAYERS[-1]])
    in_keras = import_model(path, "keras-torch", 1).model
    assert in_keras.layers[-1].weight_init.seed == 3
    assert 'weight_init = { name = "he_normal", seed = 3 }' in in_keras.to_toml()
    assert import_model(path, "torch", 1).model.layers[-1].weight_init is None


def test_recurrent_layers_are_left_to_keras_in_its_own_dialects(tmp_path):
    with pytest.raises(EmbinitError, match=r"l \(LSTM: the recurrent kernel of Keras' LSTM is orthogonal"):
        import_model(saved(tmp_path, [LAYERS[7]]), "keras-torch", 1)


def test_shapes_that_no_memory_holds_are_refused(tmp_path):
    path = saved(tmp_path, [LAYERS[-1]])
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), np.float32)
        file.create_dataset("layers/dense/vars/1", (10**6,), np.float32)
    with zipfile.ZipFile(path) as old:
        config = old.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", content.getvalue())
    with pytest.raises(
        EmbinitError, match=r"net.keras: layer 'out': the buffers up to out.weight take 4000000000000 bytes, more than"
    ):
        import_model(path, "torch", 1)


def test_layers_of_an_authors_own_are_unknown(tmp_path):
    config, place, arrays = entry("Dense", "mine", [(4, 2), (2,)], "dense")
    own = {**config, "module": "mylib", "registered_name": "mylib>Dense"}
    with pytest.raises(EmbinitError, match=r"mine \(Dense: unknown, with weights \[4, 2\], \[2\]\)"):
        import_model(saved(tmp_path, [(own, place, arrays)]), "torch", 1)


def test_weights_alone_are_told_by_their_groups(tmp_path):
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        for (config, place, arrays), number in zip(LAYERS, range(20), strict=False):
            for i, array in enumerate(arrays):
                file[f"layers/{place}/vars/{i}"] = array
            if arrays and "/" not in place:
                file[f"layers/{place}/vars"].attrs["name"] = config["config"]["name"]
            assert number < 20
    found = import_model(str(tmp_path / "net.weights.h5"), "torch", 1)
    types = {layer.name: layer.type for layer in found.model.layers}
    assert types["out"] == "Linear"
    assert types["t"] == "ConvTranspose2d"
    assert types["lstm"] == "LSTM"
    assert any("keeps no order" in note for note in found.notes)
