"""The package of docs/extending.md in a temporary directory, and embinit as it was before."""

import sys
from pathlib import Path

import pytest

import embinit
from embinit import formats, layers, targets
from embinit.dialects import DIALECTS
from embinit.dialects.pytorch.rules import LAYERS
from embinit.targets.gcc_qemu import BOARDS
from embinit.targets.zig_unicorn import EMULATIONS

from support import document

REGISTRIES = (
    formats.FORMATS, formats._FAMILIES, layers.WITH_PARAMETERS._known, LAYERS, targets.TARGETS, EMULATIONS, BOARDS,
    DIALECTS._known,
)  # fmt: skip


@pytest.fixture
def restored():
    _ = embinit.TransformerEncoder  # PyTorch's layers are registered when one is first named, and stay
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, known in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(known)
    formats._format_named.cache_clear()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch, restored):
    document.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in ("acme", "on_core")]:
        del sys.modules[name]
