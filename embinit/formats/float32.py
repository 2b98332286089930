"""float32 and float64: the values themselves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.formats.base import F32, Encoded, Families, Family, Format, Groups, QuantizationParameters
from embinit.formats.rounding import Rounding


@dataclass(frozen=True)
class Float32(Format):
    """IEEE 754 binary32, little endian: nothing is encoded, rounded or drawn, and NaN and infinities stay."""

    name: str = "float32"
    bits: int = 32

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the data's elements, little endian."""
        return np.dtype("<f4")

    @property
    def ctype(self) -> str:
        """The C type of the data's elements."""
        return "float"

    def encoded(self, values: F32, groups: Groups, rounding: Rounding) -> Encoded:  # noqa: ARG002
        """Return the values: a buffer of floats holds the array itself."""
        return Encoded(values.astype(self.dtype, copy=False), QuantizationParameters(), 0)

    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:  # noqa: ARG002
        """Write the values to out."""
        out[:] = data.reshape(-1)

    def draws(self, n: int, rounding: str, groups: int = 1) -> int:  # noqa: ARG002
        """Return 0: nothing is rounded."""
        return 0


@dataclass(frozen=True)
class Float64(Float32):
    """IEEE 754 binary64, little endian, for dialects that draw doubles."""

    name: str = "float64"
    bits: int = 64

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the data's elements, little endian."""
        return np.dtype("<f8")

    @property
    def ctype(self) -> str:
        """The C type of the data's elements."""
        return "double"


FAMILIES: Families = {
    Family(
        name="float32",
        bits="32",
        summary="IEEE 754 binary32: the values themselves",
        codes="none: the bits of the value, little endian",
        grid="none: nothing is rounded",
        draws="0",
        zeros="zeros",
        one="itself",
        infinity="itself",
        nan="itself",
    ): ("float32", Float32),
    Family(
        name="float64",
        bits="64",
        summary="IEEE 754 binary64: the values themselves, in dialects that draw doubles",
        codes="none: the bits of the value, little endian",
        grid="none: nothing is rounded",
        draws="0",
        zeros="zeros",
        one="itself",
        infinity="itself",
        nan="itself",
    ): ("float64", Float64),
}
