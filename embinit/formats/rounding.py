"""Rounding: the five modes, and the stream that the stochastic one draws from."""

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Stream, Xorshift32
from embinit.errors import EmbinitError, check_known, shown

#: In the order of the kernels' constants.
ROUNDINGS = ("half_away", "half_even", "truncate", "floor", "stochastic")
#: For modes that draw nothing.
NONE = Xorshift32(1)


class Rounding:
    """A rounding mode, and a copy of the generator that `commit` moves on: whatever fails draws nothing."""

    def __init__(self, mode: str, generator: Stream | None) -> None:
        check_known("rounding", mode, ROUNDINGS)
        if mode == "stochastic" and not hasattr(generator, "bitgen"):
            raise EmbinitError(f"rounding stochastic draws from an embinit.Generator, got generator={shown(generator)}")
        self.mode = mode
        self._generator = generator if mode == "stochastic" else None
        self._bitgen = self._generator.bitgen.copy() if self._generator else NONE
        self._drawn = 0

    @property
    def arguments(self) -> tuple[int, int, NDArray[np.uint32]]:
        """The first arguments of kernels: the mode, and the kind and the state of the generator."""
        return ROUNDINGS.index(self.mode), *self._bitgen.stream

    def integers(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values rounded to integers, drawing for each in order; infinities and NaN stay as they are."""
        from embinit._kernels import formats

        rounded = np.array(values, np.float32)
        formats.round_all(*self.arguments, rounded)
        self.drew(rounded.size)
        return rounded

    def drew(self, n: int) -> None:
        """Count the words that n elements have drawn."""
        self._drawn += n

    def commit(self) -> None:
        """Move the generator on by what was drawn."""
        if self._generator is not None:
            self._generator.bitgen.move_to(self._bitgen)
            self._generator.drawn += self._drawn
