"""Steps: a generator whose step is any function, such as one made from a user's C."""

from collections.abc import Callable
from operator import index

import numpy as np

from embinit.bitgen.base import Called, Words, checked_uint
from embinit.errors import EmbinitError

#: How many words `advance` draws and drops at a time.
BLOCK = 2**16


class Steps(Called):
    """Draws by a function that fills an array from a state and moves the state: `fill(state, out)`.

    state: the first state, an array of unsigned integers in whatever layout the function uses. Nothing is known of the
    step, so `advance` draws and drops words, and cannot go back; one thread draws a buffer.

    >>> def count(state, out):
    ...     out[:] = np.arange(1, out.size + 1) + state[0]
    ...     state[0] += out.size
    >>> g = Steps(np.array([5], np.uint32), count, word_bits=32)
    >>> g.jumped(2).random_raw(3).tolist()
    [8, 9, 10]
    """

    jumps = False

    def __init__(self, state: Words, fill: Callable[[Words, Words], None], word_bits: int) -> None:
        self.word_bits = checked_uint("word_bits of Steps", word_bits, 7)
        if not 1 <= self.word_bits <= 64:
            raise EmbinitError(f"word_bits of Steps must be from 1 to 64, got {word_bits}")
        self.words, self._fill = np.array(state), fill

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        self._fill(self.words, out)

    def advance(self, delta: int) -> None:
        """Draw delta words and drop them; raise EmbinitError for a negative delta."""
        delta = index(delta)
        if delta < 0:
            raise EmbinitError(f"this generator cannot go back, got {delta}: nothing is known of its step")
        while delta:
            n = min(delta, BLOCK)
            self.random_raw(n)
            delta -= n

    @property
    def state(self) -> tuple[int, ...]:
        """The words of the state."""
        return tuple(self.words.tolist())

    @state.setter
    def state(self, state: tuple[int, ...]) -> None:
        count, bits = self.words.size, 8 * self.words.itemsize
        if len(state) != count:
            raise EmbinitError(f"the state of Steps must have {count} words, got {len(state)}")
        self.words = np.array([checked_uint("a word of Steps", word, bits) for word in state], self.words.dtype)

    @property
    def parameters(self) -> tuple[object, ...]:
        """The function and the width of a word."""
        return self._fill, self.word_bits
