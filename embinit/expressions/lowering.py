"""Lowering: from trees to typed operations, with names resolved, C's conversions, and what clang fuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from embinit.errors import EmbinitError, nearest, shortened
from embinit.expressions.functions import FUNCTIONS
from embinit.expressions.graph import Graph, Node, Origin, nearest_value
from embinit.expressions.operations import COMPARED, INFIX, SHIFTS
from embinit.expressions.syntax import Binary, Call, Cast, Conditional, Literal, Name, Tree, Unary
from embinit.expressions.types import FLOAT, INT32, CType, common, promoted

_HIDDEN = (
    "picolibc's {0} is an instruction that gcc cannot look into, so what it fuses around it is not known: compile with "
    '-ffp-contract=off and say multiply_add = "separate", or do without {0}'
)

#: Functions of doubles that picolibc for RISC-V gets wrong from 2^20 on.
_LOSE_BITS = ("floor", "ceil")
_LOST = "picolibc's {0} of a double loses bits of what is 2^20 or more: use {0}f, or convert to an integer"

_BINARY = {sign: op for op, sign in (INFIX | SHIFTS | COMPARED).items()} | {"&&": "land", "||": "lor"}
_INTEGERS_ONLY = frozenset({"%", "&", "|", "^", "<<", ">>"})
_TRUTH = frozenset(COMPARED.values())

_Factors = tuple[Node, Node]


@dataclass(frozen=True)
class Value:
    """An operand: its node, and its factors if it is written as a product whose value is not known in advance."""

    node: Node
    factors: _Factors | None = None

    @property
    def ctype(self) -> CType:
        """The type of the value."""
        return self.node.ctype


class Lowering:
    """Lowers the trees of one key of a file.

    names: the names that an expression may use. where: the key, as errors name it. stage: when the expression is
    evaluated, which is also when a function that branches is called. fuse_written: whether a product that is written as
    an operand of + or - is fused, as clang does.
    """

    def __init__(self, graph: Graph, names: Mapping[str, Node], where: str, stage: int, *, fuse_written: bool) -> None:
        self._graph, self._names, self._where, self._stage = graph, names, where, stage
        self._fuse_written = fuse_written
        self._lower: dict[type, Callable[..., Value]] = {
            Literal: self._literal,
            Name: self._name,
            Unary: self._unary,
            Binary: self._binary,
            Conditional: self._conditional,
            Cast: self._cast,
            Call: self._call,
        }

    def lower(self, tree: Tree) -> Node:
        """Return the node of an expression."""
        return self._value(tree).node

    def converted(self, node: Node, ctype: CType, column: int) -> Node:
        """Return a value converted to a type."""
        return self._graph.node("cast", ctype, (node,), Origin(self._where, column))

    def _value(self, tree: Tree) -> Value:
        return self._lower[type(tree)](tree)

    def _error(self, tree: Tree, rule: str) -> EmbinitError:
        return Origin(self._where, tree.column).error(rule)

    def _node(self, op: str, ctype: CType, args: tuple[Node, ...], tree: Tree) -> Value:
        return Value(self._graph.node(op, ctype, args, Origin(self._where, tree.column)))

    def _literal(self, tree: Literal) -> Value:
        if isinstance(tree.value, int):
            return Value(self._graph.constant(tree.ctype, tree.value))
        value = nearest_value(tree.ctype, tree.value)
        if value is None:
            raise self._error(tree, f"the number is out of the range of {tree.ctype}")
        return Value(self._graph.constant(tree.ctype, value))

    def _name(self, tree: Name) -> Value:
        if tree.name not in self._names:
            if tree.name in FUNCTIONS:
                raise self._error(tree, f"{tree.name} is a function: {tree.name}(...)")
            raise self._error(tree, f"{_unknown(tree.name, self._names)}; known: {', '.join(self._names) or 'no name'}")
        return Value(self._names[tree.name])

    def _unary(self, tree: Unary) -> Value:
        operand = self._value(tree.operand)
        ctype = promoted(operand.ctype)
        if tree.operator == "!":
            return self._node("lnot", INT32, (operand.node,), tree)
        if tree.operator == "~" and ctype.floating:
            raise self._error(tree, f"~ takes an integer, got {operand.ctype}")
        node = self.converted(operand.node, ctype, tree.column)
        if tree.operator == "+":
            return Value(node, operand.factors)
        return self._node("neg" if tree.operator == "-" else "not", ctype, (node,), tree)

    def _binary(self, tree: Binary) -> Value:
        left, right = self._value(tree.left), self._value(tree.right)
        operator = tree.operator
        if operator in _INTEGERS_ONLY:
            for side in (left, right):
                if side.ctype.floating:
                    raise self._error(tree, f"{operator} takes integers, got {side.ctype}")
        if operator in ("&&", "||"):
            return self._node(_BINARY[operator], INT32, (left.node, right.node), tree)
        if operator in ("<<", ">>"):
            ctype = promoted(left.ctype)
            count = self.converted(right.node, promoted(right.ctype), tree.column)
            return self._node(_BINARY[operator], ctype, (self.converted(left.node, ctype, tree.column), count), tree)
        ctype = common(left.ctype, right.ctype)
        if ctype.floating and operator in ("+", "-") and self._fuse_written:
            fused = self._fused(tree, ctype, left, right)
            if fused:
                return fused
        args = (self.converted(left.node, ctype, tree.column), self.converted(right.node, ctype, tree.column))
        value = self._node(_BINARY[operator], INT32 if operator in _TRUTH else ctype, args, tree)
        known = value.node.op == "const"
        return Value(value.node, args if operator == "*" and ctype.floating and not known else None)

    def _fused(self, tree: Binary, ctype: CType, left: Value, right: Value) -> Value | None:
        """Return the multiply-add of the first operand that is written as a product of the sum's type."""
        subtract = tree.operator == "-"
        sides = ((left, right, (False, subtract)), (right, left, (subtract, False)))
        for product, addend, signs in sides:
            if product.factors and product.ctype is ctype:
                args = (*product.factors, self.converted(addend.node, ctype, tree.column))
                return Value(self._graph.node("fma", ctype, args, Origin(self._where, tree.column), signs))
        return None

    def _conditional(self, tree: Conditional) -> Value:
        condition, yes, no = self._value(tree.condition), self._value(tree.yes), self._value(tree.no)
        ctype = common(yes.ctype, no.ctype)
        arms = self.converted(yes.node, ctype, tree.column), self.converted(no.node, ctype, tree.column)
        return self._node("select", ctype, (condition.node, *arms), tree)

    def _cast(self, tree: Cast) -> Value:
        operand = self._value(tree.operand)
        same = operand.ctype is tree.ctype
        return Value(self.converted(operand.node, tree.ctype, tree.column), operand.factors if same else None)

    def _call(self, tree: Call) -> Value:
        if tree.name not in FUNCTIONS:
            if tree.name in self._names:
                raise self._error(tree, f"{tree.name} is a value, not a function")
            raise self._error(tree, f"{_unknown(tree.name, FUNCTIONS)}; functions: {', '.join(FUNCTIONS)}")
        function = FUNCTIONS[tree.name]
        if len(tree.arguments) != function.count:
            wanted = f"{function.count} argument{'s' * (function.count > 1)}"
            raise self._error(tree, f"{tree.name} takes {wanted}, got {len(tree.arguments)}")
        if function.instruction and self._graph.hides:
            raise self._error(tree, _HIDDEN.format(tree.name))
        values = [self._value(each) for each in tree.arguments]
        args = tuple(
            self.converted(value.node, ctype, tree.column) for value, ctype in zip(values, function.types, strict=True)
        )
        is_float = args[0].op == "cast" and args[0].args[0].ctype is FLOAT
        if tree.name in _LOSE_BITS and not self._graph.roots_branch and not is_float:
            raise self._error(tree, _LOST.format(tree.name))
        inline = function.branches and not self._graph.roots_branch
        stage = self._stage if function.branches and not inline else 0
        origin = Origin(self._where, tree.column)
        data = (tree.name, self._graph.libm, self._graph.next_call() if function.sets_errno and not inline else 0)
        return Value(self._graph.node("call", function.ctype, args, origin, data, stage))


def _unknown(name: str, known: Mapping[str, object]) -> str:
    return f"{shortened(name)} is not known here{nearest(name, list(known))}"
