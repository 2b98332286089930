"""`embinit report-bug`: what somebody else needs to find a fault, and no weights."""

import json
import re

import numpy as np
import pytest

from embinit import __version__, load
from embinit.spec import SPEC_VERSION

from support.cli import assert_refused, run
from support.model_files import GOOD


@pytest.fixture
def board(tmp_path):
    """Return a folder with a model, and the dump of a board that leaves its first three weights alone."""
    (tmp_path / "m.toml").write_text(GOOD)
    values = load(tmp_path / "m.toml").init()
    values["fc.weight"].flat[:3] = np.nan
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "ram.bin").write_bytes(b"".join(value.tobytes() for value in values.values()))
    return tmp_path


def test_it_says_with_what_and_where(board):
    done = run("report-bug", "m.toml", "--dump", "secret/ram.bin", cwd=board)
    assert done.returncode == 0
    head, plan, *diagnosis = done.stdout.split("\n\n")
    assert head.startswith(f"embinit {__version__}\nspec {SPEC_VERSION}\nPython 3.")
    assert re.search(r"^numba \d+\.\d+", head, re.MULTILINE)
    assert re.search(r"^numpy \d+\.\d+", head, re.MULTILINE)
    assert plan == run("plan", "m.toml", cwd=board).stdout.rstrip("\n")
    expected = load(board / "m.toml").init()["fc.weight"].view(np.uint32).flat[0]
    assert f"first mismatch: fc.weight[0][0] expected 0x{expected:08x}" in "\n\n".join(diagnosis)
    assert "secret" not in done.stdout


def test_it_shows_no_weights_but_the_first_that_differs(board):
    said = run("report-bug", "m.toml", "--dump", "secret/ram.bin", cwd=board).stdout
    for value in load(board / "m.toml").init().values():
        for bits in value.view(np.uint32).flat[1:]:
            assert f"{bits:08x}" not in said


def test_as_json_it_is_the_plan_and_the_diagnosis(board):
    found = json.loads(run("report-bug", "m.toml", "--dump", "secret/ram.bin", "--json", cwd=board).stdout)
    assert found["versions"]["embinit"] == __version__
    assert found["plan"] == json.loads(run("plan", "m.toml", "--json", cwd=board).stdout)
    diagnosis = json.loads(run("diagnose", "m.toml", "--dump", "secret/ram.bin", "--json", cwd=board).stdout)
    assert found["diagnosis"] == diagnosis | {"source": "ram.bin"}


def test_a_checksum_has_too_little_in_it(board):
    assert_refused(run("report-bug", "m.toml", "--crc", "fc.weight=0x0", cwd=board), "takes no --crc")
    assert_refused(run("report-bug", "m.toml", cwd=board), "report-bug needs either a device")
