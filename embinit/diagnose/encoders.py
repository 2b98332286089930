"""Encoders: other ways in which a device may turn a buffer's values into codes, in NumPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.formats import QuantizationParameters, Quantized, format_named
from embinit.formats.affine import Asymmetric, Symmetric
from embinit.generator import Generator
from embinit.plan import Row
from embinit.store import Buffer, by_weight, encode, saturated

F32 = NDArray[np.float32]
Floats = NDArray[Any]  # float32 or float64, as the device computes
Encoder = Callable[[Row, F32, Generator], Buffer]


def as_planned(row: Row, values: F32, generator: Generator) -> Buffer:
    """Encode as the plan says."""
    held = row.storage
    if row.codes is not None:
        return saturated(values, held.format)
    return encode(
        values, held.format, held.rounding, generator, held.group_size, held.channel_axis, held.channel_groups
    )


def by_weight_of(buffers: Mapping[str, Buffer]) -> Encoder:
    """Return the encoder of biases that the scales of their weights scale."""
    return lambda row, values, generator: by_weight(row, values, generator, buffers)


@dataclass(frozen=True)
class Scaling:
    """How a device gets from values to quotients, and what it does with a zero point; as planned by default.

    scale: from the span of a group's values and the number of steps. quotient: from values and their scales. added:
    whether the zero point is added instead of subtracted, and the other way round. stored: how it is kept.
    """

    scale: Callable[[F32, np.float32], Floats] = lambda span, steps: span / steps
    quotient: Callable[[F32, Floats], Floats] = lambda values, scale: values / scale
    added: bool = False
    stored: Callable[[NDArray[Any]], NDArray[Any]] = lambda zero_point: zero_point

    def __call__(self, row: Row, values: F32, generator: Generator) -> Buffer:
        """Return the encoded values; formats without a scale are encoded as planned."""
        format_ = format_named(row.format)
        if row.codes is not None or not isinstance(format_, Symmetric | Asymmetric):
            return as_planned(row, values, generator)
        flat, held = values.reshape(-1), row.storage
        groups = held.groups(row.shape)
        of = groups.of(flat.size)
        with np.errstate(all="ignore"):
            low, high = (_each(best, flat, of) for best in (np.minimum, np.maximum))
            if isinstance(format_, Symmetric):
                scale = self._scale(np.maximum(np.abs(low), np.abs(high)), format_.steps)
                codes = _rounded(self.quotient(flat, scale[of]), held.rounding, generator)
                kept = None
            else:
                codes, scale, kept = self._asymmetric(format_, flat, (low, high), of, held.rounding, generator)
        if not np.isfinite(codes).all():
            raise EmbinitError(f"{row.name} has no codes")
        parameters = QuantizationParameters(scale.astype(np.float32), kept)
        return buffer_of(row, format_, np.clip(codes, format_.qmin, format_.qmax).astype(np.int32), parameters)

    def _asymmetric(
        self, format_: Asymmetric, values: F32, ends: tuple[F32, F32], of: NDArray[np.intp], mode: str, words: Generator
    ) -> tuple[Floats, Floats, NDArray[Any]]:
        """Return codes before they saturate, scales, and the zero points that are kept."""
        low, high = ends
        sign = -1 if self.added else 1
        if format_.zero_point_is_code:
            low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
            scale = self._scale(high - low, format_.qmax)
            zero_point = np.clip(_rounded(-self.quotient(low, scale), mode, words), 0, format_.qmax)
            codes = _rounded(self.quotient(values, scale[of]), mode, words) + sign * zero_point[of]
            return codes, scale, self.stored(zero_point).astype(np.int32).astype(np.uint16)
        constant = low == high
        scale = self._scale(np.where(constant, np.abs(low), high - low), 1 if constant[0] else format_.qmax)
        zero_point = _rounded(self.quotient(low, scale), mode, words)
        codes = _rounded(self.quotient(values, scale[of]) - sign * zero_point[of], mode, words)
        return codes, scale, self.stored(zero_point).astype(np.int32)

    def _scale(self, span: F32, steps: float) -> Floats:
        return np.where(span == 0, np.float32(1), self.scale(span, np.float32(steps)))


def _each(best: np.ufunc, values: F32, of: NDArray[np.intp]) -> F32:
    """Return the smallest or the largest value of each group."""
    found = values[np.unique(of, return_index=True)[1]]
    best.at(found, of, values)
    return found


def _rounded(quotients: Floats, mode: str, generator: Generator) -> Floats:
    """Return values rounded to integers in their precision; stochastic rounding draws a word each, and is always
    float32.
    """
    match mode:
        case "half_even":
            return np.rint(quotients)
        case "truncate":
            return np.trunc(quotients)
        case "floor":
            return np.floor(quotients)
        case "stochastic":
            words = generator.bitgen.random_raw(quotients.size)
            jitter = (words >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
            quotients = (quotients.astype(np.float32) + jitter) - np.float32(0.5)
    whole = np.trunc(quotients)
    rounded: Floats = whole + np.copysign(np.abs(quotients - whole) >= 0.5, quotients)
    return rounded


def buffer_of(row: Row, format_: Quantized, codes: NDArray[np.int32], parameters: QuantizationParameters) -> Buffer:
    """Return the buffer that holds codes."""
    from embinit._kernels import formats

    if not format_.packed:
        return Buffer(row.format, codes.astype(format_.dtype).reshape(row.shape), row.shape, *parameters)
    payload = np.empty(format_.nbytes(codes.size), np.uint8)
    formats.pack(codes, format_.bits, payload)
    return Buffer(row.format, payload, row.shape, *parameters)
