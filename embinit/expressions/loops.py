"""A lowered program as one compiled loop over its elements, for arrays large enough to be worth compiling for."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.expressions.graph import ELEMENT, Node
from embinit.expressions.routine import Routine

Array = NDArray[Any]

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}
_COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}
_CALLED = {"sqrtf": "sqrt", "sqrt": "sqrt", "fabsf": "abs", "fabs": "abs"}


class Loop(NamedTuple):
    """A compiled loop: `run(*inputs, *fixed values, out)`; inputs by name, and the nodes whose values are fixed."""

    run: Callable[..., None]
    inputs: tuple[str, ...]
    fixed: tuple[Node, ...]


def loop_of(routine: Routine) -> Loop | None:
    """Return the loop of a routine with one output; None if C may leave a result undefined, or a libm computes one."""
    (root,) = routine.outputs.values()
    order = routine.order
    fixed = tuple(node for node in order if node.stage < ELEMENT and _used(node, order, root))
    steps = [node for node in order if node.stage == ELEMENT]
    names = {node: f"s{i}" for i, node in enumerate(fixed)} | {node: f"v{i}" for i, node in enumerate(steps)}
    lines, inputs = list[str](), list[str]()
    for node in steps:
        text = f"in_{node.data}[i]" if node.op == "input" else _text(node, [names[arg] for arg in node.args])
        if text is None or node.check is not None:
            return None
        if node.op == "input":
            inputs.append(node.data)
        lines.append(f"        {names[node]} = {text}")
    parameters = [*(f"in_{name}" for name in inputs), *(names[node] for node in fixed), "out"]
    body = [
        f"def loop({', '.join(parameters)}):",
        "    for i in range(out.size):",
        *lines,
        f"        out[i] = {names[root]}",
    ]
    return Loop(_compiled("\n".join(body)), tuple(inputs), fixed)


def recurrence_of(routine: Routine, state: Sequence[str], word: str) -> Callable[[Array, Array], None] | None:
    """Return a loop that runs a routine repeatedly: its outputs named in state are its next inputs.

    It takes the state as uint64 (negative numbers modulo 2^64), which it moves, and the words to fill. None where an
    operation needs more than a loop.
    """
    lines, names = list[str](), dict[Node, str]()
    for number, node in enumerate(routine.order):
        kind, names[node] = f"np.{node.ctype.dtype.name}", f"v{number}"
        if node.ctype.floating or node.check is not None:
            return None
        if node.op == "const":
            text: str | None = f"{kind}({int(node.data)})"
        else:
            text = f"in_{node.data}" if node.op == "input" else _text(node, [names[arg] for arg in node.args])
        if text is None:
            return None
        lines.append(f"        {names[node]} = {text}")
    kinds = {name: f"np.{routine.outputs[name].ctype.dtype.name}" for name in state}
    body = [
        "def loop(state, out):",
        *(f"    in_{name} = {kinds[name]}(state[{i}])" for i, name in enumerate(state)),
        "    for i in range(out.size):",
        *lines,
        f"        out[i] = {names[routine.outputs[word]]}",
        *(f"        in_{name} = {names[routine.outputs[name]]}" for name in state),
        *(f"    state[{i}] = np.uint64(np.int64(in_{name}))" for i, name in enumerate(state)),
    ]
    return _compiled("\n".join(body))


def _used(node: Node, order: Sequence[Node], root: Node) -> bool:
    return node is root or any(node in user.args for user in order if user.stage == ELEMENT)


def _text(node: Node, args: list[str]) -> str | None:
    """Return the Python of an operation, with a result that has its type at once; None if there is none."""
    op, kind = node.op, f"np.{node.ctype.dtype.name}"
    if op in _COMPARED:
        return f"np.int32({args[0]} {_COMPARED[op]} {args[1]})"
    if op == "select":
        return f"{args[1]} if {args[0]} != 0 else {args[2]}"
    if op in ("shl", "shr"):
        return f"{kind}({args[0]} {_INFIX[op]} {kind}({args[1]}))"
    if op in _INFIX and (op != "div" or node.ctype.floating):
        return f"{kind}({args[0]} {_INFIX[op]} {args[1]})"
    if op == "neg" and node.ctype.floating:
        return f"{kind}(-{args[0]})"
    if op == "not":
        return f"{kind}(~{args[0]})"
    if op == "cast" and (node.ctype.floating or not node.args[0].ctype.floating):
        return f"{kind}({args[0]})"
    if op == "call" and node.data[0] in _CALLED:
        return f"{kind}(np.{_CALLED[node.data[0]]}({args[0]}))"
    if op == "fma":
        negate_product, negate_addend = node.data
        return f"fma{node.ctype.bits}({'-' * negate_product}{args[0]}, {args[1]}, {'-' * negate_addend}{args[2]})"
    return None


@lru_cache(maxsize=256)
def _compiled(source: str) -> Callable[..., None]:
    from embinit._kernels.fma import fma32, fma64
    from embinit._kernels.jit import kernel

    scope: dict[str, Any] = {"__name__": "embinit.expressions.loops", "np": np, "fma32": fma32, "fma64": fma64}
    exec(source, scope)
    function = scope["loop"]
    function.__qualname__ = f"loop_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    return kernel(function)  # type: ignore[no-any-return]
