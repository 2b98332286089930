"""What every bit generator can do, stated over its words of state."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError


def checked_uint(what: str, value: object, bits: int) -> int:
    """Return value as an int of the given width, or raise EmbinitError with its range."""
    number = int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else -1
    if not 0 <= number < 1 << bits:
        raise EmbinitError(f"{what} must be an integer from 0 to {(1 << bits) - 1}, got {value!r}")
    return number


class BitGenerator(ABC):
    """A stream of uint32 words that can be read, moved and copied.

    The state lives in `words`, a uint32 array that the kernels update in place; two generators are equal when they are
    of one kind and will give the same words.
    """

    kind: ClassVar[int]
    words: NDArray[np.uint32]

    def random_raw(self, n: int) -> NDArray[np.uint32]:
        """Draw n words; any split of n into several calls gives the same words."""
        from embinit._kernels import stream

        out = np.empty(checked_uint("n", n, 63), np.uint32)
        stream.raw(self.kind, self.words, out)
        return out

    @abstractmethod
    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn; a negative delta moves back. O(log delta)."""

    def jumped(self, delta: int) -> Self:
        """Return a new generator that stands delta words further on; this one stays."""
        other = self.copy()
        other.advance(delta)
        return other

    def copy(self) -> Self:
        """Return an independent generator in the same state."""
        other = object.__new__(type(self))
        other.words = self.words.copy()
        return other

    @property
    @abstractmethod
    def state(self) -> Any:
        """The whole state as plain integers: assign it to another generator to continue there."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and np.array_equal(self.words, other.words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} state={self.state}>"


class Stream(Protocol):
    """What draws from a bit generator, and counts the words drawn."""

    bitgen: BitGenerator
    drawn: int
