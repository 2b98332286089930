"""The logf and cosf of three classes of device libm, bit for bit, for every argument of a normal draw.

* `double`: glibc, and newlib where the FPU has double precision. A table and polynomials in float64, rounded once.
* `fdlibm`: newlib without an FPU. float32 throughout, every product rounded.
* `fdlibm_fused`: newlib with a float32 FPU. The same, but with the products fused that newlib's compiler fused.

log_* take normal float32 from 2^-24 to 1, and 0 (-inf); cos_* and sin_* take angles from 0 to 2 pi. The constants
are those of newlib 3.3.0. Its branches are selections here, so that a loop over these functions becomes vector code.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import multiply_add32, multiply_add64
from embinit._kernels.jit import Apart, either_way, independent, inlined

DOUBLE, FDLIBM, FDLIBM_FUSED = 0, 1, 2
NO_CLASS = "no libm is of this class"


def _single(hexadecimal: str) -> np.float32:
    return np.float32(float.fromhex(hexadecimal))


def _doubles(hexadecimals: str) -> NDArray[np.float64]:
    return np.array([float.fromhex(each) for each in hexadecimals.split()])


# ---- double ---- No result is so close to a rounding boundary of float32 that fusing products, or adding the terms of
# a polynomial in another order, would change it: libraries and compilers do so differently, and all give the same bits.

# 1/c and log c; c lies in the i-th of 16 equal parts, in float32 bits, of [0x1.66p-1, 0x1.66p0).
_INVERSE = _doubles("""
    0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0  0x1.3c995b0b80385p+0
    0x1.30d190c8864a5p+0 0x1.25e227b0b8eap+0  0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0
    0x1.0953f419900a7p+0 0x1p+0               0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1
    0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1 0x1.767dcf5534862p-1
""")
_LOGARITHM = _doubles("""
    -0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3
    -0x1.6574f0ac07758p-3 -0x1.1aa2bc79c81p-3   -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4
    -0x1.252f438e10c1ep-5  0x0p+0                0x1.aa5aa5df25984p-5  0x1.c5e53aa362eb4p-4
     0x1.526e57720db08p-3  0x1.bc2860d22477p-3   0x1.1058bc8a07ee1p-2  0x1.4043057b6ee09p-2
""")
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_A2 = float.fromhex("-0x1.ffffef20a4123p-2")
_A3 = float.fromhex("0x1.5575b0be00b6ap-2")
_A4 = float.fromhex("-0x1.00ea348b88334p-2")


@inlined
def log_double(x: np.float32) -> np.float32:
    """Return log x = k ln 2 + log c + log(1 + r), where x = 2^k z and 1 + r = z / c."""
    bits = np.float32(x).view(np.uint32)
    shifted = np.uint32(bits + np.uint32(0x3F800000 - 0x3F330000))  # its exponent is 0 for [0x1.66p-1, 0x1.66p0)
    k = np.int32(np.int32(shifted >> np.uint32(23)) - np.int32(127))
    i = np.uint32(np.uint32(shifted >> np.uint32(19)) & np.uint32(15))
    z = np.float64(np.uint32(bits - np.uint32(np.uint32(k) << np.uint32(23))).view(np.float32))
    r = multiply_add64(z, _INVERSE[i], -1.0)
    r2 = r * r
    p = multiply_add64(_A4, r2, multiply_add64(_A3, r, _A2))
    y = multiply_add64(p, r2, multiply_add64(np.float64(k), _LN2, _LOGARITHM[i]) + r)
    return np.float32(-np.inf) if bits == np.uint32(0) else np.float32(y)


_HALF = np.float32(0.5)
_TWO_OVER_PI = _single("0x1.45f308p-1")
_HALF_PI = float.fromhex("0x1.921fb54442d18p+0")  # its product with 0 to 4 is exact
_C2 = float.fromhex("-0x1.ffffffd0c621cp-2")
_C4 = float.fromhex("0x1.55553e1068f19p-5")
_C6 = float.fromhex("-0x1.6c087e89a359dp-10")
_C8 = float.fromhex("0x1.99343027bf8c3p-16")
_S3 = float.fromhex("-0x1.555545995a603p-3")
_S5 = float.fromhex("0x1.1107605230bc4p-7")
_S7 = float.fromhex("-0x1.994eb3774cf24p-13")


@inlined
def _turned_double(x: np.float32, quarters: np.int32) -> np.float32:
    """Return cos(x + quarters pi/2) from y = x - n pi/2. Newlib finds n in float64: where n differs, y is next to pi/4,
    and the sine of one is the cosine of the other.
    """
    n = np.int32(x * _TWO_OVER_PI + _HALF)
    y = multiply_add64(np.float64(n), -_HALF_PI, np.float64(x))
    n = np.int32(n + quarters)
    y2 = y * y
    p = multiply_add64(y2, multiply_add64(y2, _C8, _C6), _C4)
    cosine = multiply_add64(y2, multiply_add64(y2, p, _C2), 1.0)
    sine = multiply_add64(y2 * y, multiply_add64(y2, multiply_add64(y2, _S7, _S5), _S3), y)
    return _signed(n, np.float32(sine if np.int32(n & np.int32(1)) else cosine))


@inlined
def cos_double(x: np.float32) -> np.float32:
    """Return cos x."""
    return _turned_double(x, np.int32(0))


@inlined
def sin_double(x: np.float32) -> np.float32:
    """Return sin x, the cosine three quarter turns further."""
    return _turned_double(x, np.int32(3))


@inlined
def _signed(n: np.int32, magnitude: np.float32) -> np.float32:
    """Return cos(y + n pi/2), n >= 0, from cos y, or sin y if n is odd."""
    sign = np.uint32(np.uint32(np.uint32(n) + np.uint32(1)) & np.uint32(2)) << np.uint32(30)
    return np.uint32(np.float32(magnitude).view(np.uint32) ^ np.uint32(sign)).view(np.float32)


# ---- fdlibm ----
# A product inside a multiply-add is one that newlib's compiler fused; any other is rounded in both classes.

_ONE = np.float32(1)
_TWO = np.float32(2)
_THIRD = _single("0x1.555556p-2")
_LN2_HIGH = _single("0x1.62e3p-1")  # its product with an exponent is exact
_LN2_LOW = _single("0x1.2fefa2p-17")
_L1 = _single("0x1.555556p-1")
_L2 = _single("0x1.99999ap-2")
_L3 = _single("0x1.24924ap-2")
_L4 = _single("0x1.c71c52p-3")
_L5 = _single("0x1.74664ap-3")
_L6 = _single("0x1.39a09ep-3")
_L7 = _single("0x1.2f112ep-3")


@inlined
def _log(x: np.float32, fused: Apart) -> np.float32:
    """Return log x = k ln 2 + f - f^2/2 + s (f^2/2 + R(s^2)), where x = 2^k (1 + f) and s = f / (2 + f)."""
    bits = np.float32(x).view(np.uint32)
    mantissa = np.uint32(bits & np.uint32(0x7FFFFF))
    above = np.uint32(np.uint32(mantissa + np.uint32(0x4AFB20)) & np.uint32(0x800000))  # the mantissa exceeds sqrt 2
    k = np.float32(np.int32(np.int32(np.uint32(bits + above) >> np.uint32(23)) - np.int32(127)))
    f = np.uint32(mantissa | np.uint32(above ^ np.uint32(0x3F800000))).view(np.float32) - _ONE
    f2_half = f * _HALF * f
    s = f / (_TWO + f)
    z = s * s
    w = z * z
    R = z * multiply_add32(multiply_add32(multiply_add32(_L7, w, _L5, fused), w, _L3, fused), w, _L1, fused)
    R = multiply_add32(multiply_add32(multiply_add32(_L6, w, _L4, fused), w, _L2, fused), w, R, fused)
    # log x = k LN2_HIGH - (correction - f), by three formulas: f next to 0, at an end of its range, and anywhere else.
    k_low = k * _LN2_LOW
    next_to_zero = np.uint32(np.uint32(mantissa + np.uint32(15)) & np.uint32(0x7FFFF0)) == np.uint32(0)
    extreme = np.uint32(mantissa - np.uint32(0x30A3D0)) <= np.uint32(0x35C288 - 0x30A3D0)
    series = multiply_add32(-k, _LN2_LOW, f * f * multiply_add32(-_THIRD, f, _HALF, fused), fused)
    halved = f2_half - multiply_add32(s, f2_half + R, k_low, fused)
    direct = multiply_add32(s, f - R, -k_low, fused)
    correction = series if next_to_zero else (halved if extreme else direct)
    y = k * _LN2_HIGH - (correction - f)
    if fused:
        # For k = 0 the terms of k are left out, and the product with s is part of one more subtraction.
        halved_alone = f - multiply_add32(-s, f2_half + R, f2_half, fused)
        direct_alone = multiply_add32(-s, f - R, f, fused)
        alone = halved_alone if extreme else direct_alone
        y = y if next_to_zero or k != np.float32(0) else alone
    return np.float32(-np.inf) if bits == np.uint32(0) else y


@inlined
def log_fdlibm(x: np.float32) -> np.float32:
    """Return log x with every product rounded."""
    return _log(x, False)


@inlined
def log_fdlibm_fused(x: np.float32) -> np.float32:
    """Return log x with products fused."""
    return _log(x, True)


# pi/2 = A + A_REST = A + B + B_REST; A and B times 1 to 4 are exact.
_A = _single("0x1.921fp+0")
_A_REST = _single("0x1.6a8886p-17")
_B = _single("0x1.6a88p-17")
_B_REST = _single("0x1.0b461p-34")


@inlined
def _reduced(x: np.float32) -> tuple[np.int32, np.float32, np.float32]:
    """Return n, y and a tail: x = y + tail + n pi/2.

    Near pi/2 and 3 pi/2 fdlibm subtracts more of pi/2, for different bit patterns at each. Its thresholds for n, its
    care near pi and 2 pi, and its third subtraction never change a cosine below 2 pi, so they are left out.
    """
    n = np.int32(x * _TWO_OVER_PI + _HALF)
    multiple = np.float32(n)
    y_a = x - multiple * _A
    y_b = y_a - multiple * _B
    bits = np.float32(x).view(np.uint32)
    second = (np.uint32(bits & np.uint32(0xFFFFFFF0)) == np.uint32(0x3FC90FD0)) | (
        np.uint32(bits & np.uint32(0xFFFFFF00)) == np.uint32(0x4096CB00)
    )
    high = y_b if second else y_a
    low = multiple * (_B_REST if second else _A_REST)
    y = high - low
    return n, y, (high - y) - low


_COS4 = _single("0x1.555556p-5")
_COS6 = _single("-0x1.6c16c2p-10")
_COS8 = _single("0x1.a01a02p-16")
_COS10 = _single("-0x1.27e4f8p-22")
_COS12 = _single("0x1.1ee9ecp-29")
_COS14 = _single("-0x1.8fae9cp-37")


@inlined
def _small_cos(y: np.float32, tail: np.float32, fused: Apart) -> np.float32:
    """Return cos(y + tail), |y| below pi/4."""
    z = y * y
    p = multiply_add32(multiply_add32(multiply_add32(_COS14, z, _COS12, fused), z, _COS10, fused), z, _COS8, fused)
    p = z * multiply_add32(multiply_add32(p, z, _COS6, fused), z, _COS4, fused)
    # About |y| / 4 is subtracted from both sides of the difference of 1 and z / 2, so that it loses fewer bits.
    size = np.uint32(np.float32(y).view(np.uint32) & np.uint32(0x7FFFFFFF))
    quarter = np.uint32(size - np.uint32(0x01000000)).view(np.float32)
    quarter = np.float32(0.28125) if size > np.uint32(0x3F480000) else quarter
    quarter = np.float32(0) if size < np.uint32(0x3E99999A) else quarter
    return (_ONE - quarter) - ((_HALF * z - quarter) - multiply_add32(z, p, -(y * tail), fused))


_SIN3 = _single("-0x1.555556p-3")
_SIN5 = _single("0x1.111112p-7")
_SIN7 = _single("-0x1.a01a02p-13")
_SIN9 = _single("0x1.71de36p-19")
_SIN11 = _single("-0x1.ae5e68p-26")
_SIN13 = _single("0x1.5d93a6p-33")


@inlined
def _small_sin(y: np.float32, tail: np.float32, fused: Apart) -> np.float32:
    """Return sin(y + tail), |y| below pi/4."""
    z = y * y
    y3 = z * y
    p = multiply_add32(multiply_add32(multiply_add32(_SIN13, z, _SIN11, fused), z, _SIN9, fused), z, _SIN7, fused)
    p = y3 * multiply_add32(p, z, _SIN5, fused)
    return y - multiply_add32(-_SIN3, y3, multiply_add32(z, _HALF * tail - p, -tail, fused), fused)


@inlined
def _cos(x: np.float32, fused: Apart) -> np.float32:
    n, y, tail = _reduced(x)
    cosine, sine = _small_cos(y, tail, fused), _small_sin(y, tail, fused)
    return _signed(n, sine if np.int32(n & np.int32(1)) else cosine)


@inlined
def cos_fdlibm(x: np.float32) -> np.float32:
    """Return cos x with every product rounded."""
    return _cos(x, False)


@inlined
def cos_fdlibm_fused(x: np.float32) -> np.float32:
    """Return cos x with products fused."""
    return _cos(x, True)


# ---- Arrays ----


@either_way
def log_array(libm_class: Apart, x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill out with the logf of a class, DOUBLE, FDLIBM or FDLIBM_FUSED; vector code if x and out do not overlap."""
    if libm_class == DOUBLE:
        for i in independent(x.size):
            out[i] = log_double(x[i])
    elif libm_class == FDLIBM:
        for i in independent(x.size):
            out[i] = log_fdlibm(x[i])
    elif libm_class == FDLIBM_FUSED:
        for i in independent(x.size):
            out[i] = log_fdlibm_fused(x[i])
    else:
        raise ValueError(NO_CLASS)


@either_way
def cos_array(libm_class: Apart, x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill out with the cosf of a class, DOUBLE, FDLIBM or FDLIBM_FUSED; vector code if x and out do not overlap."""
    if libm_class == DOUBLE:
        for i in independent(x.size):
            out[i] = cos_double(x[i])
    elif libm_class == FDLIBM:
        for i in independent(x.size):
            out[i] = cos_fdlibm(x[i])
    elif libm_class == FDLIBM_FUSED:
        for i in independent(x.size):
            out[i] = cos_fdlibm_fused(x[i])
    else:
        raise ValueError(NO_CLASS)
