"""Conditions that decide each other: what a compiler knows about one comparison with a constant from another one."""

import math
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from embinit.expressions.graph import Node
from embinit.expressions.operations import COMPARISONS

#: Each comparison with its sides exchanged, and each with its opposite.
SWAPPED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


class _Test(NamedTuple):
    """The comparison of a value with a constant."""

    value: Node
    op: str
    limit: float

    @property
    def opposite(self) -> "_Test":
        return self._replace(op=_OPPOSITE[self.op])

    def decides(self, other: "_Test") -> bool:
        """Whether the outcome of another test of the same value is known if this one holds."""
        return self._implies(other) or self._implies(other.opposite)

    def _implies(self, other: "_Test") -> bool:
        if self.op == "ne":
            return other.op == "ne" and self.limit == other.limit
        low, high = self._ends
        match other.op:
            case "lt":
                return high < other.limit
            case "le":
                return high <= other.limit
            case "gt":
                return low > other.limit
            case "ge":
                return low >= other.limit
            case "eq":
                return low == high == other.limit
            case "ne":
                return other.limit < low or other.limit > high
        raise AssertionError(other.op)

    @property
    def _ends(self) -> tuple[float, float]:
        """The least and the greatest value for which the test holds, as it does for all values between them."""
        below = self.limit - 1 if not self.value.ctype.floating else math.nextafter(self.limit, -math.inf)
        above = self.limit + 1 if not self.value.ctype.floating else math.nextafter(self.limit, math.inf)
        ends = {
            "lt": (-math.inf, below),
            "le": (-math.inf, self.limit),
            "gt": (above, math.inf),
            "ge": (self.limit, math.inf),
            "eq": (self.limit, self.limit),
        }
        return ends[self.op]


def decided_by_another(selects: Sequence[Node]) -> Iterator[Node]:
    """Yield each ?: whose outcome a compiler knows from that of another one, around it or before it.

    selects: all of them, in the order in which they end.
    """
    tests = [(select, test) for select in selects for test in _tests(select.args[0])]
    for (i, (one, test)), (j, (other, tested)) in permutations(enumerate(tests), 2):
        if test.value is not tested.value or one is other or _in_arms(other, one) != (False, False):
            continue
        in_first, in_second = _in_arms(one, other)
        if not in_first and not in_second and i > j:
            continue
        outcomes = [test] if in_first or not in_second else []
        outcomes += [test.opposite] if in_second or not in_first else []
        if any(outcome.decides(tested) for outcome in outcomes):
            yield other


def _in_arms(select: Node, sought: Node) -> tuple[bool, bool]:
    """Return whether the first arm of a ?: needs a node, and whether the second does."""
    return _needs(select.args[1], sought), _needs(select.args[2], sought)


def _tests(condition: Node) -> Iterator[_Test]:
    if condition.op in ("land", "lor", "lnot"):
        for arg in condition.args:
            yield from _tests(arg)
    elif condition.op in COMPARISONS:
        left, right = condition.args
        if right.op == "const":
            yield _Test(left, condition.op, right.data)
        elif left.op == "const":
            yield _Test(right, SWAPPED[condition.op], left.data)


def _needs(node: Node, sought: Node) -> bool:
    """Return whether a node is, or needs, another one."""
    seen, left = set[Node](), [node]
    while left:
        each = left.pop()
        if each is sought:
            return True
        if each not in seen:
            seen.add(each)
            left += each.args
    return False
