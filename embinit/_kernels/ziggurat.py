"""numpy's standard_normal, from an array of words: the ziggurat of samplers.ziggurat_tables.

Both kernels fill out from the words, and return how many elements were filled and how many words these took: fewer than
there are elements if the words end within one. exp and log1p are those of the host's C library, as in NumPy; float32
results take log1pf.
"""

import math

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import kernel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

R, INVERSE_R = 3.6541528853610088, 0.27366123732975827203338247596


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
                taken = (height[strip - 1] - height[strip]) * u + height[strip] < math.exp(-0.5 * z * z)
            while not taken and not strip:
                if i + 1 >= words.size:
                    return j, begun
                x = -INVERSE_R * math.log1p(-(np.float64(words[i] >> np.uint64(11)) * 2.0**-53))
                y = -math.log1p(-(np.float64(words[i + 1] >> np.uint64(11)) * 2.0**-53))
                i += 2
                taken = y + y > x * x
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
                taken = bool(np.float64(np.float32(product + height[strip])) < math.exp(-0.5 * wide * wide))
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
