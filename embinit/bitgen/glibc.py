"""rand() of glibc: an additive feedback generator of 31 words."""

from functools import cache
from operator import index

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.errors import EmbinitError

#: r[n] = r[n - 31] + r[n - 3]; srand() drops the first words.
DEGREE, NEAR, DROPPED = 31, 3, 310


def power_of_x(exponent: int) -> NDArray[np.uint32]:
    """Return x^exponent modulo x^31 - x^28 - 1 over the integers modulo 2^32, the lowest coefficient first.

    The exponent may be negative, because x (x^30 - x^27) is 1.

    >>> power_of_x(-1).nonzero()[0].tolist()
    [27, 30]
    """
    base = np.zeros(DEGREE, np.uint32)
    if exponent < 0:
        base[30], base[27] = 1, 0xFFFFFFFF
    else:
        base[1] = 1
    power = np.zeros(DEGREE, np.uint32)
    power[0] = 1
    for bit in f"{abs(exponent):b}":
        power = _product(power, power)
        if bit == "1":
            power = _product(power, base)
    return power


def _product(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint32]:
    product = np.convolve(a, b)
    for start in range(2 * DEGREE - 1 - NEAR, DEGREE - NEAR, -NEAR):  # from the top, so that each comes down once
        high = product[start : start + NEAR]
        product[start - NEAR : start] += high
        product[start - DEGREE : start - DEGREE + NEAR] += high
    return product[:DEGREE]


@cache
def _after_dropped() -> NDArray[np.uint32]:
    """Return the matrix that takes the words that srand() makes of a seed to the words after those it drops."""
    words = list(np.eye(DEGREE, dtype=np.uint32))
    for n in range(DROPPED):
        words.append(words[n] + words[n + DEGREE - NEAR])
    return np.array(words[DROPPED:])


class GlibcRand(Called):
    """rand() of glibc, which is its random() of type 3; RAND_MAX is 2^31 - 1.

    r[n] = r[n - 3] + r[n - 31] modulo 2^32, and a word is r[n] >> 1.

    Parameters
    ----------
    seed
        What srand() is called with, from 0 to 2^32 - 1. 0 and 1 give the same stream; 1 is that of a program without
        srand.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> GlibcRand(1).random_raw(3).tolist()
    [1804289383, 846930886, 1681692777]
    >>> GlibcRand(7).jumped(10**18).jumped(-(10**18)) == GlibcRand(7)
    True
    """

    word_bits = 31

    def __init__(self, seed: int = 1) -> None:
        word = checked_uint("the seed of GlibcRand", seed, 32) or 1
        words = [word]
        value = word - ((word >> 31) << 32)
        for _ in range(DEGREE - 1):
            value = 16807 * value % 2147483647
            words.append(value)
        words = words[NEAR:] + words[:NEAR]  # the first step adds words[0] to words[3]: that one is the oldest
        self.words = _after_dropped() @ np.array(words, np.uint32)

    @property
    def state(self) -> tuple[int, ...]:
        """The last 31 words of the recurrence, the oldest first."""
        return tuple(self.words.tolist())

    @state.setter
    def state(self, state: tuple[int, ...]) -> None:
        if len(state) != DEGREE:
            raise EmbinitError(f"the state of GlibcRand must have {DEGREE} words, got {len(state)}")
        self.words = np.array([checked_uint("a word of GlibcRand", word, 32) for word in state], np.uint32)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import glibc

        glibc.glibc(self.words, out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        words = self.words.tolist()
        for n in range(DEGREE - 1):
            words.append((words[n] + words[n + DEGREE - NEAR]) & 0xFFFFFFFF)
        windows = np.lib.stride_tricks.sliding_window_view(np.array(words, np.uint32), DEGREE)
        self.words = (windows * power_of_x(delta)).sum(axis=1, dtype=np.uint32)

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_rand_glibc."""
        return CGenerator("embinit_rand_glibc", "embinit_rand_glibc.h", "embinit_rand_glibc_seed(&generator, seed);")
