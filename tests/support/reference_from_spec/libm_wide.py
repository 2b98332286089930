"""5. sinf and cosf of every angle below 120."""

import math

import numpy as np

from support.reference_from_spec.libm import (
    C2,
    C4,
    C6,
    C8,
    HALF,
    K3,
    K5,
    K7,
    K9,
    K11,
    K13,
    S3,
    S5,
    S7,
    quarter_turns_fdlibm,
)
from support.reference_from_spec.notation import F, bits, fma, fma64, hexfloat, separate


def sine_double(x: np.float32, quarter: int) -> np.float32:
    n = (int(float(x) * float.fromhex("0x1.45f306dc9c883p+23")) + 0x800000) >> 24
    y = fma64(-n, float.fromhex("0x1.921fb54442d18p+0"), float(x))
    n += quarter
    y2 = y * y
    if n & 1:
        value = F(((1 + y2 * C2) + y2 * y2 * C4) + (y2 * y2 * y2) * (C6 + y2 * C8))
    else:
        y3 = y2 * y
        value = F((y + y3 * S3) + (y3 * y2) * (S5 + y2 * S7))
    return -value if n & 2 else value


def exponent(x: np.float32) -> int:
    return bits(x) >> 23 & 0xFF


def reduced(x: np.float32, ma) -> tuple[int, np.float32, np.float32]:
    """Return n, y and a tail of x above pi/4."""
    n = 1 if bits(x) < 0x4016CBE4 else int(ma(x, hexfloat("0x1.45f308p-1"), HALF))
    high, low = x - F(n) * hexfloat("0x1.921fp+0"), F(n) * hexfloat("0x1.6a8886p-17")
    parts = [("0x1.6a88p-17", "0x1.0b461p-34", 8), ("0x1.0b46p-34", "0x1.1a6264p-54", 25)]
    if bits(x) < 0x4016CBE4:
        if bits(x) & 0xFFFFFFF0 == 0x3FC90FD0:
            high, low = high - hexfloat("0x1.6a88p-17"), hexfloat("0x1.0b461p-34")
    elif n >= 32 or (bits(x) ^ bits(F(n * (math.pi / 2)))) & 0xFFFFFF00 == 0:
        for part, rest, lost in parts:
            if exponent(x) - exponent(high - low) > lost:
                before, taken = high, F(n) * hexfloat(part)
                high = before - taken
                low = ma(F(n), hexfloat(rest), -((before - high) - taken))
    y = high - low
    return n, y, (high - y) - low


def sine_fdlibm(x: np.float32, quarter: int, ma) -> np.float32:
    n, y, tail = 0, x, F(0)
    if bits(abs(x)) > 0x3F490FD8:
        n, y, tail = reduced(abs(x), ma)
        if x < 0:
            n, y, tail = -n, -y, -tail
    elif quarter == 0:
        z = x * x
        p = ma(ma(ma(ma(K13, z, K11), z, K9), z, K7), z, K5)
        return ma(z * x, ma(z, p, K3), x)
    return quarter_turns_fdlibm(n + quarter, y, tail, ma)


SINE = {
    "double": sine_double,
    "fdlibm": lambda x, quarter: sine_fdlibm(x, quarter, separate),
    "fdlibm-fused": lambda x, quarter: sine_fdlibm(x, quarter, fma),
}
