"""GoMLX's values, from words that the array to fill holds already: its Go backend computes logarithm and cosine in
float64, XLA's CPU backend in float32.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32, multiply_add32
from embinit._kernels.jit import Apart, either_way, independent, inlined
from embinit._kernels.libm import cos_double

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]

#: Whose logarithm and cosine: Go's, XLA's where the CPU fuses multiply-adds, and XLA's where it does not.
GO, XLA, XLA_NOFMA = 0, 1, 2

_UNIT = np.float32(2.0**-32)
_BELOW_ONE = np.float32(1.0 - 2.0**-24)


@inlined
def _unit(word: np.uint32) -> np.float32:
    """Return a value from 0 to 1, 1 excluded, of a word: it is rounded to 24 bits first."""
    u = np.float32(np.float32(word) * _UNIT)
    return min(u, _BELOW_ONE)


@either_way
def uniform(out: F32, fused: bool, width: np.float32, low: np.float32) -> None:
    """Replace words by low + width * u, u from 0 to 1; fused: with one rounding."""
    words = out.view(np.uint32)
    if fused:
        for i in independent(out.size):
            out[i] = fma32(_unit(words[i]), width, low)
    else:
        for i in independent(out.size):
            out[i] = np.float32(np.float32(_unit(words[i]) * width) + low)


# ---- Go: math.Log (from FreeBSD's e_log.c) and math.Cos (from Cephes), as on amd64 ----

_HALF_SQRT2 = np.float64(0.70710678118654752440)
_LN2_HIGH, _LN2_LOW = np.float64(6.93147180369123816490e-01), np.float64(1.90821492927058770002e-10)
_L1, _L2 = np.float64(6.666666666666735130e-01), np.float64(3.999999999940941908e-01)
_L3, _L4 = np.float64(2.857142874366239149e-01), np.float64(2.222219843214978396e-01)
_L5, _L6 = np.float64(1.818357216161805012e-01), np.float64(1.531383769920937332e-01)
_L7 = np.float64(1.479819860511658591e-01)
_EXPONENT = np.uint64(0x7FF0000000000000)


@inlined
def _go_log(x: np.float64) -> np.float64:
    """Return log x, x normal: k ln 2 + log(1 + f), where x = 2^k (1 + f)."""
    bits = np.float64(x).view(np.uint64)
    half = np.uint64(np.uint64(bits & ~_EXPONENT) | np.uint64(0x3FE0000000000000)).view(np.float64)
    below = half < _HALF_SQRT2
    k = np.float64(np.int64(np.uint64(bits >> np.uint64(52))) - np.int64(1022) - np.int64(below))
    f = (half * 2.0 if below else half) - 1.0
    s = f / (2.0 + f)
    s2 = s * s
    s4 = s2 * s2
    t1 = s2 * (_L1 + s4 * (_L3 + s4 * (_L5 + s4 * _L7)))
    t2 = s4 * (_L2 + s4 * (_L4 + s4 * _L6))
    r = t1 + t2
    half_square = 0.5 * f * f
    return k * _LN2_HIGH - ((half_square - (s * (half_square + r) + k * _LN2_LOW)) - f)


_FOUR_OVER_PI = np.float64(1.2732395447351628)
_PI4A, _PI4B = np.float64(7.85398125648498535156e-1), np.float64(3.77489470793079817668e-8)
_PI4C = np.float64(2.69515142907905952645e-15)
_S0, _S1 = np.float64(1.58962301576546568060e-10), np.float64(-2.50507477628578072866e-8)
_S2, _S3 = np.float64(2.75573136213857245213e-6), np.float64(-1.98412698295895385996e-4)
_S4, _S5 = np.float64(8.33333333332211858878e-3), np.float64(-1.66666666666666307295e-1)
_C0, _C1 = np.float64(-1.13585365213876817300e-11), np.float64(2.08757008419747316778e-9)
_C2, _C3 = np.float64(-2.75573141792967388112e-7), np.float64(2.48015872888517045348e-5)
_C4, _C5 = np.float64(-1.38888888888730564116e-3), np.float64(4.16666666666665929218e-2)


@inlined
def _go_cos(x: np.float64) -> np.float64:
    """Return cos x, x from 0 to 2 pi: of z = x - j pi/4, j even."""
    j = np.int64(x * _FOUR_OVER_PI)
    j = j + (j & np.int64(1))
    y = np.float64(j)
    z = ((x - y * _PI4A) - y * _PI4B) - y * _PI4C
    zz = z * z
    sine = z + z * zz * (((((_S0 * zz + _S1) * zz + _S2) * zz + _S3) * zz + _S4) * zz + _S5)
    cosine = 1.0 - 0.5 * zz + zz * zz * (((((_C0 * zz + _C1) * zz + _C2) * zz + _C3) * zz + _C4) * zz + _C5)
    magnitude = sine if j & np.int64(2) else cosine
    return -magnitude if (j + np.int64(2)) & np.int64(4) else magnitude


# ---- XLA's CPU backend: the logarithm of Cephes in float32, and glibc's cosine ----


_P0, _P1, _P2 = np.float32(7.0376836292e-2), np.float32(-1.1514610310e-1), np.float32(1.1676998740e-1)
_P3, _P4, _P5 = np.float32(-1.2420140846e-1), np.float32(1.4249322787e-1), np.float32(-1.6668057665e-1)
_P6, _P7, _P8 = np.float32(2.0000714765e-1), np.float32(-2.4999993993e-1), np.float32(3.3333331174e-1)
_X_HALF_SQRT2 = np.float32(0.70710678118654752440)
_X_LN2_LOW, _X_LN2_HIGH = np.float32(-2.12194440e-4), np.float32(0.693359375)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_LEAST_NORMAL = np.float32(2.0**-126)


@inlined
def _xla_log(x: np.float32, fused: Apart) -> np.float32:
    """Return log x = e ln 2 + log(1 + t), where x = 2^e (1 + t); -infinity for 0 and subnormal numbers."""
    bits = np.float32(x).view(np.uint32)
    m = np.uint32(np.uint32(bits & np.uint32(0x807FFFFF)) | np.uint32(0x3F000000)).view(np.float32)
    below = m < _X_HALF_SQRT2
    exponent = np.int32(np.int32(np.uint32(bits >> np.uint32(23))) - np.int32(126))
    e = np.float32(np.int32(exponent - np.int32(below)))
    t = np.float32(np.float32(m - _ONE) + (m if below else np.float32(0)))
    x2 = np.float32(t * t)
    x3 = np.float32(x2 * t)
    y = multiply_add32(multiply_add32(_P0, t, _P1, fused), t, _P2, fused)
    y1 = multiply_add32(multiply_add32(_P3, t, _P4, fused), t, _P5, fused)
    y2 = multiply_add32(multiply_add32(_P6, t, _P7, fused), t, _P8, fused)
    y = multiply_add32(multiply_add32(y, x3, y1, fused), x3, y2, fused)
    low = multiply_add32(y, x3, np.float32(_X_LN2_LOW * e), fused)
    value = np.float32(np.float32(np.float32(t - np.float32(x2 * _HALF)) + low) + np.float32(_X_LN2_HIGH * e))
    return np.float32(-np.inf) if x < _LEAST_NORMAL else value


# ---- Box-Muller, the cosine alone ----

_TWO_PI = np.float32(6.283185307179586)
_MINUS_TWO = np.float32(-2)
_LEAST = np.float32(2.0**-149)


@inlined
def _product(log: np.float32, cos: np.float32, stddev: np.float32) -> np.float32:
    radius = np.float32(np.sqrt(np.float32(_MINUS_TWO * log)))
    return np.float32(np.float32(radius * cos) * stddev)


@either_way
def normal(out: F32, second: U32, math: Apart, stddev: np.float32) -> None:
    """Replace words by stddev * z, z from these words and as many second ones."""
    first = out.view(np.uint32)
    if math == GO:
        for i in independent(out.size):
            log = np.float32(_go_log(np.float64(max(_unit(first[i]), _LEAST))))
            cos = np.float32(_go_cos(np.float64(np.float32(_unit(second[i]) * _TWO_PI))))
            out[i] = _product(log, cos, stddev)
    else:
        fused = math == XLA
        for i in independent(out.size):
            log = _xla_log(max(_unit(first[i]), _LEAST), fused)
            cos = cos_double(np.float32(_unit(second[i]) * _TWO_PI))
            out[i] = _product(log, cos, stddev)


@either_way
def below(words: U32, p: np.float32, out: NDArray[np.bool_]) -> None:
    """Fill out with whether the unit value of each word is below p."""
    for i in independent(out.size):
        out[i] = _unit(words[i]) < p
