"""The logf and cosf of three classes of device libm, bit for bit, over every argument that a normal draw has.

* `double`: glibc and newlib with a double-precision FPU. Table and polynomials in double precision, one rounding at the end.
* `fdlibm`: newlib without an FPU. Single precision throughout, every product rounded.
* `fdlibm_fused`: newlib with a single-precision FPU. The same, with the products fused that its compiler chose to fuse.

log takes u = k * 2**-24 for 0 <= k < 2**24 (log 0 = -inf) and cos takes angles from 0 up to 2 pi. The constants are those
of newlib 3.3.0; its branches on the argument are selections here, so that a loop over these functions becomes vector code.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32
from embinit._kernels.jit import inlined, kernel

DOUBLE, FDLIBM, FDLIBM_FUSED = 0, 1, 2


def _single(hexadecimal: str) -> np.float32:
    return np.float32(float.fromhex(hexadecimal))


def _doubles(*hexadecimals: str) -> NDArray[np.float64]:
    return np.array([float.fromhex(each) for each in hexadecimals])


# ---- double ----

# Entry i belongs to the i-th sixteenth [c, c') of the binade that starts at 0x3f330000 (0.699): 1/c and log c.
_INVERSE = _doubles(
    "0x1.661ec79f8f3bep+0",
    "0x1.571ed4aaf883dp+0",
    "0x1.49539f0f010bp+0",
    "0x1.3c995b0b80385p+0",
    "0x1.30d190c8864a5p+0",
    "0x1.25e227b0b8eap+0",
    "0x1.1bb4a4a1a343fp+0",
    "0x1.12358f08ae5bap+0",
    "0x1.0953f419900a7p+0",
    "0x1p+0",
    "0x1.e608cfd9a47acp-1",
    "0x1.ca4b31f026aap-1",
    "0x1.b2036576afce6p-1",
    "0x1.9c2d163a1aa2dp-1",
    "0x1.886e6037841edp-1",
    "0x1.767dcf5534862p-1",
)
_LOG = _doubles(
    "-0x1.57bf7808caadep-2",
    "-0x1.2bef0a7c06ddbp-2",
    "-0x1.01eae7f513a67p-2",
    "-0x1.b31d8a68224e9p-3",
    "-0x1.6574f0ac07758p-3",
    "-0x1.1aa2bc79c81p-3",
    "-0x1.a4e76ce8c0e5ep-4",
    "-0x1.1973c5a611cccp-4",
    "-0x1.252f438e10c1ep-5",
    "0x0p+0",
    "0x1.aa5aa5df25984p-5",
    "0x1.c5e53aa362eb4p-4",
    "0x1.526e57720db08p-3",
    "0x1.bc2860d22477p-3",
    "0x1.1058bc8a07ee1p-2",
    "0x1.4043057b6ee09p-2",
)
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_A2 = float.fromhex("-0x1.ffffef20a4123p-2")
_A3 = float.fromhex("0x1.5575b0be00b6ap-2")
_A4 = float.fromhex("-0x1.00ea348b88334p-2")


@inlined
def log_double(x: np.float32) -> np.float32:
    """Return the natural logarithm of float32 x: log x = k ln 2 + log c + log(1 + r) with x = 2**k * z and r = z/c - 1."""
    bits = np.float32(x).view(np.uint32)
    offset = np.uint32(bits - np.uint32(0x3F330000))
    entry = np.uint32(np.uint32(offset >> np.uint32(19)) & np.uint32(15))
    k = np.int32(np.int32(offset) >> np.int32(23))
    z = np.uint32(bits - np.uint32(offset & np.uint32(0xFF800000))).view(np.float32)
    r = np.float64(z) * _INVERSE[entry] - 1.0
    r2 = r * r
    y = (_A4 * r2 + (_A3 * r + _A2)) * r2 + ((_LOG[entry] + np.float64(k) * _LN2) + r)
    return np.float32(-np.inf) if bits == np.uint32(0) else np.float32(y)


_QUADRANTS = float.fromhex("0x1.45f306dc9c883p+23")  # 2/pi * 2**24
_HALF_PI = float.fromhex("0x1.921fb54442d18p+0")
_C1 = float.fromhex("-0x1.ffffffd0c621cp-2")
_C2 = float.fromhex("0x1.55553e1068f19p-5")
_C3 = float.fromhex("-0x1.6c087e89a359dp-10")
_C4 = float.fromhex("0x1.99343027bf8c3p-16")
_S1 = float.fromhex("-0x1.555545995a603p-3")
_S2 = float.fromhex("0x1.1107605230bc4p-7")
_S3 = float.fromhex("-0x1.994eb3774cf24p-13")


@inlined
def cos_double(x: np.float32) -> np.float32:
    """Return the cosine of float32 x in [0, 2 pi)."""
    n = np.int32(np.int32(np.int32(np.float64(x) * _QUADRANTS) + np.int32(0x800000)) >> np.int32(24))
    y = np.float64(x) - np.float64(n) * _HALF_PI
    y2 = y * y
    y3 = y * y2
    y4 = y2 * y2
    cosine = ((1.0 + y2 * _C1) + y4 * _C2) + (y4 * y2) * (_C3 + y2 * _C4)
    sine = (y + y3 * _S1) + (y3 * y2) * (_S2 + y2 * _S3)
    return _in_quadrant(n, np.float32(cosine), np.float32(sine))


@inlined
def _in_quadrant(n: np.int32, cosine: np.float32, sine: np.float32) -> np.float32:
    """Return the cosine of y + n pi/2 from the cosine and the sine of y."""
    magnitude = sine if np.int32(n & np.int32(1)) else cosine
    return -magnitude if np.int32(np.int32(n + np.int32(1)) & np.int32(2)) else magnitude


# ---- fdlibm ----


@inlined
def _multiply_add(a, b, c, fused):
    return fma32(a, b, c) if fused else np.float32(c + np.float32(a * b))


_ONE = np.float32(1)
_TWO = np.float32(2)
_HALF = np.float32(0.5)
_THIRD = _single("0x1.555556p-2")
_LN2_HIGH = _single("0x1.62e3p-1")
_LN2_LOW = _single("0x1.2fefa2p-17")
_L1 = _single("0x1.555556p-1")
_L2 = _single("0x1.99999ap-2")
_L3 = _single("0x1.24924ap-2")
_L4 = _single("0x1.c71c52p-3")
_L5 = _single("0x1.74664ap-3")
_L6 = _single("0x1.39a09ep-3")
_L7 = _single("0x1.2f112ep-3")


@inlined
def _log(x, fused):
    bits = np.float32(x).view(np.uint32)
    mantissa = np.uint32(bits & np.uint32(0x7FFFFF))
    upper = np.uint32(np.uint32(mantissa + np.uint32(0x4AFB20)) & np.uint32(0x800000))
    f = np.uint32(mantissa | np.uint32(upper ^ np.uint32(0x3F800000))).view(np.float32) - _ONE
    exponent = np.int32(np.uint32(bits >> np.uint32(23)) + np.uint32(upper >> np.uint32(23))) - np.int32(127)
    k = np.float32(np.int32(exponent))
    s = f / (_TWO + f)
    z = s * s
    w = z * z
    odd = z * _multiply_add(_multiply_add(_multiply_add(_L7, w, _L5, fused), w, _L3, fused), w, _L1, fused)
    even = _multiply_add(_multiply_add(_L6, w, _L4, fused), w, _L2, fused)
    remainder = _multiply_add(even, w, odd, fused)
    k_low = k * _LN2_LOW
    half_square = _HALF * f * f
    # near
    r_near = f * f * _multiply_add(-f, _THIRD, _HALF, fused)
    near = _multiply_add(-k, _LN2_LOW, r_near, fused)
    sum_ = half_square + remainder
    mid0 = _multiply_add(-s, sum_, half_square, fused)
    midk = half_square - _multiply_add(s, sum_, k_low, fused)
    diff = f - remainder
    far0 = _multiply_add(-s, diff, f, fused)
    fark = _multiply_add(s, diff, -k_low, fused)
    is_near = np.uint32(np.uint32(mantissa + np.uint32(15)) & np.uint32(0x7FFFF0)) == np.uint32(0)
    is_mid = np.uint32(mantissa - np.uint32(0x30A3D0)) <= np.uint32(0x35C288 - 0x30A3D0)
    corr = near if is_near else (midk if is_mid else fark)
    general = _multiply_add(k, _LN2_HIGH, -(corr - f), fused)
    zero = f - r_near if is_near else (f - mid0 if is_mid else far0)
    y = zero if k == np.float32(0) else general
    return np.float32(-np.inf) if bits == np.uint32(0) else y


@inlined
def log_fdlibm(x):
    return _log(x, False)


@inlined
def log_fdlibm_fused(x):
    return _log(x, True)


_PI2_1 = _single("0x1.921fp+0")
_PI2_1T = _single("0x1.6a8886p-17")
_PI2_2 = _single("0x1.6a88p-17")
_PI2_2T = _single("0x1.0b461p-34")
_PI2_3 = _single("0x1.0b46p-34")
_PI2_3T = _single("0x1.1a6264p-54")
_INV = _single("0x1.45f308p-1")
_K1 = _single("0x1.555556p-5")
_K2 = _single("-0x1.6c16c2p-10")
_K3 = _single("0x1.a01a02p-16")
_K4 = _single("-0x1.27e4f8p-22")
_K5 = _single("0x1.1ee9ecp-29")
_K6 = _single("-0x1.8fae9cp-37")
_M1 = _single("-0x1.555556p-3")
_M2 = _single("0x1.111112p-7")
_M3 = _single("-0x1.a01a02p-13")
_M4 = _single("0x1.71de36p-19")
_M5 = _single("-0x1.ae5e68p-26")
_M6 = _single("0x1.5d93a6p-33")


@inlined
def _cos(x, fused):
    bits = np.float32(x).view(np.uint32)
    n = np.int32(_multiply_add(x, _INV, _HALF, fused))
    n = np.int32(0) if bits <= np.uint32(0x3F490FD8) else (np.int32(1) if bits <= np.uint32(0x4016CBE3) else n)
    q = np.float32(n)
    r1 = _multiply_add(-q, _PI2_1, x, fused)
    w1 = q * _PI2_1T
    r2 = _multiply_add(-q, _PI2_2, r1, fused)
    w2 = _multiply_add(q, _PI2_2T, -_multiply_add(-q, _PI2_2, r1 - r2, fused), fused)
    r3 = _multiply_add(-q, _PI2_3, r2, fused)
    w3 = _multiply_add(q, _PI2_3T, -_multiply_add(-q, _PI2_3, r2 - r3, fused), fused)
    b8 = np.uint32(bits & np.uint32(0xFFFFFF00))
    near = (np.uint32(bits & np.uint32(0xFFFFFFF0)) == np.uint32(0x3FC90FD0)) | (b8 == np.uint32(0x40490F00)) | (b8 == np.uint32(0x4096CB00)) | (b8 == np.uint32(0x40C90F00))
    third = bits == np.uint32(0x4096CBE4)
    r = r3 if third else (r2 if near else r1)
    w = w3 if third else (w2 if near else w1)
    y = r - w
    tail = r - y - w
    z = y * y
    poly = _multiply_add(_multiply_add(_multiply_add(_multiply_add(_multiply_add(_K6, z, _K5, fused), z, _K4, fused), z, _K3, fused), z, _K2, fused), z, _K1, fused)
    poly = z * poly
    t = _multiply_add(z, poly, -(y * tail), fused)
    ybits = np.uint32(np.float32(y).view(np.uint32) & np.uint32(0x7FFFFFFF))
    quarter = np.uint32(ybits - np.uint32(0x01000000)).view(np.float32)
    quarter = np.float32(0.28125) if ybits > np.uint32(0x3F480000) else quarter
    quarter = np.float32(0) if ybits < np.uint32(0x3E99999A) else quarter
    cosine = (_ONE - quarter) - (_multiply_add(z, _HALF, -quarter, fused) - t)
    cosine0 = _ONE - _multiply_add(z, _HALF, -t, fused)
    cosine = cosine0 if ybits < np.uint32(0x3E99999A) else cosine
    v = z * y
    poly = _multiply_add(_multiply_add(_multiply_add(_multiply_add(_M6, z, _M5, fused), z, _M4, fused), z, _M3, fused), z, _M2, fused)
    h = _multiply_add(tail, _HALF, -(poly * v), fused)
    sine = y - _multiply_add(v, -_M1, _multiply_add(h, z, -tail, fused), fused)
    return _in_quadrant(n, cosine, sine)


@inlined
def cos_fdlibm(x):
    return _cos(x, False)


@inlined
def cos_fdlibm_fused(x):
    return _cos(x, True)


@kernel
def log_array(libm_class, x, out):
    if libm_class == DOUBLE:
        for i in range(x.size):
            out[i] = log_double(x[i])
    elif libm_class == FDLIBM:
        for i in range(x.size):
            out[i] = log_fdlibm(x[i])
    else:
        for i in range(x.size):
            out[i] = log_fdlibm_fused(x[i])


@kernel
def cos_array(libm_class, x, out):
    if libm_class == DOUBLE:
        for i in range(x.size):
            out[i] = cos_double(x[i])
    elif libm_class == FDLIBM:
        for i in range(x.size):
            out[i] = cos_fdlibm(x[i])
    else:
        for i in range(x.size):
            out[i] = cos_fdlibm_fused(x[i])
