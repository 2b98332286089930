"""The arithmetic types of C in expressions: types of fixed widths, promotions, and the usual conversions."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class CType:
    """An arithmetic type of C. `name` is its spelling in <stdint.h>, or float or double."""

    name: str
    bits: int
    signed: bool
    floating: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type with the same values."""
        kind = "float" if self.floating else "int" if self.signed else "uint"
        return np.dtype(f"{kind}{self.bits}")

    @property
    def low(self) -> int:
        """The smallest value of an integer type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest value of an integer type."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def wraps(self) -> bool:
        """Whether arithmetic in this type is modulo 2^bits in C."""
        return not self.signed and not self.floating


INT8, INT16, INT32, INT64 = (CType(f"int{bits}_t", bits, True) for bits in (8, 16, 32, 64))
UINT8, UINT16, UINT32, UINT64 = (CType(f"uint{bits}_t", bits, False) for bits in (8, 16, 32, 64))
FLOAT = CType("float", 32, True, floating=True)
DOUBLE = CType("double", 64, True, floating=True)
TYPES = {each.name: each for each in (UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FLOAT, DOUBLE)}


def promoted(ctype: CType) -> CType:
    """Return the type in which C computes with a value: int, which has 32 bits, for anything narrower.

    >>> print(promoted(UINT16), promoted(UINT32), promoted(FLOAT))
    int32_t uint32_t float
    """
    return INT32 if ctype.bits < 32 else ctype


def common(a: CType, b: CType) -> CType:
    """Return the type to which both operands of an operator are converted.

    >>> print(common(UINT32, INT32), common(UINT32, INT64), common(INT64, FLOAT), common(UINT8, UINT16))
    uint32_t int64_t float int32_t
    """
    a, b = promoted(a), promoted(b)
    return max(a, b, key=lambda each: (each.floating, each.bits, not each.signed))


@dataclass(frozen=True)
class Input:
    """A value that a program is given: its type, when it is known, and an integer's range if it is narrower.

    held: whether the loop in which the program runs does not change it. gcc computes values that depend on nothing else
    before that loop, and does not fuse them with operations in it.
    """

    ctype: CType
    stage: Literal["tensor", "element"] = "element"
    low: int | None = None
    high: int | None = None
    held: bool = False
