"""Tensors by their names: what layers they make, by names and shapes alone. An .npz needs no other package."""

import zipfile

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Model
from embinit.importing import import_model, origin_of
from embinit.importing.found import stem

from support.cli import assert_refused, run


def held(folder, dialect="torch", skip=False, **shapes):
    """Import tensors of shapes, or the arrays given, and return each layer's path, and the layer."""
    path = folder / "net.npz"
    arrays = {name: np.zeros(s, np.float32) if isinstance(s, tuple) else s for name, s in shapes.items()}
    np.savez(path, **arrays)
    found = import_model(str(path), dialect, 1, skip)
    return found, [(found.paths[layer.name], layer) for layer in found.model.layers]


def keys(layer, *names):
    return tuple(getattr(layer, name) for name in names)


def test_convolutions_linear_layers_and_norms(tmp_path):
    _, layers = held(
        tmp_path,
        **{"a.weight": (8, 3, 5), "a.bias": (8,), "b.weight": (8,), "b.bias": (8,), "b.running_mean": (8,),
           "b.running_var": (8,), "b.num_batches_tracked": np.int64(3), "c.weight": (8, 1, 3), "d.weight": (4, 96),
           "ln.weight": (4,), "ln.bias": (4,), "gn.weight": (4,), "gn.bias": (4,), "n.weight": np.ones(4, np.float32),
           "act.weight": (4,), "e2.weight": (6, 5, 3, 3), "e3.weight": (2, 2, 1, 2, 3)},
    )  # fmt: skip
    assert [(path, layer.type) for path, layer in layers] == [
        ("a", "Conv1d"), ("b", "BatchNorm1d"), ("c", "Conv1d"), ("d", "Linear"), ("ln", "LayerNorm"),
        ("gn", "GroupNorm"), ("n", "RMSNorm"), ("act", "PReLU"), ("e2", "Conv2d"), ("e3", "Conv3d"),
    ]  # fmt: skip
    by_path = dict(layers)
    assert keys(by_path["c"], "in_channels", "groups", "bias") == (8, 8, False)
    assert keys(by_path["e3"], "in_channels", "kernel_size") == (2, (1, 2, 3))


def test_transposed_convolutions_by_their_biases_names_and_norms(tmp_path):
    _, layers = held(
        tmp_path,
        **{"x.weight": (4, 3, 3), "x.bias": (6,), "deconv.weight": (6, 2, 5), "p.weight": (2, 9, 3, 3),
           "p.bias": (2,), "u.0.weight": (2, 5, 2, 2), "u.1.weight": (5,), "u.1.bias": (5,), "u.1.running_mean": (5,)},
    )  # fmt: skip
    assert [layer.type for _, layer in layers] == [
        "ConvTranspose1d", "ConvTranspose1d", "Conv2d", "ConvTranspose2d", "BatchNorm2d",
    ]  # fmt: skip
    assert keys(layers[0][1], "in_channels", "out_channels", "groups") == (4, 6, 2)


def test_a_convolution_is_not_taken_for_a_transposed_one_by_a_norm_elsewhere(tmp_path):
    _, layers = held(
        tmp_path,
        **{"l1.conv.weight": (32, 128, 3, 3), "l2.norm.weight": (128,), "l2.norm.bias": (128,),
           "l2.norm.running_mean": (128,)},
    )  # fmt: skip
    assert layers[0][1].type == "Conv2d"


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_and_cells(kind, gates, tmp_path):
    shapes = {}
    for i in range(2):
        for end in ("", "_reverse"):
            shapes[f"r.weight_ih_l{i}{end}"] = (gates * 5, 3 if i == 0 else 10)
            shapes[f"r.weight_hh_l{i}{end}"] = (gates * 5, 5)
            shapes |= {f"r.bias_{part}_l{i}{end}": (gates * 5,) for part in ("ih", "hh")}
    _, ((path, layer), (_, cell)) = held(
        tmp_path, **shapes, **{"c.weight_ih": (gates * 2, 7), "c.weight_hh": (gates * 2, 2)}
    )
    assert (path, layer.type) == ("r", kind)
    assert keys(layer, "input_size", "hidden_size", "num_layers", "bidirectional", "bias") == (3, 5, 2, True, True)
    assert (cell.type, *keys(cell, "input_size", "hidden_size", "bias")) == (f"{kind}Cell", 7, 2, False)


def test_a_projected_lstm_and_attention(tmp_path):
    _, layers = held(
        tmp_path,
        **{"r.weight_ih_l0": (20, 3), "r.weight_hh_l0": (20, 2), "r.weight_hr_l0": (2, 5), "a.in_proj_weight": (12, 4),
           "a.in_proj_bias": (12,), "a.out_proj.weight": (4, 4), "a.out_proj.bias": (4,), "tok_emb.weight": (9, 4)},
    )  # fmt: skip
    assert [layer.type for _, layer in layers] == ["LSTM", "MultiheadAttention", "Embedding"]
    assert layers[0][1].proj_size == 2


def test_what_is_no_layer_is_listed_and_left_out_with_skip(tmp_path):
    shapes = {"fc.weight": (2, 3), "pos_embed": (1, 4, 3), "odd.weight": (2, 3), "odd.bias": (5,)}
    with pytest.raises(
        EmbinitError, match=r"net.npz: 2 of its layers are unknown, and --skip .* pos_embed \(tensor: .*odd"
    ):
        held(tmp_path, **shapes)
    found, layers = held(tmp_path, skip=True, **shapes)
    assert [path for path, _ in layers] == ["fc"]
    assert [each.path for each in found.skipped] == ["pos_embed", "odd"]


def test_the_scale_of_a_block_is_no_norm(tmp_path):
    with pytest.raises(EmbinitError, match=r"block.gamma \(tensor: shape \[4\] belongs to no layer"):
        held(tmp_path, **{"block.gamma": np.full(4, 1e-6, np.float32), "rms_norm/scale": np.ones(4, np.float32)})
    _, layers = held(tmp_path, **{"rms_norm/scale": np.ones(4, np.float32)})
    assert layers[0][1].type == "RMSNorm"


def test_half_precision_is_a_format_and_other_types_become_float32(tmp_path):
    found, layers = held(tmp_path, **{"a.weight": np.zeros((2, 3), np.float16), "b.weight": np.zeros((2, 2))})
    assert [layer.weight_format for _, layer in layers] == ["float16", "float32"]
    assert any("float64 become float32" in note for note in found.notes)


def test_a_format_that_a_dialect_cannot_hold_is_said(tmp_path):
    found, layers = held(tmp_path, dialect="genann", **{"a.weight": np.zeros((2, 3), np.float16), "a.bias": (2,)})
    assert layers[0][1].weight_format == "float32"
    assert any("float16" in note for note in found.notes)


def test_weights_with_kernels_last_have_the_inputs_first(tmp_path):
    _, layers = held(tmp_path, **{"d/kernel:0": (3, 5), "d/bias:0": (5,), "c/kernel:0": (7, 2, 4), "c/bias:0": (4,)})
    assert [(path, layer.type) for path, layer in layers] == [("d", "Linear"), ("c", "Conv1d")]
    assert keys(layers[0][1], "in_features", "out_features") == (3, 5)
    assert keys(layers[1][1], "in_channels", "out_channels", "kernel_size") == (2, 4, 7)


def test_names_become_identifiers_of_their_own(tmp_path):
    _, layers = held(
        tmp_path, **{f"{name}.weight": (2, 2) for name in ("a.b", "a_b", "class", "0", "embinit", "é" * 50)}
    )
    names = [layer.name for _, layer in layers]
    assert len(set(names)) == 6
    assert names[:4] == ["a_b", "a_b_2", "linear_class", "linear_0"]
    model = Model("m", [layer for _, layer in layers], seed=1, dialect="torch")
    assert model.export(tmp_path / "b", ["h", "c"])


@pytest.mark.parametrize(
    "name", ["conv.weight", "net.conv.weight", "/conv/Conv", "a/conv/kernel:0", "conv_w_quantized"]
)
def test_a_layer_named_like_an_operation_keeps_its_name(name):
    assert stem(name).endswith("conv")


def drawn(seed, dialect="torch"):
    layers = [
        embinit.Conv1d(name="x", in_channels=3, out_channels=8, kernel_size=5),
        embinit.BatchNorm1d(name="y", num_features=8),
        embinit.Linear(name="z", in_features=96, out_features=4),
    ]
    values = Model("m", layers, seed=seed, dialect=dialect).init()
    names = {"x": "0", "y": "1", "z": "4"}
    return {f"{names[key.partition('.')[0]]}.{key.partition('.')[2]}": value for key, value in values.items()}


def test_the_dialect_and_the_seed_of_weights_are_found(tmp_path):
    found, _ = held(tmp_path, **drawn(42), **{"1.running_mean": (8,)})
    assert str(origin_of(found)) == "the weights are what dialect torch draws with seed 42: all 6 tensors, bit for bit"
    changed = drawn(42)
    changed["0.weight"] = changed["0.weight"] + np.float32(1)
    changed["4.bias"] = changed["4.bias"] * np.float32(2)
    found, _ = held(tmp_path, dialect="portable", **changed, **{"1.running_mean": (8,)})
    assert str(origin_of(found)) == (
        "the weights are what dialect torch draws with seed 42; 2 of 6 tensors differ: conv1d_0.weight, linear_4.bias"
    )


def test_weights_that_a_framework_saved_are_a_dump(tmp_path):
    tensors = drawn(42)
    np.savez(tmp_path / "net.npz", **tensors, **{"1.running_mean": np.zeros(8, np.float32)})
    assert run("import", tmp_path / "net.npz", "-o", tmp_path / "m.toml", "--seed", "1").returncode == 0
    done = run("diagnose", tmp_path / "m.toml", "--dump", tmp_path / "net.npz")
    assert done.returncode == 1
    assert "draws with seed 42: all 6 tensors" in done.stdout
    done = run("verify", tmp_path / "m.toml", "--seed", "42", "--dump", tmp_path / "net.npz")
    assert (done.returncode, "agrees" in done.stdout) == (0, True)
    done = run("diagnose", tmp_path / "m.toml", "--dump", tmp_path / "net.npz", "--json")
    assert '"origin": {\n  "dialect": "torch",\n  "seed": 42' in done.stdout


def test_a_file_of_another_model_is_no_dump(tmp_path):
    np.savez(tmp_path / "net.npz", **drawn(42))
    run("import", tmp_path / "net.npz", "-o", tmp_path / "m.toml")
    np.savez(tmp_path / "other.npz", **{"fc.weight": np.zeros((2, 2), np.float32)})
    assert_refused(run("verify", tmp_path / "m.toml", "--dump", tmp_path / "other.npz"), "other.npz")


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.onnx").write_bytes(b"")
    np.savez(tmp_path / "text.npz", a=np.array(["x"]))
    for name, words in {
        "notes.txt": "must be one of .onnx", "empty.onnx": "empty.onnx", "none.pt": "No such file",
        "text.npz": "text.npz", "nowhere:Net": "no module is named nowhere",
    }.items():  # fmt: skip
        source = name if ":" in name else tmp_path / name
        assert_refused(run("import", source, "-o", tmp_path / "m.toml"), words)
        assert not (tmp_path / "m.toml").exists()


def test_a_member_that_unpacks_to_much_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (1 << 25))
    assert_refused(run("import", tmp_path / "bomb.keras", "-o", tmp_path / "m.toml"), "unpacks to 33554432 bytes")


def test_tensors_of_a_checkpoint_that_unpack_to_much_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"x")
        archive.writestr("archive/data/0", b" " * (1 << 25))
    assert_refused(run("import", tmp_path / "bomb.pt", "-o", tmp_path / "m.toml"), "archive/data/0 unpacks to 33554432")


def test_constructors_of_the_users_own(tmp_path):
    (tmp_path / "nets_of_mine.py").write_text("def fails():\n    raise KeyError('x')\n\nvalue = 3\n")
    for name, words in (("fails", "fails() raised KeyError"), ("value", "got int"), ("valeu", "did you mean value?")):
        done = run("import", f"nets_of_mine:{name}", "-o", "m.toml", cwd=tmp_path)
        assert_refused(done, f"nets_of_mine:{name}", words)
