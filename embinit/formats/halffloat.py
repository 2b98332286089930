"""float16 and bfloat16: values rounded to half the bits of a float32."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit.formats.base import F32, CFamily, Encoded, Families, Family, Format, Groups, QuantizationParameters
from embinit.formats.rounding import Rounding


@dataclass(frozen=True)
class HalfFloat(Format):
    """A float of 16 bits, little endian, whose significand has fraction_bits after the leading one.

    A value counts the steps of the narrow float at its own magnitude, and that count is rounded: to nearest, ties to
    even, unless `rounding` says otherwise. What is then beyond the largest finite number is infinity, or that number
    where the rounding is towards zero.

    >>> HalfFloat("float16", 16, 10).exponent_bits, HalfFloat("bfloat16", 16, 7).exponent_bits
    (5, 8)
    """

    fraction_bits: int

    default_rounding: ClassVar[str] = "half_even"

    @property
    def exponent_bits(self) -> int:
        """The bits of the exponent, which with those of the fraction and the sign make 16."""
        return 15 - self.fraction_bits

    @property
    def dtype(self) -> np.dtype[Any]:
        """IEEE 754 binary16 has a type in NumPy; bfloat16 has none, and is its bits."""
        return np.dtype("<f2" if self.fraction_bits == 10 else "<u2")

    @property
    def ctype(self) -> str:
        """The C type of the data's elements: C99 has no other for 16 bits of a float."""
        return "uint16_t"

    @property
    def c_family(self) -> CFamily:
        """The family half: the bits of an element, and those of its fraction."""
        return CFamily("half", self.bits, self.fraction_bits)

    def encoded(self, values: F32, groups: Groups, rounding: Rounding) -> Encoded:  # noqa: ARG002
        """Return the 16 bits of each value."""
        infinity = ((1 << self.exponent_bits) - 1) << self.fraction_bits
        biased = (values.view(np.uint32) >> np.uint32(23) & np.uint32(0xFF)).astype(np.int32)
        least = 2 - (1 << (self.exponent_bits - 1))  # the exponent of the smallest normal number
        above = np.maximum(biased - 127, least) - least
        finite = biased < 255
        steps = np.where(finite, values, np.float32(0)) / np.ldexp(np.float32(1), above + least - self.fraction_bits)
        counts = rounding.integers(steps)
        magnitudes = (above << self.fraction_bits) + np.abs(counts).astype(np.int32)
        beyond = finite & (magnitudes >= infinity)
        inward = (rounding.mode == "truncate") | ((rounding.mode == "floor") & (counts > 0))
        magnitudes[beyond] = np.where(inward, infinity - 1, infinity)[beyond]
        magnitudes[~finite] = infinity
        magnitudes[np.isnan(values)] |= 1 << (self.fraction_bits - 1)
        negative = np.signbit(np.where(finite & (counts != 0), counts, values))
        bits = (magnitudes | negative.astype(np.int32) << 15).astype("<u2")
        return Encoded(bits.view(self.dtype), QuantizationParameters(), int(np.count_nonzero(beyond)))

    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:  # noqa: ARG002
        """Write the values, all of which are float32, to out."""
        flat = data.reshape(-1)
        out[:] = flat if self.dtype.kind == "f" else (flat.astype(np.uint32) << np.uint32(16)).view(np.float32)


_FLOAT16 = Family(
    name="float16",
    bits="16",
    summary="IEEE 754 binary16: 5 bits of exponent, 10 of fraction",
    codes="none: the 16 bits of the rounded value, little endian",
    grid="the numbers of the format; half_even unless rounding says otherwise, and too large a value is infinity",
    zeros="zeros",
    one="itself, rounded",
    infinity="itself",
    nan="a quiet NaN of the same sign",
)
FAMILIES: Families = {
    _FLOAT16: ("float16", lambda name: HalfFloat(name, 16, 10)),
    Family(
        **vars(_FLOAT16)
        | {"name": "bfloat16", "summary": "the upper half of a float32: 8 bits of exponent, 7 of fraction"}
    ): ("bfloat16", lambda name: HalfFloat(name, 16, 7)),
}
