"""Uniform float32 values from words."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32
from embinit._kernels.jit import Apart, at_a_time, either_way, independent, inlined
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill, state_size, xorshift32
from embinit.kinds import XORSHIFT32

Floats = NDArray[np.float32]

#: The bits of a shifted word that fit a float32 exactly.
LOW_24 = np.uint32(0xFFFFFF)
UNIT = np.float32(2.0**-24)

#: z^3261 + z^2663 + z^368 + 1 is a multiple of xorshift32's characteristic polynomial: a word is the XOR of the words
#: RING, RING - NEAR and RING - FAR places before it. So a ring of RING words, which stays in the first-level cache, can
#: advance in place.
RING, NEAR, FAR = 3261, 368, 2663


@inlined
def bits_24(word: np.uint32, shift: np.uint32) -> np.uint32:
    """Return (word >> shift) & 0xffffff, for a shift below 32."""
    return np.uint32(word >> np.uint32(shift & np.uint32(31))) & LOW_24  # the & 31 avoids vectors with 64-bit lanes


@inlined
def _value(word: np.uint32, shift: np.uint32, fused: bool, low: np.float32, width: np.float32) -> np.float32:
    """Return low + width * k * 2^-24, k = (word >> shift) & 0xffffff, rounded as fused says."""
    r = np.float32(np.int32(bits_24(word, shift))) * UNIT
    return fma32(r, width, low) if fused else np.float32(low + np.float32(r * width))


@inlined
def _values(words: Words, shift: np.uint32, fused: bool, low: np.float32, width: np.float32, out: Floats) -> None:
    """Fill out with one element per word."""
    for i in independent(out.size):
        out[i] = _value(words[i], shift, fused, low, width)


def uniform(kind: int, state: Words, shift: int, fused: bool, low: float, high: float, out: Floats) -> None:
    """Fill out with low + (high - low) * k * 2^-24, k = (word >> shift) & 0xffffff: one word per element.

    low, high and their difference are rounded to float32; the multiply-add rounds once if fused, else twice. If state
    holds several generators, each fills an equal part of out.
    """
    if kind == XORSHIFT32:
        from_ring(state, shift, fused, low, high, out)
    else:
        from_blocks(kind, state, shift, fused, low, high, out)


@either_way
def from_blocks(kind: Apart, state: Words, shift: int, fused: bool, low: float, high: float, out: Floats) -> None:
    """Fill out from any generator."""
    low32, width, shift32 = np.float32(low), np.float32(np.float32(high) - np.float32(low)), np.uint32(shift)
    size, words = state_size(kind), new_words()
    generators = state.size // size
    part = out.size // generators
    for i in range(generators):
        one, whole = state[i * size : (i + 1) * size], out[i * part : (i + 1) * part]
        for start in range(0, part, BLOCK):
            filled = whole[start : start + BLOCK]
            refill(kind, one, words, filled.size, start == 0)
            _values(words[HISTORY:], shift32, fused, low32, width, filled)


@either_way
def from_ring(state: Words, shift: int, fused: bool, low: float, high: float, out: Floats) -> None:
    """Fill out from xorshift32: first a ring of its words, which then advances in place."""
    part = out.size // state.size
    for i in range(state.size):
        _from_ring(state[i : i + 1], shift, fused, low, high, out[i * part : (i + 1) * part])


@inlined
def _from_ring(state: Words, shift: int, fused: bool, low: float, high: float, out: Floats) -> None:
    """Fill out from one generator. Words and values are made in one loop, which is three times as fast as two loops."""
    low32, width, shift32 = np.float32(low), np.float32(np.float32(high) - np.float32(low)), np.uint32(shift)
    words = np.empty(HISTORY + RING, np.uint32)  # allocated here, so that LLVM knows that it does not overlap out
    count = min(out.size, RING)
    xorshift32(state, words, count, False)
    ring = words[HISTORY:]
    for i in independent(count):
        out[i] = _value(ring[i], shift32, fused, low32, width)
    second, third = RING - FAR, RING - NEAR
    middle, last = ring[second:], ring[third:]
    for start in range(RING, out.size, RING):
        filled = out[start : start + RING]
        count = filled.size
        for i in independent(min(count, second)):
            ring[i] ^= ring[i + NEAR] ^ ring[i + FAR]
            filled[i] = _value(ring[i], shift32, fused, low32, width)
        filled = filled[second:]
        for i in independent(at_a_time(min(count, third) - second, second)):
            middle[i] ^= middle[i + NEAR] ^ ring[i]
            filled[i] = _value(middle[i], shift32, fused, low32, width)
        filled = filled[third - second :]
        for i in independent(count - third):
            last[i] ^= ring[i] ^ ring[i + FAR - NEAR]
            filled[i] = _value(last[i], shift32, fused, low32, width)
        state[0] = ring[count - 1]


@either_way
def bernoulli(kind: Apart, state: Words, shift: np.uint32, p: np.float32, out: NDArray[np.bool_]) -> None:
    """Fill out (bool) with k * 2^-24 < p, p float32: one word per element."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        for i in independent(count):
            filled[i] = np.float32(np.int32(bits_24(drawn[i], shift))) * UNIT < p
