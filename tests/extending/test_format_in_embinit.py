"""A format of embinit's own is one Python file and one C file, put where the others are: no list names them."""

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
import embinit
from embinit.formats import FORMATS
from on_core import same_bits

assert "shift<b>" in FORMATS
layers = [embinit.Linear(name="fc", in_features=16, out_features=4, weight_format="shift6", group_size=8)]
assert same_bits(embinit.Model("format", layers, seed=42, dialect="portable", target="cortex-m0"))
"""


@pytest.mark.device
def test_a_new_format_is_two_files(tmp_path):
    files = document.files()
    header = files["acme/shift.h"].replace("ACME_", "EMBINIT_")
    python = files["acme/shift.py"].replace('Path(__file__).with_name("shift.h")', '"embinit_shift.h"')
    python = python.replace("Quantized, register", "Quantized").replace("\nregister({", "\nFAMILIES = ({")
    shutil.copytree(PACKAGE, tmp_path / "embinit", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "on_core.py").write_text(files["on_core.py"], encoding="utf-8")
    (tmp_path / "embinit" / "formats" / "shift.py").write_text(python, encoding="utf-8")
    (tmp_path / "embinit" / "c" / "embinit_shift.h").write_text(header, encoding="utf-8")

    command = [sys.executable, "-c", TRY]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "agrees with the simulation, bit for bit: 60 of 60 elements are equal" in done.stdout
