"""TensorFlow's random values on the CPU: tf.random.stateless_uniform, stateless_normal and stateless_truncated_normal.

A unit value has the low 23 bits of a word. Two make two normal values by Box-Muller, the sine's first, with glibc's
logf, sinf and cosf. Nothing is fused.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels import libm
from embinit._kernels.counters import philox
from embinit._kernels.jit import Apart, either_way, independent, inlined, inlined_always, kernel
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill

Floats = NDArray[np.float32]

ONE, LEAST, MINUS_TWO, BOUND = np.float32(1), np.float32(1e-7), np.float32(-2), np.float32(2)
TWO_PI = 6.283185307179586
#: How many blocks of the counter each group of GROUP truncated values may take.
RESERVED, GROUP = 256, 4


@inlined
def unit(word: np.uint32) -> np.float32:
    """Return the low 23 bits of a word, times 2^-23."""
    bits = np.uint32(np.uint32(word & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000))
    return np.float32(np.uint32(bits).view(np.float32) - ONE)


@inlined_always
def pair(first: np.uint32, second: np.uint32) -> tuple[np.float32, np.float32]:
    """Return two standard normal values."""
    u = unit(first)
    radius = np.float32(np.sqrt(MINUS_TWO * libm.log_double(LEAST if u < LEAST else u)))
    angle = np.float32(np.float64(unit(second)) * TWO_PI)
    return np.float32(libm.sin_double(angle) * radius), np.float32(libm.cos_double(angle) * radius)


@inlined
def scaled(z: np.float32, stddev: np.float32, mean: np.float32) -> np.float32:
    """Return z * stddev + mean, rounded twice."""
    return np.float32(np.float32(z * stddev) + mean)


@either_way
def uniform(kind: Apart, state: Words, low: np.float32, width: np.float32, out: Floats) -> None:
    """Fill out (float32) with unit values times width plus low: one word per element."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        for i in independent(count):
            filled[i] = scaled(unit(drawn[i]), width, low)


@either_way
def normal(kind: Apart, state: Words, mean: np.float32, stddev: np.float32, out: Floats) -> None:
    """Fill out (float32) with normal values: two words for two elements, or for a last one alone."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count + count % 2, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count + count % 2], out[start : start + count]
        for i in independent(count // 2):
            sine, cosine = pair(drawn[2 * i], drawn[2 * i + 1])
            filled[2 * i], filled[2 * i + 1] = scaled(sine, stddev, mean), scaled(cosine, stddev, mean)
        if count % 2:
            sine, _ = pair(drawn[count - 1], drawn[count])
            filled[count - 1] = scaled(sine, stddev, mean)


@kernel
def truncated_normal(
    key: np.uint64, low: np.uint64, high: np.uint64, mean: np.float32, stddev: np.float32, out: Floats
) -> None:
    """Fill out (float32) with mean + stddev * z, where z is a standard normal value between -2 and 2.

    Group i of GROUP elements reads the blocks from counter high * 2^64 + low + RESERVED * i on, and skips each z that
    lies outside.
    """
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    z = np.empty(4, np.float32)
    for start in range(0, out.size, GROUP):
        wanted, found, i = min(GROUP, out.size - start), 0, np.uint64(RESERVED // GROUP * start)
        while found < wanted:
            bottom = low + i
            top = high + np.uint64(bottom < low)
            a, b = np.uint32(bottom), np.uint32(bottom >> np.uint64(32))
            c, d = np.uint32(top), np.uint32(top >> np.uint64(32))
            a, b, c, d = philox(k0, k1, a, b, c, d)
            z[0], z[1] = pair(a, b)
            z[2], z[3] = pair(c, d)
            for value in z:
                if np.abs(value) < BOUND and found < wanted:
                    out[start + found] = scaled(value, stddev, mean)
                    found += 1
            i += np.uint64(1)
