"""Q-format fixed point: two's complement codes whose step is a power of two, as in CMSIS-DSP and CMSIS-NN."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Stream
from embinit.bitgen.base import checked_uint
from embinit.errors import EmbinitError, is_integer, shown
from embinit.formats.base import (
    F32,
    CFamily,
    Families,
    Family,
    Grid,
    Groups,
    QuantizationParameters,
    Quantized,
    check_width,
)
from embinit.formats.rounding import Rounding
from embinit.support import Support


@dataclass(frozen=True)
class QFormat(Quantized):
    """q<m>.<n>: m integer bits including the sign, n fractional bits, in one integer of 8, 16 or 32 bits per element.
    code = saturate(round(v * 2^n)), where the product is exact; infinities saturate, and NaN is an error. Either number
    may be 0 or negative: q8.0 counts integers, q10.-2 fours, and q-1.9 has codes of 8 bits in steps of 2^-9.

    >>> q = QFormat.make("q3.9", 3, 9)
    >>> q.bits, q.qmin, q.qmax, q.ctype
    (16, -2048, 2047, 'int16_t')
    """

    frac_bits: int

    symmetric = True
    scaling: ClassVar[Literal["name"]] = "name"

    @classmethod
    def make(cls, name: str, int_bits: int, frac_bits: int) -> "QFormat":
        """Return the format of a name and its numbers."""
        width = int_bits + frac_bits
        check_width(name, "m + n", width, 2, 32, "m counts the sign")
        check_width(name, "n", frac_bits, -32, 64)
        bits = next(bits for bits in (8, 16, 32) if width <= bits)
        return cls(name, bits, -(1 << (width - 1)), (1 << (width - 1)) - 1, frac_bits)

    @property
    def step(self) -> float:
        """2^-n."""
        return 2.0**-self.frac_bits

    def variant(self, key: str, value: float) -> str | None:
        """Return the name with other fraction bits, where the factor is a power of two."""
        fraction, exponent = math.frexp(value)
        n, width = exponent - 1, self.qmax.bit_length() + 1
        return f"q{width - n}.{n}" if key == "factor" and fraction == 0.5 and -32 <= n <= 64 else None

    @property
    def wide(self) -> bool:
        """Whether the integer-only fill takes all 32 bits of a word and a 64-bit product: above 16 bits of code."""
        return self.qmax > 0x7FFF

    @property
    def c_family(self) -> CFamily:
        """The family q: m + n, and n in 8 bits."""
        return CFamily("q", self.qmax.bit_length() + 1, self.frac_bits & 0xFF)

    def check(self, given: Support) -> None:
        """Raise EmbinitError if NaN may be among the values; infinities saturate."""
        if given.undefined:
            super().check(given)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:  # noqa: ARG002
        """Return no parameters: the name says everything."""
        return QuantizationParameters()

    def grid(self, parameters: QuantizationParameters) -> Grid:  # noqa: ARG002
        """Return the one grid: steps of 2^-n."""
        return Grid(np.array([self.step], np.float32))

    def bound_code(self, bound: float) -> int:
        """Return the code of the bound of a uniform distribution, exactly: half away from zero, saturated.

        >>> QFormat.make("q15", 1, 15).bound_code(0.1)
        3277
        """
        if not 0 <= bound < float("inf"):
            raise EmbinitError(f"the bound of an integer-only fill must be finite and not negative, got {shown(bound)}")
        from fractions import Fraction

        return min(int(Fraction(float(bound)) * Fraction(2) ** self.frac_bits + Fraction(1, 2)), self.qmax)

    def uniform(self, generator: Stream, bound: int, n: int) -> NDArray[Any]:
        """Return n codes from -bound to bound, drawn in integers alone, one word each, as on a device without an FPU. A
        code of up to 16 bits is ((word >> 16) * (2 bound + 1) >> 16) - bound; a larger one is (word * (2 bound + 1) >>
        32) - bound.

        >>> import embinit
        >>> QFormat.make("q7", 1, 7).uniform(embinit.Generator(embinit.Xorshift32(42)), 100, 4).tolist()
        [-100, 32, -78, 70]
        """
        from embinit._kernels import formats

        if not is_integer(bound) or not 0 <= bound <= self.qmax:
            raise EmbinitError(
                f"the bound code of {self.name} must be an integer from 0 to {self.qmax}, got {shown(bound)}"
            )
        out = np.empty(self.nbytes(checked_uint("n", n, 63)), np.uint8)
        formats.uniform_codes(
            *generator.bitgen.stream, formats.width_of(self.bits), int(bound), self.wide, self.bits, out
        )
        generator.drawn += n
        return out.view(self.dtype)


#: The regular expression of a number that may be negative.
_SIGNED = r"(0|-?[1-9]\d{0,2})"

_Q = Family(
    name="q<m>.<n>",
    bits="8, 16, 32",
    summary="fixed point: m integer bits counting the sign, n fractional",
    codes="-2^(m+n-1) to 2^(m+n-1) - 1, two's complement, in the least of 8, 16, 32 bits, little endian",
    grid="steps of 2^-n",
    zeros="codes 0",
    one="its code",
    infinity="saturates",
)
FAMILIES: Families = {
    _Q: (rf"q{_SIGNED}\.{_SIGNED}", QFormat.make),
    **{
        replace(_Q, name=f"q{n}", bits=str(n + 1), summary=f"q1.{n}"): (
            f"q{n}",
            lambda name, n=n: QFormat.make(name, 1, n),
        )
        for n in (7, 15, 31)
    },
}
