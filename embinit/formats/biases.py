"""int32 and int64: biases that are added to sums of products of codes, by the scales of those products."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.formats.base import (
    F32,
    CFamily,
    Encoded,
    Families,
    Family,
    Grid,
    Groups,
    QuantizationParameters,
    Quantized,
    refuse,
)
from embinit.formats.rounding import Rounding


@dataclass(frozen=True)
class BiasInteger(Quantized):
    """int32 and int64, as CMSIS-NN and TFLite hold biases: scale = fl(input_scale * scale of the weight's channel).

    code = saturate(round(fl(v * fl(1 / scale)))), from -(2^(b-1) - 1) to 2^(b-1) - 1, as TensorFlow's converter makes
    them; a quantizer may divide by the scale, as TFLite Micro and the AI Edge Quantizer do.
    """

    symmetric = True
    grouping: ClassVar[Literal["channels"]] = "channels"
    of_weight = True

    @classmethod
    def make(cls, name: str) -> "BiasInteger":
        """Return the format of a name."""
        bits = int(name.removeprefix("int"))
        return cls(name, bits, 1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1)

    @property
    def c_family(self) -> CFamily:
        """The family bias, and the bits of a code."""
        return CFamily("bias", self.bits)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:  # noqa: ARG002
        """Raise EmbinitError: the values do not say the scale."""
        raise EmbinitError(
            f"{self.name} holds biases by the scales of a weight: in a model file, as bias_format with input_scale"
        )

    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grids, each with just a scale."""
        assert parameters.scale is not None
        return Grid(parameters.scale)

    def encoded_by(self, values: F32, scale: F32, rounding: Rounding, *, divided: bool = False) -> Encoded:
        """Return the codes of flat values by the scale of each, or by the one of all; divided: not by its inverse."""
        if scale.size not in (1, values.size):
            raise EmbinitError(f"{self.name} needs one scale, or one of each of {values.size} biases, got {scale.size}")
        with np.errstate(over="ignore", divide="ignore"):
            inverse = np.float32(1) / scale
        if not (np.isfinite(scale) & (inverse > 0) & np.isfinite(inverse)).all():
            raise EmbinitError(f"{self.name} needs scales that have a finite inverse above 0, got {scale.min()}")
        if np.isnan(values).any():
            refuse(self.name, values, np.isnan(values))
        with np.errstate(over="ignore"):
            whole = rounding.integers(values / scale if divided else values * inverse).astype(np.float64)
        over = np.abs(whole) >= 2.0 ** (self.bits - 1)
        codes = np.where(over, 0, whole).astype(np.int64)
        codes[over] = np.where(whole[over] > 0, self.qmax, self.qmin)
        data = codes.astype(self.dtype)
        return Encoded(data, QuantizationParameters(scale=scale), int(np.count_nonzero(over)))

    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:  # noqa: ARG002
        """Write codes times scales to out."""
        assert parameters.scale is not None
        out[:] = data.reshape(-1).astype(np.float32) * parameters.scale


_INT32 = Family(
    name="int32",
    bits="32",
    summary="biases of CMSIS-NN and TFLite",
    codes="-(2^31 - 1) to 2^31 - 1, two's complement, little endian",
    grid="scale = fl(input_scale * scale of the weight, or of its channel); code = round(fl(v * fl(1 / scale)))",
    beside="scale: float32, one per bias, or one if the weight has one",
    one="round(v / scale)",
)
FAMILIES: Families = {
    _INT32: ("int32", BiasInteger.make),
    replace(
        _INT32,
        name="int64",
        bits="64",
        summary="biases of layers with 16-bit activations",
        codes="-(2^63 - 1) to 2^63 - 1, two's complement, little endian",
    ): ("int64", BiasInteger.make),
}
