"""Arrangement: how a buffer lies in memory: the order of its elements, of bytes, of codes in a byte, and rows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.formats.base import Format, Quantized
from embinit.formats.element_order import ElementOrder

BYTE_ORDERS = ("little", "big")
NIBBLE_ORDERS = ("low", "high")


@dataclass(frozen=True)
class Arrangement:
    """The order of an element's bytes, the end of a byte that is filled with codes first, and the number of elements
    from the beginning of a row to that of the next (None if nothing lies between rows). What lies there is 0.
    element_order: which elements stand one after the other, if not those of the next index.

    >>> held = Arrangement(row_stride=4).memory(np.arange(6, dtype=np.uint8), (2, 3))
    >>> held.tolist()
    [0, 1, 2, 0, 3, 4, 5, 0]
    """

    byte_order: str = "little"
    nibble_order: str = "low"
    row_stride: int | None = None
    element_order: ElementOrder | None = None

    def check(self, format_: Format, shape: tuple[int, ...]) -> None:
        """Raise EmbinitError if a buffer of a format and a shape cannot be arranged so."""
        if self.element_order is not None:
            self.element_order.places(shape)
        if self.nibble_order != "low" and not shares_bytes(format_):
            raise EmbinitError(f"nibble_order is for formats whose codes share bytes, such as int4, got {format_.name}")
        if self.row_stride is None:
            return
        if shares_bytes(format_):
            raise EmbinitError(f"row_stride needs elements of whole bytes, and those of {format_.name} share bytes")
        row = math.prod(shape[1:])
        if len(shape) < 2 or self.row_stride < row:
            rows = f"a row has {row} elements" if len(shape) >= 2 else "the buffer has no rows"
            raise EmbinitError(f"row_stride must be at least the length of a row, and {rows}, got {self.row_stride}")

    def nbytes(self, format_: Format, shape: tuple[int, ...]) -> int:
        """Return how many bytes of memory a buffer takes, with what lies between rows and after the last one."""
        return format_.nbytes(math.prod(shape) if self.row_stride is None else shape[0] * self.row_stride)

    def packed(self, payload: NDArray[np.uint8], format_: Format, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return packed codes, of which low bits come first, as the device packs them, in its order."""
        n = math.prod(shape)
        if self.element_order is not None:
            payload = _moved(payload, format_.bits, self.element_order.places(shape))
        if self.nibble_order == "low":
            return payload
        return np.frombuffer(to_high_bits_first(payload.tobytes(), format_.bits, n), np.uint8)

    def unpacked(self, payload: bytes, format_: Format, shape: tuple[int, ...]) -> bytes:
        """Return packed codes in the order of their indices, low bits first: what `packed` was made of."""
        if self.nibble_order == "high":
            payload = to_low_bits_first(payload, format_.bits, math.prod(shape))
        if self.element_order is None:
            return payload
        back = np.argsort(self.element_order.places(shape))
        return _moved(np.frombuffer(payload, np.uint8), format_.bits, back).tobytes()

    @property
    def of_payload(self) -> "Arrangement":
        """The arrangement of the bytes of packed codes, which are in their order already."""
        return Arrangement(self.byte_order, row_stride=self.row_stride)

    def memory(self, data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the memory of a buffer as a flat array: of its elements, or of bytes if these are big endian."""
        held = np.ascontiguousarray(data).reshape(-1)
        if self.element_order is not None:
            held = held[self.element_order.places(shape)]
        if self.row_stride is not None:
            padded = np.zeros((shape[0], self.row_stride), held.dtype)
            padded[:, : math.prod(shape[1:])] = held.reshape(shape[0], -1)
            held = padded.reshape(-1)
        return held.byteswap().view(np.uint8) if self.byte_order == "big" else held

    def data(self, memory: bytes, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return the data, flat, of a buffer from its memory: what `memory` was made of."""
        held = np.frombuffer(memory, np.dtype(dtype).newbyteorder(">" if self.byte_order == "big" else "<"))
        if self.row_stride is not None:
            held = held.reshape(shape[0], -1)[:, : math.prod(shape[1:])].reshape(-1)
        if self.element_order is not None:
            held = held[np.argsort(self.element_order.places(shape))]
        return held.astype(dtype, copy=False)


#: Little endian, low bits first, and row after row.
IN_ORDER = Arrangement()


def shares_bytes(format_: Format) -> bool:
    """Whether a format has elements that do not fill whole bytes."""
    return isinstance(format_, Quantized) and format_.packed and format_.bits % 8 != 0


def _moved(payload: NDArray[np.uint8], bits: int, places: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return packed codes in another order."""
    stream = np.unpackbits(payload, bitorder="little")[: places.size * bits].reshape(-1, bits)
    return np.packbits(stream[places].reshape(-1), bitorder="little")


def to_high_bits_first(payload: bytes, bits: int, n: int) -> bytes:
    """Return packed codes with the bits of each reversed, filling bytes from the high end."""
    stream = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little")[: n * bits]
    return np.packbits(stream.reshape(n, bits)[:, ::-1].reshape(-1), bitorder="big").tobytes()


def to_low_bits_first(payload: bytes, bits: int, n: int) -> bytes:
    """Undo to_high_bits_first.

    >>> to_low_bits_first(to_high_bits_first(bytes([0x21, 0x43]), 4, 4), 4, 4).hex()
    '2143'
    """
    stream = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="big")[: n * bits]
    return np.packbits(stream.reshape(n, bits)[:, ::-1].reshape(-1), bitorder="little").tobytes()
