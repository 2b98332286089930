"""Ranges: the limits of an expression's result, whatever is drawn, by interval arithmetic."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from embinit.expressions import libm
from embinit.expressions.graph import Node
from embinit.expressions.operations import apply


class Range(NamedTuple):
    """The range of some values: those that are not NaN lie from low to high, which may be infinite; if low > high, all
    are NaN.

    undefined: whether NaN may be among the values.
    """

    low: float
    high: float
    undefined: bool = False


EVERYTHING = Range(-math.inf, math.inf, True)
NOTHING = Range(math.inf, -math.inf, True)
#: The error that log, sin and cos of any class may have, both absolute and relative to the value.
NEAR = 1e-6


def ranges(order: Sequence[Node], fixed: Mapping[Node, Any]) -> dict[Node, Range]:
    """Return the range of each operation. order: the operations, operands first. fixed: the values that are the same
    for all elements.

    Operands are taken to be independent, so a range may be wider than what can occur, and is never narrower.
    """
    found: dict[Node, Range] = {}
    for node in order:
        if node in fixed:
            found[node] = _point(fixed[node][0].item())
        elif not node.ctype.floating:
            found[node] = Range(node.least, node.most)
        elif node.op == "input":
            found[node] = EVERYTHING
        else:
            found[node] = _range(node, [found[arg] for arg in node.args])
    return found


def _point(value: float) -> Range:
    return NOTHING if math.isnan(value) else Range(value, value)


def _range(node: Node, args: Sequence[Range]) -> Range:
    """Return the range of a floating operation from those of its operands."""
    if node.op == "select":
        return _either(args[1], args[2])
    name = node.data[0] if node.op == "call" else ""
    if name in ("fminf", "fmaxf", "fmin", "fmax") and any(each.undefined for each in args):
        return _either(*args)
    if any(each.low > each.high for each in args):
        return NOTHING
    undefined = any(each.undefined for each in args)
    if name in ("cosf", "sinf", "cos", "sin"):
        return Range(-1 - NEAR, 1 + NEAR, True)
    if name in ("logf", "log"):
        low, high = (_logarithm(end) for end in args[0][:2])
        return Range(low - NEAR - NEAR * abs(low), high + NEAR + NEAR * abs(high), undefined or args[0].low < 0)
    if name in ("fabsf", "fabs"):
        low, high, _ = args[0]
        return Range(max(low, -high, 0.0), max(-low, high), undefined)
    if name in ("fmodf", "fmod"):
        (low, high, _), divisor = args[0], max(-args[1].low, args[1].high)
        undefined = undefined or args[1].low <= 0 <= args[1].high or math.isinf(low) or math.isinf(high)
        return Range(max(min(low, 0.0), -divisor), min(max(high, 0.0), divisor), undefined)
    if name in ("sqrtf", "sqrt") and args[0].low < 0:
        if args[0].high < 0:
            return NOTHING
        args, undefined = [Range(0.0, args[0].high)], True
    if node.op == "div" and args[1].low <= 0 <= args[1].high:
        return EVERYTHING
    return _of_ends(node, args, undefined)


def _of_ends(node: Node, args: Sequence[Range], undefined: bool) -> Range:
    """Return the range of an operation that is monotonic in each operand, from its values at their ends.

    If the operation is NaN at an end (0 * inf, inf - inf), values near that end may be anything. They are infinite if
    one operand always is and all other ends give infinities.
    """
    corners = list(product(*(dict.fromkeys(each[:2]) for each in args)))
    ends = zip(zip(*corners, strict=True), node.args, strict=True)
    columns = [np.array(values, arg.ctype.dtype) for values, arg in ends]
    with np.errstate(all="ignore"):
        values = np.atleast_1d(_applied(node, columns)).astype(np.float64)
    good = values[~np.isnan(values)]
    if good.size == values.size:
        return Range(float(good.min()), float(good.max()), undefined)
    if not good.size:
        return NOTHING if len(corners) == 1 else EVERYTHING
    always = any(each.low == each.high and math.isinf(each.low) for each in args)
    if node.op in ("mul", "fma") and always and not np.isfinite(good).any():
        return Range(float(good.min()), float(good.max()), True)
    return EVERYTHING


def _applied(node: Node, columns: list[Any]) -> Any:
    if node.op == "call" and node.data[0] == "fmaf":
        return libm.fmaf(node.data[1], *columns)
    return apply(node.op, node.ctype, node.data, columns)


def _either(a: Range, b: Range) -> Range:
    return Range(min(a.low, b.low), max(a.high, b.high), a.undefined or b.undefined)


def _logarithm(x: float) -> float:
    return math.inf if x == math.inf else math.log(x) if x > 0 else -math.inf
