"""Block floating point: groups of mantissas, with one exponent per group."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from embinit.formats import base
from embinit.formats.base import F32, NUMBER, CFamily, Families, Family, Grid, Groups, QuantizationParameters, Quantized
from embinit.formats.rounding import Rounding


@dataclass(frozen=True)
class BlockFloat(Quantized):
    """bfp<m>e<e>, OnDeviceTraining's BFP: packed two's complement mantissas of m bits, one exponent byte per group.

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
        """Return the format of a name and its numbers."""
        base.check_width(name, "the mantissa width", mantissa_bits, 2, 16)
        base.check_width(name, "the exponent width", exponent_bits, 2, 8)
        qmax = 2 ** (mantissa_bits - 1) - 1
        return cls(name, mantissa_bits, -qmax - 1, qmax, exponent_bits)

    @property
    def bias(self) -> int:
        """The stored exponent of 2^0."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def c_family(self) -> CFamily:
        """The family bfp: the bits of a mantissa and of an exponent."""
        return CFamily("bfp", self.bits, self.exponent_bits)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:  # noqa: ARG002
        """Return the stored exponents; a group of zeros has the exponent of 2^0."""
        fraction, exponent = np.frexp(base.largest(self.name, values, groups) / np.float32(self.qmax))
        least = np.where(fraction == 0.5, exponent - 1, exponent)
        top = min((1 << self.exponent_bits) - 1, self.bias + 127)
        return QuantizationParameters(exponents=np.clip(least + self.bias, 0, top).astype(np.uint8))

    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grids: steps of a power of two."""
        assert parameters.exponents is not None
        return Grid(np.ldexp(np.float32(1), parameters.exponents.astype(np.int32) - self.bias))


FAMILIES: Families = {
    Family(
        name="bfp<m>e<e>",
        bits="2..16",
        summary="OnDeviceTraining BFP: block floating point",
        codes="-2^(m-1) to 2^(m-1) - 1, two's complement mantissas, packed from a byte's low bits up",
        grid="steps of 2^(stored - bias), of each group the least with fl(absmax / qmax) <= 2^(stored - bias); e bits",
        beside="stored exponent: uint8, one per group",
        zeros="codes 0, exponent bias",
        one="a code within half a step, or qmax",
    ): (f"bfp{NUMBER}e{NUMBER}", BlockFloat.make),
}
