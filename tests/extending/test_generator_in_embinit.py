"""A bit generator of embinit's own is a Python file, a C file and its name, besides the section of SPEC.md."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import embinit

from support import document

PACKAGE = Path(embinit.__file__).parent
TRY = """
from dataclasses import replace

import embinit
from embinit.bitgen import SplitMix32
from embinit.dialects import dialect_named
from on_core import same_bits

dialect = replace(dialect_named("portable"), name="portable-splitmix32", seeded=SplitMix32)
layers = [embinit.Linear(name="fc", in_features=16, out_features=4)]
assert same_bits(embinit.Model("generator", layers, seed=42, dialect=dialect, target="cortex-m0"))
"""
NAME = "from embinit.bitgen.xorshift32 import Xorshift32\nelse:", '"xorshift32": "Xorshift32",', '    "Xorshift32",\n]'
NAMED = (
    "from embinit.bitgen.xorshift32 import Xorshift32\n    from embinit.bitgen.splitmix32 import SplitMix32\nelse:",
    '"xorshift32": "Xorshift32", "splitmix32": "SplitMix32",',
    '    "Xorshift32", "SplitMix32"\n]',
)


@pytest.mark.device
def test_a_new_generator_is_three_files(tmp_path):
    files, own = document.files(), tmp_path / "embinit"
    header = files["acme/splitmix32.h"].replace("ACME_", "EMBINIT_").replace("acme_", "embinit_")
    python = files["acme/splitmix32.py"].replace('Path(__file__).with_name("splitmix32.h")', '"embinit_splitmix32.h"')
    python = python.replace("acme_", "embinit_").replace(
        "from embinit.bitgen import", "from embinit.bitgen.base import"
    )
    shutil.copytree(PACKAGE, own, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "on_core.py").write_text(files["on_core.py"], encoding="utf-8")
    (own / "bitgen" / "splitmix32.py").write_text(python, encoding="utf-8")
    (own / "c" / "embinit_splitmix32.h").write_text(header, encoding="utf-8")
    names = (own / "bitgen" / "__init__.py").read_text(encoding="utf-8")
    for before, after in zip(NAME, NAMED, strict=True):
        assert names.count(before) == 1
        names = names.replace(before, after)
    (own / "bitgen" / "__init__.py").write_text(names, encoding="utf-8")

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TRY], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "agrees with the simulation, bit for bit: 68 of 68 elements are equal" in done.stdout
