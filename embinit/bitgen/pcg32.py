"""PCG32 (XSH-RR 64/32) with a selectable stream, as in O'Neill's pcg_basic."""

from operator import index
from typing import ClassVar

import numpy as np

from embinit.bitgen.base import CGenerator, Native, checked_uint
from embinit.bitgen.lcg import moved
from embinit.errors import EmbinitError
from embinit.kinds import PCG32

MULTIPLIER = 6364136223846793005
MASK = 2**64 - 1


class Pcg32(Native):
    """PCG32 XSH-RR 64/32: 64 bits of state, an odd increment per stream, period 2^64.

    O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number Generation",
    2014. The words are the same on every machine and in every release.

    Parameters
    ----------
    seed
        From 0 to 2^64 - 1; it enters as in pcg32_srandom_r.
    stream
        Which of the 2^63 sequences to draw, from 0 to 2^63 - 1.

    Raises
    ------
    EmbinitError
        If one of them is out of range.

    Examples
    --------
    >>> g = Pcg32(42, 54)
    >>> [f"{word:08x}" for word in g.random_raw(3)]
    ['a15c02b7', '7b47f409', 'ba1d3330']
    >>> g.jumped(-3) == Pcg32(42, 54)
    True
    """

    kind: ClassVar[int] = PCG32

    def __init__(self, seed: int, stream: int = 0) -> None:
        seed = checked_uint("the seed of Pcg32", seed, 64)
        increment = checked_uint("the stream of Pcg32", stream, 63) << 1 | 1
        self.words = np.empty(4, np.uint32)
        self.state = (((increment + seed) * MULTIPLIER + increment) & MASK, increment)

    @property
    def state(self) -> tuple[int, int]:
        """The 64-bit state and the 64-bit increment, which is odd."""
        low, high, increment_low, increment_high = (int(word) for word in self.words)
        return high << 32 | low, increment_high << 32 | increment_low

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        value, increment = (
            checked_uint(f"the {part} of Pcg32", x, 64) for part, x in zip(("state", "increment"), state, strict=True)
        )
        if increment % 2 == 0:
            raise EmbinitError(f"the increment of Pcg32 must be odd, got {increment}")
        self.words[:] = [value & 0xFFFFFFFF, value >> 32, increment & 0xFFFFFFFF, increment >> 32]

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        state, increment = self.state
        self.state = moved(state, MULTIPLIER, increment, index(delta) & MASK, MASK + 1), increment

    @property
    def c_state(self) -> dict[str, str]:
        """The members of embinit_pcg32 with their values."""
        return dict(zip(("state", "increment"), (f"{value:#x}u" for value in self.state), strict=True))

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_pcg32, on stream 0."""
        return CGenerator("embinit_pcg32", "embinit.h", "embinit_pcg32_seed(&generator, seed, 0);")
