"""Kernels for one value of a parameter: their own source, without the branches that other values take.

What is left is compiled in a fraction of the time. Calls of functions that have such parameters, too, become calls of
their variants.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

from embinit._kernels.source import definition

#: What an expression of known values is made of.
_PLAIN = (
    ast.Name, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Tuple, ast.expr_context, ast.cmpop, ast.boolop,
    ast.unaryop,
)  # fmt: skip


def variant(function: Callable[..., Any], values: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function without the parameters that have values."""
    tree = definition(function)
    code, outside = function.__code__, function.__globals__
    fixed = _Fixed(values, outside, set(code.co_varnames) - set(values))
    tree = fixed.visit(tree)
    tree.decorator_list, tree.returns = [], None
    tree.args.args = [each for each in tree.args.args if each.arg not in values]
    for argument in tree.args.args:
        argument.annotation = None
    module = ast.fix_missing_locations(ast.Module([tree], []))
    scope = {**outside, **values, **fixed.variants}
    exec(compile(module, code.co_filename, "exec"), scope)
    made: FunctionType = scope[function.__name__]
    made.__qualname__ = "-".join([function.__name__, *(str(int(value)) for value in values.values())])
    made.__doc__ = function.__doc__
    return made


class _Fixed(ast.NodeTransformer):
    """Leaves out what other values do. outside: the globals of a function; inside: its other local names."""

    def __init__(self, values: Mapping[str, Any], outside: Mapping[str, Any], inside: set[str]) -> None:
        self._values, self._outside, self._inside = values, outside, inside
        self.variants: dict[str, Any] = {}

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        """Leave the branch that is taken, where that is known."""
        node.test = self.visit(node.test)
        known = self._known(node.test)
        if known is None:
            node.body, node.orelse = self._visited(node.body) or [ast.Pass()], self._visited(node.orelse)
            return node
        return self._visited(node.body if known[0] else node.orelse) or [ast.Pass()]

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Leave the value that is chosen, where that is known."""
        known = self._known(node.test)
        if known is None:
            return self.generic_visit(node)
        taken: ast.AST = self.visit(node.body if known[0] else node.orelse)
        return taken

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Leave the conditions that are not known, if those that are known do not decide."""
        self.generic_visit(node)
        decides, left = isinstance(node.op, ast.Or), []
        for value in node.values:
            known = self._known(value)
            if known is None:
                left.append(value)
            elif bool(known[0]) == decides:
                return ast.Constant(decides)
        if len(left) < 2:
            return left[0] if left else ast.Constant(not decides)
        node.values = left
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Call the variant of a function for values that are known."""
        self.generic_visit(node)
        callee = self._callee(node.func)
        places: Sequence[int] = getattr(callee, "places", ())
        known = [self._known(node.args[place]) for place in places]
        if places and None not in known:
            values = tuple(value for each in known if each is not None for value in each)
            found = callee.variant(values)
            name = "_".join([callee.__name__, "of", *(str(int(value)) for value in values)])
            self.variants[name] = found
            node.func = ast.Name(name, ast.Load())
            node.args = [given for place, given in enumerate(node.args) if place not in places]
        return node

    def _visited(self, statements: list[ast.stmt]) -> list[Any]:
        found: list[Any] = []
        for statement in statements:
            changed = self.visit(statement)
            found += changed if isinstance(changed, list) else [changed]
        return found

    def _callee(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id not in self._inside:
            return self._outside.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = self._outside.get(node.value.id)
            return getattr(module, node.attr, None) if isinstance(module, ModuleType) else None
        return None

    def _known(self, node: ast.expr) -> tuple[Any] | None:
        """Return the value of an expression of constants and values that are given, or None."""
        parts = list(ast.walk(node))
        names = {part.id for part in parts if isinstance(part, ast.Name)}
        known = {name: self._values[name] for name in names & set(self._values)}
        for name in names - set(known) - self._inside:
            if isinstance(self._outside.get(name), int):
                known[name] = self._outside[name]
        if set(known) != names or not all(isinstance(part, _PLAIN) for part in parts):
            return None
        expression = ast.fix_missing_locations(ast.Expression(node))
        return (eval(compile(expression, "<kernel>", "eval"), {"__builtins__": {}}, known),)
