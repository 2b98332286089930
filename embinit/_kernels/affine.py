"""Congruential generators, computed RUN words at a time that do not depend on each other.

i steps lead from a state s to s + A_i (next(s) - s), where A_i is the sum of the first i powers of the multiplier;
without an increment they lead to s * multiplier^i. The tables of A_i and of powers come from the caller.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import Apart, either_way, independent

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

RUN = 512
#: The modulus of minstd, 2^31 - 1.
PRIME = np.uint64(0x7FFFFFFF)


@either_way
def lcg32(state: U32, multiplier: int, increment: int, steps: U32, shift: int, mask: int, out: U32) -> None:
    """Fill out with (s >> shift) & mask of the states s that follow, modulo 2^32; steps holds A_0 to A_RUN."""
    s, a, c = state[0], np.uint32(multiplier), np.uint32(increment)
    shift32, mask32 = np.uint32(np.uint32(shift) & np.uint32(31)), np.uint32(mask)
    for start in range(0, out.size, RUN):
        run = out[start : start + RUN]
        step = np.uint32(np.uint32(np.uint32(s * a) + c) - s)
        for i in independent(run.size):
            x = np.uint32(s + np.uint32(steps[i + 1] * step))
            run[i] = np.uint32(x >> shift32) & mask32
        s = np.uint32(s + np.uint32(steps[run.size] * step))
    state[0] = s


@either_way
def lcg64(
    wide: Apart, state: U64, multiplier: int, increment: int, steps: U64, shift: int, mask: int, out: U32 | U64
) -> None:
    """Fill out with (s >> shift) & mask of the states s that follow, modulo 2^64; words have 64 bits if wide, else
    32.
    """
    s, a, c = state[0], np.uint64(multiplier), np.uint64(increment)
    shift64, mask64 = np.uint64(shift) & np.uint64(63), np.uint64(mask) if wide else np.uint64(np.uint32(mask))
    for start in range(0, out.size, RUN):
        run = out[start : start + RUN]
        step = s * a + c - s
        for i in independent(run.size):
            run[i] = (s + steps[i + 1] * step) >> shift64 & mask64
        s += steps[run.size] * step
    state[0] = s


@either_way
def minstd(state: U32, powers: U32, mask: int, out: U32) -> None:
    """Fill out with s & mask of the states s that follow, modulo 2^31 - 1; powers holds the powers from 0 to RUN.

    A state is from 1 to 2^31 - 2. As 2^31 is 1 modulo 2^31 - 1, folding a product of 62 bits twice reduces it.
    """
    s, mask32 = np.uint64(state[0]), np.uint32(mask)
    for start in range(0, out.size, RUN):
        run = out[start : start + RUN]
        for i in independent(run.size):
            product = s * np.uint64(powers[i + 1])
            folded = (product & PRIME) + (product >> np.uint64(31))
            run[i] = np.uint32((folded & PRIME) + (folded >> np.uint64(31))) & mask32
        product = s * np.uint64(powers[run.size])
        folded = (product & PRIME) + (product >> np.uint64(31))
        s = (folded & PRIME) + (folded >> np.uint64(31))
    state[0] = np.uint32(s)
