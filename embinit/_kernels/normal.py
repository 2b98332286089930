"""Normal float32 values from words, by Box-Muller with the libm of a device."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.arrays import copy
from embinit._kernels.fma import fma32
from embinit._kernels.jit import Apart, either_way, independent, inlined, least
from embinit._kernels.libm import (
    DOUBLE,
    FDLIBM,
    FDLIBM_FUSED,
    NO_CLASS,
    cos_array,
    cos_double,
    cos_fdlibm,
    cos_fdlibm_fused,
    log_array,
    log_double,
    log_fdlibm,
    log_fdlibm_fused,
)
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, next_word, refill
from embinit._kernels.uniform import UNIT, bits_24

#: How many elements a block has.
HALF = BLOCK // 2
_TWO_PI = np.float32(6.2831855)


@inlined
def _log(libm: Apart, x: np.float32) -> np.float32:
    if libm == DOUBLE:
        return log_double(x)
    if libm == FDLIBM:
        return log_fdlibm(x)
    if libm == FDLIBM_FUSED:
        return log_fdlibm_fused(x)
    raise ValueError(NO_CLASS)


@inlined
def _cos(libm: Apart, x: np.float32) -> np.float32:
    if libm == DOUBLE:
        return cos_double(x)
    if libm == FDLIBM:
        return cos_fdlibm(x)
    if libm == FDLIBM_FUSED:
        return cos_fdlibm_fused(x)
    raise ValueError(NO_CLASS)


@inlined
def _scaled(
    log: np.float32, cosine: np.float32, deviation_first: bool, fused: bool, mean: np.float32, stddev: np.float32
) -> np.float32:
    """Return mean + stddev * sqrt(-2 log) * cosine, rounded as the dialect multiplies and the target adds."""
    radius = np.sqrt(np.float32(np.float32(-2) * log))
    if deviation_first:
        a, b = np.float32(stddev * radius), cosine
    else:
        a, b = stddev, np.float32(radius * cosine)
    return fma32(a, b, mean) if fused else np.float32(mean + np.float32(a * b))


def box_muller_cosine(
    kind: int,
    state: Words,
    shift: int,
    libm: int,
    deviation_first: bool,
    fused: bool,
    mean: float,
    stddev: float,
    out: NDArray[np.float32],
) -> int:
    """Fill out (float32) with normal values; mean and stddev are rounded to float32. Return the words drawn.

    An element takes two words, u1 and u2, and one more for each u1 that is too small. Whole blocks are computed as if
    none were too small; a block in which one is gets drawn one value at a time, by a kernel that few ever need.
    """
    drawn = done = 0
    while True:
        filled = in_blocks(kind, state, shift, libm, deviation_first, fused, mean, stddev, out[done:])
        drawn, done = drawn + 2 * filled, done + filled
        if done == out.size:
            return drawn
        rest = out[done : done + HALF]
        drawn += one_by_one(kind, state, shift, libm, deviation_first, fused, mean, stddev, rest)
        done += rest.size


@either_way
def one_by_one(
    kind: Apart,
    state: Words,
    shift: int,
    libm: Apart,
    deviation_first: bool,
    fused: bool,
    mean: float,
    stddev: float,
    out: NDArray[np.float32],
) -> int:
    """Fill out one value at a time: a u1 of 0 or 2^-24 is drawn again, after its u2. Return the words drawn."""
    shift32, mean32, stddev32 = np.uint32(shift), np.float32(mean), np.float32(stddev)
    drawn = 0
    for i in range(out.size):
        k1 = bits_24(next_word(kind, state), shift32)
        k2 = bits_24(next_word(kind, state), shift32)
        drawn += 2
        while k1 <= np.uint32(1):
            k1 = bits_24(next_word(kind, state), shift32)
            drawn += 1
        log = _log(libm, np.float32(np.int32(k1)) * UNIT)
        cosine = _cos(libm, _TWO_PI * (np.float32(np.int32(k2)) * UNIT))
        out[i] = _scaled(log, cosine, deviation_first, fused, mean32, stddev32)
    return drawn


@either_way
def in_blocks(
    kind: Apart,
    state: Words,
    shift: int,
    libm: Apart,
    deviation_first: bool,
    fused: bool,
    mean: float,
    stddev: float,
    out: NDArray[np.float32],
) -> int:
    """Fill out, HALF elements at a time, up to the first block with a u1 that is too small; return how many elements
    that is, of which each took two words.
    """
    shift32, mean32, stddev32 = np.uint32(shift), np.float32(mean), np.float32(stddev)
    words = new_words()
    u1, angle = np.empty(HALF, np.float32), np.empty(HALF, np.float32)
    log, cosine = np.empty(HALF, np.float32), np.empty(HALF, np.float32)
    before = np.empty_like(state)
    for start in range(0, out.size, HALF):
        count = min(HALF, out.size - start)
        copy(state, before)
        refill(kind, state, words, 2 * count, start == 0)
        pairs = words[HISTORY : HISTORY + 2 * count]
        smallest = np.uint32(0xFFFFFFFF)
        for i in independent(count):
            k1 = bits_24(pairs[2 * i], shift32)
            k2 = bits_24(pairs[2 * i + 1], shift32)
            smallest = min(smallest, least(k1))
            u1[i] = np.float32(np.int32(k1)) * UNIT
            angle[i] = _TWO_PI * (np.float32(np.int32(k2)) * UNIT)
        if smallest <= np.uint32(1):
            copy(before, state)
            return start
        log_array(libm, u1[:count], log[:count])
        cos_array(libm, angle[:count], cosine[:count])
        filled = out[start : start + count]
        for i in independent(count):
            filled[i] = _scaled(log[i], cosine[i], deviation_first, fused, mean32, stddev32)
    return out.size
