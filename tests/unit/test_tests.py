"""The tests themselves: each says what it asserts, and none imports another."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
#: How functions begin that assert something.
ASSERTING = ("assert", "check", "raises", "fail", "warns")


class Facts(NamedTuple):
    """What a file of tests says: its tests and whether each asserts something, what it imports, and what of that
    stands at its top before it asks for a package.
    """

    tests: list[tuple[str, bool]]
    imports: list[str]
    unasked: list[str]


@cache
def facts():
    """Return what each file says; all their trees together would be looked through for garbage in every later test."""
    return {
        path.relative_to(TESTS).as_posix(): facts_of(ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(TESTS.rglob("*.py"))
    }


def facts_of(tree):
    found = Facts([], [], [])
    for node in ast.walk(tree):
        found.imports.extend(imported(node))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.tests.append((node.name, asserts(node)))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if any(called(each) in ("skip", "importorskip") for each in ast.walk(node)):
            break
        found.unasked.extend(imported(node))
    return found


def asserts(function):
    """Whether a function asserts something itself, or calls what is named after it: pytest's raises, an assert_..."""
    return any(isinstance(node, ast.Assert) or called(node).startswith(ASSERTING) for node in ast.walk(function))


def called(node):
    """Return the last name of what a node calls, without the underscores before it."""
    function = node.func if isinstance(node, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name.lstrip("_")


def imported(node):
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_test_asserts_something():
    tests = [(name, *each) for name, found in facts().items() for each in found.tests]

    assert len(tests) > 1000
    assert [f"{name}: {test}" for name, test, asserting in tests if not asserting] == []


@pytest.mark.parametrize("line", ["assert x", "with pytest.raises(E): f()", "assert_equal(a, b)"])
def test_what_counts_as_an_assertion(line):
    assert asserts(ast.parse(f"def test_it():\n    {line}"))
    assert not asserts(ast.parse("def test_it():\n    compile_program(source)"))


def test_no_test_imports_another():
    wrong = [
        f"{name}: {module}"
        for name, found in facts().items()
        for module in found.imports
        if any(part.startswith("test_") for part in module.split("."))
    ]

    assert wrong == []


#: Packages that the extra `test` does not install.
OTHERS = ("apytypes", "cmsisdsp", "dask", "flax", "h5py", "jax", "keras", "ml_dtypes", "nbformat", "onnx", "torch")


def test_a_package_that_may_be_missing_is_asked_for_first():
    """With the extra `test` alone every file is collected, as the README's command does."""
    bare = [
        f"{name}: {each}"
        for name, found in facts().items()
        for each in found.unasked
        if each.partition(".")[0] in OTHERS
    ]
    assert not bare
