"""3 and 5. Builds, and their classes of logf, cosf and sinf."""

import math
from collections.abc import Callable

import numpy as np

from support.reference_from_spec.notation import F, bits, fma, from_bits, hexfloat, separate

TARGETS = {
    "host": (separate, "double"),
    "x86-64-v3": (fma, "double"),
    "cortex-m0": (separate, "fdlibm"),
    "cortex-m0plus": (separate, "fdlibm"),
    "cortex-m3": (separate, "fdlibm"),
    "cortex-m4f": (fma, "fdlibm-fused"),
    "cortex-m33": (fma, "fdlibm-fused"),
    "cortex-m7": (fma, "double"),
}

LN2, A2, A3, A4 = map(
    float.fromhex, ("0x1.62e42fefa39efp-1", "-0x1.ffffef20a4123p-2", "0x1.5575b0be00b6ap-2", "-0x1.00ea348b88334p-2")
)
INVERSE = [
    float.fromhex(text)
    for text in """
    0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0 0x1.30d190c8864a5p+0
    0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0 0x1.0953f419900a7p+0 0x1p+0
    0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1 0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1
    0x1.767dcf5534862p-1""".split()
]
LOGARITHM = [
    float.fromhex(text)
    for text in """
    -0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3 -0x1.6574f0ac07758p-3
    -0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4 -0x1.252f438e10c1ep-5 0x0p+0
    0x1.aa5aa5df25984p-5 0x1.c5e53aa362eb4p-4 0x1.526e57720db08p-3 0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2
    0x1.4043057b6ee09p-2""".split()
]
C2, C4, C6, C8 = map(
    float.fromhex, ("-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16")
)
S3, S5, S7 = map(float.fromhex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13"))


def logf_double(x: np.float32) -> np.float32:
    if x == 0:
        return F(-math.inf)
    t = (bits(x) + (0x3F800000 - 0x3F330000)) % 2**32
    k = (t >> 23) - 127
    i = (t >> 19) & 15
    z = float(from_bits(bits(x) - (k << 23)))
    r = z * INVERSE[i] - 1
    r2 = r * r
    return F((A4 * r2 + (A3 * r + A2)) * r2 + ((k * LN2 + LOGARITHM[i]) + r))


def cosf_double(x: np.float32, turn: int = 0) -> np.float32:
    x = float(x)
    n = (int(x * float.fromhex("0x1.45f306dc9c883p+23")) + 0x800000) >> 24
    y = x - n * float.fromhex("0x1.921fb54442d18p+0")
    n += turn
    y2 = y * y
    y3 = y2 * y
    y4 = y2 * y2
    even = ((1 + y2 * C2) + y4 * C4) + (y4 * y2) * (C6 + y2 * C8)
    odd = (y + y3 * S3) + (y3 * y2) * (S5 + y2 * S7)
    c = F(odd if n % 2 else even)
    return -c if (n + 1) & 2 else c


def sinf_double(x: np.float32) -> np.float32:
    return cosf_double(x, 3)


THIRD, HIGH, LOW = map(hexfloat, ("0x1.555556p-2", "0x1.62e3p-1", "0x1.2fefa2p-17"))
L1, L2, L3, L4, L5, L6, L7 = map(
    hexfloat,
    "0x1.555556p-1 0x1.99999ap-2 0x1.24924ap-2 0x1.c71c52p-3 0x1.74664ap-3 0x1.39a09ep-3 0x1.2f112ep-3".split(),
)
K4, K6, K8, K10, K12, K14 = map(
    hexfloat,
    "0x1.555556p-5 -0x1.6c16c2p-10 0x1.a01a02p-16 -0x1.27e4f8p-22 0x1.1ee9ecp-29 -0x1.8fae9cp-37".split(),
)
K3, K5, K7, K9, K11, K13 = map(
    hexfloat,
    "-0x1.555556p-3 0x1.111112p-7 -0x1.a01a02p-13 0x1.71de36p-19 -0x1.ae5e68p-26 0x1.5d93a6p-33".split(),
)
HALF, ONE, TWO = F(0.5), F(1), F(2)


def logf_fdlibm(x: np.float32, ma: Callable) -> np.float32:
    if x == 0:
        return F(-math.inf)
    m = bits(x) & 0x7FFFFF
    above = (m + 0x4AFB20) & 0x800000
    k = F(((bits(x) + above) >> 23) - 127)
    f = from_bits(m | (above ^ 0x3F800000)) - ONE
    if (m + 15) & 0x7FFFF0 == 0:
        series = (f * f) * ma(-THIRD, f, HALF)
        return k * HIGH - (ma(-k, LOW, series) - f)
    h = (f * HALF) * f
    s = f / (TWO + f)
    z = s * s
    w = z * z
    odd = ma(ma(ma(L7, w, L5), w, L3), w, L1)
    even = ma(ma(L6, w, L4), w, L2)
    r = ma(even, w, z * odd)
    extreme = 0x30A3D0 <= m <= 0x35C288
    if k == 0:
        return f - ma(-s, h + r, h) if extreme else ma(-s, f - r, f)
    kl = k * LOW
    d = h - ma(s, h + r, kl) if extreme else ma(s, f - r, -kl)
    return k * HIGH - (d - f)


def quarter_turns_fdlibm(n: int, y: np.float32, tail: np.float32, ma: Callable) -> np.float32:
    """Return the sine of n quarter turns and y + tail."""
    z = y * y
    if n & 1:
        p = ma(ma(ma(K14, z, K12), z, K10), z, K8)
        p = z * ma(ma(p, z, K6), z, K4)
        magnitude = bits(abs(y))
        if magnitude > 0x3F480000:
            q = F(0.28125)
        elif magnitude >= 0x3E99999A:
            q = from_bits(magnitude - 0x1000000)
        else:
            q = F(0)
        value = (ONE - q) - ((HALF * z - q) - ma(z, p, -(y * tail)))
    else:
        y3 = z * y
        p = ma(ma(ma(K13, z, K11), z, K9), z, K7)
        p = y3 * ma(p, z, K5)
        value = y - ma(-K3, y3, ma(z, HALF * tail - p, -tail))
    return -value if n & 2 else value


def cosf_fdlibm(x: np.float32, ma: Callable) -> np.float32:
    n = int(x * hexfloat("0x1.45f308p-1") + HALF)
    near = bits(x) & 0xFFFFFFF0 == 0x3FC90FD0 or bits(x) & 0xFFFFFF00 == 0x4096CB00
    high = x - F(n) * hexfloat("0x1.921fp+0")
    if near:
        high = high - F(n) * hexfloat("0x1.6a88p-17")
        low = F(n) * hexfloat("0x1.0b461p-34")
    else:
        low = F(n) * hexfloat("0x1.6a8886p-17")
    y = high - low
    tail = (high - y) - low
    return quarter_turns_fdlibm(n + 1, y, tail, ma)


LIBM = {
    "double": (logf_double, cosf_double),
    "fdlibm": (lambda x: logf_fdlibm(x, separate), lambda x: cosf_fdlibm(x, separate)),
    "fdlibm-fused": (lambda x: logf_fdlibm(x, fma), lambda x: cosf_fdlibm(x, fma)),
}
