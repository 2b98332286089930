"""numpy's standard_normal, from an array of words: the ziggurat of samplers.ziggurat_tables.

Both kernels fill out from the words, and return how many elements were filled and how many words these took. If the
words end within an element, that element and those after it are not filled.

NumPy compares with exp(t) where these compare logarithms with t, and takes log1p(-u) where these take log(1 - u): the
same number, for u is a multiple of 2^-53. So log alone is needed, and it is the same on every host and in C. In single
precision the tail takes the log1pf of the host's C library, as NumPy does.
"""

import math

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import inlined, kernel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Where the tail begins, and 1 / R, which scales the exponential values of the tail.
R, INVERSE_R = 3.6541528853610088, 0.27366123732975827203338247596

_LN2_HIGH, _LN2_LOW = np.float64(6.93147180369123816490e-01), np.float64(1.90821492927058770002e-10)
_L1, _L2 = np.float64(6.666666666666735130e-01), np.float64(3.999999999940941908e-01)
_L3, _L4 = np.float64(2.857142874366239149e-01), np.float64(2.222219843214978396e-01)
_L5, _L6 = np.float64(1.818357216161805012e-01), np.float64(1.531383769920937332e-01)
_L7 = np.float64(1.479819860511658591e-01)


@inlined
def _log(x: np.float64) -> np.float64:
    """Return log x, x normal and positive, as fdlibm does: k ln 2 + log(1 + f), where x = 2^k (1 + f)."""
    bits = np.int64(np.float64(x).view(np.uint64))
    mantissa = (bits >> np.int64(32)) & np.int64(0xFFFFF)
    above = (mantissa + np.int64(0x95F64)) & np.int64(0x100000)
    k = np.float64((bits >> np.int64(52)) - np.int64(1023) + (above >> np.int64(20)))
    top = np.uint64(mantissa | (above ^ np.int64(0x3FF00000))) << np.uint64(32)
    f = np.uint64(top | np.uint64(bits & np.int64(0xFFFFFFFF))).view(np.float64) - 1.0
    high, low = k * _LN2_HIGH, k * _LN2_LOW
    if np.int64(0xFFFFF) & (np.int64(2) + mantissa) < np.int64(3):
        near = f * f * (0.5 - 0.33333333333333333 * f)
        return high - ((near - low) - f)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    rest = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))
    half = 0.5 * f * f
    if ((mantissa - np.int64(0x6147A)) | (np.int64(0x6B851) - mantissa)) > np.int64(0):
        return high - ((half - (s * (half + rest) + low)) - f)
    return high - ((s * (f - rest) - low) - f)


@kernel
def doubles(
    words: NDArray[np.uint64],
    limit: NDArray[np.uint64],
    width: Doubles,
    height: Doubles,
    mean: float,
    stddev: float,
    out: Floats,
) -> tuple[int, int]:
    """Fill out (float32) with mean + stddev * z, in double until it is stored; words have 64 bits."""
    i = 0
    for j in range(out.size):
        begun, z, taken = i, 0.0, False
        while not taken:
            if i >= words.size:
                return j, begun
            word = words[i]
            i += 1
            strip = np.int64(word & np.uint64(0xFF))
            integer = word >> np.uint64(9) & np.uint64(0xFFFFFFFFFFFFF)
            z = np.float64(np.int64(integer)) * width[strip]
            if word & np.uint64(0x100):
                z = -z
            taken = integer < limit[strip]
            if not taken and strip:
                if i >= words.size:
                    return j, begun
                u = np.float64(words[i] >> np.uint64(11)) * 2.0**-53
                i += 1
                taken = bool(_log((height[strip - 1] - height[strip]) * u + height[strip]) < -0.5 * z * z)
            while not taken and not strip:
                if i + 1 >= words.size:
                    return j, begun
                x = -INVERSE_R * _log(1.0 - np.float64(words[i] >> np.uint64(11)) * 2.0**-53)
                y = -_log(1.0 - np.float64(words[i + 1] >> np.uint64(11)) * 2.0**-53)
                i += 2
                taken = bool(y + y > x * x)
                z = -(R + x) if integer >> np.uint64(8) & np.uint64(1) else R + x
        out[j] = np.float32(mean + stddev * z)
    return out.size, i


@kernel
def singles(
    halves: NDArray[np.uint32], limit: NDArray[np.uint64], width: Floats, height: Floats, out: Floats
) -> tuple[int, int]:
    """Fill out (float32) with standard normal values in single precision; words have 32 bits."""
    unit, r, inverse_r = np.float32(2.0**-24), np.float32(R), np.float32(INVERSE_R)
    i = 0
    for j in range(out.size):
        begun, z, taken = i, np.float32(0), False
        while not taken:
            if i >= halves.size:
                return j, begun
            word = halves[i]
            i += 1
            strip = np.int64(word & np.uint32(0xFF))
            integer = np.uint32(word >> np.uint32(9))
            z = np.float32(np.float32(np.int32(integer)) * width[strip])
            if word & np.uint32(0x100):
                z = -z
            taken = np.uint64(integer) < limit[strip]
            if not taken and strip:
                if i >= halves.size:
                    return j, begun
                u = np.float32(np.float32(np.int32(halves[i] >> np.uint32(8))) * unit)
                i += 1
                product = np.float32(np.float32(height[strip - 1] - height[strip]) * u)
                wide = np.float64(z)
                taken = bool(_log(np.float64(np.float32(product + height[strip]))) < -0.5 * wide * wide)
            while not taken and not strip:
                if i + 1 >= halves.size:
                    return j, begun
                u = np.float32(np.float32(np.int32(halves[i] >> np.uint32(8))) * unit)
                v = np.float32(np.float32(np.int32(halves[i + 1] >> np.uint32(8))) * unit)
                i += 2
                x = np.float32(-inverse_r * np.float32(math.log1p(-u)))
                y = np.float32(-np.float32(math.log1p(-v)))
                taken = bool(np.float32(y + y) > np.float32(x * x))
                z = np.float32(r + x)
                z = -z if np.uint32(integer >> np.uint32(8)) & np.uint32(1) else z
        out[j] = z
    return out.size, i
