"""C expressions as data: the arithmetic that makes a weight of a word. They are parsed, typed, evaluated, and emitted
as C.
"""

from embinit.expressions.program import Arithmetic, Definition, Program, define, program_of, statements
from embinit.expressions.routine import Bound, Routine
from embinit.expressions.syntax import parse_declaration
from embinit.expressions.types import DOUBLE, FLOAT, TYPES, CType, Input

__all__ = [
    "DOUBLE",
    "FLOAT",
    "TYPES",
    "Arithmetic",
    "Bound",
    "CType",
    "Definition",
    "Input",
    "Program",
    "Routine",
    "define",
    "parse_declaration",
    "program_of",
    "statements",
]
