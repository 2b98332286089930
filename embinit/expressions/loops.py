"""A lowered program as one compiled loop over its elements, for arrays that are large enough to be worth a compilation.

A loop only tells whether C leaves any result undefined. To find out which one, a program is evaluated by its routine.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.expressions.graph import ELEMENT, Node
from embinit.expressions.operations import COMPARED, INFIX, SHIFTS
from embinit.expressions.routine import Routine

Array = NDArray[Any]

_CALLED = {"sqrtf": "sqrt", "sqrt": "sqrt", "fabsf": "abs", "fabs": "abs"}


class Loop(NamedTuple):
    """A compiled loop. `run(*inputs, *fixed values, out)` fills out and returns whether C defines all results.

    inputs: the names of the inputs. fixed: the nodes whose values are the same for all elements.
    """

    run: Callable[..., bool]
    inputs: tuple[str, ...]
    fixed: tuple[Node, ...]


def loop_of(routine: Routine) -> Loop | None:
    """Return the loop of a routine with one output; None if an operation cannot be part of a loop, such as logf."""
    (root,) = routine.outputs.values()
    order = routine.order
    fixed = tuple(node for node in order if node.stage < ELEMENT and _used(node, order, root))
    steps = [node for node in order if node.stage == ELEMENT]
    names = {node: f"s{i}" for i, node in enumerate(fixed)} | {node: f"v{i}" for i, node in enumerate(steps)}
    lines = _lines(steps, names, "in_{}[i]")
    if lines is None:
        return None
    inputs = [node.data for node in steps if node.op == "input"]
    parameters = [*(f"in_{name}" for name in inputs), *(names[node] for node in fixed), "out"]
    body = [
        f"def loop({', '.join(parameters)}):",
        "    wrong = False",
        "    for i in range(out.size):",
        *lines,
        f"        out[i] = {names[root]}",
        *_noted([root], names),
        "    return not wrong",
    ]
    return Loop(_compiled("\n".join(body)), tuple(inputs), fixed)


def recurrence_of(routine: Routine, state: Sequence[str], word: str) -> Callable[[Array, Array], bool] | None:
    """Return a loop that runs a routine repeatedly, each time with its own outputs as the inputs that `state` names.

    The loop takes the state as an array of uint64 (negative numbers modulo 2^64), which it moves, and the array of
    words to fill; word is the output that is one. If C leaves a result undefined, it returns False, and the state stays
    as it was. Return None if an operation cannot be part of a loop.
    """
    order = routine.order
    names = {node: f"v{number}" for number, node in enumerate(order)}
    lines = _lines(order, names, "in_{}")
    if lines is None or any(node.ctype.floating for node in order):
        return None
    kinds = {name: f"np.{routine.outputs[name].ctype.dtype.name}" for name in state}
    body = [
        "def loop(state, out):",
        "    wrong = False",
        *(f"    in_{name} = {kinds[name]}(state[{i}])" for i, name in enumerate(state)),
        "    for i in range(out.size):",
        *lines,
        f"        out[i] = {names[routine.outputs[word]]}",
        *_noted(routine.outputs.values(), names),
        *(f"        in_{name} = {names[routine.outputs[name]]}" for name in state),
        "    if wrong:",
        "        return False",
        *(f"    state[{i}] = np.uint64(np.int64(in_{name}))" for i, name in enumerate(state)),
        "    return True",
    ]
    return _compiled("\n".join(body))


def _lines(steps: Sequence[Node], names: Mapping[Node, str], given: str) -> list[str] | None:
    """Return the lines of a loop that compute steps and note whether C defines them; None if a step has no line."""
    lines = list[str]()
    for node in steps:
        kind, args = f"np.{node.ctype.dtype.name}", [names[arg] for arg in node.args]
        if node.op == "input":
            text: str | None = given.format(node.data)
        else:
            text = f"{kind}({node.data!r})" if node.op == "const" else _text(node, args)
        undefined = _undefined(node, names) if text and not node.defined else None
        if text is None or (undefined is None and not node.defined):
            return None
        lines.append(f"        {names[node]} = {text}")
        if undefined is not None:
            lines.append(f"        {_flag(node, names)} = {undefined}")
    return lines


def _noted(roots: Iterable[Node], names: Mapping[Node, str]) -> list[str]:
    flags = dict.fromkeys(_flag(root, names) for root in roots if not root.defined and root.stage == ELEMENT)
    return [f"        wrong |= {flag}" for flag in flags]


def _flag(node: Node, names: Mapping[Node, str]) -> str:
    """Return the variable that says whether C leaves a node undefined; fixed nodes have been checked before."""
    return "False" if node.defined or node.stage < ELEMENT else f"u_{names[node]}"


def _undefined(node: Node, names: Mapping[Node, str]) -> str | None:
    """Return the Python expression for whether C leaves a result undefined, by this operation or by one that it
    evaluates; None if a loop cannot tell.
    """
    flags, args = [_flag(arg, names) for arg in node.args], [names[arg] for arg in node.args]
    if node.op == "select":
        return f"{flags[0]} | ({flags[1]} if {args[0]} != 0 else {flags[2]})"
    if node.op in ("land", "lor"):
        return f"{flags[0]} | ({flags[1]} & ({args[0]} {'!=' if node.op == 'land' else '=='} 0))"
    broken = _broken(node, names[node], args) if node.check else "False"
    return broken and " | ".join([*(flag for flag in flags if flag != "False"), f"({broken})"])


def _broken(node: Node, result: str, args: list[str]) -> str | None:
    """Return the Python expression for whether operands break the rule of an integer operation; None for others."""
    op, ctype = node.op, node.ctype
    if ctype.floating or node.args[0].ctype.floating:
        return None
    if op in ("div", "rem"):
        lowest = f" or ({args[1]} == -1 and {args[0]} == {ctype.low})" if ctype.signed else ""
        return f"{args[1]} == 0{lowest}"
    if op in ("shl", "shr"):
        return f"{args[1]} < 0 or {args[1]} >= {ctype.bits}"
    if op == "neg":
        return f"{args[0]} == {ctype.low}"
    if op == "mul":  # overflow changes the product by a multiple of 2^bits, far more than float64 loses
        exact = f"np.float64({args[0]}) * np.float64({args[1]})"
        return f"abs({exact} - np.float64({result})) > {2.0 ** (ctype.bits - 2)}"
    a, b = args
    return f"(({a} ^ {result}) & ({b} ^ {result})) < 0" if op == "add" else f"(({a} ^ {b}) & ({a} ^ {result})) < 0"


def _used(node: Node, order: Sequence[Node], root: Node) -> bool:
    return node is root or any(node in user.args for user in order if user.stage == ELEMENT)


def _text(node: Node, args: list[str]) -> str | None:
    """Return the Python expression of an operation, converted to its type at once; None if a loop has none for it."""
    op, kind = node.op, f"np.{node.ctype.dtype.name}"
    if op in COMPARED:
        return f"np.int32({args[0]} {COMPARED[op]} {args[1]})"
    if op == "select":
        return f"{args[1]} if {args[0]} != 0 else {args[2]}"
    if op in ("land", "lor"):
        return f"np.int32({args[0]} != 0 {op[1:]} {args[1]} != 0)"
    if op == "lnot":
        return f"np.int32({args[0]} == 0)"
    if op in ("shl", "shr"):
        count = f"{kind}({args[1]})" if node.check is None else f"({kind}({args[1]}) & {kind}({node.ctype.bits - 1}))"
        return f"{kind}({args[0]} {SHIFTS[op]} {count})"
    if op in ("div", "rem") and not node.ctype.floating:
        quotient = f"quotient({args[0]}, {args[1]})"
        return quotient if op == "div" else f"{kind}({args[0]} - {quotient} * {args[1]})"
    if op in INFIX:
        return f"{kind}({args[0]} {INFIX[op]} {args[1]})"
    if op == "neg":
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
def _compiled(source: str) -> Callable[..., bool]:
    from embinit._kernels.division import quotient
    from embinit._kernels.fma import fma32, fma64
    from embinit._kernels.jit import kernel

    scope: dict[str, Any] = {"__name__": "embinit.expressions.loops", "np": np, "quotient": quotient}
    scope |= {"fma32": fma32, "fma64": fma64}
    exec(source, scope)
    function = scope["loop"]
    function.__qualname__ = f"loop_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    return kernel(function)  # type: ignore[no-any-return]
