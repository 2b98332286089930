"""xoroshiro128+ of Blackman and Vigna, and KANN's variant of it."""

from collections.abc import Sequence
from functools import lru_cache
from operator import index

import numpy as np

from embinit.bitgen.base import Called, Words, checked_uint
from embinit.bitgen.linear import Jumps, lane_maps
from embinit.errors import EmbinitError, is_integer, shown

#: Three rotations, and a mask for s1: the new s1 is rotated from s0 ^ (s1 & mask). In KANN the mask is 0.
Rotations = tuple[int, int, int, int]

MASK = 2**64 - 1
#: KANN's rotations, and its state before kann_srand.
KANN = 55, 14, 36
UNSEEDED = 0x50F5647D2380309D, 0x91FFA96FC4C62CCE


def splitmix64(x: int) -> int:
    """Return the output of splitmix64 for a state before its step.

    >>> hex(splitmix64(0))
    '0xe220a8397b1dcdaf'
    """
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def step(state: int, rotations: Rotations) -> int:
    """Return the state that follows a state: s0 in its low 64 bits, s1 in its high ones."""
    a, b, c, mask = rotations
    s0, s1 = state & MASK, state >> 64
    both = s0 ^ s1
    return _rotated(s0, a) ^ both ^ (both << b & MASK) | _rotated(s0 ^ s1 & mask, c) << 64


def _rotated(x: int, by: int) -> int:
    return (x << by | x >> 64 - by) & MASK


@lru_cache
def _jumps(rotations: Rotations) -> Jumps:
    return Jumps(lambda state: step(state, rotations), 128)


@lru_cache
def _maps(rotations: Rotations) -> tuple[Words, Words]:
    return lane_maps(_jumps(rotations), 64, 2)


def _checked(rotations: Sequence[int]) -> Sequence[int]:
    if len(rotations) != 3 or not all(is_integer(r) and 0 < int(r) < 64 for r in rotations):
        raise EmbinitError(f"rotations of Xoroshiro128Plus must be three integers from 1 to 63, got {shown(rotations)}")
    return [int(r) for r in rotations]


class Xoroshiro128Plus(Called):
    """xoroshiro128+: 64-bit words, each the sum of the two halves of a 128-bit state.

    Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018.

    Parameters
    ----------
    seed
        From 0 to 2^64 - 1; it enters as in KANN's kann_srand: s0 is splitmix64 of the seed, s1 that of s0. None is
        KANN's state before kann_srand.
    rotations
        Three integers from 1 to 63, (24, 16, 37) in the authors' version of 2018. None is KANN's step: (55, 14, 36),
        where s1 becomes the rotated s0 alone, not s0 ^ s1.

    Raises
    ------
    EmbinitError
        If one of them is out of range.

    Examples
    --------
    >>> [f"{word:016x}" for word in Xoroshiro128Plus().random_raw(2)]
    ['e2f50dece8465d6b', '74e918466e19641d']
    """

    word_bits = 64
    stays_at_zero = True

    def __init__(self, seed: int | None = None, rotations: Sequence[int] | None = None) -> None:
        a, b, c = KANN if rotations is None else _checked(rotations)
        self.rotations: Rotations = a, b, c, 0 if rotations is None else MASK
        if seed is None:
            self.state = UNSEEDED
        else:
            s0 = splitmix64(checked_uint("the seed of Xoroshiro128Plus", seed, 64))
            self.state = s0, splitmix64(s0)

    @property
    def state(self) -> tuple[int, int]:
        """The two 64-bit words s0 and s1."""
        s0, s1 = self.words.tolist()
        return s0, s1

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        s0, s1 = (checked_uint("a word of Xoroshiro128Plus", word, 64) for word in state)
        if s0 == s1 == 0:
            raise EmbinitError("the state of Xoroshiro128Plus must not be 0: it would stay 0; set any bit")
        self.words = np.array([s0, s1], np.uint64)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import lanes

        maps = _maps(self.rotations) if out.size >= lanes.ENOUGH else (self.words[:0], self.words[:0])
        lanes.xoroshiro128plus(self.words, np.array(self.rotations, np.uint64), *maps, out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        s0, s1 = self.state
        moved = _jumps(self.rotations).moved(s1 << 64 | s0, delta)
        self.words = np.array([moved & MASK, moved >> 64], np.uint64)

    @property
    def parameters(self) -> tuple[object, ...]:
        """The rotations, and what becomes s1."""
        return self.rotations
