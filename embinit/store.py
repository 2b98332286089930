"""Store: from float32 values to the bytes that the device keeps. Only here are values rounded and saturated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.fill import Values
from embinit.formats import LOOSE, Format, Groups, QuantizationParameters, Quantized, Rounding, format_named
from embinit.formats.arrangement import IN_ORDER, Arrangement
from embinit.formats.base import Encoded
from embinit.formats.biases import BiasInteger
from embinit.formats.literals import through
from embinit.formats.quantizer import AS_FORMAT, Quantizer
from embinit.formats.storage import Storage
from embinit.generator import Generator
from embinit.plan import Row


@dataclass(frozen=True, eq=False)
class Buffer:
    """A buffer as it is in the device's memory: its format, and its elements or packed payload, little endian.

    Parameters
    ----------
    format
        The name of the format.
    data
        The values or codes, in the array's shape and in the format's type, such as float32 or int8; packed codes are a
        flat uint8 payload.
    shape
        The shape of the array.
    scale, zero_point, exponents
        What the device keeps besides the codes, flat arrays with one value per group, in order: scales in float32, zero
        points in an integer type, exponents in uint8. None if the format has no such thing.
    clipped
        How many elements saturated.
    channel_axis
        The axis whose channels are the groups, or None.
    channel_groups
        How many equal parts the axis before channel_axis has, each with channels of its own; usually 1.
    arrangement
        Which end of a byte packed codes fill first, and how the device's memory arranges the elements of `data`.
    quantizer
        How the device got to the codes, if that was not the format's own way.

    Examples
    --------
    >>> import embinit, numpy as np
    >>> buffer = embinit.encode(np.array([0.5, -0.25, 1.0], np.float32), "q7")
    >>> buffer.format, buffer.data.tolist(), buffer.clipped
    ('q7', [64, -32, 127], 1)
    """

    format: str
    data: NDArray[Any]
    shape: tuple[int, ...]
    scale: NDArray[np.float32] | None = None
    zero_point: NDArray[Any] | None = None
    exponents: NDArray[np.uint8] | None = None
    clipped: int = 0
    channel_axis: int | None = None
    channel_groups: int = 1
    arrangement: Arrangement = IN_ORDER
    quantizer: Quantizer | None = None

    def decode(self) -> NDArray[np.float32]:
        """Return the float32 values that the codes stand for, as the device computes them from codes and scales.

        Examples
        --------
        >>> encode(np.array([0.5, -0.123], np.float32), "q7").decode().tolist()
        [0.5, -0.125]
        """
        format_ = format_named(self.format)
        if self.format == "float64":
            return self.data.astype(format_.dtype)
        groups = format_.groups(self.shape, None, self.channel_axis, self.channel_groups)
        data = self.data
        if format_.packed:
            data = np.frombuffer(self.arrangement.unpacked(data.tobytes(), format_, self.shape), np.uint8)
        parameters = QuantizationParameters(self.scale, self.zero_point, self.exponents)
        return decoded(data, format_, self.quantizer, groups, parameters, np.empty(self.shape, np.float32))


def encode(
    array: NDArray[np.float32],
    format: str,  # noqa: A002 (the settled name)
    rounding: str | None = None,
    generator: Generator | None = None,
    group_size: int | None = None,
    channel_axis: int | None = None,
    channel_groups: int = 1,
) -> Buffer:
    """Return the Buffer that a device's code makes of float32 values: use it to check a quantizer of your own.

    Parameters
    ----------
    array
        The values, as float32 of any shape; other real numbers are rounded to float32 first, except for the format
        "float64".
    format
        The name of the format, such as "q7", "sym4" or "int8" (`embinit formats` lists them).
    rounding
        "half_away", "half_even", "truncate", "floor", or "stochastic", which draws one word per element from generator;
        None for the format's own, which is half_even for float16 and bfloat16, and half_away for all others.
    generator
        The `Generator` that stochastic rounding draws from, and moves.
    group_size
        How many consecutive elements share a scale (formats sym, affine, bfp); None for the whole array.
    channel_axis
        The axis whose channels have one scale each (formats int8, int4); None for one scale.
    channel_groups
        How many equal parts the axis before channel_axis has, each with channels of its own, as the inputs of a grouped
        transposed convolution do.

    Raises
    ------
    EmbinitError
        If the format has no such groups or channels, if it cannot hold the values, or if the C code would exit or its
        behaviour is undefined. The generator then keeps its state.

    Examples
    --------
    >>> import embinit
    >>> buffer = encode(np.array([0.5, -0.25, 1.0], np.float32), "sym4")
    >>> buffer.data.tolist(), buffer.scale.tolist(), buffer.clipped
    ([227, 7], [0.1428571492433548], 0)
    """
    held = Storage(format, rounding or format_named(format).default_rounding, group_size, channel_axis, channel_groups)
    held.check_rounding()
    buffer = encoded(array, held, generator)
    return replace(buffer, data=buffer.data.copy()) if np.may_share_memory(buffer.data, array) else buffer


def encoded(array: NDArray[np.float32], held: Storage, generator: Generator | None) -> Buffer:
    """Return the buffer that holds values according to a storage; a float32 buffer holds the array itself."""
    format_ = held.kind
    if held.format == "float64":
        return Buffer(held.format, _real(array, np.float64), np.shape(array))
    values, mode = _real(array), Rounding(held.rounding, generator)
    data, parameters, clipped = coded(values, held, held.groups(values.shape), mode)
    mode.commit()
    data = held.arrangement.packed(data, format_, values.shape) if format_.packed else data.reshape(values.shape)
    return Buffer(
        format_.name, data, values.shape, *parameters, clipped, held.channel_axis, held.channel_groups,
        held.arrangement, held.quantizer,
    )  # fmt: skip


def coded(values: NDArray[np.float32], held: Storage, groups: Groups, mode: Rounding) -> Encoded:
    """Return the codes of values according to a storage, flat and in the order of their indices, with what is kept
    besides them.
    """
    if held.literals is not None:
        values = through(held.literals, values)
    quantizer = AS_FORMAT if held.quantizer is None and held.rounding in LOOSE else held.quantizer
    if quantizer is not None and isinstance(held.kind, Quantized):
        row = values.size // values.shape[0] if values.shape else 1
        return quantizer.encoded(held.kind, values.reshape(-1), groups, mode, row)
    before = mode.drawn
    found = held.kind.encoded(values.reshape(-1), groups, mode)
    drawn, planned = mode.drawn - before, held.kind.draws(values.size, mode.mode, groups.count)
    if mode.mode == "stochastic" and drawn != planned:
        raise EmbinitError(
            f"{held.format} must draw the {planned} words that its draws() says, got {drawn}: round by "
            "rounding.integers(values), or leave stochastic out of its roundings"
        )
    return found


def decoded(
    data: NDArray[Any],
    format_: Format,
    quantizer: Quantizer | None,
    groups: Groups,
    parameters: QuantizationParameters,
    out: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return out, filled with the values that codes stand for. The codes are flat and in the order of their indices."""
    if quantizer is not None and quantizer.offset and isinstance(format_, Quantized):
        data = quantizer.without_offset(format_, data, out.size)
    format_.decode(data, groups, parameters, out.reshape(-1))
    return out


def store(values: Values, told: Callable[[str], None] | None = None) -> dict[str, Buffer]:
    """Return what the device's init code leaves in each buffer, by name; copies hold the same as their originals.

    told: called with the name of each buffer before it is stored.
    """
    buffers: dict[str, Buffer] = {}
    rows = values.plan.rows
    for row in in_order_of_scales(rows):
        if told is not None:
            told(row.name)
        buffers[row.name] = _held(values, row, buffers) if row.same_as is None else buffers[row.same_as]
    return {row.name: buffers[row.name] for row in rows}


def in_order_of_scales(rows: Sequence[Row]) -> list[Row]:
    """Return rows in an order in which the biases that take their scales from a weight come after all weights."""
    return sorted(rows, key=lambda row: row.storage.input_scale is not None)


def _held(values: Values, row: Row, before: Mapping[str, Buffer]) -> Buffer:
    """Return the buffer that holds a row's values; a float32 buffer holds the array itself."""
    drawing = values.rounding.get(row.name)
    try:
        return buffer_of(row, values.arrays[row.name], drawing.copy() if drawing else values.generator, before)
    except EmbinitError as error:
        raise EmbinitError(f"{row.place}: {error}") from None


def buffer_of(row: Row, array: NDArray[Any], generator: Generator, before: Mapping[str, Buffer]) -> Buffer:
    """Return the buffer that holds values or codes according to a row; before: the buffers that are stored already."""
    if row.codes is not None:
        return saturated(array, row.format)
    if row.storage.input_scale is not None:
        return by_weight(row, array, generator, before)
    return encoded(array, row.storage, generator)


def by_weight(row: Row, array: NDArray[np.float32], generator: Generator | None, held: Mapping[str, Buffer]) -> Buffer:
    """Return the buffer of a bias whose scales are the input's times those of its layer's weight, stored already."""
    format_, storage = format_named(row.format), row.storage
    weight = held.get(f"{row.layer.name}.weight")
    if weight is None or weight.scale is None or not isinstance(format_, BiasInteger):
        raise EmbinitError(f"{row.name} needs the scales of {row.layer.name}.weight, which is not stored yet")
    return by_scales(row, array, np.float32(storage.input_scale) * weight.scale, generator)


def by_scales(row: Row, array: NDArray[np.float32], scales: NDArray[np.float32], generator: Generator | None) -> Buffer:
    """Return the buffer of a bias with given scales: one for each element, or one for all."""
    mode = Rounding(row.storage.rounding, generator)
    data, parameters, clipped = scaled(array, row, scales, mode)
    mode.commit()
    return Buffer(row.format, data.reshape(row.shape), row.shape, *parameters, clipped, row.storage.channel_axis,
                  arrangement=row.storage.arrangement)  # fmt: skip


def scaled(array: NDArray[np.float32], row: Row, scales: NDArray[np.float32], mode: Rounding) -> Encoded:
    """Return the codes of a bias with given scales, flat: one scale for each element, or one for all."""
    format_ = format_named(row.format)
    assert isinstance(format_, BiasInteger)
    return format_.encoded_by(_real(array).reshape(-1), scales, mode, divided=row.storage.divides)


def saturated(codes: NDArray[Any], name: str) -> Buffer:
    """Return the buffer of values that were drawn as codes; codes out of range saturate."""
    format_ = format_named(name)
    assert isinstance(format_, Quantized)
    kept = np.clip(codes, format_.qmin, format_.qmax)
    return Buffer(name, kept.astype(format_.dtype), codes.shape, clipped=int(np.count_nonzero(kept != codes)))


def _real(array: Any, dtype: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
    """Return the array as kernels can read it: of a type, contiguous and writable, with at least one element."""
    given = np.asarray(array)
    if given.dtype == dtype and given.size and given.flags.carray:
        return given
    if given.dtype.kind not in "fiu" or not given.size:
        what = f"{given.dtype} array of shape {given.shape}"
        raise EmbinitError(f"array must hold at least one real number, best as {dtype.__name__}, got {what}")
    with np.errstate(over="ignore"):
        return np.require(given, dtype, ["C", "A", "W"])
