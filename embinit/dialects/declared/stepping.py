"""Generators of a file's own: steps as statements, made into a Python function of integers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from embinit.bitgen.base import Called, Words
from embinit.errors import EmbinitError
from embinit.expressions import Arithmetic, CType, Program
from embinit.expressions.graph import Node

#: Returns the words after some steps from a state, which it moves.
Run = Callable[[list[int], int], list[int]]
#: Fills an array of words by steps from a state, an array of uint64 that it moves.
Loop = Callable[[Any, Any], None]
#: Words from which steps are compiled.
LOOPED = 1 << 16

_INFIX = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}
_COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}


def compiled(program: Program, state: Sequence[str], word: str, where: str) -> Run:
    """Return a function that runs a program again and again: outputs named as parts of the state are the state then.

    Integers are Python's, wrapped to their types; C's undefined results are an EmbinitError where they occur.
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


class Steps(Called):
    """A generator whose steps a dialect file states; `advance` goes word by word, as nothing shorter is known.

    run: what the steps do to a state, and the words that they give; loop: the same, compiled, where it can be. types:
    the parts of the state with their types.
    where: the key that says word_bits.
    """

    jumps = False

    def __init__(
        self,
        run: Run,
        loop: Loop | None,
        types: Mapping[str, CType],
        state: Mapping[str, int],
        word_bits: int,
        where: str,
    ) -> None:
        self._run, self._loop, self._types = run, loop, dict(types)
        self.word_bits, self._where = word_bits, where
        self.state = tuple(state[name] for name in types)

    @property
    def state(self) -> tuple[int, ...]:
        """The parts of the state, in the order of the file."""
        return tuple(self._parts())

    @state.setter
    def state(self, state: Sequence[int]) -> None:
        self.words = np.array([part & (2**64 - 1) for part in state], np.uint64)

    def _parts(self) -> list[int]:
        pairs = zip(self.words.tolist(), self._types.values(), strict=True)
        return [(part ^ 1 << 63) - (1 << 63) if ctype.signed else part for part, ctype in pairs]

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        if out.size >= LOOPED and self._loop is not None:
            moved = self.words.copy()
            self._loop(moved, out)
            if int(out.max()) >> self.word_bits:
                raise self._too_wide(int(out.max()))
            self.words = moved
            return
        state = self._parts()
        drawn = self._run(state, out.size)
        if out.size and max(drawn) >> self.word_bits:
            raise self._too_wide(max(drawn))
        out[:] = drawn
        self.state = state

    def _too_wide(self, word: int) -> EmbinitError:
        return EmbinitError(f"{self._where}: is {self.word_bits}, and the word {word:#x} has more bits")

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        if delta < 0:
            raise EmbinitError(f"steps go forward only, got {delta}")
        while delta:
            part = min(delta, 100_000)
            self.draw(np.empty(part, np.uint32 if self.word_bits <= 32 else np.uint64))
            delta -= part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Steps) and self._run is other._run and super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]
