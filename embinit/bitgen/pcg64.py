"""PCG64 and PCG64DXSM as in NumPy: 128 bits of state, 64-bit words."""

from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, Words, checked_uint
from embinit.bitgen.lcg import moved
from embinit.errors import EmbinitError, shown

MASK = 2**64 - 1
MODULUS = 2**128
MULTIPLIER = 2549297995355413924 << 64 | 4865540595714422341


def halves(*values: int) -> NDArray[np.uint64]:
    """Return 128-bit numbers as 64-bit words, the low half of each first."""
    return np.array([half for value in values for half in (value & MASK, value >> 64)], np.uint64)


@lru_cache
def steps(multiplier: int) -> NDArray[np.uint64]:
    """Return the sums of the first powers of a multiplier, which _kernels.wide needs."""
    from embinit._kernels.wide import RUN

    total, power, sums = 0, 1, [0]
    for _ in range(RUN):
        total, power = (total + power) % MODULUS, power * multiplier % MODULUS
        sums.append(total)
    return halves(*sums)


class Pcg64(Called):
    """numpy.random.PCG64, the generator of numpy.random.default_rng: PCG XSL-RR 128/64, with 64-bit words.

    A word is made from the state after its step.

    Parameters
    ----------
    seed
        Any integer from 0 up; it enters through numpy.random.SeedSequence.

    Raises
    ------
    EmbinitError
        If seed is no such integer.

    Examples
    --------
    >>> g = Pcg64(42)
    >>> bool((g.random_raw(1000) == np.random.PCG64(42).random_raw(1000)).all())
    True
    """

    word_bits = 64
    multiplier: ClassVar[int] = MULTIPLIER
    #: Whether a word is made of the state after its step; and by which output of _kernels.wide.
    after: ClassVar[bool] = True
    output: ClassVar[int] = 0

    def __init__(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise EmbinitError(f"the seed of {type(self).__name__} must be an integer from 0 up, got {shown(seed)}")
        state0, state1, increment0, increment1 = np.random.SeedSequence(int(seed)).generate_state(4, np.uint64).tolist()
        increment = ((increment0 << 64 | increment1) << 1 | 1) % MODULUS
        state = increment + (state0 << 64 | state1)
        self.state = (state * MULTIPLIER + increment) % MODULUS, increment

    @property
    def state(self) -> tuple[int, int]:
        """The 128-bit state and the 128-bit increment, which is odd."""
        low, high, increment_low, increment_high = self.words.tolist()
        return high << 64 | low, increment_high << 64 | increment_low

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        name = type(self).__name__
        value, increment = (
            checked_uint(f"the {part} of {name}", x, 128) for part, x in zip(("state", "increment"), state, strict=True)
        )
        if increment % 2 == 0:
            raise EmbinitError(f"the increment of {name} must be odd, got {increment}")
        self.words = halves(value, increment)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import wide

        table = steps(self.multiplier)
        wide.pcg64(self.words, halves(self.multiplier), table, self.output, int(self.after), out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        state, increment = self.state
        self.words = halves(moved(state, self.multiplier, increment, delta % MODULUS, MODULUS), increment)


class Pcg64Dxsm(Pcg64):
    """numpy.random.PCG64DXSM: a cheaper step than PCG64's, and a stronger output, made from the state before its step.

    It is seeded as PCG64 is, with the step of that generator.

    Parameters
    ----------
    seed
        Any integer from 0 up; it enters through numpy.random.SeedSequence.

    Raises
    ------
    EmbinitError
        If seed is no such integer.

    Examples
    --------
    >>> g = Pcg64Dxsm(42)
    >>> bool((g.random_raw(1000) == np.random.PCG64DXSM(42).random_raw(1000)).all())
    True
    """

    multiplier = 0xDA942042E4DD58B5
    after = False
    output = 1
