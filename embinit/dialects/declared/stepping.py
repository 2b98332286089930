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
#: From how many words on steps are compiled.
LOOPED = 1 << 16

_INFIX = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}
_COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}


def filling(program: Program, state: Sequence[str], word: str, where: str) -> Fill:
    """Return the function that fills arrays by a program's steps: in Python or, for long streams, compiled
    if possible.
    """
    run, types = stepwise(program, state, word, where), [program.types[name] for name in state]
    loop = recurrence_of(program.compile(Arithmetic()), state, word)

    def fill(words: Words, out: Words) -> None:
        if loop is not None and out.size >= LOOPED:
            loop(words, out)
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
    lines, names = list[str](), dict[Node, str]()
    for number, node in enumerate(routine.order):
        if node.ctype.floating:
            raise EmbinitError(f"{where}: computes with integers alone, and {node.ctype} is none")
        names[node] = f"v{number}"
        if node.op == "input":
            names[node] = node.data
        elif node.op == "const":
            names[node] = f"({int(node.data)})"
        else:
            lines.append(f"{names[node]} = {_text(node, [names[arg] for arg in node.args], number)}")
    results = {name: names[node] for name, node in routine.outputs.items()}
    parts = ", ".join(state)
    body = [
        "def run(state, n):",
        f"    [{parts}] = state",
        "    words = []",
        "    for _ in range(n):",
        *(f"        {line}" for line in lines),
        f"        words.append({results[word]})",
        f"        [{parts}] = [{', '.join(results[name] for name in state)}]",
        f"    state[:] = [{parts}]",
        "    return words",
    ]
    scope: dict[str, Any] = {"wrong": _wrong, "nodes": routine.order, "quotient": _quotient}
    exec("\n".join(body), scope)
    return scope["run"]  # type: ignore[no-any-return]


def _text(node: Node, args: list[str], number: int) -> str:
    """Return the Python of an operation."""
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
        return _wrapped(
            ctype, f"{args[0]} {_INFIX[op]} ({args[1]} if 0 <= {args[1]} < {ctype.bits} else wrong(nodes[{number}]))"
        )
    if op in ("div", "rem"):
        return _wrapped(ctype, f"quotient(nodes[{number}], {args[0]}, {args[1]})")
    exact = {"neg": f"-{args[0]}", "not": f"~{args[0]}", "cast": args[0]}.get(op) or f"{args[0]} {_INFIX[op]} {args[1]}"
    if node.check:
        return f"x if {ctype.low} <= (x := {exact}) <= {ctype.high} else wrong(nodes[{number}])"
    return _wrapped(ctype, exact)


def _wrapped(ctype: CType, text: str) -> str:
    if not ctype.signed:
        return f"({text}) & {ctype.high}"
    return f"((({text}) & {2 * ctype.high + 1}) ^ {ctype.high + 1}) - {ctype.high + 1}"


def _quotient(node: Node, a: int, b: int) -> int:
    """Return a / b or a % b as C has them."""
    if b == 0 or (b == -1 and a == node.ctype.low and node.ctype.signed):
        _wrong(node)
    magnitude = abs(a) // abs(b)
    quotient = magnitude if (a < 0) == (b < 0) else -magnitude
    return quotient if node.op == "div" else a - quotient * b


def _wrong(node: Node) -> int:
    raise node.origin.error(node.check[1] if node.check else "C defines no result")
