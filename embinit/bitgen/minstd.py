"""Multiplicative generators modulo 2^31 - 1: Park and Miller's minimal standard."""

from functools import lru_cache
from operator import index
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.errors import EmbinitError

PRIME = 2**31 - 1


@lru_cache
def powers(multiplier: int) -> NDArray[np.uint32]:
    """Return the powers of a multiplier modulo 2^31 - 1 that _kernels.affine needs."""
    from embinit._kernels.affine import RUN

    return np.array([pow(multiplier, i, PRIME) for i in range(RUN + 1)], np.uint32)


class Minstd(Called):
    """std::minstd_rand0, which is std::default_random_engine of libstdc++: state = state * 16807 modulo 2^31 - 1.

    A word is the new state, from 1 to 2^31 - 2. Park and Miller, "Random Number Generators: Good Ones Are Hard to
    Find", 1988.

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1. It counts modulo 2^31 - 1, and 0 becomes 1, as in C++.
    multiplier
        From 1 to 2^31 - 2; 48271 is std::minstd_rand.

    Raises
    ------
    EmbinitError
        If one of them is out of range.

    Examples
    --------
    >>> Minstd(1).random_raw(10000)[-1]
    np.uint32(1043618065)
    """

    word_bits = 31
    stays_at_zero = True
    _mask: ClassVar[int] = PRIME

    def __init__(self, seed: int = 1, multiplier: int = 16807) -> None:
        self.multiplier = checked_uint("the multiplier of Minstd", multiplier, 31)
        if self.multiplier % PRIME == 0:
            raise EmbinitError(f"the multiplier of Minstd must be from 1 to {PRIME - 1}, got {multiplier}")
        self.state = checked_uint("the seed of Minstd", seed, 32) % PRIME or 1

    @property
    def state(self) -> int:
        """The last word drawn, from 1 to 2^31 - 2."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        if not 1 <= checked_uint("the state of Minstd", state, 31) < PRIME:
            raise EmbinitError(f"the state of Minstd must be from 1 to {PRIME - 1}, got {state}")
        self.words = np.array([state], np.uint32)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import affine

        affine.minstd(self.words, powers(self.multiplier), self._mask, out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        self.words = np.array([self.state * pow(self.multiplier, delta, PRIME) % PRIME], np.uint32)

    def c_generator(self, words: int) -> CGenerator | None:  # noqa: ARG002 (any number)
        """Return embinit_minstd, with this multiplier."""
        seed = f"embinit_minstd_seed(&generator, seed, {self.multiplier}u);"
        return CGenerator("embinit_minstd", "embinit_minstd.h", seed)

    @property
    def parameters(self) -> tuple[object, ...]:
        """The multiplier."""
        return (self.multiplier,)
