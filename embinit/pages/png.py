"""PNG: a grid of small integers as an image with a palette."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Red, green, blue and opacity, each from 0 to 255.
Color = tuple[int, int, int, int]


def png(indices: NDArray[np.uint8], palette: Sequence[Color]) -> bytes:
    r"""Return the image whose pixels have the colors of a palette with at most 16 of them.

    >>> png(np.zeros((1, 3), np.uint8), [(255, 0, 0, 255)])[:4]
    b'\x89PNG'
    """
    height, width = indices.shape
    pairs = np.zeros((height, width + width % 2), np.uint8)
    pairs[:, :width] = indices
    lines = np.zeros((height, 1 + pairs.shape[1] // 2), np.uint8)  # each begins with its filter, which is none
    lines[:, 1:] = pairs[:, ::2] << 4 | pairs[:, 1::2]
    head = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    colors = bytes(part for color in palette for part in color[:3])
    opacities = bytes(color[3] for color in palette)
    chunks = (b"IHDR", head), (b"PLTE", colors), (b"tRNS", opacities), (b"IDAT", zlib.compress(lines.tobytes(), 9))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in (*chunks, (b"IEND", b"")))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
