"""A lowered program, evaluated on NumPy arrays in blocks that stay in the processor's cache."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.expressions import operations
from embinit.expressions.graph import ELEMENT, Node
from embinit.expressions.ranges import Range, ranges
from embinit.expressions.types import Input

Array = NDArray[Any]

#: How many elements are evaluated together: a few arrays of this size fit into the second-level cache.
BLOCK = 32768


@dataclass(frozen=True)
class Routine:
    """A lowered program: its outputs as operations on its inputs. `bind` gives it the inputs of a tensor."""

    inputs: Mapping[str, Input]
    outputs: Mapping[str, Node]

    @cached_property
    def order(self) -> list[Node]:
        """All operations, operands first."""
        seen: dict[Node, None] = {}

        def visit(node: Node) -> None:
            if node not in seen:
                for arg in node.args:
                    visit(arg)
                seen[node] = None

        for root in self.outputs.values():
            visit(root)
        return list(seen)

    @cached_property
    def once(self) -> list[Node]:
        """The operations whose values are the same for all elements."""
        return [node for node in self.order if node.stage < ELEMENT]

    @cached_property
    def each(self) -> list[Node]:
        """The operations of every element."""
        return [node for node in self.order if node.stage == ELEMENT]

    @cached_property
    def spent(self) -> dict[Node, list[Node]]:
        """For each operation of an element, the values that are not needed after it."""
        kept = set(self.outputs.values())
        last = {arg: node for node in self.each for arg in node.args if arg.stage == ELEMENT and arg not in kept}
        ending: dict[Node, list[Node]] = {}
        for arg, node in last.items():
            ending.setdefault(node, []).append(arg)
        return ending

    def bind(self, **values: Any) -> "Bound":
        """Return the routine for one tensor, with the values of its inputs, which are converted to their types."""
        given = {name: each for name, each in self.inputs.items() if each.stage == "tensor"}
        missing = [name for name in given if name not in values]
        if missing:
            raise EmbinitError(f"{missing[0]} has no value")
        scalars = {name: np.array([values[name]]).astype(each.ctype.dtype) for name, each in given.items()}
        return Bound(self, scalars)


class Bound:
    """A routine with the values that are the same for all elements of a tensor, which are computed when it is built."""

    def __init__(self, routine: Routine, scalars: Mapping[str, Array]) -> None:
        self._routine = routine
        self._fixed: dict[Node, Array] = {}
        self._undefined: dict[Node, Array] = {}
        self._run(routine.once, scalars, self._fixed, self._undefined)

    def fixed(self, nodes: Iterable[Node]) -> list[Any] | None:
        """Return the values of nodes that are the same for all elements, as NumPy scalars; None if C leaves any value
        of that kind undefined.
        """
        if any(each.any() for each in self._undefined.values()):
            return None
        return [self._fixed[node][0] for node in nodes]

    def ranges(self) -> dict[str, Range]:
        """Return the range of each output, whatever the inputs of an element are."""
        found = ranges(self._routine.order, self._fixed)
        return {name: found[node] for name, node in self._routine.outputs.items()}

    def scalar(self, name: str) -> Any:
        """Return an output that is the same for all elements, as a NumPy scalar, or raise EmbinitError if C leaves it
        undefined.
        """
        node = self._routine.outputs[name]
        if node in self._undefined and self._undefined[node].any():
            culprit = self._culprit(self._undefined)
            raise culprit.origin.error(culprit.check[1] if culprit.check else "")
        return self._fixed[node][0]

    def evaluate(self, **arrays: Array) -> dict[str, Array]:
        """Return the outputs, as arrays, for arrays of the inputs, or raise EmbinitError if C leaves any undefined."""
        out, undefined = self._evaluated(arrays)
        for culprit in undefined:
            raise culprit.origin.error(culprit.check[1] if culprit.check else "")
        return out

    def defined(self, **arrays: Array) -> NDArray[np.bool_]:
        """Return for which elements C defines the outputs; `evaluate` refuses all others."""
        _, undefined = self._evaluated(arrays)
        size = max(np.asarray(array).size for array in arrays.values())
        refused: NDArray[np.bool_] = np.logical_or.reduce([np.zeros(size, bool), *undefined.values()])
        return ~refused

    def _evaluated(self, arrays: Mapping[str, Array]) -> tuple[dict[str, Array], dict[Node, Array]]:
        """Return the outputs and, for each operation because of which C leaves outputs undefined, these elements."""
        given = {name: each for name, each in self._routine.inputs.items() if each.stage == "element"}
        missing = [name for name in given if name not in arrays]
        if missing:
            raise EmbinitError(f"{missing[0]} has no value")
        inputs = {name: np.asarray(arrays[name], each.ctype.dtype) for name, each in given.items()}
        size = next(iter(inputs.values())).size if inputs else 1
        roots = self._routine.outputs
        out = {name: np.empty(size, node.ctype.dtype) for name, node in roots.items()}
        blamed: dict[Node, Array] = {}
        for start in range(0, size, BLOCK):
            block = slice(start, min(start + BLOCK, size))
            values, undefined = dict(self._fixed), dict(self._undefined)
            self._run(self._routine.each, {name: array[block] for name, array in inputs.items()}, values, undefined)
            for name, node in roots.items():
                if node in undefined and undefined[node].any():
                    culprit = self._culprit(undefined)
                    blamed.setdefault(culprit, np.zeros(size, bool))[block] |= undefined[node]
                out[name][block] = values[node]
        return out, blamed

    def _culprit(self, undefined: Mapping[Node, Array]) -> Node:
        """Return the first operation without a defined result."""
        return next(node for node in self._routine.order if node.check and node in undefined and undefined[node].any())

    def _run(
        self,
        steps: list[Node],
        inputs: Mapping[str, Array],
        values: dict[Node, Array],
        undefined: dict[Node, Array],
    ) -> None:
        with np.errstate(all="ignore"):
            for node in steps:
                if node.op == "input":
                    values[node] = inputs[node.data]
                elif node.op == "const":
                    values[node] = np.array([node.data], node.ctype.dtype)
                else:
                    args = [values[arg] for arg in node.args]
                    values[node] = operations.apply(node.op, node.ctype, node.data, args)
                    if node.check or undefined:
                        _spread(node, args, undefined)
                for spent in self._routine.spent.get(node, ()):
                    del values[spent]


def _spread(node: Node, args: list[Array], undefined: dict[Node, Array]) -> None:
    """Note the elements for which C defines no result, because of this operation or of one that it evaluates."""
    inherited = [undefined.get(arg) for arg in node.args]
    if node.op == "select" and any(each is not None for each in inherited):
        taken = np.where(args[0] != 0, _or_none(inherited[1]), _or_none(inherited[2]))
        inherited = [inherited[0], taken]
    elif node.op in ("land", "lor") and inherited[1] is not None:
        evaluated = args[0] != 0 if node.op == "land" else args[0] == 0
        inherited = [inherited[0], inherited[1] & evaluated]
    found = [each for each in inherited if each is not None]
    if node.check:
        found.append(node.check[0](*args))
    if found:
        undefined[node] = np.logical_or.reduce(np.broadcast_arrays(*found))


def _or_none(x: Array | None) -> Array:
    return np.zeros(1, bool) if x is None else x
