"""Keras files with attention, cells, models in wrappers, layers of authors, and weights that no layer explains."""

import io
import json
import zipfile

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.imported_values import values_of

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(6)


def entry(kind, name, **config):
    return {"class_name": kind, "module": "keras.layers", "registered_name": None, "config": {"name": name, **config}}


def model(layers, name="m"):
    return {"class_name": "Sequential", "module": "keras", "config": {"name": name, "layers": layers}}


def hdf5(groups):
    """An HDF5 of groups: a place to the shapes of its weights, and the name of its layer if the file says it."""
    content, held = io.BytesIO(), {}
    with h5py.File(content, "w") as file:
        for place, (shapes, name) in groups.items():
            own = file.require_group(f"{place}/vars")
            if name is not None:
                own.attrs["name"] = name
            held[place] = [RNG.standard_normal(shape, np.float32) for shape in shapes]
            for i, array in enumerate(held[place]):
                own[str(i)] = array
    return content.getvalue(), held


def saved(folder, layers, groups):
    content, held = hdf5(groups)
    config = layers if isinstance(layers, dict) else model(layers)
    with zipfile.ZipFile(folder / "net.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content)
    return str(folder / "net.keras"), held


def layers_of(path, dialect="torch", skip=False):
    found = import_model(path, dialect, 1, skip)
    values = {name: held.shape for name, held in values_of(found).items()}
    return found, {layer.name: layer.type for layer in found.model.layers}, values


PROJECTIONS = {
    "layers/multi_head_attention": ([], "att"),
    "layers/multi_head_attention/key_dense": ([(6, 2, 3), (2, 3)], "key"),
    "layers/multi_head_attention/output_dense": ([(2, 5, 8), (8,)], "attention_output"),
    "layers/multi_head_attention/query_dense": ([(8, 2, 3), (2, 3)], "query"),
    "layers/multi_head_attention/value_dense": ([(6, 2, 5), (2, 5)], "value"),
}


def test_attention_is_its_projections(tmp_path):
    path, held = saved(tmp_path, [entry("MultiHeadAttention", "att", num_heads=2)], PROJECTIONS)
    found, types, shapes = layers_of(path)
    assert types == dict.fromkeys(("att_query", "att_key", "att_value", "att_attention_output"), "Linear")
    assert shapes["att_attention_output.weight"] == (8, 10)
    kernel = held["layers/multi_head_attention/output_dense"][0]
    assert np.array_equal(values_of(found)["att_attention_output.weight"], kernel.reshape(10, 8).T)
    with pytest.raises(EmbinitError, match=r"att/query \(Linear: Keras draws its kernels with fans of its own"):
        import_model(path, "keras-torch", 1)


@pytest.mark.parametrize(
    ("equation", "shape", "axes"),
    [("abc,cd->abd", (5, 4), (1, 0)), ("...c,dc->...d", (4, 5), (0, 1)), ("abc,cde->abed", (5, 2, 3), (2, 1, 0))],
)
def test_a_dense_layer_by_an_equation(equation, shape, axes, tmp_path):
    layer = entry("EinsumDense", "e", equation=equation, bias_axes=None)
    path, held = saved(tmp_path, [layer], {"layers/einsum_dense": ([shape], "e")})
    found, types, _ = layers_of(path)
    assert types == {"e": "Linear"}
    kernel = held["layers/einsum_dense"][0].transpose(axes)
    assert np.array_equal(values_of(found)["e.weight"], kernel.reshape(-1, 5))


def test_equations_that_are_no_linear_layer_are_refused(tmp_path):
    for equation, shape, bias, why in (
        ("abc,bcd->abd", (3, 5, 4), None, "has a kernel for each place of an axis"),
        ("abc,cde->abde", (5, 2, 3), "e", "its bias must have a value for each of its 6 outputs, got [3]"),
    ):
        layer = entry("EinsumDense", "e", equation=equation, bias_axes=bias)
        shapes = [shape, *([(3,)] if bias else [])]
        path, _ = saved(tmp_path, [layer], {"layers/einsum_dense": (shapes, "e")})
        with pytest.raises(EmbinitError) as caught:
            import_model(path, "torch", 1)
        assert why in str(caught.value)


def test_cells_are_the_layers_around_them(tmp_path):
    cells = [entry(f"{kind}Cell", f"c{i}", use_bias=False) for i, kind in enumerate(("LSTM", "GRU"))]
    stack = entry("StackedRNNCells", "cells", cells=cells)
    layers = [entry("RNN", "r", cell=stack), entry("Bidirectional", "b", layer=entry("RNN", "x", cell=cells[1]))]
    groups = {
        "layers/rnn/cell/cells/lstm_cell": ([(3, 16), (4, 16)], "c0"),
        "layers/rnn/cell/cells/lstm_cell_1": ([(4, 15), (5, 15)], "c1"),
        "layers/bidirectional/backward_layer/cell": ([(5, 6), (2, 6)], "c1"),
        "layers/bidirectional/forward_layer/cell": ([(5, 6), (2, 6)], "c1"),
    }
    path, held = saved(tmp_path, layers, groups)
    found, types, _ = layers_of(path)
    assert types == {"r_c0": "LSTM", "r_c1": "GRU", "b": "GRU"}
    backward = held["layers/bidirectional/backward_layer/cell"][1].T
    assert np.array_equal(values_of(found)["b.weight_hh_l0_reverse"][:2], backward[2:4])
    layers[0]["config"]["cell"] = entry("PeepholeCell", "p")
    with pytest.raises(EmbinitError, match=r"r \(RNN: its cells must be of LSTMCell, GRUCell, SimpleRNNCell, got Peep"):
        import_model(saved(tmp_path, layers, groups)[0], "torch", 1)


def test_a_model_within_a_wrapper(tmp_path):
    inner = model([entry("Dense", "fc"), entry("LayerNormalization", "n", scale=False)], "inner")
    layers = [entry("TimeDistributed", "t", layer=inner), entry("Dense", "fc")]
    groups = {
        "layers/time_distributed": ([], "t"),
        "layers/time_distributed/layer/layers/dense": ([(3, 4), (4,)], "fc"),
        "layers/time_distributed/layer/layers/layer_normalization": ([(4,)], "n"),
        "layers/dense": ([(4, 2), (2,)], "fc"),
    }
    _, types, shapes = layers_of(saved(tmp_path, layers, groups)[0])
    assert list(types.values()) == ["Linear", "LayerNorm", "Linear"]
    assert sorted(shapes.values()) == [(2,), (2, 4), (4,), (4,), (4, 3)]


def test_groups_are_found_by_the_names_of_layers(tmp_path):
    """Numbers count other layers too where an author's class has the same name."""
    groups = {"layers/dense": ([(3, 7), (7,)], "first"), "layers/dense_1": ([(7, 2), (2,)], "second")}
    layers = [entry("Dense", "second"), entry("Dense", "first")]
    _, _, shapes = layers_of(saved(tmp_path, layers, groups)[0])
    assert shapes["second.weight"] == (2, 7)
    assert shapes["first.weight"] == (7, 3)


def test_what_no_layer_has_is_named(tmp_path):
    groups = {"layers/dense": ([(3, 4), (4,)], "d"), "layers/blk/inner": ([(4, 4)], "x"), "optimizer": ([(3, 4)], None)}
    path, _ = saved(tmp_path, [entry("Dense", "d")], groups)
    with pytest.raises(EmbinitError, match=r"layers/blk/inner \(weights: no layer of the .* has its weights \[4, 4\]"):
        import_model(path, "torch", 1)
    found, types, _ = layers_of(path, skip=True)
    assert types == {"d": "Linear"}
    assert [each.path for each in found.skipped] == ["layers/blk/inner"]
    layers = [entry("Dense", "d")]
    path, _ = saved(tmp_path, layers, {"layers/dense": ([(3, 4), (4,), (3, 2), (2, 4)], "d")})
    with pytest.raises(EmbinitError, match=r"d \(Dense: LoRA or quantize\(\) gave it other weights"):
        import_model(path, "torch", 1)


@pytest.mark.parametrize("module", [None, "keras_hub.layers", "mylib"])
def test_a_layer_of_an_author_is_not_keras_own(module, tmp_path):
    layer = entry("Dense", "d") | {"module": module, "registered_name": "mylib>Dense"}
    with pytest.raises(EmbinitError, match=r"d \(Dense: unknown, with weights \[3, 4\]"):
        import_model(saved(tmp_path, [layer], {"layers/dense": ([(3, 4)], "d")})[0], "torch", 1)


def test_a_model_without_a_list_of_layers_is_told_by_its_groups(tmp_path):
    groups = {
        "body/dense": ([(4, 3), (3,)], "dense_7"),
        "body/dense_1": ([(3, 3)], "dense_8"),
        "norm": ([(3,)] * 4, "batch_normalization_2"),
        "rnn/cell": ([(3, 8), (2, 8)], "lstm_cell"),
        "wrapped/forward_layer": ([(3, 3)], "mine"),
    }
    found, types, _ = layers_of(
        saved(tmp_path, {"class_name": "Mine", "config": {"name": "net"}}, groups)[0], skip=True
    )
    assert list(types.values()) == ["Linear", "Linear", "BatchNorm1d", "LSTM"]
    assert [each.path for each in found.skipped] == ["wrapped/mine"]
    assert "'Mine' without a list of layers" in found.notes[0]
    assert "keeps no order" in found.notes[1]


def test_seeds_of_augmentations_matter_in_dialects_of_keras_alone(tmp_path):
    layers = [entry("RandomFlip", "flip"), entry("Dense", "d", kernel_initializer="orthogonal")]
    path, _ = saved(tmp_path, layers, {"layers/dense": ([(3, 4), (4,)], "d")})
    assert layers_of(path)[1]["d"] == "Linear"
    with pytest.raises(EmbinitError, match=r"flip \(Identity: it takes seeds.*, d \(Linear: orthogonal has no bits"):
        import_model(path, "keras-torch", 1)


def test_older_files_with_the_same_names_in_models_in_models(tmp_path):
    inner = model([entry("Dense", "fc")], "s")
    block = model([inner, entry("Dense", "fc")], "b")
    weights = {name: RNG.standard_normal((4, 4), np.float32) for name in ("s/fc/kernel", "fc/kernel")}
    for each in (inner["config"]["layers"][0], block["config"]["layers"][1]):
        each["config"]["use_bias"] = False
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(model([block]))
        group = file.create_group("model_weights/b")
        group.attrs["weight_names"] = list(weights)
        for name, array in weights.items():
            group[name] = array
    found, _, _ = layers_of(str(tmp_path / "net.h5"))
    got = list(values_of(found).values())
    assert np.array_equal(got[0], weights["s/fc/kernel"].T)
    assert np.array_equal(got[1], weights["fc/kernel"].T)


def test_bfloat16_is_known_by_its_attribute(tmp_path):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4), "V2")
        file["layers/dense/vars/0"].attrs["dtype"] = "bfloat16"
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(model([entry("Dense", "d", use_bias=False)])))
        archive.writestr("model.weights.h5", content.getvalue())
    assert import_model(str(tmp_path / "net.keras"), "torch", 1).model.layers[0].weight_format == "bfloat16"
