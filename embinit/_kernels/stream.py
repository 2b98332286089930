"""Words of the bit generators in blocks: every distribution kernel reads the stream through `refill`."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.arrays import copy
from embinit._kernels.called import called, called_next
from embinit._kernels.jit import Apart, at_a_time, either_way, independent, inlined
from embinit._kernels.mt19937 import mt19937, mt19937_next
from embinit.kinds import CALLED, MT19937, PCG32, XORSHIFT32

Words = NDArray[np.uint32]

NO_KIND = "no bit generator is of this kind"
PCG32_MULTIPLIER = np.uint64(6364136223846793005)
#: The sums of the first i powers of the multiplier: i steps from state s lead to s + PCG32_STEPS[i] * (next(s) - s).
PCG32_RUN = 512
PCG32_STEPS = np.append(np.uint64(0), np.cumsum(PCG32_MULTIPLIER ** np.arange(PCG32_RUN, dtype=np.uint64)))

#: How many words one refill gives at most; the block and its results stay in the first-level cache.
BLOCK = 8192
#: How many words before a block hold the end of the previous block: SPAN or more, in whole cache lines.
HISTORY = 704
#: z^682 + z^375 + z^241 + z^123 + 1 is a multiple of xorshift32's characteristic polynomial P(z): a word is the XOR of
#: four of the SPAN words before it, none nearer than 307, so whole vectors can be computed at once.
SPAN = 682
#: P(z)^4 = P(z^4): a word is also the XOR of ten of the START words before it, none nearer than 44, which still allows
#: whole vectors. So only START words, and arrays up to that size, depend on each other.
START = 128


@inlined
def xorshift32_step(x: np.uint32) -> np.uint32:
    """Return the state after x, which is also the word drawn."""
    x ^= np.uint32(x << np.uint32(13))
    x ^= np.uint32(x >> np.uint32(17))
    return np.uint32(x ^ np.uint32(x << np.uint32(5)))


@inlined
def xorshift32_start(state: Words, words: Words) -> None:
    """Fill the words from which the recurrence over SPAN continues: the first START of them one by one."""
    x = state[0]
    for i in range(min(words.size, START)):
        x = xorshift32_step(x)
        words[i] = x
    w = words
    for i in independent(at_a_time(words.size - START, START - 84)):
        near = w[i + 68] ^ w[i + 72] ^ w[i + 76] ^ w[i + 80] ^ w[i + 84]
        w[i + START] = w[i] ^ w[i + 24] ^ w[i + 36] ^ w[i + 56] ^ w[i + 60] ^ near


@inlined
def xorshift32(state: Words, words: Words, count: int, primed: bool) -> None:
    """Write count words after the history; primed says that the history holds the last HISTORY words drawn."""
    started = 0 if primed else min(count, SPAN)
    xorshift32_start(state, words[HISTORY : HISTORY + started])
    w = words[HISTORY - SPAN + started :]
    for i in independent(at_a_time(count - started, SPAN - 375)):
        w[i + SPAN] = w[i] ^ w[i + 123] ^ w[i + 241] ^ w[i + 375]
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
    """Write count words after the history, PCG32_RUN at a time: those do not wait for each other."""
    s, increment = pcg32_load(state)
    for start in range(HISTORY, HISTORY + count, PCG32_RUN):
        run = words[start : min(start + PCG32_RUN, HISTORY + count)]
        step = s * PCG32_MULTIPLIER + increment - s
        for i in independent(run.size):
            run[i] = pcg32_output(s + PCG32_STEPS[i] * step)
        s += PCG32_STEPS[run.size] * step
    pcg32_store(state, s)


@inlined
def next_word(kind: Apart, state: Words) -> np.uint32:
    """Draw one word, for algorithms that do not know how many they need."""
    if kind == XORSHIFT32:
        x = xorshift32_step(state[0])
        state[0] = x
        return x
    if kind == MT19937:
        return mt19937_next(state)
    if kind == PCG32:
        s, increment = pcg32_load(state)
        pcg32_store(state, s * PCG32_MULTIPLIER + increment)
        return pcg32_output(s)
    if kind == CALLED:
        return called_next(state)
    raise ValueError(NO_KIND)


@inlined
def state_size(kind: Apart) -> int:
    """Return how many words one generator's state has; kernels that say so process several, one after another."""
    if kind == XORSHIFT32:
        return 1
    if kind == PCG32:
        return 4
    if kind == CALLED:
        return 4
    if kind == MT19937:
        return 625
    raise ValueError(NO_KIND)


@inlined
def new_words() -> Words:
    """Return the buffer that `refill` works on."""
    return np.empty(HISTORY + BLOCK, np.uint32)


@inlined
def refill(kind: Apart, state: Words, words: Words, count: int, first: bool) -> None:
    """Draw count <= BLOCK words into words[HISTORY : HISTORY + count]; every call but the last draws BLOCK of them."""
    if kind == XORSHIFT32:
        if not first:
            copy(words[BLOCK : BLOCK + HISTORY], words)
        xorshift32(state, words, count, not first)
    elif kind == MT19937:
        mt19937(state, words[HISTORY : HISTORY + count])
    elif kind == PCG32:
        pcg32(state, words, count)
    elif kind == CALLED:
        called(state, words[HISTORY : HISTORY + count])
    else:
        raise ValueError(NO_KIND)


@either_way
def raw(kind: Apart, state: Words, out: Words) -> None:
    """Fill out (uint32) with the next words."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        for i in independent(count):
            filled[i] = drawn[i]
