"""log, sin and cos of doubles as the C libraries of devices compute them, on NumPy arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma_arrays import fma64_array
from embinit.expressions import log_table as table

Doubles = NDArray[np.float64]


def _split(x: Doubles) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return the high word of each double, and all of its bits."""
    bits = x.view(np.uint64)
    return (bits >> np.uint64(32)).astype(np.int64), bits


def _of_specials(x: Doubles, y: Any) -> Doubles:
    known: Doubles = np.where(x > 0, y, np.nan)
    known[x == 0] = -np.inf
    known[x == np.inf] = np.inf
    return known


# ---- log ----

_LG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def log_fdlibm(x: Doubles) -> Doubles:
    """Return log x as newlib does if the FPU has no double precision."""
    subnormal = x < 2.0**-1022
    high, bits = _split(np.where(subnormal, x * 2.0**54, x))
    mantissa = high & 0xFFFFF
    above = (mantissa + 0x95F64) & 0x100000
    k = (np.where(subnormal, -54, 0) + (high >> 20) - 1023 + (above >> 20)).astype(np.float64)
    word = (mantissa | (above ^ 0x3FF00000)).astype(np.uint64) << np.uint64(32)
    f = (word | (bits & np.uint64(0xFFFFFFFF))).view(np.float64) - 1.0
    near = f * f * (0.5 - 0.33333333333333333 * f)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    R = z * (_LG[0] + w * (_LG[2] + w * (_LG[4] + w * _LG[6]))) + w * (_LG[1] + w * (_LG[3] + w * _LG[5]))
    half = 0.5 * f * f
    extreme = ((mantissa - 0x6147A) | (0x6B851 - mantissa)) > 0
    taken = np.where(extreme, half - s * (half + R), s * (f - R))
    without_k = f - taken
    low = k * _LN2_LOW
    correction = np.where(extreme, half - (s * (half + R) + low), s * (f - R) - low)
    y = np.where(k == 0, without_k, k * _LN2_HIGH - (correction - f))
    next_to_power = (0xFFFFF & (2 + mantissa)) < 3
    power = np.where(f == 0, k * _LN2_HIGH + low, k * _LN2_HIGH - ((near - low) - f))
    power = np.where(k == 0, np.where(f == 0, 0.0, f - near), power)
    return _of_specials(x, np.where(next_to_power, power, y))


def _fma(a: Any, b: Any, c: Any) -> Doubles:
    a, b, c = (np.array(each) for each in np.broadcast_arrays(a, b, c))
    out: Doubles = np.empty(a.shape, np.float64)
    fma64_array(a, b, c, out)
    return out


def log_fused(x: Doubles) -> Doubles:
    """Return log x as glibc does on a CPU that fuses, and newlib if the FPU has double precision."""
    return _of_specials(x, np.where((x >= 1 - 2.0**-4) & (x < 1 + 265 * 2.0**-12), _log_near_1(x), _log_by_table(x)))


def _log_near_1(x: Doubles) -> Doubles:
    B = table.POLYNOMIAL_NEAR_1
    r = x - 1.0
    r2 = r * r
    r3 = r * r2
    p = _fma(r3, B[10], _fma(r2, B[9], _fma(r, B[8], B[7])))
    p = _fma(r3, p, _fma(r2, B[6], _fma(r, B[5], B[4])))
    p = _fma(r3, p, _fma(r2, B[3], _fma(r, B[2], B[1])))
    w = r * 2.0**27
    high = r + w - w
    w = high * high * B[0]
    total = r + w
    low = _fma(B[0] * (r - high), high + r, r - total + w)
    return np.where(x == 1.0, 0.0, _fma(r3, p, low) + total)


def _log_by_table(x: Doubles) -> Doubles:
    A = table.POLYNOMIAL
    subnormal = x < 2.0**-1022
    bits = np.where(subnormal, x * 2.0**52, x).view(np.int64) - np.where(subnormal, np.int64(52) << 52, np.int64(0))
    shifted = bits - np.int64(0x3FE6000000000000)
    i = (shifted >> 45) & 127
    k = (shifted >> 52).astype(np.float64)
    z = (bits - (shifted & (np.int64(-1) << 52))).view(np.float64)
    r = _fma(z, table.INVERSE[i], -1.0)
    w = _fma(k, table.LN2_HIGH, table.LOGARITHM[i])
    high = w + r
    low = _fma(k, table.LN2_LOW, w - high + r)
    r2 = r * r
    p = _fma(r2, _fma(r, A[4], A[3]), _fma(r, A[2], A[1]))
    return _fma(r * r2, p, _fma(r2, A[0], low)) + high


# ---- sin and cos, as sin(x + quarter pi/2) ----

_S = (-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
      2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10)  # fmt: skip
_C = (4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
      -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11)  # fmt: skip
_PARTS = (
    (1.57079632673412561417e00, 6.07710050650619224932e-11),
    (6.07710050630396597660e-11, 2.02226624879595063154e-21),
    (2.02226624871116645580e-21, 8.47842766036889956997e-32),
)
_TWO_OVER_PI = 6.36619772367581382433e-01


def _reduced(x: Doubles) -> tuple[NDArray[np.int64], Doubles, Doubles]:
    """Return n, y and a tail: x = y + tail + n pi/2, x positive."""
    n = np.floor(x * _TWO_OVER_PI + 0.5)
    n = np.where(x <= np.pi / 4, 0.0, n)
    before = high = x - n * _PARTS[0][0]
    low = n * _PARTS[0][1]
    exponent = (_split(x)[0] >> 20) & 0x7FF
    for (part, rest), lost in zip(_PARTS[1:], (16, 49), strict=True):
        more = exponent - ((_split(high - low)[0] >> 20) & 0x7FF) > lost
        taken = n * part
        next_high = before - taken
        next_low = n * rest - ((before - next_high) - taken)
        high, low = np.where(more, next_high, high), np.where(more, next_low, low)
        before = np.where(more, next_high, before)
    y = high - low
    return n.astype(np.int64), y, (high - y) - low


def sine(x: Doubles, quarter: int) -> Doubles:
    """Return sin(x + quarter pi/2) as newlib does; glibc's differs in the last bit of one in thirty results."""
    n, y, tail = _reduced(np.abs(x))
    negative = x < 0
    n, y, tail = np.where(negative, -n, n) + quarter, np.where(negative, -y, y), np.where(negative, -tail, tail)
    z = y * y
    p = _S[1] + z * (_S[2] + z * (_S[3] + z * (_S[4] + z * _S[5])))
    v = z * y
    reduced = np.abs(x) > np.pi / 4
    sin = np.where(reduced, y - ((z * (0.5 * tail - v * p) - tail) - v * _S[0]), y + v * (_S[0] + z * p))
    r = z * (_C[0] + z * (_C[1] + z * (_C[2] + z * (_C[3] + z * (_C[4] + z * _C[5])))))
    word = _split(np.abs(y))[0]
    quarter_y = ((word - 0x00200000).astype(np.uint64) << np.uint64(32)).view(np.float64)
    quarter_y = np.where(word > 0x3FE90000, 0.28125, quarter_y)
    quarter_y = np.where(word < 0x3FD33333, 0.0, quarter_y)
    cos = (1.0 - quarter_y) - ((0.5 * z - quarter_y) - (z * r - y * tail))
    magnitude = np.where(n & 1, cos, sin)
    return np.where(x == 0, x if quarter == 0 else 1.0, np.where(n & 2, -magnitude, magnitude))
