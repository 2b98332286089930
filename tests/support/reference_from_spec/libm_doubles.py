"""5. log, sin and cos of doubles."""

import csv
import math
import struct
from pathlib import Path

from support.reference_from_spec.notation import fma64

with (Path(__file__).parents[3] / "SPEC_log.csv").open(newline="") as file:
    TABLE = [(float.fromhex(row["inverse"]), float.fromhex(row["logarithm"])) for row in csv.DictReader(file)]


def bits64(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def double(u: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", u % 2**64))[0]


def high(x: float) -> int:
    return bits64(x) >> 32


L1, L2, L3, L4, L5, L6, L7 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
HIGH, LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def log_fdlibm(x: float) -> float:
    """Return log x, x positive."""
    subnormal = x < 2.0**-1022
    if subnormal:
        x *= 2.0**54
    m = high(x) & 0xFFFFF
    above = (m + 0x95F64) & 0x100000
    k = (high(x) >> 20) - 1023 + (above >> 20) - 54 * subnormal
    f = double((m | above ^ 0x3FF00000) << 32 | bits64(x) & 0xFFFFFFFF) - 1
    if (m + 2) & 0xFFFFF < 3:
        if f == 0:
            return k * HIGH + k * LOW
        return k * HIGH - (((f * f) * (0.5 - 0.33333333333333333 * f) - k * LOW) - f)
    s = f / (2 + f)
    z = s * s
    w = z * z
    r = z * (L1 + w * (L3 + w * (L5 + w * L7))) + w * (L2 + w * (L4 + w * L6))
    if 0x6147A <= m <= 0x6B851:
        h = (0.5 * f) * f
        return k * HIGH - ((h - (s * (h + r) + k * LOW)) - f)
    return k * HIGH - ((s * (f - r) - k * LOW) - f)


A = [
    float.fromhex(text)
    for text in """
    -0x1.0000000000001p-1 0x1.555555551305bp-2 -0x1.fffffffeb459p-3 0x1.999b324f10111p-3 -0x1.55575e506c89fp-3
    """.split()
]
B = [
    float.fromhex(text)
    for text in """
    -0x1p-1 0x1.5555555555577p-2 -0x1.ffffffffffdcbp-3 0x1.999999995dd0cp-3 -0x1.55555556745a7p-3 0x1.24924a344de3p-3
    -0x1.fffffa4423d65p-4 0x1.c7184282ad6cap-4 -0x1.999eb43b068ffp-4 0x1.78182f7afd085p-4 -0x1.5521375d145cdp-4
    """.split()
]
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45")


def log_double(x: float) -> float:
    """Return log x, x positive."""
    if x == 1:
        return 0.0
    if 1 - 2.0**-4 <= x < 1 + 265 * 2.0**-12:
        r = x - 1
        r2 = r * r
        r3 = r * r2
        p = fma64(r3, B[10], fma64(r2, B[9], fma64(r, B[8], B[7])))
        p = fma64(r3, p, fma64(r2, B[6], fma64(r, B[5], B[4])))
        p = fma64(r3, p, fma64(r2, B[3], fma64(r, B[2], B[1])))
        h = (r + r * 2.0**27) - r * 2.0**27
        w = h * h * B[0]
        t = r + w
        return fma64(r3, p, fma64(B[0] * (r - h), h + r, (r - t) + w)) + t
    u = bits64(x * 2.0**52) - (52 << 52) if x < 2.0**-1022 else bits64(x)
    shifted = u - 0x3FE6000000000000
    i, k = shifted >> 45 & 127, shifted >> 52
    inverse, logarithm = TABLE[i]
    r = fma64(double(u - (k << 52)), inverse, -1.0)
    w = fma64(k, LN2_HIGH, logarithm)
    h = w + r
    low = fma64(k, LN2_LOW, (w - h) + r)
    r2 = r * r
    p = fma64(r2, fma64(r, A[4], A[3]), fma64(r, A[2], A[1]))
    return fma64(r * r2, p, fma64(r2, A[0], low)) + h


S = [
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
]
C = [
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
]
PARTS = [
    (1.57079632673412561417e00, 6.07710050650619224932e-11),
    (6.07710050630396597660e-11, 2.02226624879595063154e-21),
    (2.02226624871116645580e-21, 8.47842766036889956997e-32),
]


def exponent(x: float) -> int:
    return high(x) >> 20 & 0x7FF


def reduced(x: float) -> tuple[int, float, float]:
    """Return n, y and a tail of x above pi/4."""
    n = math.floor(x * 6.36619772367581382433e-01 + 0.5)
    part, rest = PARTS[0]
    a, b = x - n * part, n * rest
    for (part, rest), lost in zip(PARTS[1:], (16, 49), strict=True):
        if exponent(x) - exponent(a - b) > lost:
            before = a
            a = before - n * part
            b = n * rest - ((before - a) - n * part)
    return n, a - b, (a - (a - b)) - b


def sine(x: float, quarter: int = 0) -> float:
    """Return sin x, or cos x with a quarter of 1, |x| below 120."""
    if x == 0:
        return 1.0 if quarter else x
    is_reduced = abs(x) > math.pi / 4
    n, y, tail = reduced(abs(x)) if is_reduced else (0, abs(x), 0.0)
    if x < 0:
        n, y, tail = -n, -y, -tail
    n += quarter
    z = y * y
    if n & 1:
        r = z * (C[0] + z * (C[1] + z * (C[2] + z * (C[3] + z * (C[4] + z * C[5])))))
        q = 0.28125
        if high(abs(y)) < 0x3FD33333:
            q = 0.0
        elif high(abs(y)) <= 0x3FE90000:
            q = double(high(abs(y)) - 0x200000 << 32)
        value = (1 - q) - ((0.5 * z - q) - (z * r - y * tail))
    else:
        v = z * y
        p = S[1] + z * (S[2] + z * (S[3] + z * (S[4] + z * S[5])))
        value = y - ((z * (0.5 * tail - v * p) - tail) - v * S[0]) if is_reduced else y + v * (S[0] + z * p)
    return -value if n & 2 else value
