"""The source of a kernel, as a tree that may be changed."""

import ast
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any


def definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the definition of a function that stands in a file, in a copy that its caller may change."""
    found = _definitions(function.__code__.co_filename)[function.__name__]
    copy: ast.FunctionDef = pickle.loads(pickle.dumps(found))  # a third of the time that deepcopy takes
    return copy


@cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a file by name; of those with one name, the outermost."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 (a path of code)
        tree = ast.parse(file.read())
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, node)
    return found
