"""A command loads what it needs and nothing else: counted in modules, which do not depend on the machine."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import embinit
from embinit.dialects import DIALECTS, Dialect
from embinit.layers import WITH_PARAMETERS

PACKAGES = ["embinit", "embinit.bitgen", "embinit.layers", "embinit.samplers"]
EXAMPLES = Path(__file__).parents[2] / "examples"
LOADED = """
import sys
from embinit.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


#: What argparse loads to print a help: since 3.14 that is dataclasses, for its colors.
HELP_OF_PYTHON = """
import argparse, sys
argparse.ArgumentParser().format_help()
print(*sys.modules, file=sys.stderr)
"""


def loaded(*words: object) -> set[str]:
    """Return the modules that a command loads."""
    command = [sys.executable, "-c", LOADED, *map(str, words)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())


def rooms(modules: set[str], room: str) -> set[str]:
    """Return which modules of a room are among modules."""
    return {name.removeprefix(f"embinit.{room}.") for name in modules if name.startswith(f"embinit.{room}.")}


def test_help_loads_no_library_and_next_to_nothing_of_embinit() -> None:
    modules = loaded("--help")
    of_argparse = subprocess.run(
        [sys.executable, "-c", HELP_OF_PYTHON], capture_output=True, text=True, check=True
    ).stderr.split()

    assert not (modules - set(of_argparse)) & {
        "numpy",
        "numba",
        "tomllib",
        "dataclasses",
        "hashlib",
        "tempfile",
        "ctypes",
        "difflib",
    }
    assert {name for name in modules if name.startswith("embinit")} == {
        "embinit", "embinit.__main__", "embinit.commands", "embinit.commands.arguments", "embinit.commands.output",
        "embinit.errors", "embinit.lazy", "embinit.process", "embinit.progress",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["targets", "--version", "c"])
def test_what_needs_no_model_loads_no_numpy(command: str) -> None:
    assert not loaded(command) & {"numpy", "numba", "embinit.model"}


@pytest.mark.skipif("coverage" in sys.modules, reason="coverage loads modules of its own")
def test_a_plan_loads_its_dialect_alone() -> None:
    modules = loaded("plan", EXAMPLES / "har_classifier.toml")

    assert not modules & {"numba", "llvmlite", "hashlib", "tempfile", "secrets", "zipfile", "difflib", "torch"}
    assert not modules & {"html", "json", "fractions", "decimal", "shlex"}
    assert not modules & {"embinit.drawing", "embinit.fill", "embinit.generator", "embinit.store"}
    general = {"base", "keys", "programs", "registry", "seeds"}
    assert rooms(modules, "dialects") == {*general, "odt"}
    assert rooms(modules, "samplers") == {"base", "multiply_add"}
    assert rooms(modules, "bitgen") == {"base", "reader", "xorshift32"}
    assert rooms(modules, "layers") == {"base", "convolutions", "draw_free", "types", "weighted"}
    for room in ("_kernels", "codegen", "diagnose", "dump", "expressions", "growth"):
        assert not rooms(modules, room)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("torch_layers", {"pytorch", "pytorch.constructed", "pytorch.dialect", "pytorch.layers", "pytorch.rules"}),
        ("keras_dense", {"keras", "jax", "portable", "odt"}),
        ("integer_only", {"portable_int", "portable", "odt"}),
    ],
)
def test_a_plan_of_another_dialect_loads_what_that_is_made_of(example: str, expected: set[str]) -> None:
    dialects = rooms(loaded("plan", EXAMPLES / f"{example}.toml"), "dialects")

    assert dialects - {"base", "keys", "programs", "registry", "seeds"} <= expected
    assert not dialects & {"gomlx", "kaun", "flax", "numpy_random", "declared"}


def test_import_embinit_alone_loads_no_numpy() -> None:
    code = "import sys, embinit; print('numpy' in sys.modules, len(dir(embinit)) >= len(embinit.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_type_checker_sees_is_what_is_imported(package: str) -> None:
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: str(node.module) for node in imports for alias in node.names}

    assert sorted(module.__all__) == sorted(seen)
    assert set(module.__all__) <= set(dir(module))
    for name, home in seen.items():
        there = (
            importlib.import_module(f"{home}.{name}")
            if home == package
            else getattr(importlib.import_module(home), name)
        )
        assert getattr(module, name) is there


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(package: str) -> None:
    module = importlib.import_module(package)
    for name in ("Linera", "_private", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"module '{package}' has no attribute '{name}'"):
            getattr(module, name)


def test_modules_are_attributes_as_before() -> None:
    code = (
        "import embinit; print(embinit.bitgen.Xorshift32.__name__, embinit.distributions.Uniform(0, 1), embinit.store)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Xorshift32 ")


def test_every_dialect_of_a_module_is_found_by_its_name() -> None:
    for name in DIALECTS:
        assert DIALECTS[name].name == name
    for module in set(DIALECTS._modules.values()):
        declared = importlib.import_module(f"embinit.dialects.{module}")
        for each in vars(declared).values():
            assert not isinstance(each, Dialect) or DIALECTS[each.name] is each


def test_every_layer_is_found_by_its_name() -> None:
    for name in WITH_PARAMETERS:
        assert WITH_PARAMETERS[name].__name__ == name


def test_a_layer_of_another_framework_is_refused_as_such() -> None:
    code = "import embinit; embinit.Model('m', [embinit.layers.layer_class('PReLU')(name='a')], 1, 'odt')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "layer 'a': dialect odt has no PReLU; dialects with one: torch, torch-nofma" in done.stderr


def test_an_occupied_directory_is_refused_before_anything_is_drawn(tmp_path: Path, monkeypatch) -> None:
    from embinit import bundle
    from embinit.export import export

    layers = [embinit.Linear(name="fc", in_features=2, out_features=1)]
    first, second = (embinit.Model(name, layers, seed=1).plan() for name in ("first", "second"))
    export(first, tmp_path / "bundle")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    monkeypatch.setattr("embinit.export.gather", None)
    monkeypatch.setattr(bundle, "fill", None)

    with pytest.raises(embinit.EmbinitError, match="holds the bundle of model 'first'"):
        export(second, tmp_path / "bundle")
    with pytest.raises(embinit.EmbinitError, match="file: cannot be written: it is not a directory"):
        export(second, tmp_path / "file")
