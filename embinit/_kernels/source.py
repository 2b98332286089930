"""The source of a kernel, as a tree that may be changed."""

import ast
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any


def definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the definition of a function that stands in a file."""
    return deepcopy(
        next(
            node
            for node in ast.walk(_tree(function.__code__.co_filename))
            if isinstance(node, ast.FunctionDef) and node.name == function.__name__
        )
    )


@cache
def _tree(path: str) -> ast.Module:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 (a path of code)
        return ast.parse(file.read())
