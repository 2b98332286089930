"""Quantizer: how a device gets from values to codes, if it does not do so as the format does.

A code is what a rule makes of a value: a scale, a quotient, a rounding, and what happens to codes that are too large.
A format is one such rule; a quantizer changes parts of it, as quantizers written by hand do. NumPy runs the rules, in
the precision that the device computes in.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError, check_bool, check_known, is_int, is_number, shown
from embinit.formats import base
from embinit.formats.base import F32, Encoded, Format, Groups, QuantizationParameters, Quantized
from embinit.formats.rounding import DRAW_FREE, Rounding
from embinit.formats.table import Table
from embinit.toml import toml

Floats = NDArray[Any]  # float32 or float64, as the device computes
Codes = NDArray[np.int64]
Places = NDArray[np.intp]

#: In the order of the constants of C.
SCALES = ("float32", "float16", "double", "power_of_two", "power_of_two_below")
QUOTIENTS = ("divide", "reciprocal", "multiply", "double")
ZERO_POINT_SIGNS = ("codes", "memory", "both")
#: Beyond this a quotient has no more digits that any code could show.
FAR = 2.0**62


@dataclass(frozen=True)
class Quantizer(Table):
    """What a device does in its own way between a value and its code.

    steps: how many steps the largest magnitude of a group, or its span, has, instead of the format's number. factor:
    what values are multiplied by, whatever their range is. scale: how a scale is kept. quotient: a division by the
    scale, a product with its reciprocal or with steps / absmax, or a division in double; None for the format's own,
    which is a division, or in int32 and int64 the product with the reciprocal. qmin, qmax: the outermost codes.
    saturate: False if larger codes wrap around, as in a cast. offset: what is added to codes in memory.
    zero_point_sign: where the zero point has the opposite sign. tail: the rounding of elements that fill no whole group
    of `lanes`, counted in the buffer or in each row, as tail_of says.

    >>> Quantizer(saturate=False).says
    '{ saturate = false }'
    """

    steps: float | None = None
    factor: float | None = None
    scale: str = "float32"
    quotient: str | None = None
    qmin: int | None = None
    qmax: int | None = None
    saturate: bool = True
    offset: int = 0
    zero_point_sign: str | None = None
    zero_point_rounding: str | None = None
    tail: str | None = None
    lanes: int | None = None
    tail_of: str = "buffer"

    def __post_init__(self) -> None:
        check_known("scale", self.scale, SCALES)
        check_known("tail_of", self.tail_of, ("buffer", "row"))
        for what in ("steps", "factor"):
            given = getattr(self, what)
            if given is not None and (not is_number(given) or not 2.0**-64 <= given <= 2.0**64):
                raise EmbinitError(f"{what} must be a number above 0, from 2^-64 to 2^64, got {shown(given)}")
        for what in ("qmin", "qmax", "offset"):
            given = getattr(self, what)
            if given is not None and (not is_int(given) or abs(given) > 2**31):
                raise EmbinitError(f"{what} must be an integer from -2^31 to 2^31, got {shown(given)}")
        check_bool("saturate", self.saturate)
        for what, allowed in (("quotient", QUOTIENTS), ("zero_point_sign", ZERO_POINT_SIGNS)):
            if getattr(self, what) is not None:
                check_known(what, getattr(self, what), allowed)
        for what in ("zero_point_rounding", "tail"):
            if getattr(self, what) is not None:
                check_known(what, getattr(self, what), DRAW_FREE)
        if (self.tail is None) != (self.lanes is None):
            raise EmbinitError("tail and lanes belong together: the rounding of what fills no whole group of lanes")
        if self.lanes is not None and (type(self.lanes) is not int or not 2 <= self.lanes <= 64):
            raise EmbinitError(f"lanes must be an integer from 2 to 64, got {shown(self.lanes)}")
        if self.factor is not None and (self.steps is not None or self.scale != "float32"):
            raise EmbinitError("factor replaces the scale: it takes neither steps nor scale")

    def check(self, format_: Format) -> None:
        """Raise EmbinitError if a format has nothing that this could change."""
        if not isinstance(format_, Quantized):
            raise EmbinitError(f"it is for formats with codes, such as int8, got {format_.name}")
        if format_.of_weight:
            self._check_bias(format_)
            return
        scaled, asymmetric, fixed = (format_.scaling == each for each in ("magnitude", "range", "name"))
        for key, needs, allowed in (
            ("steps", scaled or asymmetric, "scales, such as int8"),
            ("scale", scaled or (asymmetric and self.scale in ("float16", "double")), "scales, such as int8"),
            ("factor", scaled or fixed, "no zero point, such as q7 and int8"),
            ("quotient", self._divides(scaled, asymmetric, fixed), "scales, or in double of a factor"),
            ("zero_point_sign", asymmetric, "zero points, such as affine8"),
            ("zero_point_rounding", asymmetric, "zero points, such as affine8"),
        ):
            if key in self.told and not needs:
                raise EmbinitError(f"{key} is for formats with {allowed}, got {format_.name}")
        least, most = -(1 << (format_.bits - 1)), (1 << format_.bits) - 1
        low, high = self.range_of(format_)
        if not least <= low < high <= most:
            raise EmbinitError(f"codes of {format_.name} must lie within {least} to {most}, got {low} to {high}")

    def _check_bias(self, format_: Quantized) -> None:
        """Raise EmbinitError for what a format that takes its scales from a weight does not have."""
        for key, value in self.told.items():
            if key != "quotient" or value not in ("divide", "reciprocal"):
                raise EmbinitError(
                    f'that of {format_.name} takes quotient = "divide" or "reciprocal" alone, as its scales are those '
                    f"of a weight, got {key} = {toml(value)}"
                )

    def _divides(self, scaled: bool, asymmetric: bool, fixed: bool) -> bool:
        if self.factor is not None or fixed:
            return self.factor is not None and self.quotient == "double"
        return scaled or (asymmetric and self.quotient != "multiply")

    def range_of(self, format_: Quantized) -> tuple[int, int]:
        """Return the outermost codes."""
        low = format_.qmin if self.qmin is None else self.qmin
        return low, format_.qmax if self.qmax is None else self.qmax

    @property
    def scaled(self) -> bool:
        """Whether scales or quotients are not those of the format."""
        return bool(self.told.keys() & {"steps", "scale", "quotient"}) and self.factor is None

    @property
    def keeps_spans(self) -> bool:
        """Whether a quotient follows from the largest magnitude of its group, and not from the scale that is kept."""
        return self.quotient == "multiply" or self.scale == "double"

    # From values to codes

    def encoded(self, format_: Quantized, values: F32, groups: Groups, rounding: Rounding, row: int) -> Encoded:
        """Return what the device holds of flat values; row: how many elements a row has."""
        quotients, parameters, zero = self.quotients(format_, values, groups, rounding)
        if not np.isfinite(quotients).all():
            bad = ~np.isfinite(quotients)
            raise EmbinitError(f"{format_.name} has no code for {values[bad][0]}, at element {np.flatnonzero(bad)[0]}")
        counted = self.rounded(quotients, rounding, row) + zero
        codes, clipped = self.limited(format_, counted)
        return Encoded(payload(format_, codes), parameters, clipped)

    def quotients(
        self, format_: Quantized, values: F32, groups: Groups, rounding: Rounding, only: Places | None = None
    ) -> tuple[Floats, QuantizationParameters, Floats]:
        """Return the quotients that are rounded, the parameters kept besides codes, and what is added to each code
        after rounding; only: of which elements, if not of all.
        """
        none = np.zeros(1)
        some = values if only is None else values[only]
        of = groups.of(values.size) if only is None else groups.at(only)
        with np.errstate(all="ignore"):
            if self.factor is not None or format_.scaling == "name":
                return self._multiplied(format_, some), self._fixed(format_, groups), none
            if format_.scaling == "range":
                return self._asymmetric(format_, values, groups, rounding, some, of)
            if format_.scaling == "magnitude":
                return *self._symmetric(format_, values, groups, some, of), none
            parameters = format_.parameters(values, groups, rounding)
            grid = format_.grid(parameters)
            quotients = some / grid.scale[of]
            if grid.offset.size:
                quotients -= grid.offset[of]
            return quotients, parameters, grid.zero[of].astype(np.float64) if grid.zero.size else none

    def _multiplied(self, format_: Quantized, values: F32) -> Floats:
        factor = 1 / format_.step if self.factor is None else self.factor
        return values.astype(np.float64) * factor if self.quotient == "double" else values * np.float32(factor)

    def _fixed(self, format_: Quantized, groups: Groups) -> QuantizationParameters:
        if format_.scaling == "name" or self.factor is None:
            return QuantizationParameters()
        return QuantizationParameters(scale=np.full(groups.count, 1 / self.factor, np.float32))

    def _symmetric(
        self, format_: Quantized, values: F32, groups: Groups, some: F32, of: Places
    ) -> tuple[Floats, QuantizationParameters]:
        span = base.largest(format_.name, values, groups)
        steps = np.float32(format_.divisor if self.steps is None else self.steps)
        scale = self._scale(span, steps)
        if self.quotient == "multiply":
            quotients: Floats = some * np.where(span == 0, np.float32(0), steps / span)[of]
        else:
            quotients = self._divided(some, scale[of])
        return quotients, QuantizationParameters(scale=scale.astype(np.float32))

    def _asymmetric(
        self, format_: Quantized, values: F32, groups: Groups, rounding: Rounding, some: F32, of: Places
    ) -> tuple[Floats, QuantizationParameters, Floats]:
        low, high = base.extremes(format_.name, values, groups)
        codes = format_.qmax - format_.qmin
        steps = np.float32(format_.divisor if self.steps is None else self.steps)
        in_codes = -1.0 if self.zero_point_sign in ("codes", "both") else 1.0
        kept = -1 if self.zero_point_sign in ("memory", "both") else 1
        if format_.zero_point_is_code:
            low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
            scale = self._scale(self._span(low, high), steps)
            zero = np.clip(self._zero(self._divided(-low, scale), rounding), 0, codes) + format_.qmin
            dtype = np.uint16 if format_.qmin == 0 else np.int16
            stored = (kept * zero).astype(np.int32).astype(dtype)
            parameters = QuantizationParameters(scale.astype(np.float32), stored)
            return self._divided(some, scale[of]), parameters, (in_codes * zero)[of].astype(np.float64)
        constant = low == high
        span = np.where(constant, np.abs(low), self._span(low, high))
        scale = self._scale(span, np.where(constant, np.float32(1), steps))
        zero = self._zero(self._divided(low, scale), rounding)
        quotients = self._divided(some, scale[of])
        quotients = quotients - (in_codes * zero).astype(quotients.dtype)[of]
        stored = (kept * zero).astype(np.int64).astype(np.int32)
        return quotients, QuantizationParameters(scale.astype(np.float32), stored), np.zeros(1)

    def _span(self, low: F32, high: F32) -> Floats:
        return high.astype(np.float64) - low.astype(np.float64) if self.scale == "double" else high - low

    def _zero(self, quotients: Floats, rounding: Rounding) -> Floats:
        return self._integers(quotients, rounding, self.zero_point_rounding or rounding.mode)

    def _scale(self, span: Floats, steps: Any) -> Floats:
        """Return the scales of spans, each of so many steps; 1 for a span of 0."""
        if self.scale == "double":
            scale: Floats = span.astype(np.float64) / np.float64(steps)
        else:
            scale = (span / steps).astype(np.float32)
        if self.scale == "float16":
            scale = scale.astype(np.float16).astype(np.float32)
        least, exact = 0.0, scale
        if self.scale.startswith("power_of_two"):
            least = 2.0**-126
            fraction, exponent = np.frexp(scale)
            up = (fraction != 0.5) if self.scale == "power_of_two" else np.False_
            scale = np.ldexp(np.float32(1), exponent - 1 + up).astype(np.float32)
        scale = np.where(span == 0, scale.dtype.type(1), scale)
        if not (np.isfinite(scale) & (scale > 0) & ((exact >= least) | (span == 0))).all():
            raise EmbinitError(f"a scale in {self.scale} must be finite and above {least:g}, got {exact.min()}")
        return scale

    def _divided(self, values: Floats, scale: Floats) -> Floats:
        if self.quotient == "reciprocal":
            reciprocal: Floats = values * (scale.dtype.type(1) / scale)
            return reciprocal
        if self.quotient == "double":
            values = values.astype(np.float64)
        quotients: Floats = values / scale
        return quotients

    def rounded(self, quotients: Floats, rounding: Rounding, row: int) -> Floats:
        """Return quotients rounded to integers, in float64."""
        whole = self._integers(quotients, rounding, rounding.mode)
        if self.tail is not None and self.lanes is not None:
            over = left_over(quotients.size, self.lanes, row if self.tail_of == "row" else quotients.size)
            whole = np.where(over, DRAW_FREE[self.tail](quotients), whole)
        return whole.astype(np.float64)

    def _integers(self, quotients: Floats, rounding: Rounding, mode: str) -> Floats:
        if mode == "stochastic":
            return rounding.integers(quotients.astype(np.float32))
        return DRAW_FREE[mode](quotients)

    def limited(self, format_: Quantized, counted: Floats) -> tuple[Codes, int]:
        """Return codes as they lie in memory, and how many were too large."""
        low, high = self.range_of(format_)
        whole = np.clip(counted, -FAR, FAR)
        clipped = int(np.count_nonzero((whole < low) | (whole > high)))
        codes = (np.clip(whole, low, high) if self.saturate else whole).astype(np.int64) + self.offset
        return wrapped(format_, codes), clipped

    def without_offset(self, format_: Quantized, data: NDArray[Any], n: int) -> NDArray[Any]:
        """Return the data of n codes from which the offset is taken."""
        from embinit._kernels import formats

        codes = np.empty(n, np.int32)
        held = np.require(data, requirements=["C", "A", "W"]).reshape(-1).view(np.uint8)
        formats.unpack(formats.width_of(format_.bits), held, format_.bits, format_.signed, codes)
        return payload(format_, wrapped(format_, codes.astype(np.int64) - self.offset))


#: The format's own way.
AS_FORMAT = Quantizer()


def wrapped(format_: Quantized, codes: Codes) -> Codes:
    """Return codes in the bits of a format: what is beyond them is lost."""
    if format_.bits in (8, 16, 32):
        return codes.astype(f"<{'i' if format_.signed else 'u'}{format_.bits // 8}").astype(np.int64)
    codes = codes & ((1 << format_.bits) - 1)
    return np.where(format_.signed & (codes >> (format_.bits - 1) == 1), codes - (1 << format_.bits), codes)


def payload(format_: Quantized, codes: Codes) -> NDArray[Any]:
    """Return the data of a buffer that holds codes: elements of the format's type, or packed bytes."""
    if not format_.packed:
        return codes.astype(format_.dtype)
    from embinit._kernels import formats

    packed = np.empty(format_.nbytes(codes.size), np.uint8)
    formats.pack(formats.width_of(format_.bits), codes.astype(np.int32), format_.bits, packed)
    return packed


def left_over(n: int, lanes: int, row: int) -> NDArray[np.bool_]:
    """Return which of n elements fill no whole group of lanes, counted in each row of so many elements.

    >>> left_over(6, 2, 3).tolist()
    [False, False, True, False, False, True]
    """
    at: NDArray[np.intp] = np.arange(n) % row
    return at >= row // lanes * lanes
