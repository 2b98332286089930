"""Words of the bit generators, in blocks: every distribution kernel reads the stream through `refill`."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import inlined, kernel

Words = NDArray[np.uint32]

XORSHIFT32 = 0
PCG32 = 1
PCG32_MULTIPLIER = np.uint64(6364136223846793005)

#: Words that one refill gives at most; the block and what is made of it stay in the first-level cache.
BLOCK = 8192
#: Words before a block that hold the end of the block before it, from which xorshift32 goes on in whole vectors.
HISTORY = 512


@inlined
def xorshift32_step(x: np.uint32) -> np.uint32:
    """Return the state after x, which is also the word drawn."""
    x ^= np.uint32(x << np.uint32(13))
    x ^= np.uint32(x >> np.uint32(17))
    return np.uint32(x ^ np.uint32(x << np.uint32(5)))


@inlined
def xorshift32(state: Words, words: Words, count: int, primed: bool) -> None:
    """Write count words behind the history; primed says that the history holds the last HISTORY words drawn.

    The first words come one by one. The rest obey the recurrence of the characteristic polynomial raised to the 16th
    power, P(z)^16 = P(z^16) over GF(2): ten earlier words, none nearer than 176, make the next, so whole vectors do.
    """
    serial = 0 if primed else min(count, HISTORY)
    x = state[0]
    for i in range(HISTORY, HISTORY + serial):
        x = xorshift32_step(x)
        words[i] = x
    w = words[serial:]  # indices from 0 up spare Numba's test for negative ones, which would keep the loop scalar
    for i in range(count - serial):
        w[i + 512] = (
            w[i] ^ w[i + 96] ^ w[i + 144] ^ w[i + 224] ^ w[i + 240]
            ^ w[i + 272] ^ w[i + 288] ^ w[i + 304] ^ w[i + 320] ^ w[i + 336]
        )  # fmt: skip
    if count:
        state[0] = words[HISTORY + count - 1]


@inlined
def pcg32_output(s: np.uint64) -> np.uint32:
    """Return the word of a 64-bit state: its high bits xor-shifted, then rotated by its highest five."""
    shifted = np.uint32((s >> np.uint64(18) ^ s) >> np.uint64(27))
    rotation = np.uint32(s >> np.uint64(59))
    left = np.uint32(np.uint32(32) - rotation) & np.uint32(31)
    return np.uint32(np.uint32(shifted >> rotation) | np.uint32(shifted << left))


@inlined
def pcg32_load(state: Words) -> tuple[np.uint64, np.uint64]:
    """Return the 64-bit state and increment from their uint32 halves."""
    s = np.uint64(state[0]) | np.uint64(state[1]) << np.uint64(32)
    return s, np.uint64(state[2]) | np.uint64(state[3]) << np.uint64(32)


@inlined
def pcg32_store(state: Words, s: np.uint64) -> None:
    """Keep the 64-bit state as uint32 halves."""
    state[0] = np.uint32(s)
    state[1] = np.uint32(s >> np.uint64(32))


@inlined
def pcg32(state: Words, words: Words, count: int) -> None:
    """Write count words behind the history."""
    s, increment = pcg32_load(state)
    for i in range(HISTORY, HISTORY + count):
        words[i] = pcg32_output(s)
        s = s * PCG32_MULTIPLIER + increment
    pcg32_store(state, s)


@inlined
def next_word(kind: int, state: Words) -> np.uint32:
    """Draw one word: for algorithms that cannot know how many they need."""
    if kind == XORSHIFT32:
        x = xorshift32_step(state[0])
        state[0] = x
        return x
    s, increment = pcg32_load(state)
    pcg32_store(state, s * PCG32_MULTIPLIER + increment)
    return pcg32_output(s)


@inlined
def new_words() -> Words:
    """Return the buffer that `refill` works on."""
    return np.empty(HISTORY + BLOCK, np.uint32)


@inlined
def refill(kind: int, state: Words, words: Words, count: int, first: bool) -> None:
    """Draw count <= BLOCK words into words[HISTORY : HISTORY + count]; every call but the last draws BLOCK of them."""
    if kind == XORSHIFT32:
        if not first:
            words[:HISTORY] = words[BLOCK : BLOCK + HISTORY]
        xorshift32(state, words, count, not first)
    else:
        pcg32(state, words, count)


@kernel
def raw(kind: int, state: Words, out: Words) -> None:
    """Fill out (uint32) with the next words."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        out[start : start + count] = words[HISTORY : HISTORY + count]
