"""The table of sizes that CI compares: what has grown is told, and every core and feature is in it."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def footprint():
    spec = importlib.util.spec_from_file_location("footprint", BENCH / "footprint.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["footprint"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measuring(footprint, monkeypatch):
    """Return a function that lets one core be measured, with every number multiplied."""

    def as_if(factor, compiler="arm-none-eabi-gcc 12.2.1"):
        def measured(core, feature, objects, folder):
            kept = footprint.recorded()[core, feature]
            return kept._replace(compiler=compiler, text=round(kept.text * factor), stack=round(kept.stack * factor))

        monkeypatch.setattr(footprint, "CORES", ("cortex-m0",))
        monkeypatch.setattr(footprint, "which", lambda name: name)
        monkeypatch.setattr(footprint, "library", lambda core, folder: [])
        monkeypatch.setattr(footprint, "measured", measured)
        return footprint

    return as_if


def test_every_core_and_feature_is_in_the_table(footprint):
    kept = footprint.recorded()

    assert list(kept) == [(core, feature) for core in footprint.CORES for feature in footprint.FEATURES]
    assert all(0 < row.stack < 1024 and row.text < 20_000 for row in kept.values())


@pytest.mark.parametrize(("factor", "status"), [(1, 0), (0.5, 0), (1.015, 0), (1.03, 1)])
def test_what_has_grown_by_more_than_2_percent_fails(measuring, capsys, factor, status):
    assert measuring(factor).main(["--check"]) == status

    told = capsys.readouterr().out
    assert ("odt, uniform: text has grown from 2938 to 3026 bytes" in told) == bool(status)
    assert ("--write" in told) == bool(status)


def test_another_compiler_is_not_compared(measuring, capsys):
    assert measuring(2, "arm-none-eabi-gcc 99").main(["--check"]) == 0
    assert "not compared: cortex-m0, q7" in capsys.readouterr().out


def test_a_compiler_that_is_not_installed_is_named(footprint, monkeypatch, capsys):
    monkeypatch.setattr(footprint, "which", lambda name: None)

    assert footprint.main(["--check"]) == 0
    assert "not measured: riscv32imac, for which riscv64-unknown-elf-gcc is not installed" in capsys.readouterr().out
