"""Nothing falls through: a match without a case for the rest ends in an error, or is named here with its reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "embinit"

#: Matches in which all that has no case of its own means one thing.
OPEN = {
    "diagnose/scales.py _rescaled": "other distributions have no scale to look for",
    "dialects/keras.py restart_of": "whatever draws takes the next seed",
    "importing/onnx_graph.py _constant": "other operators make no constant",
    "importing/tensors.py _hinted": "a class by its name, and an assertion of which",
    "jax/__init__.py _leaf": "other layers have a kernel",
    "jax/modules.py _keys": "norms follow",
    "pages/outline.py outline": "other distributions have no outline to draw",
    "samplers/gomlx.py fill": "uniform and normal values follow, with an assertion",
    "samplers/numpy_random.py c_draw": "the base class has the others, and refuses",
    "samplers/pytorch.py c_draw": "an error follows, whatever the reason",
    "torch/problems.py is_likely": "nothing speaks against other values",
}


def ends_in_error(statements: list[ast.stmt]) -> bool:
    """Whether a block ends in an error, or in one for whatever a first `if not isinstance` finds."""
    if not statements:
        return False
    first, last = statements[0], statements[-1]
    refuses = isinstance(first, ast.If) and isinstance(first.body[-1], ast.Raise)
    never = isinstance(last, ast.Expr) and "assert_never" in ast.unparse(last)
    return refuses or isinstance(last, ast.Raise) or never


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for each in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(each, name, None)
            if isinstance(block, list):
                yield block


def fall_through(tree: ast.AST) -> Iterator[str]:
    """Yield the functions with a match that some value leaves without an error."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for block in blocks(function):
                for i, statement in enumerate(block):
                    if isinstance(statement, ast.Match):
                        last = statement.cases[-1]
                        rest = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and not last.guard
                        if not ends_in_error(last.body if rest else block[i + 1 :]):
                            yield function.name


def found() -> set[str]:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        f"{path.relative_to(PACKAGE).as_posix()} {name}"
        for path, text in texts.items()
        if re.search(r"^ +match\b", text, re.MULTILINE)
        for name in fall_through(ast.parse(text))
    }


def test_every_match_refuses_what_it_does_not_know() -> None:
    assert found() == set(OPEN)


@pytest.mark.parametrize(
    ("code", "falls"),
    [
        ("match x:\n case 1:\n  return 2\nreturn 3", True),
        ("match x:\n case 1:\n  return 2\n case _:\n  return 3", True),
        ("match x:\n case 1:\n  y = 2", True),
        ("match x:\n case 1:\n  return 2\nraise ValueError(x)", False),
        ("match x:\n case 1:\n  y = 2\n case _:\n  raise ValueError(x)", False),
        ("match x:\n case 1:\n  return 2\nassert_never(x)", False),
    ],
)
def test_what_falls_through_is_seen(code: str, falls: bool) -> None:
    function = "def f(x):\n" + "".join(f" {line}\n" for line in code.splitlines())
    assert bool(list(fall_through(ast.parse(function)))) == falls
