"""What gcc may move between basic blocks, so that one cannot tell from the blocks what it fuses.

After a ?: gcc looks at what each arm makes of an operation. If one arm makes it a constant, or a value that is known
there, it goes into the arms (-ftree-pre); a condition that an arm decides is skipped from there (-fthread-jumps); and
of a product and its negative gcc may compute one. Where that could bring a product and its sum together, or part them,
the expression is refused. SPEC.md, section "Dialect files", says for how many expressions that was compared with gcc.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, product

from embinit.errors import EmbinitError
from embinit.expressions.decided import SWAPPED, decided_by_another
from embinit.expressions.graph import Graph, Node
from embinit.expressions.operations import COMPARISONS
from embinit.expressions.types import CType

_RULE = (
    "what gcc fuses here depends on what it moves around a ?:, or takes for the negative of another product, which is "
    'not known: compile with -ffp-contract=off and say multiply_add = "separate", or compute a part in a function that '
    "is not inlined"
)
#: The operations that gcc moves; calls are not among them.
_MOVABLE = frozenset({"add", "sub", "mul", "div", "neg", "cast"})
#: The most values of one operation that are looked at.
_MANY = 64


def refuse_moved(
    graph: Graph,
    computed: Sequence[Node],
    arms: Mapping[Node, Sequence[Collection[Node]]],
    again: Collection[Node],
    fused: Collection[CType],
) -> None:
    """Raise EmbinitError for the first operation that gcc may move so that it fuses another product.

    computed: all operations, in order. arms: the values that are known at the end of each arm of a ?:. again: those
    that are computed again after an arm that computed them. fused: the types in which the device fuses.
    """
    found = _Moves(graph, computed, arms, fused)
    if not found.fusible:
        return
    for node in decided_by_another([node for node in computed if node.op == "select"]):
        raise node.origin.error(_RULE)
    for node in computed:
        multiplies = node.op == "mul" and node in found.fusible
        if (multiplies and (node in again or found.has_negative(node))) or found.moves(node) or found.decided(node):
            raise node.origin.error(_RULE)


class _Moves:
    """What gcc may move among some operations. fusible: the products that a sum may take in, and these sums."""

    def __init__(
        self,
        graph: Graph,
        computed: Sequence[Node],
        arms: Mapping[Node, Sequence[Collection[Node]]],
        fused: Collection[CType],
    ) -> None:
        self._graph, self._users = graph, dict[Node, list[Node]]()
        for node in computed:
            for arg in node.args:
                self._users.setdefault(arg, []).append(node)
        self._summing = [node for node in computed if node.op in ("add", "sub", "mul") and node.ctype in fused]
        self.fusible = {node for node in self._summing if self._is_fusible(node)}
        self._taken = {self._unsigned(node) for node in self.fusible}
        self._known = {self._unsigned(node) for known in arms.values() for there in known for node in there}
        self._made: dict[Node, set[Node | None]] = {}
        self._compared: dict[frozenset[Node], Node] = {}
        self._products: dict[Node, Node] = {}

    def moves(self, node: Node) -> bool:
        """Whether arms of ?: make a product or sum a value that is known there, and either may be fused; a truth value,
        which is 0 or 1, is such a ?:.
        """
        if node not in self._summing:
            return False
        if node in self.fusible and any(map(_is_truth, node.args)):
            return True
        made = self._values(node)
        if len(made) > _MANY:
            return node in self.fusible
        for value in made - {node}:
            plain = value and self._unsigned(value)
            known = plain is None or not plain.args or plain in self._known
            if known and (node in self.fusible or plain in self._taken):
                return True
        return False

    def decided(self, node: Node) -> bool:
        """Whether a condition is decided by an arm of a ?: or by itself, or is that of another ?:."""
        if node.op == "select":
            compared = list(_comparisons(node.args[0]))
            return any(self._compared.setdefault(each, node) is not node for each in compared)
        if node.op not in COMPARISONS:
            return False
        if _settled(node.op, *node.args) or _settled(SWAPPED.get(node.op, node.op), *node.args[::-1]):
            return True
        sides = [self._values(arg) for arg in node.args]
        replaced = any(side - {arg} for side, arg in zip(sides, node.args, strict=True))
        return replaced and all(any(made is None or not made.args for made in side) for side in sides)

    def has_negative(self, node: Node) -> bool:
        """Whether a product is the negative of another one."""
        if not self._products:
            for each in self._summing:
                if each.op == "mul" and self._products.setdefault(self._unsigned(each), each) is not each:
                    self._products[self._unsigned(each)] = self._graph.constant(each.ctype, 0)
        return self._products[self._unsigned(node)] is not node

    def _is_fusible(self, node: Node) -> bool:
        if node.op == "mul":
            sums = list(self._sums(node))
            return bool(sums) and not (_is_exact(node) and not any(map(self._has_another, sums)))
        return any(map(_gives_product, node.args))

    def _sums(self, node: Node) -> Iterator[Node]:
        """Yield the sums that may take in a product."""
        for user in self._users.get(node, ()):
            if user.op in ("add", "sub"):
                yield user
            elif user.op in ("neg", "select"):
                yield from self._sums(user)

    @staticmethod
    def _has_another(total: Node) -> bool:
        """Whether a sum has two products to choose from."""
        return all(map(_is_product, total.args))

    def _values(self, node: Node) -> set[Node | None]:
        """Return an operation and everything that it becomes with the values of each ?: in it; None for a result that
        is not finite.
        """
        if node not in self._made:
            made: set[Node | None] = {node}
            if node.op == "select":
                made |= set().union(*map(self._values, node.args[1:]))
            elif node.op in _MOVABLE:
                for args in islice(product(*map(self._values, node.args)), _MANY + 1):
                    made.add(self._with(node, args))
            self._made[node] = made
        return self._made[node]

    def _with(self, node: Node, args: tuple[Node | None, ...]) -> Node | None:
        """Return an operation on other operands, simplified; None if it has no finite value."""
        if args == node.args:
            return node
        try:
            return None if None in args else self._graph.node(node.op, node.ctype, args, node.origin)  # type: ignore[arg-type]
        except EmbinitError:
            return None

    def _unsigned(self, node: Node) -> Node:
        """Return an operation without the signs that gcc moves out of products."""
        if node.op == "neg":
            return self._unsigned(node.args[0])
        if node.op == "const" and node.ctype.floating:
            return self._graph.constant(node.ctype, abs(node.data))
        if node.op == "mul":
            args = (self._unsigned(node.args[0]), self._unsigned(node.args[1]))
            return node if args == node.args else self._graph.node("mul", node.ctype, args, node.origin)
        return node


def _is_exact(product: Node) -> bool:
    """Whether a product is exact, so that it does not matter whether it is fused: a product by 2, 4 and so on, or of an
    integer by any power of two.
    """
    for factor, other in (product.args, product.args[::-1]):
        if factor.op == "const" and abs(math.frexp(factor.data)[0]) == 0.5:
            return abs(factor.data) >= 1 or (other.op == "cast" and not other.args[0].ctype.floating)
    return False


def _is_truth(node: Node) -> bool:
    if node.op in ("cast", "neg"):
        return _is_truth(node.args[0])
    return node.op in COMPARISONS or node.op in ("land", "lor", "lnot")


def _is_product(node: Node) -> bool:
    if node.op in ("neg", "select"):
        return any(map(_is_product, node.args[-2:]))
    return node.op == "mul"


def _gives_product(node: Node) -> bool:
    """Whether an operand of a sum is a product that is rounded."""
    if node.op in ("neg", "select"):
        return any(map(_gives_product, node.args[-2:]))
    return node.op == "mul" and not _is_exact(node)


def _settled(op: str, one: Node, other: Node) -> bool:
    """Whether a compiler may know the outcome of a comparison: of a with itself, of a + 1 with a, of whether a * a is
    below 0, of integers by their ranges.
    """
    if one is other:
        return True
    if not one.ctype.floating:
        apart = one.most < other.least or other.most < one.least
        touching = one.most == other.least if op in ("le", "gt") else one.least == other.most
        return apart or (touching and op in ("le", "gt", "lt", "ge"))
    if one.op in ("add", "sub") and other in one.args:
        return True
    below = other.op == "const" and (other.data < 0 or (other.data == 0 and op in ("lt", "ge")))
    return below and _is_never_negative(one)


def _is_never_negative(node: Node) -> bool:
    if node.op in ("mul", "add", "div"):
        return (node.op == "mul" and node.args[0] is node.args[1]) or all(map(_is_never_negative, node.args))
    if node.op == "cast":
        return _is_never_negative(node.args[0]) if node.args[0].ctype.floating else node.args[0].least >= 0
    if node.op == "const":
        return bool(node.data >= 0)
    return node.op == "call" and node.data[0] in ("fabsf", "fabs", "sqrtf", "sqrt")


def _comparisons(condition: Node) -> Iterator[frozenset[Node]]:
    """Yield what a condition compares."""
    if condition.op in ("land", "lor", "lnot"):
        for arg in condition.args:
            yield from _comparisons(arg)
    else:
        yield frozenset(condition.args if condition.op in COMPARISONS else (condition,))
