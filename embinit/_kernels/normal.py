"""Normal float32 values from words, by Box-Muller with the libm of a device."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.arrays import copy
from embinit._kernels.fma import fma32
from embinit._kernels.jit import either_way, independent, inlined, least
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

_TWO_PI = np.float32(6.2831855)


@inlined
def _log(libm: int, x: np.float32) -> np.float32:
    if libm == DOUBLE:
        return log_double(x)
    if libm == FDLIBM:
        return log_fdlibm(x)
    if libm == FDLIBM_FUSED:
        return log_fdlibm_fused(x)
    raise ValueError(NO_CLASS)


@inlined
def _cos(libm: int, x: np.float32) -> np.float32:
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


@inlined
def _serial(
    kind: int,
    state: Words,
    shift: np.uint32,
    libm: int,
    deviation_first: bool,
    fused: bool,
    mean: np.float32,
    stddev: np.float32,
    out: NDArray[np.float32],
) -> int:
    """Fill out one value at a time: a u1 of 0 or 2^-24 is drawn again, after its u2. Return the words drawn."""
    drawn = 0
    for i in range(out.size):
        k1 = bits_24(next_word(kind, state), shift)
        k2 = bits_24(next_word(kind, state), shift)
        drawn += 2
        while k1 <= np.uint32(1):
            k1 = bits_24(next_word(kind, state), shift)
            drawn += 1
        log = _log(libm, np.float32(np.int32(k1)) * UNIT)
        cosine = _cos(libm, _TWO_PI * (np.float32(np.int32(k2)) * UNIT))
        out[i] = _scaled(log, cosine, deviation_first, fused, mean, stddev)
    return drawn


@either_way
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
    none were too small; a block in which one is gets drawn again from its start, one value at a time.
    """
    half = BLOCK // 2
    shift32, mean32, stddev32 = np.uint32(shift), np.float32(mean), np.float32(stddev)
    words = new_words()
    u1, angle = np.empty(half, np.float32), np.empty(half, np.float32)
    log, cosine = np.empty(half, np.float32), np.empty(half, np.float32)
    before = np.empty_like(state)
    drawn = 0
    fresh = True
    for start in range(0, out.size, half):
        count = min(half, out.size - start)
        copy(state, before)
        refill(kind, state, words, 2 * count, fresh)
        pairs = words[HISTORY : HISTORY + 2 * count]
        smallest = np.uint32(0xFFFFFFFF)
        for i in independent(count):
            k1 = bits_24(pairs[2 * i], shift32)
            k2 = bits_24(pairs[2 * i + 1], shift32)
            smallest = min(smallest, least(k1))
            u1[i] = np.float32(np.int32(k1)) * UNIT
            angle[i] = _TWO_PI * (np.float32(np.int32(k2)) * UNIT)
        filled = out[start : start + count]
        fresh = bool(smallest <= np.uint32(1))
        if fresh:
            copy(before, state)
            drawn += _serial(kind, state, shift32, libm, deviation_first, fused, mean32, stddev32, filled)
        else:
            log_array(libm, u1[:count], log[:count])
            cos_array(libm, angle[:count], cosine[:count])
            for i in independent(count):
                filled[i] = _scaled(log[i], cosine[i], deviation_first, fused, mean32, stddev32)
            drawn += 2 * count
    return drawn
