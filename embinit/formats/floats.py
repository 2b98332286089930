"""float32 and float64: the values themselves."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit.formats.base import F32, Encoded, Families, Family, Format, Groups, QuantizationParameters
from embinit.formats.rounding import MODES, Rounding


@dataclass(frozen=True)
class Float(Format):
    """IEEE 754 binary32 or binary64, little endian: nothing is encoded, rounded or drawn; NaN and infinities stay."""

    name: str = "float32"
    bits: int = 32

    roundings: ClassVar[tuple[str, ...]] = MODES  # a layer's rounding is for its other buffers

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the data's elements, little endian."""
        return np.dtype(f"<f{self.bits // 8}")

    @property
    def ctype(self) -> str:
        """The C type of the data's elements."""
        return {32: "float", 64: "double"}[self.bits]

    def encoded(self, values: F32, groups: Groups, rounding: Rounding) -> Encoded:  # noqa: ARG002
        """Return the values: a buffer of floats holds the array itself."""
        return Encoded(values.astype(self.dtype, copy=False), QuantizationParameters(), 0)

    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:  # noqa: ARG002
        """Write the values to out."""
        out[:] = data.reshape(-1)

    def draws(self, n: int, rounding: str, groups: int = 1) -> int:  # noqa: ARG002
        """Return 0: nothing is rounded."""
        return 0


_FLOAT32 = Family(
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
)
_FLOAT64 = replace(
    _FLOAT32,
    name="float64",
    bits="64",
    summary="IEEE 754 binary64: the values themselves, in dialects that draw doubles",
)
FAMILIES: Families = {
    _FLOAT32: ("float32", Float),
    _FLOAT64: ("float64", lambda name: Float(name, 64)),
}
