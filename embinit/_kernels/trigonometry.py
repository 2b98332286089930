"""The sinf and cosf of three classes of device libm, for every angle below 120 of either sign.

`libm.py` has the same functions for the angles of a normal draw, as vector code. Here are the branches of newlib 3.3.0
and of glibc for all other angles.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma64, multiply_add32
from embinit._kernels.jit import inlined, kernel
from embinit._kernels.libm import (
    _A,
    _A_REST,
    _B,
    _B_REST,
    _C2,
    _C4,
    _C6,
    _C8,
    _HALF,
    _HALF_PI,
    _S3,
    _S5,
    _S7,
    _SIN3,
    _SIN5,
    _SIN7,
    _SIN9,
    _SIN11,
    _SIN13,
    _TWO_OVER_PI,
    DOUBLE,
    _single,
    _small_cos,
    _small_sin,
)

#: Angles below this are known in every class.
LIMIT = 120.0

_C = _single("0x1.0b46p-34")
_C_REST = _single("0x1.1a6264p-54")
_QUADRANTS = float.fromhex("0x1.45f306dc9c883p+23")  # 2/pi * 2^24
_MULTIPLES = (np.arange(1, 32) * (np.pi / 2)).astype(np.float32)
_NEXT_TO_MULTIPLES = _MULTIPLES.view(np.uint32) & np.uint32(0xFFFFFF00)


@inlined
def _from_double(x: np.float32, quarter: np.int32) -> np.float32:
    """Return sin(x + quarter pi/2) as glibc does, and newlib if the FPU has double precision: both fuse."""
    n = np.int32(np.int32(np.int32(np.float64(x) * _QUADRANTS) + np.int32(0x800000)) >> np.int32(24))
    y = fma64(np.float64(-n), np.float64(_HALF_PI), np.float64(x))
    n = np.int32(n + quarter)
    y2 = y * y
    if np.int32(n & np.int32(1)):
        y4 = y2 * y2
        magnitude = np.float32(((1.0 + y2 * _C2) + y4 * _C4) + (y4 * y2) * (_C6 + y2 * _C8))
    else:
        y3 = y2 * y
        magnitude = np.float32((y + y3 * _S3) + (y3 * y2) * (_S5 + y2 * _S7))
    return np.float32(-magnitude) if np.int32(n & np.int32(2)) else magnitude


@inlined
def _reduced(x: np.float32, fused: bool) -> tuple[np.int32, np.float32, np.float32]:
    """Return n, y and a tail: x = y + tail + n pi/2, for x over pi/4; where y is small, 24 more bits of pi/2 count."""
    bits = np.float32(x).view(np.uint32)
    n = np.int32(1)
    if bits >= np.uint32(0x4016CBE4):
        n = np.int32(multiply_add32(x, _TWO_OVER_PI, _HALF, fused))
    multiple = np.float32(n)
    high = np.float32(x - np.float32(multiple * _A))
    low = np.float32(multiple * _A_REST)
    if bits < np.uint32(0x4016CBE4):
        if np.uint32(bits & np.uint32(0xFFFFFFF0)) == np.uint32(0x3FC90FD0):
            high, low = np.float32(high - _B), _B_REST
    elif (n >= np.int32(32) or np.uint32(bits & np.uint32(0xFFFFFF00)) == _NEXT_TO_MULTIPLES[n - 1]) and _lost(
        bits, high, low
    ) > np.int32(8):
        high, low = _more(high, multiple, _B, _B_REST, fused)
        if _lost(bits, high, low) > np.int32(25):
            high, low = _more(high, multiple, _C, _C_REST, fused)
    y = np.float32(high - low)
    return n, y, np.float32(np.float32(high - y) - low)


@inlined
def _lost(bits: np.uint32, high: np.float32, low: np.float32) -> np.int32:
    """Return how many bits x loses in high - low."""
    left = np.float32(high - low).view(np.uint32)
    exponent = np.uint32(np.uint32(left >> np.uint32(23)) & np.uint32(0xFF))
    return np.int32(np.int32(np.uint32(bits >> np.uint32(23))) - np.int32(exponent))


@inlined
def _more(
    before: np.float32, multiple: np.float32, part: np.float32, rest: np.float32, fused: bool
) -> tuple[np.float32, np.float32]:
    """Return high and low after one more part of pi/2."""
    taken = np.float32(multiple * part)
    high = np.float32(before - taken)
    error = np.float32(np.float32(before - high) - taken)
    return high, multiply_add32(multiple, rest, np.float32(-error), fused)


@inlined
def _sin_below(x: np.float32, fused: bool) -> np.float32:
    """Return sin x, |x| below pi/4."""
    z = np.float32(x * x)
    p = multiply_add32(multiply_add32(multiply_add32(_SIN13, z, _SIN11, fused), z, _SIN9, fused), z, _SIN7, fused)
    p = multiply_add32(p, z, _SIN5, fused)
    return multiply_add32(np.float32(z * x), multiply_add32(z, p, _SIN3, fused), x, fused)


@inlined
def _fdlibm(x: np.float32, quarter: np.int32, fused: bool) -> np.float32:
    """Return sin(x + quarter pi/2) as newlib does if the FPU has no double precision."""
    size = np.float32(abs(x))
    if np.float32(size).view(np.uint32) <= np.uint32(0x3F490FD8):
        n, y, tail = quarter, x, np.float32(0)
        if quarter == np.int32(0):
            return _sin_below(x, fused)
    else:
        n, y, tail = _reduced(size, fused)
        if x < np.float32(0):
            n, y, tail = np.int32(-n), np.float32(-y), np.float32(-tail)
        n = np.int32(n + quarter)
    magnitude = _small_cos(y, tail, fused) if np.int32(n & np.int32(1)) else _small_sin(y, tail, fused)
    return np.float32(-magnitude) if np.int32(n & np.int32(2)) else magnitude


@kernel
def sine_array(libm_class: int, quarter: int, fused: bool, x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill out with sin(x + quarter pi/2): the sinf (quarter 0) or cosf (1) of a class; fused is for fdlibm_fused."""
    turn = np.int32(quarter)
    if libm_class == DOUBLE:
        for i in range(x.size):
            out[i] = _from_double(x[i], turn)
    else:
        for i in range(x.size):
            out[i] = _fdlibm(x[i], turn, fused)
