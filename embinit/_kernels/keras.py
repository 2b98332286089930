"""Keras' seeds, many at once: elements of Python's list of random seeds, and the first words that seeds give."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.counters import philox, threefry
from embinit._kernels.jit import inlined, kernel
from embinit._kernels.mt19937 import M, N, tempered

U32 = NDArray[np.uint32]

#: How many seeds go through Python's seeding side by side, in whole vectors.
LANES = 64
#: The words that are made of the seeding alone, and the largest seed of a list.
WORDS, LARGEST = N - M, np.uint32(10**9)


@inlined
def _mixed(word: np.uint32, before: np.uint32, multiplier: np.uint32) -> np.uint32:
    return np.uint32(word ^ np.uint32(np.uint32(before ^ np.uint32(before >> np.uint32(30))) * multiplier))


@inlined
def _twisted(word: np.uint32, following: np.uint32) -> np.uint32:
    y = np.uint32(np.uint32(word & np.uint32(0x80000000)) | np.uint32(following & np.uint32(0x7FFFFFFF)))
    return np.uint32(np.uint32(y >> np.uint32(1)) ^ np.uint32(np.uint32(y & np.uint32(1)) * np.uint32(0x9908B0DF)))


@inlined
def _seeded(before: np.uint32, i: int) -> np.uint32:
    return np.uint32(_mixed(np.uint32(0), before, np.uint32(1812433253)) + np.uint32(i))


@kernel
def listed(first: int, element: int, out: U32) -> None:
    """Fill out with one element of random.Random's list of seeds for the seeds from a first one on; 0 where it lies
    beyond the words that are known.
    """
    first_factor, second_factor = np.uint32(1664525), np.uint32(1566083941)
    made, x = np.empty(N, np.uint32), np.empty((N, LANES), np.uint32)
    before, one = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    made[0] = np.uint32(19650218)
    for i in range(1, N):
        made[i] = _seeded(made[i - 1], i)
    for start in range(0, out.size, LANES):
        key = np.uint32(first + start)
        before[:] = made[0]
        for i in range(1, N):
            for lane in range(LANES):
                word = np.uint32(_mixed(made[i], before[lane], first_factor) + np.uint32(key + np.uint32(lane)))
                x[i, lane] = before[lane] = word
        for lane in range(LANES):
            word = np.uint32(_mixed(x[1, lane], before[lane], first_factor) + np.uint32(key + np.uint32(lane)))
            one[lane] = before[lane] = word
        for i in range(2, N):
            for lane in range(LANES):
                word = np.uint32(_mixed(x[i, lane], before[lane], second_factor) - np.uint32(i))
                x[i, lane] = before[lane] = word
        for lane in range(min(LANES, out.size - start)):
            x[0, lane] = np.uint32(0x80000000)
            x[1, lane] = np.uint32(_mixed(one[lane], before[lane], second_factor) - np.uint32(1))
            left, k, found = element, 0, np.uint32(0)
            while left >= 0 and k < WORDS:
                word = np.uint32(x[k + M, lane] ^ _twisted(x[k, lane], x[k + 1, lane]))
                drawn = np.uint32(tempered(word) >> np.uint32(2))
                k += 1
                if drawn < LARGEST:
                    found = np.uint32(drawn + np.uint32(1))
                    left -= 1
            out[start + lane] = found if left < 0 else np.uint32(0)


@kernel
def jax_words(seeds: U32, out: U32) -> None:
    """Fill out with the first word of each seed's stream in Keras on JAX."""
    zero = np.uint32(0)
    for i in range(seeds.size):
        x, y = threefry(seeds[i], zero, zero, zero)
        out[i] = np.uint32(x ^ y)


@kernel
def tensorflow_words(seeds: U32, out: U32) -> None:
    """Fill out with the first word of each seed's stream in Keras on TensorFlow."""
    zero = np.uint32(0)
    for i in range(seeds.size):
        seed = np.uint32(seeds[i] % np.uint32(2**31 - 2))
        k0, k1, c2, c3 = philox(np.uint32(0x3EC8F720), np.uint32(0x02461E29), seed, zero, zero, zero)
        out[i], _, _, _ = philox(k0, k1, zero, zero, c2, c3)


@kernel
def torch_words(seeds: U32, out: U32) -> None:
    """Fill out with the first word of each seed's stream in Keras on PyTorch."""
    word, following = np.zeros(LANES, np.uint32), np.empty(LANES, np.uint32)
    for start in range(0, seeds.size, LANES):
        count = min(LANES, seeds.size - start)
        for lane in range(count):
            word[lane] = following[lane] = _seeded(seeds[start + lane], 1)
        for j in range(2, M + 1):
            for lane in range(LANES):
                word[lane] = _seeded(word[lane], j)
        for lane in range(count):
            out[start + lane] = tempered(np.uint32(word[lane] ^ _twisted(seeds[start + lane], following[lane])))
