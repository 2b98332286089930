"""Uniform and normal float32 values as Kaun draws them from a key, element by element; see SPEC.md, section kaun."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.counters import threefry
from embinit._kernels.jit import inlined, kernel
from embinit._kernels.libm import cos_array, log_array

F32 = NDArray[np.float32]

BLOCK = 4096
_TWO_PI = np.float32(6.2831855)
_SMALLEST = np.float32(1e-7)
_HALF_RANGE = np.float32(2.0**31)
_UNIT = np.float32(2.0**-32)


@inlined
def _unit(word: np.uint32) -> np.float32:
    """Return a signed word moved by 2^31, over 2^32; both the conversion and the sum round, so 1 may come of it."""
    return np.float32(np.float32(np.float32(np.int32(word)) + _HALF_RANGE) * _UNIT)


@inlined
def _mixed(x: np.uint32) -> np.uint32:
    """Return murmur3's finalizer without the sign bit."""
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(16))) & np.uint32(0x7FFFFFFF))


@inlined
def _block(k0: np.uint32, k1: np.uint32, hashed: bool, counter: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Return the two words of a counter, an even number, and of the one after it."""
    after = np.uint32(counter + np.uint32(1))
    if hashed:
        return threefry(_mixed(np.uint32(k0 ^ counter)), _mixed(np.uint32(k0 ^ after)), counter, after)
    return threefry(k0, k1, counter, after)


@inlined
def _units(k0: np.uint32, k1: np.uint32, hashed: bool, first: int, out: F32) -> None:
    """Fill out with the values from an even element on."""
    for j in range(out.size // 2):
        x, y = _block(k0, k1, hashed, np.uint32(first + 2 * j))
        out[2 * j] = _unit(x)
        out[2 * j + 1] = _unit(y)
    if out.size % 2:
        out[out.size - 1] = _unit(_block(k0, k1, hashed, np.uint32(first + out.size - 1))[0])


@inlined
def _normals(
    angles: tuple[np.uint32, np.uint32],
    radii: tuple[np.uint32, np.uint32],
    hashed: bool,
    libm: int,
    first: int,
    angle: F32,
    square: F32,
    cosine: F32,
    log: F32,
) -> None:
    """Leave normal values from an even element on in cosine; the other arrays are room."""
    _units(angles[0], angles[1], hashed, first, angle)
    _units(radii[0], radii[1], hashed, first, square)
    for i in range(angle.size):
        angle[i] = np.float32(angle[i] * _TWO_PI)
        square[i] = max(np.float32(np.float32(1) - square[i]), _SMALLEST)
    cos_array(libm, angle, cosine)
    log_array(libm, square, log)
    for i in range(angle.size):
        cosine[i] = np.float32(cosine[i] * np.sqrt(np.float32(np.float32(-2) * log[i])))


@kernel
def uniform(k0: int, k1: int, hashed: bool, out: F32) -> None:
    """Fill out with values from 0 to 1 of a key. hashed: whether each pair has a key of its own, hashed from k0."""
    key0, key1 = np.uint32(k0), np.uint32(k1)
    if hashed:
        _units(key0, key1, True, 0, out)
    else:
        _units(key0, key1, False, 0, out)


@kernel
def normal(a0: int, a1: int, r0: int, r1: int, hashed: bool, libm: int, renew: bool, out: F32) -> int:
    """Fill out with standard normal values of the keys of angle and radius; if renew, only where it is outside of -2
    to 2, and with what is not. Return how many are outside then.
    """
    angles, radii = (np.uint32(a0), np.uint32(a1)), (np.uint32(r0), np.uint32(r1))
    angle, square = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    cosine, log = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    outside = 0
    low, high = np.float32(-2), np.float32(2)
    for start in range(0, out.size, BLOCK):
        filled = out[start : start + BLOCK]
        count = filled.size
        if renew:
            for i in range(count):
                if filled[i] < low or filled[i] > high:
                    even = i - i % 2
                    _normals(angles, radii, hashed, libm, start + even, angle[:2], square[:2], cosine[:2], log[:2])
                    if cosine[i % 2] >= low and cosine[i % 2] <= high:
                        filled[i] = cosine[i % 2]
                    else:
                        outside += 1
            continue
        _normals(angles, radii, hashed, libm, start, angle[:count], square[:count], cosine[:count], log[:count])
        for i in range(count):
            filled[i] = cosine[i]
            outside += int(cosine[i] < low or cosine[i] > high)
    return outside
