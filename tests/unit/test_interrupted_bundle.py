"""A bundle that a killed export left without a manifest is called that, whatever files it has."""

import signal

import pytest

import embinit
from embinit import files
from embinit.__main__ import main
from embinit.export import INTERRUPTED, MANIFEST, drift, export

from support.children import start, status
from support.exports import killed_at_move

MODEL = (
    '[model]\nname = "m"\ndialect = "odt"\nseed = {}\n[[layer]]\ntype = "Linear"\nin_features = 3\nout_features = 2\n'
)


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Return how to leave a directory whose export was killed after some moves, from seed 1 to seed 2."""
    monkeypatch.setattr(files, "_exchanged", lambda new, directory: False)
    paths = {}
    for seed in (1, 2):
        paths[seed] = tmp_path / f"model{seed}.toml"
        paths[seed].write_text(MODEL.format(seed), encoding="utf-8")
    export(embinit.load(paths[1]).plan(), tmp_path / "bundle")
    plan = embinit.load(paths[2]).plan()
    files_there = len(list((tmp_path / "bundle").iterdir()))

    def kill(after):
        assert status(start(killed_at_move, after, tmp_path / "model2.toml", tmp_path / "bundle")) == -signal.SIGKILL
        return tmp_path / "bundle", paths, plan

    return kill, files_there


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_mixture_is_called_one(share, interrupted, capsys):
    kill, count = interrupted
    bundle, paths, plan = kill(count + max(1, int(share * count)))
    assert not (bundle / MANIFEST).exists()

    for seed in (1, 2):
        assert drift(embinit.load(paths[seed]).plan(), bundle)[-1] == INTERRUPTED
        assert main(["export", str(paths[seed]), "-o", str(bundle), "--check"]) == 1
        assert "no manifest: an export was interrupted" in "".join(capsys.readouterr())
    export(plan, bundle)
    assert drift(plan, bundle) == []


def test_an_empty_directory_was_not_interrupted(tmp_path):
    (tmp_path / "model.toml").write_text(MODEL.format(1), encoding="utf-8")
    plan = embinit.load(tmp_path / "model.toml").plan()
    (tmp_path / "bundle").mkdir()

    assert INTERRUPTED not in drift(plan, tmp_path / "bundle")
