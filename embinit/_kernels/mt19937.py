"""MT19937: its recurrence and tempering in whole vectors, and its jumps.

The state is uint32[625]: a block of 624 words of the recurrence, and how many of them have been drawn.
"""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.arrays import copy
from embinit._kernels.jit import at_a_time, either_way, either_way_by, independent, inlined, kernel

Words = NDArray[np.uint32]

N, M = 624, 397


@either_way
def seed(value: int, state: Words) -> None:
    """Write the state that init_genrand of 2002 makes of a value below 2^32; the first draw makes a new block."""
    state[0] = np.uint32(value)
    for i in range(1, N):
        x = state[i - 1]
        state[i] = np.uint32(
            np.uint32(np.uint32(1812433253) * np.uint32(x ^ np.uint32(x >> np.uint32(30)))) + np.uint32(i)
        )
    state[N] = np.uint32(N)


@inlined
def tempered(x: np.uint32) -> np.uint32:
    """Return the word that is drawn for a word of the recurrence."""
    x = np.uint32(x ^ np.uint32(x >> np.uint32(11)))
    x = np.uint32(x ^ np.uint32(np.uint32(x << np.uint32(7)) & np.uint32(0x9D2C5680)))
    x = np.uint32(x ^ np.uint32(np.uint32(x << np.uint32(15)) & np.uint32(0xEFC60000)))
    return np.uint32(x ^ np.uint32(x >> np.uint32(18)))


@inlined
def following(x: Words, i: int) -> np.uint32:
    """Return the word N places after x[i]; no word that makes it is nearer than N - M = 227, so whole vectors do."""
    y = np.uint32(np.uint32(x[i] & np.uint32(0x80000000)) | np.uint32(x[i + 1] & np.uint32(0x7FFFFFFF)))
    odd = np.uint32(np.uint32(y & np.uint32(1)) * np.uint32(0x9908B0DF))
    return np.uint32(np.uint32(x[i + M] ^ np.uint32(y >> np.uint32(1))) ^ odd)


@inlined
def mt19937(state: Words, out: Words) -> None:
    """Fill out with the next words."""
    position = np.int64(state[N])
    more = max(int(position + out.size - 1) // N, 0) * N
    x = np.empty(N + more, np.uint32)
    copy(state[:N], x)
    for i in independent(at_a_time(more, N - M)):
        x[i + N] = following(x, i)
    undrawn = x[position:]
    for i in independent(out.size):
        out[i] = tempered(undrawn[i])
    copy(x[more:], state)
    state[N] = np.uint32(position + out.size - more)


@inlined
def mt19937_next(state: Words) -> np.uint32:
    """Draw one word."""
    if state[N] == N:
        next_blocks(state, 1)
        state[N] = np.uint32(0)
    position = state[N]
    state[N] = np.uint32(position + np.uint32(1))
    return tempered(state[position])


@inlined
def next_blocks(state: Words, blocks: int) -> None:
    """Replace the block of words by the one that comes blocks >= 0 blocks after it."""
    x = np.empty(2 * N, np.uint32)
    copy(state[:N], x)
    for _ in range(blocks):
        for i in independent(at_a_time(N, N - M)):
            x[i + N] = following(x, i)
        copy(x[N:], x)
    copy(x[:N], state)


@either_way_by(lambda _, blocks: blocks * N)
def skip_blocks(state: Words, blocks: int) -> None:
    """Call `next_blocks` from Python."""
    next_blocks(state, blocks)


@kernel
def jump(state: Words, polynomial: NDArray[np.uint8]) -> None:
    """Replace the block of words by z * polynomial(z) of it, z being one step of the recurrence, by Horner's rule.

    polynomial is uint8, with one coefficient over GF(2) per element, the highest first. The last step, the factor z,
    computes the lowest 31 bits of the first word, which the recurrence forgets and no polynomial therefore moves.
    """
    x = np.zeros(polynomial.size + N, np.uint32)
    for i in range(polynomial.size):
        if polynomial[i]:
            window = x[i : i + N]
            for j in range(N):
                window[j] ^= state[j]
        x[i + N] = following(x, i)
    copy(x[polynomial.size :], state)
