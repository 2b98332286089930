"""Distances: how far, and in which direction, a device's elements are from those of the simulation."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Entry
from embinit.formats import FLOATS, Quantized, format_named
from embinit.pages.image import MAGNITUDES, NAN, Levels

#: The bits of infinity by the format of floats; those of a NaN are larger.
_INFINITE = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52}


class Scale(NamedTuple):
    """The magnitudes of distances that an image distinguishes: what they are of, in which unit, and how far each goes,
    except the last.
    """

    of: str
    unit: str
    bounds: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        """What each magnitude is called."""
        lows = [1, *(bound + 1 for bound in self.bounds)]
        within = [f"{low}" if low == high else f"{low} to {high}" for low, high in zip(lows, self.bounds, strict=False)]
        return [*within, "more"]


_OF_FLOATS = {
    2: Scale("float16 and bfloat16", "ULP", (1, 16, 256)),
    4: Scale("float32", "ULP", (1, 1 << 8, 1 << 16)),
    8: Scale("float64", "ULP", (1, 1 << 16, 1 << 32)),
}
_OF_CODES = Scale("codes", "steps", (1, 4, 16))


class Distances(NamedTuple):
    """The elements of an array, in the shape of its tensor: by how much they differ, in which direction (1: the
    device's is larger), which differ, and where the device has a NaN or should have.
    """

    magnitude: NDArray[np.unsignedinteger[Any]]
    sign: NDArray[np.int8]
    differ: NDArray[np.bool_]
    nan: NDArray[np.bool_]
    axes: tuple[str, ...]
    scale: Scale

    @property
    def levels(self) -> Levels:
        """The levels of an image."""
        level = 1 + np.searchsorted(np.array(self.scale.bounds, self.magnitude.dtype), self.magnitude).astype(np.int8)
        signed = np.where(self.differ, level * self.sign, 0).astype(np.int8)
        assert len(self.scale.bounds) == MAGNITUDES - 1
        return np.where(self.nan & self.differ, NAN, signed).astype(np.int8)

    def __str__(self) -> str:
        count = int(np.count_nonzero(self.differ))
        more, less = (int(np.count_nonzero(self.sign[self.differ & ~self.nan] == sign)) for sign in (1, -1))
        places = np.flatnonzero(self.differ)
        largest = int(self.magnitude[self.differ & ~self.nan].max(initial=0))
        nan = f", {count - more - less} NaN" if count > more + less else ""
        return (
            f"{count} of {self.differ.size} elements differ, the first at {places[0]} and the last at {places[-1]}: "
            f"{more} are larger, {less} smaller{nan}; the largest difference is {largest} {self.scale.unit}"
        )


def distances(array: Array, device: bytes) -> Distances:
    """Return how a device's bytes differ from an array's."""
    expected, actual = (elements(array, held) for held in (array.payload, device))
    limit = _INFINITE.get(array.format)
    nan = np.zeros(expected.shape, np.bool_)
    kind, wide = expected.dtype, 8 * expected.itemsize
    sign_bit = kind.type(1 << (wide - 1))
    if limit is not None:
        nan = (np.maximum(expected & ~sign_bit, actual & ~sign_bit)) > kind.type(limit)
        # In the order of floats: a negative one is the smaller, the larger its bits are.
        ordered = [np.where(bits & sign_bit, ~bits, bits | sign_bit) for bits in (expected, actual)]
    else:
        ordered = [bits ^ sign_bit for bits in (expected, actual)] if _signed(array) else [expected, actual]
    low, high = np.minimum(*ordered), np.maximum(*ordered)
    sign = np.where(ordered[1] > ordered[0], 1, -1).astype(np.int8)
    axes = array.row.axes if isinstance(array, Entry) else ("group",)
    return Distances(high - low, sign, low != high, nan, axes, _OF_CODES if limit is None else _OF_FLOATS[wide // 8])


def elements(array: Array, held: bytes) -> NDArray[Any]:
    """Return the elements that memory holds as unsigned integers, packed codes one by one, in the tensor's shape."""
    data = array.held(held)
    if not isinstance(array, Entry):
        return data.view(f"u{data.itemsize}")
    row, format_ = array.row, format_named(array.format)
    if isinstance(format_, Quantized) and format_.packed:
        packed = row.storage.arrangement.unpacked(data.tobytes(), format_, row.shape)
        return _unpacked(packed, format_.bits, format_.signed, row.size).reshape(row.shape)
    return data.view(f"u{data.itemsize}").reshape(row.shape)


def _unpacked(packed: bytes, bits: int, signed: bool, n: int) -> NDArray[np.uint32]:
    """Return codes of some bits each as 32-bit integers, two's complement if they are signed.

    >>> _unpacked(bytes([0x2F, 0x08]), 4, True, 3).view(np.int32).tolist()
    [-1, 2, -8]
    """
    stream = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: n * bits].reshape(n, bits)
    wide = np.repeat(stream[:, -1:], 32, axis=1) if signed else np.zeros((n, 32), np.uint8)
    wide[:, :bits] = stream
    return np.packbits(wide, axis=1, bitorder="little").view("<u4").reshape(n)


def _signed(array: Array) -> bool:
    if isinstance(array, Entry):
        format_ = format_named(array.format)
        if isinstance(format_, Quantized):
            return format_.signed
    return array.data.dtype.kind == "i" and array.format not in FLOATS
