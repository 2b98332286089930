"""Kernels run by NumPy: their own source, in which a loop over independent iterations is one operation on arrays.

A function is read from its file and changed in five ways. A loop over `independent(n)` runs once, with all indices. A
choice between two values, `a if c else b`, is made element by element where c is an array, and so are and, or, not,
min and max. An `if` whose condition is an array narrows the indices to where it holds. `x += y` makes a new x. The
functions that it calls are changed likewise. What is left computes scalars where it did, and arrays in loops, in the
same order of the same roundings.
"""

import ast
import builtins
from collections.abc import Callable, Iterator
from functools import cache, wraps
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from embinit._kernels.source import definition

#: What replaces a global name of a kernel: a function that NumPy runs, or the value itself.
StandIn = Callable[[Any], Any]


@cache
def of_arrays(function: Callable[..., Any], stand_in: StandIn) -> Callable[..., Any]:
    """Return a function of a kernel's file as one that NumPy runs."""
    changed = rewritten(function, stand_in)

    @wraps(function)
    def quiet(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):  # as machine code, which does not warn of overflow
            return changed(*arguments)

    return quiet


@cache
def rewritten(function: Callable[..., Any], stand_in: StandIn) -> Callable[..., Any]:
    """Return a function that a kernel calls as one of arrays, without the handling of overflow around it."""
    code = function.__code__
    changed = _Arrays().visit(definition(function))
    changed.decorator_list, changed.returns = [], None
    for argument in changed.args.args:
        argument.annotation = None
    module = ast.fix_missing_locations(ast.Module([changed], []))
    scope: dict[str, Any] = {"__builtins__": builtins, **_HELPERS}
    outside = function.__globals__
    scope |= {name: _stand_in(outside[name], stand_in) for name in _names(code) if name in outside}
    exec(compile(module, code.co_filename, "exec"), scope)
    return scope[function.__name__]  # type: ignore[no-any-return]


def _names(code: Any) -> set[str]:
    """Return the global names of a function and of those within it."""
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner)) - {"independent"}


def _stand_in(value: Any, stand_in: StandIn) -> Any:
    if isinstance(value, ModuleType) and value.__name__.startswith("embinit._kernels"):
        return _Module(value, stand_in)
    return stand_in(value)


class _Module:
    """A module of kernels, each of whose names gives its stand-in."""

    def __init__(self, module: ModuleType, stand_in: StandIn) -> None:
        self._module, self._stand_in = module, stand_in

    def __getattr__(self, name: str) -> Any:
        return _stand_in(getattr(self._module, name), self._stand_in)


class _Arrays(ast.NodeTransformer):
    """Writes a function of scalars as one of arrays."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Choose element by element."""
        self.generic_visit(node)
        return _call("_choice", node.test, _later(node.body), _later(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Join conditions element by element."""
        self.generic_visit(node)
        found = node.values[-1]
        for value in reversed(node.values[:-1]):
            found = _call("_either" if isinstance(node.op, ast.Or) else "_both", value, _later(found))
        return found

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Negate a condition element by element."""
        self.generic_visit(node)
        return _call("_not", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Give a name a new value, where an array would be changed in place, and under other names too."""
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        before = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(before, node.op, node.value))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Call the functions of arrays that stand for Python's own."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _OF_ARRAYS:
            node.func.id = _OF_ARRAYS[node.func.id]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        """Do a loop over independent iterations at once."""
        source = node.iter
        together = (
            isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and source.func.id == "independent"
        )
        if together and isinstance(node.target, ast.Name):
            slices = _Sliced(node.target.id)
            node.body = [slices.visit(statement) for statement in node.body]
            ast.copy_location(_Narrowed(node.target.id).generic_visit(node), node)
            source.func.id = "_slices" if slices.alone else "_indices"  # type: ignore[attr-defined]
        self.generic_visit(node)
        return node


class _Sliced(ast.NodeTransformer):
    """Finds whether the index of a loop is used for nothing but elements, at one distance or none: then slices do."""

    def __init__(self, index: str) -> None:
        self._index, self.alone = index, True

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Write x[i + c] as x[_moved(i, c)]."""
        place = node.slice
        node.value = self.visit(node.value)
        if self._is_index(place):
            return node
        if isinstance(place, ast.BinOp) and isinstance(place.op, ast.Add) and self._is_index(place.left):
            node.slice = _call("_moved", place.left, self.visit(place.right))
        else:
            node.slice = self.visit(place)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        """Take indices where a condition may narrow them."""
        self.alone = False
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """See the index elsewhere."""
        self.alone &= not self._is_index(node)
        return node

    def _is_index(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self._index


class _Narrowed(ast.NodeTransformer):
    """Writes `if c: ...` in such a loop as a loop over the indices for which c holds; with an else, c is a scalar."""

    def __init__(self, index: str) -> None:
        self._index = index

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Narrow the index to where the condition holds."""
        self.generic_visit(node)
        if node.orelse:
            return node
        index, kept = ast.Name(self._index, ast.Load()), ast.Name("_kept", ast.Store())
        loop = ast.For(ast.Name(self._index, ast.Store()), _call("_where", node.test, index), node.body, [])
        back = ast.Assign([ast.Name(self._index, ast.Store())], ast.Name("_kept", ast.Load()))
        return [ast.Assign([kept], index), loop, back]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _later(value: ast.expr) -> ast.Lambda:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), value)


def _choice(condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    if not isinstance(condition, np.ndarray):
        return yes() if condition else no()
    one, other = yes(), no()
    if isinstance(one, tuple):
        return tuple(np.where(condition, *each) for each in zip(one, other, strict=True))
    return np.where(condition, one, other)


def _either(condition: Any, other: Callable[[], Any]) -> Any:
    return condition | other() if isinstance(condition, np.ndarray) else condition or other()


def _both(condition: Any, other: Callable[[], Any]) -> Any:
    return condition & other() if isinstance(condition, np.ndarray) else condition and other()


def _not(condition: Any) -> Any:
    return ~condition if isinstance(condition, np.ndarray) else not condition


def _min(*values: Any) -> Any:
    return np.minimum(*values) if any(isinstance(value, np.ndarray) for value in values) else min(*values)


def _max(*values: Any) -> Any:
    return np.maximum(*values) if any(isinstance(value, np.ndarray) for value in values) else max(*values)


def _int(value: Any) -> Any:
    return value.astype(np.int64) if isinstance(value, np.ndarray) else int(value)


def _bool(value: Any) -> Any:
    return value.astype(np.bool_) if isinstance(value, np.ndarray) else bool(value)


def _slices(*bounds: Any) -> Iterator[slice]:
    for first, last in _parts(*bounds):
        yield slice(first, last)


def _indices(*bounds: Any) -> Iterator[Any]:
    for first, last in _parts(*bounds):
        yield np.arange(first, last)


class AtATime(int):
    """A number of iterations of which only so many can be done at once."""

    most: int


def at_a_time(n: Any, most: int) -> AtATime:
    """Return a number of iterations of which only so many can be done at once."""
    limited = AtATime(n)
    limited.most = most
    return limited


def _parts(*bounds: Any) -> Iterator[tuple[int, int]]:
    """Yield the bounds of iterations that can be done at once."""
    first, stop = (0, *bounds) if len(bounds) == 1 else bounds
    step = stop.most if isinstance(stop, AtATime) else stop - first
    for start in range(first, stop, max(step, 1)):
        yield start, min(start + step, stop)


def _moved(index: Any, distance: Any) -> Any:
    if isinstance(index, slice):
        return slice(index.start + int(distance), index.stop + int(distance))
    return index + distance


def _where(condition: Any, index: Any) -> Iterator[Any]:
    """Yield the indices for which a condition holds, if there are any."""
    if isinstance(condition, np.ndarray):
        index = index[condition.astype(np.bool_)]
        condition = index.size
    if condition:
        yield index


_OF_ARRAYS = {"min": "_min", "max": "_max", "int": "_int", "bool": "_bool"}
_HELPERS = {
    helper.__name__: helper
    for helper in (_choice, _either, _both, _not, _min, _max, _int, _bool, _slices, _indices, _moved, _where)
}
