"""Typed operations, with each value only once: what expressions are lowered to, simplified as any C compiler may.

Equal subexpressions are one node. Simplifications keep every bit: constants are computed in advance, a division by a
power of two is a product, x * 1 is x, signs move out of products and sums, and a double operation on floats whose
result is rounded to float is a float operation.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.expressions import operations
from embinit.expressions.functions import FUNCTIONS, OF_FLOATS
from embinit.expressions.operations import COMPARISONS, Check
from embinit.expressions.types import DOUBLE, FLOAT, INT32, CType

#: Limits on one program: the number of operations, and how deep they are nested, also through names.
MOST_NODES, DEEPEST = 20_000, 400

#: The stages in which a value is known: when the dialect is read, once per tensor, or once per element.
LITERAL, TENSOR, ELEMENT = 0, 1, 2

COMMUTATIVE = frozenset({"add", "mul", "and", "or", "xor", "eq", "ne"})


@dataclass(frozen=True)
class Origin:
    """Where an operation was written: the key of a file, and the column."""

    where: str
    column: int

    def error(self, rule: str) -> EmbinitError:
        """Return the error for a rule that is broken here."""
        return EmbinitError(f"{self.where}, column {self.column}: {rule}")


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    data: the value of a constant; the name of an input; the name, the libm class and the number of a call; whether an
    fma negates its product, and whether its addend. stage: when its value is known. home: the stage of the expression
    that contains it, which may be later. least, most: the range of an integer's values. check: finds operands for which
    C defines no result.
    """

    op: str
    ctype: CType
    args: tuple["Node", ...] = ()
    data: Any = None
    stage: int = LITERAL
    least: int = 0
    most: int = 0
    origin: Origin = field(default=Origin("", 0), repr=False)
    check: Check | None = field(default=None, repr=False)
    depth: int = field(default=0, repr=False)
    home: int = field(default=LITERAL, repr=False)

    @cached_property
    def defined(self) -> bool:
        """Whether C defines the value for all inputs, so that an operation on which nothing depends may go."""
        return self.check is None and all(arg.defined for arg in self.args)

    @property
    def low(self) -> int:
        """The least value."""
        return self.least

    @property
    def high(self) -> int:
        """The largest value."""
        return self.most

    @property
    def number(self) -> Any:
        """The value of a constant; None for anything else."""
        return self.data if self.op == "const" else None


class Graph:
    """Builds the nodes of a program; equal operations are one node.

    libm: the class of the functions that are called. home: the stage of the current expression. roots_branch: whether a
    compiler tests the argument of a square root first, because the C library's function sets errno. hides: whether the
    C library writes functions as instructions and the compiler fuses, so that calls of these are refused.
    """

    def __init__(self, libm: str, *, roots_branch: bool = True, hides: bool = False) -> None:
        self.libm, self.roots_branch, self.hides = libm, roots_branch, hides
        self._nodes: dict[Any, Node] = {}
        self._calls = 0
        self.home = LITERAL

    def next_call(self) -> int:
        """Return a number that no other call has, so that equal calls stay distinct."""
        self._calls += 1
        return self._calls

    def constant(self, ctype: CType, value: int | float) -> Node:
        """Return a constant, whose value its type can hold exactly."""
        key: Any = ("const", ctype, float(value).hex() if ctype.floating else int(value))
        if key not in self._nodes:
            whole = 0 if ctype.floating else int(value)
            number = float(value) if ctype.floating else whole
            self._nodes[key] = Node("const", ctype, data=number, least=whole, most=whole)
        return self._nodes[key]

    def input(self, ctype: CType, name: str, stage: int, low: int | None = None, high: int | None = None) -> Node:
        """Return a value that the caller supplies, in the given range or that of its type."""
        key = ("input", name)
        if key not in self._nodes:
            least = 0 if ctype.floating else ctype.low if low is None else low
            most = 0 if ctype.floating else ctype.high if high is None else high
            self._nodes[key] = Node("input", ctype, data=name, stage=stage, least=least, most=most)
        return self._nodes[key]

    def node(
        self, op: str, ctype: CType, args: tuple[Node, ...], origin: Origin, data: Any = None, stage: int = LITERAL
    ) -> Node:
        """Return the node of an operation on converted operands, or a simpler node with the same bits."""
        if op == "call" and data[0] in ("fabsf", "fabs") and args[0].op == "mul" and len(set(args[0].args)) == 1:
            return args[0]  # a square has no sign
        if op == "call" and data[0] in OF_FLOATS and args[0].op == "cast" and args[0].args[0].ctype is FLOAT:
            whole = self.node("call", FLOAT, args[0].args, origin, (OF_FLOATS[data[0]], *data[1:]), stage)
            return self.node("cast", ctype, (whole,), origin)
        deciding = {"land": False, "lor": True}.get(op)
        if deciding is not None and args[-1].op == "const" and bool(args[-1].data) is deciding and args[0].defined:
            return self.constant(ctype, int(deciding))
        simpler = self._simplified(op, ctype, args, origin)
        return simpler if simpler is not None else self._made(op, ctype, args, origin, data, stage)

    def rebuilt(self, node: Node, args: tuple[Node, ...]) -> Node:
        """Return the same operation on other operands, without simplifying it."""
        return self._made(node.op, node.ctype, args, node.origin, node.data, node.stage)

    def _made(
        self, op: str, ctype: CType, args: tuple[Node, ...], origin: Origin, data: Any = None, stage: int = LITERAL
    ) -> Node:
        stage = max([stage, *(arg.stage for arg in args)])
        ordered = tuple(sorted(args, key=id)) if op in COMMUTATIVE else args
        key = (op, ctype, ordered, data, stage)
        if key in self._nodes:
            return self._nodes[key]
        if len(self._nodes) >= MOST_NODES:
            raise origin.error(f"all expressions together have at most {MOST_NODES} operations")
        depth = 1 + max(arg.depth for arg in args)
        if depth > DEEPEST:
            raise origin.error(f"at most {DEEPEST} operations may wait for each other")
        least, most = _range(op, ctype, args)
        check = operations.check(op, ctype, data, args, least, most)
        if not ctype.floating and not ctype.low <= least <= most <= ctype.high:
            least, most = ctype.low, ctype.high
        node = Node(op, ctype, args, data, stage, least, most, origin, check, depth, self.home)
        if all(arg.op == "const" for arg in args):
            node = self._folded(node)
        elif not ctype.floating and least == most and node.defined:
            node = self.constant(ctype, least)
        elif check and args[-1].op == "const" and op in ("shl", "shr", "div", "rem"):
            self._refuse_constant(node)
        self._nodes[key] = node
        return node

    def _refuse_constant(self, node: Node) -> None:
        value = node.args[-1].data
        if node.op in ("shl", "shr") or value == 0:
            raise node.origin.error(f"{node.check[1]}, got {value}" if node.check else "")

    def _folded(self, node: Node) -> Node:
        if node.op == "call" and FUNCTIONS[node.data[0]].libm:
            rule = f"{node.data[0]} of a number is computed by the compiler, not by the device: write its value"
            raise node.origin.error(rule)
        arrays = [np.array([arg.data], arg.ctype.dtype) for arg in node.args]
        with np.errstate(all="ignore"):
            if node.check and node.check[0](*arrays)[0]:
                raise node.origin.error(node.check[1])
            value = operations.apply(node.op, node.ctype, node.data, arrays)[0].item()
        if node.ctype.floating and not math.isfinite(value):
            raise node.origin.error(f"the result is not a finite {node.ctype}")
        return self.constant(node.ctype, value)

    def _simplified(self, op: str, ctype: CType, args: tuple[Node, ...], origin: Origin) -> Node | None:
        if op == "cast":
            return self._cast(ctype, args[0])
        if op in ("div", "rem") and args[1].number == 0:
            raise origin.error("division by the literal 0")
        if op in ("lt", "gt") and args[0] is args[1] and args[0].defined:
            return self.constant(INT32, 0)
        if op == "select" and args[0].op == "const":
            return args[1] if args[0].data != 0 else args[2]
        if op == "select" and args[1] is args[2] and args[0].defined:
            return args[1]
        if op in ("land", "lor") and args[0].op == "const" and bool(args[0].data) == (op == "lor"):
            return self.constant(INT32, int(op == "lor"))
        if not ctype.floating:
            return None
        if op == "neg":
            return self._negated(ctype, args[0], origin)
        if op in ("add", "sub"):
            return self._sum(op, ctype, args[0], args[1], origin)
        if op in ("mul", "div"):
            return self._product(op, ctype, args[0], args[1], origin)
        return None

    def _cast(self, ctype: CType, x: Node) -> Node | None:
        if x.ctype is ctype:
            return x
        if ctype is FLOAT and x.ctype is DOUBLE:
            if x.op == "cast" and x.args[0].ctype is FLOAT:
                return x.args[0]
            if x.op == "neg":
                return self.node("neg", FLOAT, (self.node("cast", FLOAT, x.args, x.origin),), x.origin)
            if x.op in ("add", "sub", "mul", "div"):
                narrow = [self._narrowed(arg) for arg in x.args]
                if narrow[0] and narrow[1]:
                    return self.node(x.op, FLOAT, (narrow[0], narrow[1]), x.origin)
        return None

    def _negated(self, ctype: CType, x: Node, origin: Origin) -> Node | None:
        if x.op == "neg":
            return x.args[0]
        if x.op in ("mul", "div") and _easily_negated(x):
            return self._opposite(x, origin)
        if x.op == "select":
            condition, *arms = x.args
            return self.node(
                "select", ctype, (condition, *(self.node("neg", ctype, (a,), origin) for a in arms)), origin
            )
        return None

    def _narrowed(self, x: Node) -> Node | None:
        """Return the float that a double was converted from; None if it was not."""
        if x.op == "cast" and x.args[0].ctype is FLOAT:
            return x.args[0]
        if x.op == "const" and abs(x.data) < 2.0**128 and float(np.float32(x.data)) == x.data:
            return self.constant(FLOAT, x.data)
        return None

    def _sum(self, op: str, ctype: CType, a: Node, b: Node, origin: Origin) -> Node | None:
        other = "sub" if op == "add" else "add"
        if b.op == "neg":
            return self.node(other, ctype, (a, b.args[0]), origin)
        if op == "add" and a.op == "neg":
            return self.node("sub", ctype, (b, a.args[0]), origin)
        if op == "sub" and a.op == "neg" and _easily_negated(b):
            return self.node("sub", ctype, (self._opposite(b, origin), a.args[0]), origin)
        if op == "sub" and b.op != "const" and _easily_negated(b):
            return self.node("add", ctype, (a, self._opposite(b, origin)), origin)
        if b.op == "const" and b.data == 0 and (op == "sub") == (math.copysign(1, b.data) > 0):
            return a
        if a.op == "const" and a.data == 0 and math.copysign(1, a.data) < 0:
            return b if op == "add" else self.node("neg", ctype, (b,), origin)
        if op == "add" and a is b and a.op != "const":
            return self.node("mul", ctype, (a, self.constant(ctype, 2.0)), origin)
        return None

    def _opposite(self, x: Node, origin: Origin) -> Node:
        """Return the negative of what is easily negated."""
        if x.op == "cast":
            return self.node("cast", x.ctype, (self._opposite(x.args[0], origin),), origin)
        if x.op not in ("mul", "div"):
            return self.node("neg", x.ctype, (x,), origin)
        a, b = x.args
        args = (a, self._opposite(b, origin)) if _easily_negated(b) else (self._opposite(a, origin), b)
        return self.node(x.op, x.ctype, args, origin)

    def _product(self, op: str, ctype: CType, a: Node, b: Node, origin: Origin) -> Node | None:
        if a.op == "neg" and _easily_negated(b):
            return self.node(op, ctype, (a.args[0], self._opposite(b, origin)), origin)
        if b.op == "neg" and _easily_negated(a):
            return self.node(op, ctype, (self._opposite(a, origin), b.args[0]), origin)
        if op == "div" and b.op == "neg":
            return self.node(op, ctype, (self.node("neg", ctype, (a,), origin), b.args[0]), origin)
        if a.op == "const" and op == "mul" and b.op != "const":
            return self._scaled(ctype, b, a.data, origin)
        if b.op == "const" and a.op != "const":
            if op == "mul" or abs(b.data) == 1:
                return self._scaled(ctype, a, b.data, origin)
            if _exact_inverse(ctype, b.data):
                return self.node("mul", ctype, (a, self.constant(ctype, 1 / b.data)), origin)
        return None

    def _scaled(self, ctype: CType, x: Node, factor: float, origin: Origin) -> Node | None:
        """Return x * factor if it is simpler than a product, else None."""
        if factor == 1:
            return x
        return self.node("neg", ctype, (x,), origin) if factor == -1 else None


def _easily_negated(x: Node) -> bool:
    """Whether a compiler can negate a value by leaving out a minus: its own, an operand's, or that of a float that is
    converted to double.
    """
    if x.op in ("mul", "div") or (x.op == "cast" and x.ctype is DOUBLE and x.args[0].ctype is FLOAT):
        return any(map(_easily_negated, x.args))
    return x.op == "neg" or (x.op == "const" and x.data < 0)


def _exact_inverse(ctype: CType, x: float) -> bool:
    """Whether dividing by x is multiplying by a normal number."""
    mantissa, exponent = math.frexp(x)
    return abs(mantissa) == 0.5 and abs(exponent - 1) <= (126 if ctype is FLOAT else 1022)


def nearest_value(ctype: CType, value: Fraction) -> float | None:
    """Return a number rounded to a floating type, ties to even; None if it is out of range.

    >>> nearest_value(FLOAT, Fraction(1, 3)).hex()
    '0x1.5555560000000p-2'
    """
    digits, lowest, limit = (24, -149, 128) if ctype is FLOAT else (53, -1074, 1024)
    if value == 0:
        return 0.0
    exponent = max(value.numerator.bit_length() - value.denominator.bit_length() - digits - 1, lowest)
    while True:
        significand = round(value / Fraction(2) ** exponent)
        if abs(significand) < 1 << digits or (exponent > lowest and abs(significand) == 1 << digits):
            break
        exponent += 1
    if significand == 0 or abs(significand) * Fraction(2) ** exponent >= Fraction(2) ** limit:
        return None
    return math.ldexp(significand, exponent)


def _range(op: str, ctype: CType, args: tuple[Node, ...]) -> tuple[int, int]:
    """Return the range of an integer result before it wraps; (0, 0) for a float."""
    if ctype.floating:
        return 0, 0
    if op in COMPARISONS or op in ("lnot", "land", "lor"):
        return 0, 1
    everything = ctype.low, ctype.high
    ranges = [(arg.least, arg.most) for arg in args]
    if op == "cast":
        return everything if args[0].ctype.floating else ranges[0]
    if op == "add":
        return ranges[0][0] + ranges[1][0], ranges[0][1] + ranges[1][1]
    if op == "sub":
        return ranges[0][0] - ranges[1][1], ranges[0][1] - ranges[1][0]
    if op == "mul":
        ends = [a * b for a in ranges[0] for b in ranges[1]]
        return min(ends), max(ends)
    if op == "neg":
        return -ranges[0][1], -ranges[0][0]
    if op == "not" and ctype.low < 0:
        return -1 - ranges[0][1], -1 - ranges[0][0]
    if op == "shl" and ranges[0][0] >= 0 and 0 <= ranges[1][0] <= ranges[1][1] < ctype.bits:
        return ranges[0][0] << ranges[1][0], ranges[0][1] << ranges[1][1]
    if op == "select":
        return min(ranges[1][0], ranges[2][0]), max(ranges[1][1], ranges[2][1])
    if op == "and" and max(ranges[0][0], ranges[1][0]) >= 0:
        return 0, min(most for least, most in ranges if least >= 0)
    if op in ("or", "xor") and min(ranges[0][0], ranges[1][0]) >= 0:
        return 0, (1 << max(ranges[0][1], ranges[1][1]).bit_length()) - 1
    if op == "shr" and 0 <= ranges[1][0] <= ranges[1][1] < ctype.bits:
        ends = [a >> b for a in ranges[0] for b in ranges[1]]
        return min(ends), max(ends)
    if op == "rem" and ranges[1][0] > 0:
        most = ranges[1][1] - 1
        return max(-most, min(ranges[0][0], 0)), min(most, max(ranges[0][1], 0))
    if op == "div" and ranges[1][0] > 0:
        return min(ranges[0][0], 0), max(ranges[0][1], 0)
    return everything
