"""The rooms stand on floors: an import goes down, never up, and never in a circle, wherever it stands in a file."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "embinit"

#: The rooms from the top down. Rooms of one floor do not import each other.
FLOORS = [
    {"__main__"},
    {"commands"},
    {"embinit"},
    {"importing", "source_check"},
    {"bugreport"},
    {"api"},
    {"pages"},
    {"matrix", "diagnose", "export"},
    {"device"},
    {"codegen", "dump", "verify"},
    {"bundle"},
    {"growth", "jax", "keras", "many", "torch"},
    {"store"},
    {"fill"},
    {"plan"},
    {"modelfile", "modelwriter"},
    {"model", "generator"},
    {"layer_storage"},
    {"templates", "departures", "drawing"},
    {"dialects"},
    {"layers", "samplers"},
    {"formats"},
    {"support"},
    {"initializers"},
    {"distributions"},
    {"bitgen", "targets", "expressions"},
    {"_kernels"},
    {"comparison"},
    {"checksums", "clib", "files", "identifiers", "packages", "markup", "readback", "tally", "text", "threads", "toml"},
    {"schemas"},
    {"cache", "errors", "installed", "kinds", "lazy", "process", "progress", "spec"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
#: What everybody may import: it imports nothing.
CONSTANTS = {"__version__"}


@cache
def modules() -> dict[str, Path]:
    """Return the modules of the package by their dotted names."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Return the modules of the package that a file imports, wherever in it: for type checkers alone, too."""
    return tuple(_imported(ast.parse(path.read_text(encoding="utf-8")), modules()))


def _imported(tree: ast.Module, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            assert node.level == 0
            for alias in node.names:
                if alias.name not in CONSTANTS:
                    name = f"{node.module}.{alias.name}"
                    yield name if name in known else node.module


def room(module: str) -> str:
    """Return the room in which a module stands: a file or a folder of the package."""
    return module.split(".")[1] if "." in module else module


def test_imports_go_down() -> None:
    upward = [
        f"{module} imports {other}, which is not below it"
        for module, path in sorted(modules().items())
        for other in imported(path)
        if room(other) != room(module) and FLOOR[room(module)] >= FLOOR[room(other)]
    ]
    assert upward == []


def test_modules_import_each_other_in_no_circle() -> None:
    known = modules()
    try:
        TopologicalSorter({name: set(imported(path)) - {name} for name, path in known.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in modules()} == set(FLOOR)


def test_a_circle_and_an_upward_import_are_seen(tmp_path: Path) -> None:
    code = "def f():\n    from embinit.plan import plan\n    import embinit.fill\n"
    (tmp_path / "x.py").write_text(code, encoding="utf-8")
    assert set(imported(tmp_path / "x.py")) == {"embinit.plan", "embinit.fill"}
