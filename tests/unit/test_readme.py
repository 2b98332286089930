"""What the README shows is what happens: its Python runs as a doctest, its C on a core, its console as typed."""

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import embinit
from embinit import codegen, device
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with what `embinit new har_classifier --example` writes."""
    (tmp_path / "har_classifier.toml").write_bytes((ROOT / "examples" / "har_classifier.toml").read_bytes())
    return tmp_path


def test_the_python_example_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (block,) = blocks("python")
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", None, 0)
    told = []
    outcome = doctest.DocTestRunner().run(test, out=told.append)

    assert outcome.attempted == block.count(">>>") >= 5
    assert outcome.failed == 0, "".join(told)


@pytest.mark.device
def test_the_console_shows_what_is_printed(folder):
    (block,) = blocks("console")
    shown = [part.split("\n", 1) for part in block.split("$ ")[1:]]
    assert len(shown) == 2
    for command, output in shown:
        program, *words = shlex.split(command)
        assert program == "embinit"
        done = subprocess.run(
            [sys.executable, "-m", "embinit", *words], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout == output


@pytest.mark.device
def test_the_firmware_example_initializes(tmp_path):
    (block,) = blocks("c")
    bundle = gather(embinit.load(ROOT / "examples" / "har_classifier.toml").plan())
    (tmp_path / "har_classifier_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / "har_classifier_init.c").write_text(codegen.init_source(bundle))
    (tmp_path / "main.c").write_text(block)
    emulation = EMULATIONS["cortex-m4f"]
    sources = [*device.SOURCES, tmp_path / "har_classifier_init.c", tmp_path / "main.c"]
    machine = Machine(build(sources, emulation, tmp_path / "main.elf", include=[device.C_DIRECTORY]), emulation)

    assert machine.call("initialize") == 1
    for entry in bundle.entries:
        assert machine.read(entry.identifier) == entry.payload


def test_the_model_file_is_a_model():
    (block,) = blocks("toml")

    assert from_tables(tomllib.loads(block), {}).init()


def test_the_commands_name_what_exists():
    for command in sorted(set(re.findall(r"`(embinit [a-z-]+)", README))):
        words = [*command.split()[1:], "--help"]
        assert (
            subprocess.run([sys.executable, "-m", "embinit", *words], capture_output=True, check=False).returncode == 0
        )
    for file in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / file).exists()


def test_the_first_command_installs_and_verifies_and_no_command_needs_a_unix_shell():
    first, second, *others = [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]
    assert [part.split()[:2] for part in first.split(" && ")] == [
        ["pip", "install"], ["embinit", "new"], ["embinit", "plan"], ["embinit", "export"], ["embinit", "verify"],
    ]  # fmt: skip
    assert second == 'pip install -e ".[test]" && python -m pytest -n auto'
    for line in (first, second, *others):
        assert not re.search(r"'|\\$|examples/", line), line


def test_the_links_of_the_description_on_pypi_are_absolute():
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["metadata"]
    description = README
    for each in metadata["hooks"]["fancy-pypi-readme"]["substitutions"]:
        description = re.sub(each["pattern"], each["replacement"], description)
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", README)
    assert not re.findall(r"\]\((?!https?:|#)[^)]*\)", description)
    assert "SPEC.md has the table" in description
