"""Scaled integers: a float32 scale, and for the asymmetric ones a zero point, for each group or channel."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from embinit.errors import EmbinitError
from embinit.formats.base import (
    F32, Family, Grid, Groups, Parameters, Quantized, check_scale, check_width, extremes, largest,
)  # fmt: skip
from embinit.formats.rounding import Rounding


def scale_of(name: str, magnitude: F32, steps: float) -> F32:
    """Return fl(magnitude / steps), and 1 for a group of zeros; steps is rounded to float32 first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(magnitude == 0, np.float32(1), magnitude / np.float32(steps))
    check_scale(name, scale, magnitude)
    return scale


@dataclass(frozen=True)
class Symmetric(Quantized):
    """Codes around zero: scale = fl(absmax / steps), code = saturate(round(fl(v / scale))).

    steps is what the framework's C code divides absmax by: qmax, rounded to float32.
    """

    steps: float

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> Parameters:  # noqa: ARG002
        """Return the scales."""
        return Parameters(scale=scale_of(self.name, largest(self.name, values, groups), self.steps))

    def grid(self, parameters: Parameters) -> Grid:
        """Return the grids: a scale each."""
        assert parameters.scale is not None
        return Grid(parameters.scale)


class SymInt32(Symmetric):
    """sym_int32/<b>, OnDeviceTraining's SYM_INT32: codes of b bits in int32, one scale for the buffer.

    From 26 bits on float32 makes 2^(b-1) of qmax; with 0 bits every code is 0, and the scale -2 absmax.
    """

    @classmethod
    def make(cls, name: str, width: int) -> "SymInt32":
        """Build from the number in a name."""
        check_width(name, "the width", width, 0, 31, "OnDeviceTraining exits")
        half = 2.0 ** (width - 1)
        steps = float(np.float32(half - 1))
        return cls(name, 32, -int(half), int(steps), steps)


class Sym(Symmetric):
    """sym<b>, OnDeviceTraining's SYM: b-bit two's complement codes in a stream of bits, one scale a group.

    From 26 bits on the C code exits when the largest magnitude is positive: its code, 2^(b-1), does not fit.
    """

    packed = True
    grouping: ClassVar[Literal["groups"]] = "groups"

    @classmethod
    def make(cls, name: str, width: int) -> "Sym":
        """Build from the number in a name."""
        check_width(name, "the width", width, 1, 31, "OnDeviceTraining exits")
        half = 2 ** (width - 1)
        return cls(name, width, -half, half - 1, half - 1)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> Parameters:
        """Return the scales; a code that its width cannot hold is an error."""
        parameters = super().parameters(values, groups, rounding)
        if float(np.float32(self.steps)) > self.qmax:
            _, high = extremes(self.name, values, groups)
            too_large = np.flatnonzero(high / self.grid(parameters).scale >= np.float32(self.steps))
            if too_large.size:
                raise EmbinitError(
                    f"{self.name}: above 25 bits the largest magnitude of a group must be negative, because float32 makes "
                    f"{self.qmax + 1} of qmax = {self.qmax} and OnDeviceTraining exits; got {high[too_large[0]]} in group "
                    f"{too_large[0]}; take sym25 or less, or sym_int32/{self.bits}"
                )
        return parameters


class Channelwise(Symmetric):
    """int8 and int4 as CMSIS-NN and TFLite hold weights: codes from -qmax to qmax, zero point 0, one scale a channel."""

    grouping: ClassVar[Literal["channels"]] = "channels"

    @classmethod
    def make(cls, name: str) -> "Channelwise":
        """Build from a name."""
        bits = int(name.removeprefix("int"))
        qmax = 2 ** (bits - 1) - 1
        return cls(name, bits, -qmax, qmax, qmax)


class PackedChannelwise(Channelwise):
    """int4: two codes a byte, the one of even index in the low nibble."""

    packed = True


@dataclass(frozen=True)
class Asymmetric(Quantized):
    """Codes from 0 to 2^b - 1, packed, with a scale and a zero point that takes a draw when rounding is stochastic."""

    packed = True

    def draws(self, n: int, rounding: str, groups: int = 1) -> int:
        """Return the words: one a zero point, all before the first element, then one an element."""
        return groups + n if rounding == "stochastic" else 0


class Asym(Asymmetric):
    """asym<b>, OnDeviceTraining's ASYM of 2026-07: the zero point counts steps from 0 to the minimum.

    scale = fl(fl(max - min) / (2^b - 1)), |min| for a constant; zp = round(fl(min / scale));
    code = saturate(round(fl(fl(v / scale) - zp))); value = fl(fl(code + zp) * scale).
    """

    @classmethod
    def make(cls, name: str, width: int) -> "Asym":
        """Build from the number in a name."""
        check_width(name, "the width", width, 1, 30, "OnDeviceTraining exits")
        return cls(name, width, 0, 2**width - 1)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> Parameters:
        """Return scale and zero point; a zero point outside int32 is an error."""
        low, high = extremes(self.name, values, groups)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            spread = scale_of(self.name, high - low, self.qmax)
            scale = np.where(low == high, np.where(low == 0, np.float32(1), np.abs(low)), spread)
            zero_point = rounding.integers(low / scale)
        if not -(2**31) <= zero_point[0] < 2**31:
            raise EmbinitError(
                f"{self.name}: the zero point must fit in int32, and OnDeviceTraining exits where it does not; values from "
                f"{low[0]} to {high[0]} put it at {zero_point[0]:.0f}; take affine{min(self.bits, 16)}, fewer bits, or float32"
            )
        return Parameters(scale=scale, zero_point=zero_point.astype(np.int32))

    def grid(self, parameters: Parameters) -> Grid:
        """Return the grid: the zero point is subtracted before rounding."""
        assert parameters.scale is not None
        assert parameters.zero_point is not None
        return Grid(parameters.scale, offset=parameters.zero_point.astype(np.float32))


class Affine(Asymmetric):
    """affine<b>, OnDeviceTraining's ASYM after 2026-07: the zero point is the code of 0.

    Per group: min = min(min, 0), max = max(max, 0), scale = fl(fl(max - min) / (2^b - 1)), 1 for zeros;
    zp = saturate(round(fl(-min / scale))); code = saturate(round(fl(v / scale)) + zp); value = fl((code - zp) * scale).
    """

    grouping: ClassVar[Literal["groups"]] = "groups"

    @classmethod
    def make(cls, name: str, width: int) -> "Affine":
        """Build from the number in a name."""
        check_width(name, "the width", width, 1, 16, "the zero point is a uint16")
        return cls(name, width, 0, 2**width - 1)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> Parameters:
        """Return scales and zero points."""
        low, high = extremes(self.name, values, groups)
        low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
        with np.errstate(over="ignore"):  # an infinite scale makes every code 0
            scale = scale_of(self.name, high - low, self.qmax)
        zero_point = np.clip(rounding.integers(-low / scale), 0, self.qmax)
        return Parameters(scale=scale, zero_point=zero_point.astype(np.uint16))

    def grid(self, parameters: Parameters) -> Grid:
        """Return the grids: the zero point is added after rounding."""
        assert parameters.scale is not None
        assert parameters.zero_point is not None
        return Grid(parameters.scale, zero=parameters.zero_point.astype(np.int32))


FAMILIES = (
    Family("int8", "8", "CMSIS-NN and TFLite weights, a scale a buffer or channel", "int8", Channelwise.make),
    Family("int4", "4", "CMSIS-NN weights, two codes a byte, a scale a buffer or channel", "int4", PackedChannelwise.make),
    Family("sym<b>", "1..31", "OnDeviceTraining SYM: packed, symmetric, a scale a group", r"sym(0|[1-9]\d{0,2})", Sym.make),
    Family("asym<b>", "1..30", "OnDeviceTraining ASYM of 2026-07: packed, the zero point in steps from 0",
           r"asym(0|[1-9]\d{0,2})", Asym.make),
    Family("affine<b>", "1..16", "OnDeviceTraining ASYM after 2026-07: packed, the zero point the code of 0, groups",
           r"affine(0|[1-9]\d{0,2})", Affine.make),
    Family("sym_int32/<b>", "32", "OnDeviceTraining SYM_INT32: codes of 0 to 31 bits in int32",
           r"sym_int32/(0|[1-9]\d{0,2})", SymInt32.make),
)  # fmt: skip
