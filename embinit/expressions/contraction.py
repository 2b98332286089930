"""What gcc fuses: products into the sums that use them, across all expressions that it sees as one piece of code.

gcc looks at one product after the other, in the order in which they are computed. A product becomes part of its sums if
every use of it is one operand of a + or - (or a unary minus whose only use is one), in the same basic block. So a
product is not fused if it is needed for anything else, if both operands are that product, or if there is a branch in
between; of two products in one sum the first is fused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from embinit.expressions.functions import FUNCTIONS
from embinit.expressions.graph import ELEMENT, Graph, Node
from embinit.expressions.moved import refuse_moved
from embinit.expressions.operations import COMPARISONS
from embinit.expressions.types import CType

#: The block of what is computed before a loop.
_BEFORE = -1


@dataclass(eq=False)
class _Step:
    """One operation as it is computed: a node, in a basic block of a stage, and the steps that use it."""

    node: Node
    args: list["_Step"]
    block: tuple[int, int, int]
    users: list["_Step | None"] = field(default_factory=list)
    fused: tuple["_Step", bool, bool] | None = None  # the product, and whether it and the addend are negated
    gone: bool = False


class _Schedule:
    """The order in which steps are computed: operands from left to right, each value once where it is available.

    Values that no element changes have a schedule of their own, `outer`: they are computed once per tensor, before all
    elements. If such a value is part of an element's expression, it is in another block than values of the tensor's
    expressions.
    """

    def __init__(
        self, outer: "_Schedule | None" = None, held: frozenset[str] = frozenset(), *, hoists: bool = True
    ) -> None:
        self._hoists = hoists
        self.steps: list[_Step] = outer.steps if outer else []
        self._held = held
        self._before: dict[Node, bool] = {}
        self._outer = outer
        self._scopes: list[dict[Node, _Step]] = [{}]
        self._block = 0
        #: What is known at the end of each arm of a ?:, and what is computed again after the arm that computed it.
        self.arms: dict[Node, list[set[Node]]] = {}
        self.again: set[Node] = set()
        self._left: set[Node] = set()

    def value(self, node: Node) -> _Step:
        """Return the step that computes a node, after those that it needs."""
        if self._outer and node.stage < ELEMENT:
            return self._outer.value(node)
        for scope in reversed(self._scopes):
            if node in scope:
                return scope[node]
        branch = _BRANCHES.get(node.op)
        args = branch(self, node) if branch else [self.value(arg) for arg in node.args]
        step = _Step(node, args, (node.stage, node.home, _BEFORE if self._is_held(node) else self._block))
        for arg in args:
            arg.users.append(step)
        self.steps.append(step)
        self._scopes[-1][node] = step
        if node in self._left:
            self.again.add(node)
        if node.op == "call" and FUNCTIONS[node.data[0]].branches and node.data[-1]:
            self._block += 1
        return step

    def _is_held(self, node: Node) -> bool:
        """Whether a value of the elements depends on nothing that the loop around it changes."""
        if not self._held or node.stage < ELEMENT:
            return False
        if node not in self._before:
            drawn = [arg for arg in node.args if arg.stage == ELEMENT]
            self._before[node] = node.data in self._held if node.op == "input" else all(map(self._is_held, drawn))
        return self._before[node]

    def conditional(self, node: Node) -> list[_Step]:
        """Return the operands of ?:. If gcc hoists, what both arms compute is computed before them."""
        condition = self.value(node.args[0])
        for shared in _both(node.args[1], node.args[2]) if self._hoists else ():
            self.value(shared)
        arms = [self._arm(arm) for arm in node.args[1:]]
        self.arms[node] = [known for _, known in arms]
        self._leave(*self.arms[node])
        return [condition, *(step for step, _ in arms)]

    def shortcut(self, node: Node) -> list[_Step]:
        """Return the operands of && or ||, the right one in a block of its own."""
        first = self.value(node.args[0])
        second, known = self._arm(node.args[1])
        self._leave(known)
        return [first, second]

    def _arm(self, node: Node) -> tuple[_Step, set[Node]]:
        """Return the step of an arm, and the values that are known at the arm's end."""
        self._block += 1
        self._scopes.append({})
        step = self.value(node)
        known = set[Node]().union(*self._scopes)
        self._scopes.pop()
        self._block += 1
        return step, known

    def _leave(self, *known: set[Node]) -> None:
        """Note the values that only arms have computed, and that are therefore computed again after them."""
        self._left |= set[Node]().union(*known).difference(*self._scopes)


_BRANCHES = {"select": _Schedule.conditional, "land": _Schedule.shortcut, "lor": _Schedule.shortcut}


def _both(a: Node, b: Node) -> Iterator[Node]:
    """Yield the operations that both of two arms always compute, in the order of the first arm."""
    other = set(_always(b, set()))
    return (node for node in _always(a, set()) if node in other and node.args)


def _always(node: Node, seen: set[Node]) -> list[Node]:
    """Return the nodes that computing a node always computes, operands first."""
    if node in seen:
        return []
    seen.add(node)
    args = node.args[:1] if node.op in _BRANCHES else node.args
    return [each for arg in args for each in _always(arg, seen)] + [node]


def contracted(
    graph: Graph,
    roots: Sequence[Node],
    fused: Sequence[CType],
    held: frozenset[str] = frozenset(),
    *,
    fuses_negation: bool = False,
    hoists: bool = True,
) -> list[Node]:
    """Return the roots with those products fused that gcc fuses.

    fused: the floating types in which the device fuses. held: the inputs that the loop around the roots does not
    change. fuses_negation: whether -(a*b + c) is one operation, -a*b - c, as on x86, which gives 0 where the two
    operations give -0. hoists: whether what both arms of ?: compute is computed before them.
    """
    schedule = _Schedule(_Schedule(hoists=hoists), held, hoists=hoists)
    ends = [schedule.value(root) for root in roots]
    computed = list(dict.fromkeys(step.node for step in schedule.steps))
    refuse_moved(graph, computed, schedule.arms, schedule.again, fused)
    for end in ends:
        end.users.append(None)
    for step in schedule.steps:
        if step.node.op == "mul" and step.node.ctype in fused:
            _fuse(step)
    done: dict[_Step, Node] = {}
    for step in schedule.steps:
        if not step.gone:
            negated = fuses_negation and _negated(graph, step, done)
            done[step] = negated or _rebuilt(graph, step, done)
    return [done[end] for end in ends]


def _fuse(product: _Step) -> None:
    """Fuse a product into the sums that use it, if all its uses are such sums."""
    sums: list[tuple[_Step, _Step, bool]] = []  # the sum, its operand, whether that is the product negated
    for user in product.users:
        negated = user is not None and user.node.op == "neg" and len(user.users) == 1 and user.block == product.block
        operand, total = (user, user.users[0]) if user is not None and negated else (product, user)
        takes = total is not None and total.node.op in ("add", "sub") and total.fused is None
        if not takes or total is None or operand is None or total.block != product.block:
            return
        if total.args[0] is total.args[1] or any(total is other for other, _, _ in sums):
            return
        sums.append((total, operand, negated))
    for total, operand, negated in sums:
        left = total.args[0] is operand
        subtract = total.node.op == "sub"
        total.fused = (product, negated != (subtract and not left), subtract and left)
        total.args = [total.args[1] if left else total.args[0]]
        operand.gone = True
    product.gone = True


def _rebuilt(graph: Graph, step: _Step, done: dict[_Step, Node]) -> Node:
    node = step.node
    if step.fused:
        product, *signs = step.fused
        factors = [done[arg] for arg in product.args]
        return graph.node("fma", node.ctype, (*factors, done[step.args[0]]), node.origin, tuple(signs))
    args = tuple(done[arg] for arg in step.args)
    if args == node.args:
        return node
    return graph.rebuilt(node, args)


def _tests(node: Node) -> bool:
    """Whether an operation compares its operand, as a square root that sets errno does."""
    return node.op in COMPARISONS or (node.op == "call" and FUNCTIONS[node.data[0]].branches and bool(node.data[-1]))


def _negated(graph: Graph, step: _Step, done: dict[_Step, Node]) -> Node | None:
    """Return the one multiply-add that replaces the negation of another one, or None. There is none if the other is
    used elsewhere too, or if the negation is only compared, because gcc then compares what is negated.
    """
    if step.node.op != "neg" or len(step.args[0].users) > 1 or step.args[0].block != step.block:
        return None
    if any(user is not None and _tests(user.node) for user in step.users):
        return None
    x = done[step.args[0]]
    if x.op == "fma":
        signs = x.data
    elif x.op == "call" and x.data[0] == "fmaf":
        signs = (False, False)
    else:
        return None
    return graph.node("fma", x.ctype, x.args, step.node.origin, (not signs[0], not signs[1]))
