"""A constructor whose module changes the working directory, or the path of modules."""

import sys

import pytest

from embinit.importing import import_model

pytest.importorskip("torch")
MODULE = "import os, sys, torch\n{}\n\ndef Net():\n    return torch.nn.Linear(2, 1)\n"


@pytest.mark.parametrize("code", ["os.chdir('/')", "sys.path.remove(os.getcwd())", "sys.path[:] = sys.path[1:]"])
def test_the_path_of_modules_is_left_as_it_was(code, tmp_path, monkeypatch):
    name = f"moves{len(code)}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(code))
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)

    found = import_model(f"{name}:Net", "torch", 1)

    assert [layer.type for layer in found.model.layers] == ["Linear"]
    assert sys.path == before
