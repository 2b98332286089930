"""Marsaglia's 32-bit xorshift with shifts 13, 17, 5: the generator of OnDeviceTraining."""

from functools import lru_cache
from operator import index
from typing import ClassVar

import numpy as np

from embinit.bitgen.base import CGenerator, Native, checked_uint
from embinit.errors import EmbinitError
from embinit.kinds import XORSHIFT32

PERIOD = 2**32 - 1

#: The step is a linear map over GF(2); this is its characteristic polynomial P(z), bit i for z^i.
CHARACTERISTIC = sum(1 << i for i in (32, 21, 20, 19, 18, 17, 15, 14, 9, 6, 0))


def step(state: int) -> int:
    """Return the state after a state; it is also the word drawn.

    >>> step(1)
    270369
    """
    state ^= state << 13 & 0xFFFFFFFF
    state ^= state >> 17
    return state ^ state << 5 & 0xFFFFFFFF


@lru_cache(maxsize=1024)
def power_of_z(exponent: int) -> int:
    """Return z^exponent modulo the characteristic polynomial, bit i for z^i.

    >>> power_of_z(32) == CHARACTERISTIC ^ 1 << 32
    True
    """
    power = 1
    for bit in bin(exponent)[2:]:
        power = int(bin(power)[2:], 4)  # squaring over GF(2) spreads the bits: a decimal 0b1011 becomes 0b1000101
        if bit == "1":
            power <<= 1
        for i in range(power.bit_length() - 1, 31, -1):
            if power >> i & 1:
                power ^= CHARACTERISTIC << i - 32
    return power


class Xorshift32(Native):
    """xorshift32 (13, 17, 5), the generator of OnDeviceTraining: one uint32 of state, which is also the word drawn.

    Its period is 2^32 - 1. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003. The words are the
    same on every machine and in every release.

    Parameters
    ----------
    state
        The first state, from 1 to 2^32 - 1. The rule that turns a seed 0 into a state belongs to a dialect.

    Raises
    ------
    EmbinitError
        If state is out of range, or 0, which xorshift never leaves.

    Examples
    --------
    >>> g = Xorshift32(42)
    >>> [f"{word:08x}" for word in g.random_raw(3)]
    ['00ad4528', 'a90a34ac', '1c67af03']
    >>> g.advance(-3)
    >>> g.state
    42
    """

    kind: ClassVar[int] = XORSHIFT32
    stays_at_zero: ClassVar[bool] = True
    unseeded: ClassVar[int] = 1
    linear = True

    def __init__(self, state: int) -> None:
        self.words = np.empty(1, np.uint32)
        self.state = state

    @property
    def state(self) -> int:
        """The uint32 state, which is also the last word drawn."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        value = checked_uint("the state of Xorshift32", state, 32)
        if value == 0:
            raise EmbinitError("the state of Xorshift32 must not be 0: it would stay 0; use 1 or any other value")
        self.words[0] = value

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn, through z^delta modulo the characteristic polynomial."""
        power = power_of_z(index(delta) % PERIOD)
        state, moved = self.state, 0
        while power:
            if power & 1:
                moved ^= state
            state = step(state)
            power >>= 1
        self.words[0] = moved

    @property
    def c_state(self) -> dict[str, str]:
        """The members of embinit_xorshift32 with their values."""
        return {"state": f"{self.state:#x}u"}

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_xorshift32, whose state is the seed, or for seed 0 the state of this generator."""
        seed = f"generator.state = seed != 0 ? seed : {self.state:#x}u;"
        return CGenerator("embinit_xorshift32", "embinit.h", seed)
