"""Block floating point: groups of mantissas, each group with one exponent."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from embinit.formats.base import F32, Family, Grid, Groups, Parameters, Quantized, check_width, largest
from embinit.formats.rounding import Rounding


@dataclass(frozen=True)
class BlockFloat(Quantized):
    """bfp<m>e<e>, OnDeviceTraining's BFP: packed m-bit two's complement mantissas, one exponent byte a group.

    value = mantissa * 2^(stored - bias), bias = 2^(e-1) - 1. The exponent is the least with
    fl(absmax / qmax) <= 2^exponent, clamped to what e bits and float32 can hold; mantissas saturate by design.

    >>> BlockFloat.make("bfp8e5", 8, 5).bias
    15
    """

    exponent_bits: int

    packed = True
    grouping: ClassVar[Literal["groups"]] = "groups"
    limited = True

    @classmethod
    def make(cls, name: str, mantissa_bits: int, exponent_bits: int) -> "BlockFloat":
        """Build from the numbers in a name."""
        check_width(name, "the mantissa width", mantissa_bits, 2, 16)
        check_width(name, "the exponent width", exponent_bits, 2, 8)
        half = 2 ** (mantissa_bits - 1)
        return cls(name, mantissa_bits, -half, half - 1, exponent_bits)

    @property
    def bias(self) -> int:
        """What the stored exponent of 2^0 is."""
        return 2 ** (self.exponent_bits - 1) - 1

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> Parameters:  # noqa: ARG002
        """Return the stored exponents; a group of zeros has that of 2^0."""
        fraction, exponent = np.frexp(largest(self.name, values, groups) / np.float32(self.qmax))
        exponent = np.where(fraction == 0.5, exponent - 1, exponent)
        top = min(2**self.exponent_bits - 1, self.bias + 127)
        return Parameters(exponents=np.clip(exponent + self.bias, 0, top).astype(np.uint8))

    def grid(self, parameters: Parameters) -> Grid:
        """Return the grids: steps of a power of two."""
        assert parameters.exponents is not None
        return Grid(np.ldexp(np.float32(1), parameters.exponents.astype(np.int32) - self.bias))


FAMILIES = (
    Family("bfp<m>e<e>", "2..16", "OnDeviceTraining BFP: packed mantissas of m bits, an exponent of e bits (2..8) a group",
           r"bfp(0|[1-9]\d{0,2})e(0|[1-9]\d{0,2})", BlockFloat.make),
)  # fmt: skip
