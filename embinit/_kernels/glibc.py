"""glibc's additive generator, modulo 2^32, in whole vectors.

A word is r[n] = r[n - 3] + r[n - 31]: the recurrence of P(x) = x^31 - x^28 - 1. P(x) P(-x) = -Q(x^2) doubles all
distances, and once more gives x^124 = x^112 + 4 x^84 + 6 x^56 + 4 x^28 + 1: five words, none nearer than 12.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import at_a_time, either_way, independent

Words = NDArray[np.uint32]

DEGREE, HISTORY = 31, 124
BLOCK = 8192


@either_way
def glibc(state: Words, out: Words) -> None:
    """Fill out with r >> 1 of the words r that follow; state holds the last 31 of them, the oldest first."""
    r = np.empty(HISTORY + BLOCK, np.uint32)
    for i in range(DEGREE):
        r[HISTORY - DEGREE + i] = state[i]
    for i in range(HISTORY - DEGREE - 1, -1, -1):
        r[i] = np.uint32(r[i + 31] - r[i + 28])
    count = 0
    for start in range(0, out.size, BLOCK):
        if start:
            for i in independent(HISTORY):
                r[i] = r[BLOCK + i]
        count = min(BLOCK, out.size - start)
        for i in independent(at_a_time(count, HISTORY - 112)):
            four = np.uint32(np.uint32(r[i + 84] + r[i + 28]) << np.uint32(2))
            six = np.uint32(r[i + 56] * np.uint32(6))
            r[i + HISTORY] = np.uint32(np.uint32(np.uint32(r[i + 112] + four) + six) + r[i])
        drawn, filled = r[HISTORY : HISTORY + count], out[start : start + count]
        for i in independent(count):
            filled[i] = np.uint32(drawn[i] >> np.uint32(1))
    for i in range(DEGREE):
        state[i] = r[HISTORY - DEGREE + count + i]
