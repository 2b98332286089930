"""Dialects of installed packages: found by name, imported late, and refused by the name of their package."""

import os
import subprocess
import sys
import tomllib

import pytest

import embinit
from embinit import installed as entries
from embinit.__main__ import main
from embinit.dialects import DIALECTS, packages, text_of
from embinit.dialects.registry import Registry

from support import document

MODEL = """[model]
name = "m"
dialect = "acme"
target = "cortex-m0"
seed = 42

[[layer]]
type = "Linear"
in_features = 4
out_features = 2
weight_format = "shift8"
"""


@pytest.fixture
def installed(outside):
    tables = tomllib.loads(document.files()["pyproject.toml"])
    document.distribution(outside, "acme-firmware", tables["project"]["entry-points"]["embinit.dialects"])
    return outside


def broken(folder, monkeypatch, value, module="raise OSError('no file\\nof that name')\n"):
    document.distribution(folder / "broken", "broken-dialects", {"broken": value})
    (folder / "broken" / "broken_dialects.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(folder / "broken")
    monkeypatch.delitem(sys.modules, "broken_dialects", raising=False)


@pytest.mark.device
def test_a_model_names_a_packages_dialect_and_what_comes_with_it(installed):
    (installed / "m.toml").write_text(MODEL, encoding="utf-8")
    with (installed / "acme" / "dialect.py").open("a", encoding="utf-8") as module:
        module.write("\nimport acme.shift\nimport acme.target\n")
    command = [sys.executable, "-m", "embinit", "verify", "m.toml", "--device", "esp32-c6"]
    path = {"PYTHONPATH": os.pathsep.join(map(str, (installed, document.DOCUMENT.parents[1])))}
    done = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "bit for bit: 11 of 11 elements are equal" in done.stdout


def test_a_package_is_imported_when_its_dialect_is_named(installed):
    dialects = Registry({})

    assert "acme" in dialects
    assert "acme" in dialects.names()
    assert "acme" not in list(dialects)
    assert "acme.dialect" not in sys.modules
    assert dialects["acme"].summary.startswith("Acme's firmware")
    assert "acme" in list(dialects)


def test_a_package_that_is_installed_later_is_found(outside):
    assert "acme" not in entries.installed_names()
    document.distribution(outside, "acme-firmware", {"acme": "acme.dialect:ACME"})

    assert "acme" in entries.installed_names()


def test_no_package_is_looked_for_where_a_name_is_known(monkeypatch):
    for module in (packages, entries):
        monkeypatch.setattr(module, "entry_points", None)

    assert embinit.Model("m", [embinit.Linear(name="fc", in_features=1, out_features=1)], 1, "genann").plan()
    assert DIALECTS["odt"].name in DIALECTS


def test_packages_dialects_are_listed(installed, capsys):
    main(["dialects"])
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines if "Acme" in line] == ["acme"]
    with pytest.raises(embinit.EmbinitError, match=r"odt.*acme, got 'acne'; did you mean acme\?"):
        embinit.Model("m", [], 1, "acne")


def test_packages_formats_and_targets_are_listed(installed, capsys):
    with (installed / "acme" / "dialect.py").open("a", encoding="utf-8") as module:
        module.write("\nimport acme.shift\nimport acme.target\n")

    assert main(["formats", "shift8"]) == main(["formats"]) == main(["targets"]) == 0
    told = capsys.readouterr().out
    assert "shift<b>: Acme's: a scale that is a power of two" in told
    assert "RV32IMAC soft float, gcc -O2, newlib" in told


@pytest.mark.parametrize(
    ("value", "module", "says"),
    [
        ("broken_dialects:X", "raise OSError('no file\\nof that name')\n", "OSError: no file\\nof that name"),
        ("broken_dialects:X", "X = 3\n", "must be a Dialect, got 3"),
        ("broken_dialects:X", "from embinit.dialects import DIALECTS\nX = DIALECTS['odt']\n", "got 'odt'"),
        ("no_such_module:X", "", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("broken_dialects:Y", "", "AttributeError: module 'broken_dialects' has no attribute 'Y'"),
    ],
)
def test_what_a_package_does_wrong_is_said_with_its_name(tmp_path, monkeypatch, restored, value, module, says):
    broken(tmp_path, monkeypatch, value, module)

    with pytest.raises(embinit.EmbinitError) as error:
        embinit.Model("m", [], 1, "broken")
    assert str(error.value).startswith("dialect broken of package broken-dialects ")
    assert says in str(error.value)


def test_a_broken_package_is_one_line_for_the_command_line(tmp_path, monkeypatch, restored, capsys):
    broken(tmp_path, monkeypatch, "broken_dialects:X")

    assert main(["dialects"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "dialect broken of package broken-dialects cannot be loaded from broken_dialects:X: OSError" in told


def test_two_packages_with_one_name_are_told(tmp_path, monkeypatch):
    for package in ("one", "two"):
        document.distribution(tmp_path, package, {"twice": f"{package}:X"})
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(embinit.EmbinitError, match="must come from one package, got it from one, two"):
        DIALECTS["twice"]


def test_a_package_that_registers_its_dialect_itself_is_fine(tmp_path, monkeypatch, restored):
    module = (
        "from dataclasses import replace\nimport embinit\nfrom embinit.dialects import DIALECTS\n"
        "embinit.register_dialect(replace(DIALECTS['odt'], name='broken'))\nX = DIALECTS['broken']\n"
    )
    broken(tmp_path, monkeypatch, "broken_dialects:X", module)

    assert DIALECTS["broken"].name == "broken"


def test_a_dialect_file_from_outside_is_not_printed(outside):
    embinit.register_dialect(embinit.load_dialect("firmware.toml"))

    with pytest.raises(embinit.EmbinitError, match=r"does not come with embinit: it is in firmware\.toml"):
        text_of("firmware")
