"""Generators that a file defines: steps as statements, turned into a Python function of integers."""

from collections.abc import Callable, Sequence
from typing import Any

from embinit.bitgen.base import Words
from embinit.errors import EmbinitError
from embinit.expressions import Arithmetic, CType, Program
from embinit.expressions.graph import Node
from embinit.expressions.loops import recurrence_of

#: Returns the words after some steps from a state, which it moves.
Run = Callable[[list[int], int], list[int]]
#: Fills an array of words by steps from a state, an array of uint64 that it moves; negative parts are modulo 2^64.
Fill = Callable[[Words, Words], None]
#: Words after which steps are compiled: drawing them in Python takes as long as that does.
LOOPED = 1 << 16

_INFIX = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}
_COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}


def filling(program: Program, state: Sequence[str], word: str, where: str) -> Fill:
    """Return the function that fills arrays by a program's steps: in Python or, for long streams, compiled if possible.
    Python also says what C leaves undefined.
    """
    run, types = stepwise(program, state, word, where), [program.types[name] for name in state]
    loop = recurrence_of(program.compile(Arithmetic()), state, word)
    drawn = 0

    def fill(words: Words, out: Words) -> None:
        nonlocal drawn
        drawn += out.size
        if loop is not None and drawn >= LOOPED and loop(words, out):
            return
        parts = [_signed(part, ctype) for part, ctype in zip(words.tolist(), types, strict=True)]
        out[:] = run(parts, out.size)
        words[:] = [part & 2**64 - 1 for part in parts]

    return fill


def _signed(part: int, ctype: CType) -> int:
    return (part ^ 1 << 63) - (1 << 63) if ctype.signed else part


def stepwise(program: Program, state: Sequence[str], word: str, where: str) -> Run:
    """Return a function that runs a program repeatedly: outputs named like parts of the state become the state.
    Integers are Python's, wrapped to their types; a result that C leaves undefined raises EmbinitError.
    """
    routine = program.compile(Arithmetic())
    lines, names, wrong = list[str](), dict[Node, str](), dict[Node, str]()
    for number, node in enumerate(routine.order):
        if node.ctype.floating:
            raise EmbinitError(f"{where}: computes with integers alone, and {node.ctype} is none")
        names[node] = f"v{number}"
        if node.op == "input":
            names[node] = f"in_{node.data}"
        elif node.op == "const":
            names[node] = f"({int(node.data)})"
        else:
            args = [names[arg] for arg in node.args]
            lines.append(f"{names[node]} = {_text(node, args)}")
            if not node.defined:
                wrong[node] = f"u{number}"
                lines.append(f"u{number} = {_undefined(node, args, [wrong.get(arg) for arg in node.args], number)}")
    results = {name: names[node] for name, node in routine.outputs.items()}
    seen = [wrong[node] for node in routine.outputs.values() if node in wrong]
    parts = ", ".join(f"in_{name}" for name in state)
    body = [
        "def run(state, n):",
        f"    [{parts}] = state",
        "    words = []",
        "    for _ in range(n):",
        *(f"        {line}" for line in lines),
        *([f"        if {' or '.join(seen)}:", f"            undefined({' or '.join(seen)})"] if seen else []),
        f"        words.append({results[word]})",
        f"        [{parts}] = [{', '.join(results[name] for name in state)}]",
        f"    state[:] = [{parts}]",
        "    return words",
    ]

    def undefined(number: int) -> None:
        node = routine.order[number - 1]
        raise node.origin.error(node.check[1] if node.check else "C defines no result")

    scope: dict[str, Any] = {"undefined": undefined, "quotient": _quotient}
    exec("\n".join(body), scope)
    return scope["run"]  # type: ignore[no-any-return]


def _text(node: Node, args: list[str]) -> str:
    """Return the Python of an operation; something arbitrary where C defines no result."""
    op, ctype = node.op, node.ctype
    if op in _COMPARED:
        return f"1 if {args[0]} {_COMPARED[op]} {args[1]} else 0"
    if op == "select":
        return f"{args[1]} if {args[0]} else {args[2]}"
    if op in ("land", "lor"):
        return f"1 if {args[0]} {op[1:]} {args[1]} else 0"
    if op == "lnot":
        return f"0 if {args[0]} else 1"
    if op in ("shl", "shr") and node.check:
        return _wrapped(ctype, f"{args[0]} {_INFIX[op]} ({args[1]} & {ctype.bits - 1})")
    if op in ("div", "rem"):
        quotient = f"quotient({args[0]}, {args[1]})"
        return _wrapped(ctype, quotient if op == "div" else f"{args[0]} - {quotient} * {args[1]}")
    return _wrapped(ctype, _exact(node, args))


def _exact(node: Node, args: list[str]) -> str:
    """Return the Python of a result before it wraps."""
    unary = {"neg": f"-{args[0]}", "not": f"~{args[0]}", "cast": args[0]}
    return unary.get(node.op) or f"{args[0]} {_INFIX[node.op]} {args[1]}"


def _undefined(node: Node, args: list[str], wrong: list[str | None], number: int) -> str:
    """Return the Python of which operation, counted from 1, leaves a result undefined; 0: none does.

    What C does not evaluate counts for nothing: the other arm of ?:, and what && and || skip.
    """
    if node.op == "select":
        return f"{wrong[0] or 0} or ({wrong[1] or 0} if {args[0]} else {wrong[2] or 0})"
    if node.op in ("land", "lor"):
        negated = "not " if node.op == "lor" else ""
        return f"{wrong[0] or 0} or ({wrong[1] or 0} if {negated}{args[0]} else 0)"
    found = [each for each in wrong if each]
    if node.check:
        found.append(f"({number + 1} if {_breaks(node, args)} else 0)")
    return " or ".join(found)


def _breaks(node: Node, args: list[str]) -> str:
    """Return the Python of whether operands have no defined result."""
    ctype = node.ctype
    if node.op in ("shl", "shr"):
        return f"not 0 <= {args[1]} < {ctype.bits}"
    if node.op in ("div", "rem"):
        lowest = f" or ({args[1]} == -1 and {args[0]} == {ctype.low})" if ctype.signed else ""
        return f"{args[1]} == 0{lowest}"
    return f"not {ctype.low} <= {_exact(node, args)} <= {ctype.high}"


def _wrapped(ctype: CType, text: str) -> str:
    if not ctype.signed:
        return f"({text}) & {ctype.high}"
    return f"((({text}) & {2 * ctype.high + 1}) ^ {ctype.high + 1}) - {ctype.high + 1}"


def _quotient(a: int, b: int) -> int:
    """Return a / b rounded towards 0, as C has it; by 0 something arbitrary."""
    magnitude = abs(a) // (abs(b) or 1)
    return magnitude if (a < 0) == (b < 0) else -magnitude
