"""Scaled integers: each group or channel has a float32 scale and, in asymmetric formats, a zero point."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from embinit.errors import EmbinitError
from embinit.formats import base
from embinit.formats.base import (
    F32,
    NUMBER,
    CFamily,
    Families,
    Family,
    Grid,
    Groups,
    QuantizationParameters,
    Quantized,
    Scaling,
)
from embinit.formats.rounding import Rounding
from embinit.support import Support


@dataclass(frozen=True)
class Symmetric(Quantized):
    """Codes around zero: scale = fl(absmax / steps), code = saturate(round(fl(v / scale))). steps is qmax as a float32,
    which cannot hold every qmax.
    """

    steps: float
    symmetric = True
    scaling: ClassVar[Scaling] = "magnitude"
    #: The suffix of the family in C, embinit_family_.
    family: ClassVar[str]

    @property
    def c_family(self) -> CFamily:
        """The family in C, and the bits of a code."""
        return CFamily(self.family, self.bits)

    @property
    def divisor(self) -> float:
        """The steps."""
        return self.steps

    def check(self, given: Support) -> None:
        """Raise EmbinitError if a value may be infinite, or all values of a group too small for a scale."""
        super().check(given)
        base.check_scale(self.name, given.least, self.steps)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:  # noqa: ARG002
        """Return the scales."""
        return QuantizationParameters(
            scale=base.scale_of(self.name, base.largest(self.name, values, groups), self.steps)
        )

    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grids, each with just a scale."""
        assert parameters.scale is not None
        return Grid(parameters.scale)


class SymInt32(Symmetric):
    """sym_int32/<b>, OnDeviceTraining's SYM_INT32: codes of b bits in int32, one scale for the buffer.

    From 26 bits on float32 makes 2^(b-1) of qmax; with 0 bits every code is 0, and the scale -2 absmax.
    """

    family = "sym_int32"

    @property
    def c_family(self) -> CFamily:
        """The family in C, and the b of the name."""
        return CFamily(self.family, int(self.name.rpartition("/")[2]))

    @classmethod
    def make(cls, name: str, width: int) -> "SymInt32":
        """Return the format of a name and its number."""
        base.check_width(name, "the width", width, 0, 31, "OnDeviceTraining exits")
        half = 2.0 ** (width - 1)
        steps = float(np.float32(half - 1))
        return cls(name, 32, -int(half), int(steps), steps)


class Sym(Symmetric):
    """sym<b>, OnDeviceTraining's SYM: packed two's complement codes of b bits, one scale per group. From 26 bits on,
    the C code exits if the largest magnitude is positive, because its code, 2^(b-1), does not fit.
    """

    family = "sym"
    packed = True
    scaling = "magnitude"
    grouping: ClassVar[Literal["groups"]] = "groups"

    @classmethod
    def make(cls, name: str, width: int) -> "Sym":
        """Return the format of a name and its number."""
        base.check_width(name, "the width", width, 1, 31, "OnDeviceTraining exits")
        qmax = 2 ** (width - 1) - 1
        return cls(name, width, -qmax - 1, qmax, float(np.float32(qmax)))

    def check(self, given: Support) -> None:
        """Raise EmbinitError also if no value can be negative and b bits cannot hold the code of the largest one."""
        super().check(given)
        if self.steps > self.qmax and given.low >= 0 < given.high:
            raise self._no_code(f"values from {given.low:g} to {given.high:g}")

    def _no_code(self, got: str) -> EmbinitError:
        return EmbinitError(
            f"{self.name}: above 25 bits the largest magnitude of a group must be negative, because float32 rounds "
            f"qmax up to {self.steps:.0f} and OnDeviceTraining exits, got {got}; take sym25 or less, or "
            f"sym_int32/{self.bits}"
        )

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:
        """Return the scales, or raise EmbinitError if b bits cannot hold a code."""
        parameters = super().parameters(values, groups, rounding)
        if self.steps > self.qmax:
            _, high = base.extremes(self.name, values, groups)
            for group in np.flatnonzero(high / self.grid(parameters).scale >= self.steps):
                raise self._no_code(f"{high[group]} in group {group}")
        return parameters


class Channelwise(Symmetric):
    """int<b>, as CMSIS-NN and TFLite store weights: zero point 0, one scale per channel, absmax / steps.

    int8 has codes from -127 to 127, and 127 steps. With the steps in its name, 127.5 as PyTorch's observers count, or
    128, the code -128 is one too.
    """

    family = "int"
    grouping: ClassVar[Literal["channels"]] = "channels"

    @property
    def c_family(self) -> CFamily:
        """The family int, the bits of a code, and by how many halves the steps exceed qmax."""
        return CFamily(self.family, self.bits, int(2 * (self.steps - self.qmax)))

    @classmethod
    def make(cls, name: str) -> "Channelwise":
        """Return the format of a name."""
        number, _, steps = name.removeprefix("int").partition("/")
        bits = int(number)
        qmax = 2 ** (bits - 1) - 1
        kind = PackedChannelwise if bits < 8 else Channelwise
        return kind(name, bits, -qmax - bool(steps), qmax, float(steps or qmax))

    def variant(self, key: str, value: float) -> str | None:
        """Return the name with other steps: qmax, or up to one more."""
        names = {0: f"int{self.bits}", 0.5: f"int{self.bits}/{value:.1f}", 1: f"int{self.bits}/{value:.0f}"}
        return names.get(value - self.qmax) if key == "steps" else None


class PackedChannelwise(Channelwise):
    """int4: like int8, with two codes per byte, the one of even index in the low nibble."""

    packed = True


class Chosen(Symmetric):
    """q<b>/auto: fixed point whose fraction bits the values choose, as tools for CMSIS-NN and NNoM do.

    The scale is 2^-n for n = b - 1 - ceil(log2(absmax)): the values reach at most 2^(b-1) steps. Where absmax is a
    power of two, its code saturates.
    """

    family = "chosen"
    grouping: ClassVar[Literal["groups"]] = "groups"

    @classmethod
    def make(cls, name: str, bits: int) -> "Chosen":
        """Return the format of a name and its number."""
        qmax = 2 ** (bits - 1) - 1
        return cls(name, bits, -qmax - 1, qmax, qmax + 1)

    def check(self, given: Support) -> None:
        """Raise EmbinitError if a value may be infinite; no scale underflows."""
        Quantized.check(self, given)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:  # noqa: ARG002
        """Return the scales, powers of two from 2^-126 on; 1 for zeros."""
        absmax = base.largest(self.name, values, groups)
        fraction, exponent = np.frexp(absmax)
        least = np.where(fraction == 0.5, exponent - 1, exponent) - (self.bits - 1)
        scale = np.ldexp(np.float32(1), np.maximum(least, -126))
        return QuantizationParameters(scale=np.where(absmax == 0, np.float32(1), scale).astype(np.float32))


@dataclass(frozen=True)
class Asymmetric(Quantized):
    """Packed codes from 0 to 2^b - 1, with a scale and a zero point; the zero point is rounded like the elements."""

    packed = True
    scaling: ClassVar[Scaling] = "range"
    #: The suffix of the family's name in C, embinit_family_.
    family: ClassVar[str]

    @property
    def c_family(self) -> CFamily:
        """The family in C, and the bits of a code."""
        return CFamily(self.family, self.bits)

    def draws(self, n: int, rounding: str, groups: int = 1) -> int:
        """Return the words: one per zero point, all before the first element, then one per element."""
        return groups + n if rounding == "stochastic" else 0


class Asym(Asymmetric):
    """asym<b>, OnDeviceTraining's ASYM of 2026-07: the zero point counts steps from 0 to the minimum.

    scale = fl(fl(max - min) / (2^b - 1)), |min| for a constant; zp = round(fl(min / scale));
    code = saturate(round(fl(fl(v / scale) - zp))); value = fl(fl(code + zp) * scale).
    """

    family = "asym"
    scaling = "range"

    def check(self, given: Support) -> None:
        """Raise EmbinitError if a value may be infinite, or the difference of two values too small for a scale."""
        super().check(given)
        if given.low < given.high:
            base.check_scale(self.name, given.least * 2.0**-24, self.qmax)

    @classmethod
    def make(cls, name: str, width: int) -> "Asym":
        """Return the format of a name and its number."""
        base.check_width(name, "the width", width, 1, 30, "OnDeviceTraining exits")
        return cls(name, width, 0, 2**width - 1)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:
        """Return scale and zero point, or raise EmbinitError if a zero point is outside int32."""
        low, high = base.extremes(self.name, values, groups)
        if low[0] == high[0]:
            scale = base.scale_of(self.name, np.abs(low), 1)
        else:
            with np.errstate(over="ignore"):
                scale = base.scale_of(self.name, high - low, self.qmax)
        zero_point = rounding.integers(low / scale)
        if not -(2**31) <= zero_point[0] < 2**31:
            raise EmbinitError(
                f"{self.name} needs a zero point within int32, or OnDeviceTraining exits, got {zero_point[0]:.0f} for "
                f"values from {low[0]} to {high[0]}; take affine{min(self.bits, 16)} or fewer bits, or keep float32"
            )
        return QuantizationParameters(scale=scale, zero_point=zero_point.astype(np.int32))

    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grid: the zero point is subtracted before rounding."""
        assert parameters.scale is not None
        assert parameters.zero_point is not None
        return Grid(parameters.scale, offset=parameters.zero_point.astype(np.float32))


class Affine(Asymmetric):
    """affine<b>, OnDeviceTraining's ASYM after 2026-07: the zero point is the code of 0.

    Per group: min = min(min, 0), max = max(max, 0), scale = fl(fl(max - min) / (2^b - 1)), 1 for zeros;
    zp = saturate(round(fl(-min / scale))); code = saturate(round(fl(v / scale)) + zp); value = fl((code - zp) * scale).
    """

    family = "affine"
    scaling = "range"
    zero_point_is_code = True
    grouping: ClassVar[Literal["groups"]] = "groups"

    def check(self, given: Support) -> None:
        """Raise EmbinitError if a value may be infinite, or all values of a group too small for a scale."""
        super().check(given)
        base.check_scale(self.name, given.least, self.qmax - self.qmin)

    @classmethod
    def make(cls, name: str, width: int) -> "Affine":
        """Return the format of a name and its number."""
        base.check_width(name, "the width", width, 1, 16, "the zero point is a uint16")
        return cls(name, width, 0, 2**width - 1)

    def variant(self, key: str, value: float) -> str | None:
        """Return affine_int<b> for codes that are 2^(b-1) less, where there is one."""
        less = self.bits in (4, 8, 16) and (key, value) == ("offset", -(2 ** (self.bits - 1)))
        return f"affine_int{self.bits}" if less and self.qmin == 0 else None

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:
        """Return scales and zero points."""
        scale, zero_point = self._spanned(values, groups, rounding)
        return QuantizationParameters(scale=scale, zero_point=zero_point.astype(np.uint16))

    def _spanned(self, values: F32, groups: Groups, rounding: Rounding) -> tuple[F32, F32]:
        """Return scales, and zero points counted from the smallest code."""
        low, high = base.extremes(self.name, values, groups)
        low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
        steps = self.qmax - self.qmin
        with np.errstate(over="ignore"):
            scale = base.scale_of(self.name, high - low, steps)
        return scale, np.clip(rounding.integers(-low / scale), 0, steps)

    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grids: the zero point is added after rounding."""
        assert parameters.scale is not None
        assert parameters.zero_point is not None
        return Grid(parameters.scale, zero=parameters.zero_point.astype(np.int32))


class AffineInteger(Affine):
    """affine_int<b>: affine<b> with codes and zero points 2^(b-1) less, as int8 has them in TFLite and ONNX."""

    family = "affine_int"
    scaling = "range"
    packed = False

    @classmethod
    def make(cls, name: str, width: int) -> "AffineInteger":
        """Return the format of a name and its number."""
        kind = PackedAffineInteger if width < 8 else AffineInteger
        return kind(name, width, -(2 ** (width - 1)), 2 ** (width - 1) - 1)

    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:
        """Return scales and zero points."""
        scale, zero_point = self._spanned(values, groups, rounding)
        return QuantizationParameters(scale, (zero_point.astype(np.int32) + self.qmin).astype(np.int16))


class PackedAffineInteger(AffineInteger):
    """affine_int4: two codes per byte, the one of even index in the low nibble."""

    packed = True


_INT8 = Family(
    name="int8",
    bits="8",
    summary="CMSIS-NN and TFLite weights",
    codes="-127 to 127, two's complement, one byte each",
    grid="scale = fl(absmax / 127), of the buffer or of each output channel; zero point 0",
    beside="scale: float32, one per buffer or channel",
)
_SYM = Family(
    name="sym<b>",
    bits="1..31",
    summary="OnDeviceTraining SYM",
    codes="-2^(b-1) to 2^(b-1) - 1, two's complement, packed from a byte's low bits up",
    grid="scale = fl(absmax / fl(2^(b-1) - 1)), of the buffer or of each group",
    beside="scale: float32, one per group",
)
_ASYM = Family(
    name="asym<b>",
    bits="1..30",
    summary="OnDeviceTraining ASYM of 2026-07",
    codes="0 to 2^b - 1, packed from a byte's low bits up",
    grid="scale = fl(fl(max - min) / (2^b - 1)); zero point = round(fl(min / scale)), subtracted before rounding",
    beside="scale: float32; zero point: int32",
    draws="1 + n, the zero point's first",
    zeros="codes 0, scale 1, zero point 0",
    one="code 0, scale |value|, zero point 1 or -1",
)
FAMILIES: Families = {
    _INT8: ("int8", Channelwise.make),
    replace(
        _INT8,
        name="int4",
        bits="4",
        summary="the same in 4 bits",
        codes="-7 to 7, two's complement, two per byte, the one of even index in the low nibble",
        grid="scale = fl(absmax / 7), of the buffer or of each output channel; zero point 0",
    ): ("int4", PackedChannelwise.make),
    _SYM: (f"sym{NUMBER}", Sym.make),
    _ASYM: (f"asym{NUMBER}", Asym.make),
    replace(
        _INT8,
        name="int16",
        bits="16",
        summary="the same in 16 bits",
        codes="-32767 to 32767, two's complement, little endian",
        grid="scale = fl(absmax / 32767), of the buffer or of each output channel; zero point 0",
    ): ("int16", Channelwise.make),
    replace(
        _INT8,
        name="int<b>/<steps>",
        bits="4, 8, 16",
        summary="int<b> by another count of steps: int8/127.5 is PyTorch's observers' rule",
        codes="-2^(b-1) to 2^(b-1) - 1, as int<b> holds them",
        grid="scale = fl(absmax / steps), steps 2^(b-1) - 1/2 or 2^(b-1): 7.5, 8; 127.5, 128; 32767.5, 32768",
        one="code qmax, clipped",
    ): (r"int(?:4/(?:7\.5|8)|8/(?:127\.5|128)|16/(?:32767\.5|32768))", Channelwise.make),
    replace(
        _INT8,
        name="q<b>/auto",
        bits="8, 16, 32",
        summary="fixed point whose fraction bits the values choose, as for CMSIS-NN and NNoM",
        codes="-2^(b-1) to 2^(b-1) - 1, two's complement, little endian",
        grid="steps of 2^-n, n = b - 1 - ceil(log2(absmax)), of the buffer or of each group",
        beside="scale: float32, the step, one per group",
        one="a code above qmax / 2, or its negative",
    ): ("q(8|16|32)/auto", Chosen.make),
    replace(
        _ASYM,
        name="affine<b>",
        bits="1..16",
        summary="OnDeviceTraining ASYM after 2026-07",
        grid="min and max reach 0; scale as asym; zero point = saturate(round(fl(-min / scale))), added after rounding",
        beside="scale: float32, and zero point: uint16, one of each per group",
        draws="groups + n, the zero points' first",
        one="code 2^b - 1 and zero point 0, or code 0 and zero point 2^b - 1 of a negative one",
    ): (f"affine{NUMBER}", Affine.make),
    replace(
        _ASYM,
        name="affine_int<b>",
        bits="4, 8, 16",
        summary="affine<b> in signed codes, as TFLite and ONNX have int8",
        codes="-2^(b-1) to 2^(b-1) - 1, two's complement; int4 packed from a byte's low bits up",
        grid="that of affine<b>; codes and zero points are 2^(b-1) less",
        beside="scale: float32, and zero point: int16, one of each per group",
        draws="groups + n, the zero points' first",
        zeros="codes and zero point -2^(b-1), scale 1",
        one="code 2^(b-1) - 1 and zero point -2^(b-1), or the other way round of a negative one",
    ): ("affine_int(4|8|16)", AffineInteger.make),
    replace(
        _SYM,
        name="sym_int32/<b>",
        bits="32",
        summary="OnDeviceTraining SYM_INT32",
        codes="as of sym<b>, in int32, little endian",
        grid="scale = fl(absmax / fl(2^(b-1) - 1)), of the buffer",
        beside="scale: float32",
    ): (f"sym_int32/{NUMBER}", SymInt32.make),
}
