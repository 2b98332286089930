"""Outside: a generator of the user's own, read word by word."""

from operator import index
from typing import Any, Self

import numpy as np

from embinit.bitgen.base import Read, Words, checked_uint
from embinit.errors import EmbinitError, is_integer, shown


class _Block:
    """Words that have been drawn, and the block after them; blocks before every reader's place are forgotten."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.next: _Block | None = None


class Outside(Read):
    """Reads a generator of your own, so that every distribution can draw from it: slow, and right.

    Each word is asked for once, when it is needed, and kept until all copies have read it, so they read the same words.
    A reader moves forward only, by drawing.

    Parameters
    ----------
    source
        An object with next_raw(), which returns the next word as an int, and word_bits, the width of a word.

    Raises
    ------
    EmbinitError
        If source is no such object, or its word_bits is not from 1 to 64.

    Examples
    --------
    >>> class Counter:
    ...     word_bits = 32
    ...     word = 0
    ...     def next_raw(self):
    ...         self.word += 1
    ...         return self.word
    >>> Outside(Counter()).random_raw(3).tolist()
    [1, 2, 3]
    """

    jumps = False

    def __init__(self, source: Any) -> None:
        if not callable(getattr(source, "next_raw", None)) or not hasattr(source, "word_bits"):
            raise EmbinitError(
                "bitgen must be a bit generator such as Xorshift32(42), or an object with next_raw() and word_bits, "
                f"got {shown(source)}"
            )
        if not is_integer(source.word_bits) or not 1 <= source.word_bits <= 64:
            what = f"word_bits of {type(source).__name__} must be an integer from 1 to 64"
            raise EmbinitError(f"{what}, got {shown(source.word_bits)}")
        self.word_bits = int(source.word_bits)
        self._source = source
        self._block, self._place = _Block(np.empty(0, np.uint64)), 0

    @property
    def label(self) -> str:
        """The name of the object's class."""
        return type(self._source).__name__

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        self._settle()
        self._read(out)

    def _read(self, out: Words) -> None:
        filled = 0
        while filled < out.size:
            if self._place == self._block.words.size:
                self._block, self._place = self._following(out.size - filled), 0
            words = self._block.words[self._place : self._place + out.size - filled]
            out[filled : filled + words.size] = words
            filled, self._place = filled + words.size, self._place + words.size

    def _following(self, n: int) -> _Block:
        """Return the block after the current one; if the current one is the last, draw n words for it."""
        if self._block.next is None:
            what = f"a word of {self.label}"
            words = [checked_uint(what, self._source.next_raw(), self.word_bits) for _ in range(n)]
            self._block.next = _Block(np.array(words, np.uint64))
        return self._block.next

    def _settle(self) -> None:
        """Move on by what kernels have drawn."""
        moved = self._moved()
        if moved is not None:
            self._block, self._place = moved._block, moved._place

    def advance(self, delta: int) -> None:
        """Draw delta words and drop them; raise EmbinitError for a negative delta."""
        delta = index(delta)
        if delta < 0:
            raise EmbinitError(f"{self.label} cannot go back, got {delta}: it is not one of embinit's")
        self.random_raw(delta)

    def copy(self) -> Self:
        """Return another reader of the same words, in the same place."""
        self._settle()
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def move_to(self, other: Self) -> None:
        """Go to where another reader of the same object is."""
        other._settle()
        self._reader, self._block, self._place = None, other._block, other._place

    @property
    def state(self) -> Any:
        """The `state` of the object, or None if it has no such attribute."""
        return getattr(self._source, "state", None)

    @state.setter
    def state(self, state: Any) -> None:
        name = type(self._source).__name__
        raise EmbinitError(f"the state of {name} must be set on the object itself, got {shown(state)} on its reader")

    def __eq__(self, other: object) -> bool:
        """Whether another reader will draw the same words of the same object."""
        if not isinstance(other, Outside) or other._source is not self._source:
            return False
        return self.copy()._standing() == other.copy()._standing()

    def _standing(self) -> tuple[int, int]:
        while self._place == self._block.words.size and self._block.next is not None:
            self._block, self._place = self._block.next, 0
        return id(self._block), self._place
