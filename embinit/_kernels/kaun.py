"""Uniform and normal float32 values as Kaun draws them from a key, element by element; see SPEC.md, section kaun."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.counters import threefry
from embinit._kernels.jit import Apart, either_way, independent, inlined, total
from embinit._kernels.libm import cos_array, log_array

F32 = NDArray[np.float32]

BLOCK = 4096
_TWO_PI = np.float32(6.2831855)
_SMALLEST = np.float32(1e-7)
_HALF_RANGE = np.float32(2.0**31)
_UNIT = np.float32(2.0**-32)


@inlined
def _unit(word: np.uint32) -> np.float32:
    """Return a signed word moved by 2^31, over 2^32; both the conversion and the sum round, so the result may be 1."""
    return np.float32(np.float32(np.float32(np.int32(word)) + _HALF_RANGE) * _UNIT)


@inlined
def _mixed(x: np.uint32) -> np.uint32:
    """Return murmur3's finalizer without the sign bit."""
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(16))) & np.uint32(0x7FFFFFFF))


@inlined
def _block(k0: np.uint32, k1: np.uint32, counter: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Return the two words of a counter, an even number, and of the one after it."""
    return threefry(k0, k1, counter, np.uint32(counter + np.uint32(1)))


@inlined
def _hashed_block(key: np.uint32, counter: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Return the same of a key that is hashed for each of the two numbers."""
    after = np.uint32(counter + np.uint32(1))
    return threefry(_mixed(np.uint32(key ^ counter)), _mixed(np.uint32(key ^ after)), counter, after)


@either_way
def uniform(k0: int, k1: int, hashed: Apart, first: int, out: F32) -> None:
    """Fill out with values from 0 to 1 of a key, from an even element on. hashed: whether each pair of elements has a
    key of its own, hashed from k0.
    """
    key0, key1 = np.uint32(k0), np.uint32(k1)
    if hashed:
        for j in independent(out.size // 2):
            x, y = _hashed_block(key0, np.uint32(first + 2 * j))
            out[2 * j] = _unit(x)
            out[2 * j + 1] = _unit(y)
    else:
        for j in independent(out.size // 2):
            x, y = _block(key0, key1, np.uint32(first + 2 * j))
            out[2 * j] = _unit(x)
            out[2 * j + 1] = _unit(y)
    if out.size % 2:
        last = np.uint32(first + out.size - 1)
        x, y = _hashed_block(key0, last) if hashed else _block(key0, key1, last)
        out[out.size - 1] = _unit(x)


@either_way
def _normals(
    a0: int,
    a1: int,
    r0: int,
    r1: int,
    hashed: Apart,
    libm: Apart,
    first: int,
    angle: F32,
    square: F32,
    log: F32,
    out: F32,
) -> None:  # fmt: skip
    """Fill out with normal values from an even element on; the three arrays before it are scratch space."""
    uniform(a0, a1, hashed, first, angle)
    uniform(r0, r1, hashed, first, square)
    for i in independent(out.size):
        angle[i] = np.float32(angle[i] * _TWO_PI)
        square[i] = max(np.float32(np.float32(1) - square[i]), _SMALLEST)
    cos_array(libm, angle, out)
    log_array(libm, square, log)
    for i in independent(out.size):
        out[i] = np.float32(out[i] * np.sqrt(np.float32(np.float32(-2) * log[i])))


@inlined
def _outside(z: np.float32) -> bool:
    return bool(z < np.float32(-2) or z > np.float32(2))


@either_way
def normal(a0: int, a1: int, r0: int, r1: int, hashed: Apart, libm: Apart, renew: bool, out: F32) -> int:
    """Fill out with standard normal values of two keys, of the angle (a0, a1) and of the radius (r0, r1). Return how
    many elements lie outside -2 to 2 afterwards.

    renew: out holds values already; replace only those that lie outside, and only by new ones that do not.
    """
    angle, square, log = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    again = np.empty(BLOCK, np.float32)
    outside = 0
    for start in range(0, out.size, BLOCK):
        filled = out[start : start + BLOCK]
        count = filled.size
        left = 0
        for i in independent(count if renew else 0):
            left += total(int(_outside(filled[i])))
        if renew and left == 0:
            continue
        drawn = again[:count] if renew else filled
        _normals(a0, a1, r0, r1, hashed, libm, start, angle[:count], square[:count], log[:count], drawn)
        for i in independent(count):
            if renew and _outside(filled[i]) and not _outside(drawn[i]):
                filled[i] = drawn[i]
            outside += total(int(_outside(filled[i])))
    return outside
