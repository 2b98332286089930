"""Checkpoints that hold more than one model: what is read from them, and how one is named."""

import zipfile

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.cli import assert_refused, run

LINEAR = {"fc.weight": (2, 3), "fc.bias": (2,)}
CONV = {"conv.weight": (4, 2, 3), "conv.bias": (4,)}


def paths(source, **keys):
    return list(import_model(str(source), "torch", 1, **keys).paths.values())


@pytest.fixture
def saved(tmp_path):
    torch = pytest.importorskip("torch")

    def save(content):
        def tensors(value):
            if isinstance(value, dict):
                return {key: tensors(each) for key, each in value.items()}
            return torch.zeros(value) if isinstance(value, tuple) else value

        torch.save(tensors(content), tmp_path / "net.pt")
        return tmp_path / "net.pt"

    return save


#: What PyTorch's optimizers and schedulers keep, beside a counter in a tensor.
TRAINING = {
    "optimizer": {"state": {0: {"step": (), "exp_avg": (2, 3)}}, "param_groups": [{"lr": 0.1}]},
    "scheduler": {"last_epoch": 3},
    "epoch": (),
}


@pytest.mark.parametrize(
    "content",
    [
        LINEAR,
        {"state_dict": LINEAR, **TRAINING},
        {"net_g": LINEAR, **TRAINING},
        {"model": LINEAR, "ema": {f"module.{name}": shape for name, shape in LINEAR.items()}, **TRAINING},
        {"state": {"model": {"module": LINEAR}}, **TRAINING},
        {"generator": LINEAR},
        {"params": {"fc.weight": (2, 3), "w": (1,)}, "statistics": {"mean": (3,)}},
    ],
)
def test_the_only_model_of_a_checkpoint_is_read(content, saved):
    assert paths(saved(content), skip=True) == ["fc"]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"generator": LINEAR, "discriminator": CONV, **TRAINING}, "generator, discriminator"),
        ({"model": {"generator": LINEAR, "discriminator": CONV}}, "generator, discriminator"),
        ({"model": LINEAR, "critic": CONV}, "model, critic"),
        ({"model": LINEAR, "ema": {**LINEAR, "fc.bias": (3,)}}, "model, ema"),
    ],
)
def test_none_of_several_models_is_taken_for_the_one(content, keys, saved):
    with pytest.raises(EmbinitError, match=rf"net.pt: holds several state dicts, {keys}: name one with --key, or save"):
        import_model(str(saved(content)), "torch", 1)


@pytest.mark.parametrize(
    ("content", "key", "found"),
    [
        ({"generator": LINEAR, "discriminator": CONV, **TRAINING}, "discriminator", ["conv"]),
        ({"model": {"generator": LINEAR, "discriminator": CONV}}, "model.discriminator", ["conv"]),
        ({"g.step": {"model": CONV}, "g": LINEAR}, "g.step", ["conv"]),
        ({f"generator.{name}": shape for name, shape in LINEAR.items()} | CONV, "generator", ["fc"]),
        ({"state_dict": {f"a.b.{name}": shape for name, shape in (LINEAR | CONV).items()}}, "a.b", ["fc", "conv"]),
    ],
)
def test_a_key_names_the_model(content, key, found, saved):
    assert paths(saved(content), key=key) == found


def test_a_key_is_the_beginning_of_names_in_other_files(tmp_path):
    both = {f"{key}.{name}": shape for key, held in (("g", LINEAR), ("gd", CONV)) for name, shape in held.items()}
    np.savez(tmp_path / "net.npz", **{name: np.zeros(shape, np.float32) for name, shape in both.items()})
    assert paths(tmp_path / "net.npz") == ["g.fc", "gd.conv"]
    assert paths(tmp_path / "net.npz", key="g") == ["fc"]
    with pytest.raises(EmbinitError, match=r"has no tensors under the key 'x'; its keys are g, gd$"):
        paths(tmp_path / "net.npz", key="x")


def test_the_command_takes_a_key(tmp_path):
    np.savez(tmp_path / "net.npz", **{"a.fc.weight": np.zeros((2, 3), np.float32), "b.w": np.zeros(3, np.float32)})
    out = ("-o", str(tmp_path / "m.toml"))
    assert run("import", str(tmp_path / "net.npz"), *out, "--key", "a").returncode == 0
    assert_refused(run("import", "module:Name", *out, "--key", "a"), "--key is for a state dict", "got a constructor")


@pytest.mark.parametrize("name", ["net.onnx", "net.keras", "net.pt2"])
def test_a_key_is_refused_of_what_is_no_state_dict(name, tmp_path):
    member = {"net.keras": "config.json", "net.pt2": "models/model.json"}.get(name)
    if member is None:
        (tmp_path / name).write_bytes(b"\x08\x07")
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "{}")
    with pytest.raises(EmbinitError, match=rf"--key is for a state dict, .* got a {name[3:]} file"):
        import_model(str(tmp_path / name), "torch", 1, key="a")
