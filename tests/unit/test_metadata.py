"""What the project says about itself in several files is one thing: its version, its Pythons, its dependencies."""

import re
import tomllib
from pathlib import Path

import pytest

from embinit import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CI = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
#: The files that repeat the version, and where.
VERSIONS = {"CITATION.cff": r"^version: (.*)$", "CHANGELOG.md": r"^## ([\d.]+)"}


@pytest.mark.parametrize("name", VERSIONS)
def test_the_version_is_the_package_s(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(VERSIONS[name], text, re.MULTILINE)[1] == __version__


def test_every_python_that_is_promised_is_tested():
    promised = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    tested = re.search(r"python: \[(.*)\]\n        include:", CI)[1]
    assert promised == re.findall(r'"(.*?)"', tested)
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_every_dependency_has_a_lower_bound():
    optional = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    for dependency in PROJECT["dependencies"] + optional:
        assert re.fullmatch(r"embinit\[[\w,]+\]|[\w.\[\]-]+>=[\d.]+", dependency), dependency


def test_workflows_use_what_cannot_change():
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8")):
            owner, _, revision = used.partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", revision) or owner == "pypa/gh-action-pypi-publish", used


def test_the_board_form_asks_for_the_command_that_exists():
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "1-my-board-disagrees.yml").read_text(encoding="utf-8")
    assert "embinit report-bug MODEL --dump FILE" in form
