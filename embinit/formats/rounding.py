"""Rounding: its modes, and the stream that the stochastic one draws from."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Stream, Xorshift32
from embinit.errors import EmbinitError, check_known, shown

Floats = NDArray[Any]  # float32 or float64: a rounding keeps the precision of what it rounds

#: In the order of the kernels' constants.
ROUNDINGS = ("half_away", "half_even", "truncate", "floor", "stochastic")


def _half_away(x: Floats) -> Floats:
    whole = np.trunc(x)
    rounded: Floats = whole + np.copysign(np.abs(x - whole) >= 0.5, x)
    return rounded


def _lifted(x: Floats, by: float) -> Floats:
    lifted: Floats = x + x.dtype.type(by)
    return lifted


#: Roundings of quantizers written by hand; half a step is added in the precision of the quotient.
LOOSE: Mapping[str, Callable[[Floats], Floats]] = {
    "ceil": np.ceil,
    "half_up": lambda x: np.floor(_lifted(x, 0.5)),
    "half_down": lambda x: np.ceil(_lifted(x, -0.5)),
    "add_half": lambda x: np.trunc(_lifted(x, 0.5)),
}
#: Every rounding that draws nothing, as NumPy does it.
DRAW_FREE: Mapping[str, Callable[[Floats], Floats]] = {
    "half_away": _half_away, "half_even": np.rint, "truncate": np.trunc, "floor": np.floor, **LOOSE,
}  # fmt: skip
#: What `rounding` in a model file may say.
MODES = (*ROUNDINGS, *LOOSE)
#: For modes that draw nothing.
NONE = Xorshift32(1)


class Rounding:
    """A rounding mode, and a copy of the generator that `commit` moves on: whatever fails draws nothing.

    drawn: how many words it has taken.
    """

    def __init__(self, mode: str, generator: Stream | None) -> None:
        check_known("rounding", mode, MODES)
        if mode == "stochastic" and not hasattr(generator, "bitgen"):
            raise EmbinitError(f"rounding stochastic draws from an embinit.Generator, got generator={shown(generator)}")
        self.mode = mode
        self._generator = generator if mode == "stochastic" else None
        self._bitgen = self._generator.bitgen.copy() if self._generator else NONE
        self.drawn = 0

    @property
    def arguments(self) -> tuple[int, int, NDArray[np.uint32]]:
        """The first arguments of kernels: the mode, and the kind and the state of the generator, whose words must have
        32 bits. A format that rounds nothing does not ask for them.
        """
        if self._bitgen.word_bits != 32:
            bits = self._bitgen.word_bits
            raise EmbinitError(f"rounding stochastic draws words of 32 bits, got a generator of words of {bits}")
        return ROUNDINGS.index(self.mode), *self._bitgen.stream

    def integers(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values rounded to integers, drawing for each in order; infinities and NaN stay as they are."""
        if self.mode in LOOSE:
            return LOOSE[self.mode](values)
        from embinit._kernels import formats

        rounded = np.array(values, np.float32)
        formats.round_all(*self.arguments, rounded)
        self.drew(rounded.size)
        return rounded

    def drew(self, n: int) -> None:
        """Count the words that n elements have drawn."""
        self.drawn += n

    def commit(self) -> None:
        """Move the generator on by what was drawn."""
        if self._generator is not None:
            self._generator.bitgen.move_to(self._bitgen)
            self._generator.drawn += self.drawn
