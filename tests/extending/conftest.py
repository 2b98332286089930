"""The package of docs/extending.md in a temporary directory, and embinit as it was before."""

import sys
from pathlib import Path

import pytest

from support import document, registries


@pytest.fixture
def restored():
    with registries.restored():
        yield


@pytest.fixture
def outside(tmp_path: Path, monkeypatch, restored):
    document.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in ("acme", "on_core")]:
        del sys.modules[name]
