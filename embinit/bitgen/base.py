"""What every bit generator can do, stated over its words of state."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.reader import Reader
from embinit.errors import EmbinitError, shown

#: States that an output is given at a time: they stay in the cache.
OUTPUT_BLOCK = 8192

Words = NDArray[np.unsignedinteger[Any]]


def checked_uint(what: str, value: object, bits: int) -> int:
    """Return value as an int of the given width, or raise EmbinitError with its range."""
    number = int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else -1
    if not 0 <= number < 1 << bits:
        raise EmbinitError(f"{what} must be an integer from 0 to {(1 << bits) - 1}, got {shown(value)}")
    return number


class CGenerator(NamedTuple):
    """A generator in C: its type, the header that has it, and the statement that seeds `generator` from `seed`.

    `<type>_source` is the function of an embinit_source. header: a name for one of the C library, a path for one of
    your own. large: too large for a stack, so it is static.
    """

    type: str
    header: str | Path
    seed: str
    large: bool = False


class BitGenerator(ABC):
    """A stream of words that can be read, moved and copied.

    word_bits: the width of a word; the words of wider ones than 32 bits are uint64, all others uint32. block: how many
    words a counter gives at a time; 1 for a sequential generator. The state lives in `words`, an array that kernels
    update in place; two generators are equal when they are of one kind and will give the same words.
    """

    word_bits: int = 32
    block: ClassVar[int] = 1
    #: Whether it can be jumped, so that threads may take parts of its stream.
    jumps: ClassVar[bool] = True
    words: Words

    @property
    def counter_based(self) -> bool:
        """Whether words are made from a counter, a block at a time, instead of from the state before."""
        return self.block > 1

    def random_raw(self, n: int) -> Words:
        """Draw n words; any split of n into several calls gives the same words."""
        out: Words = np.empty(checked_uint("n", n, 63), np.uint32 if self.word_bits <= 32 else np.uint64)
        self.draw(out)
        return out

    @abstractmethod
    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words: uint32 up to 32 bits, uint64 beyond."""

    @property
    @abstractmethod
    def stream(self) -> tuple[int, NDArray[np.uint32]]:
        """What a distribution's kernel draws from: a kind of embinit.kinds, and its state."""

    @property
    def failure(self) -> BaseException | None:
        """What kept it from giving words to a kernel that ended with NoWordsError."""
        return None

    @abstractmethod
    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn; a negative delta moves back. O(log delta)."""

    def align(self) -> int:
        """Drop what is left of a block, as a framework does that draws each tensor from whole ones; return its size."""
        return 0

    def jumped(self, delta: int) -> Self:
        """Return a new generator that stands delta words further on; this one stays."""
        other = self.copy()
        other.advance(delta)
        return other

    def copy(self) -> Self:
        """Return an independent generator in the same state."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.words = self.words.copy()
        return other

    def move_to(self, other: Self) -> None:
        """Take over the state of another generator of this kind."""
        self.words[:] = other.words

    @property
    @abstractmethod
    def state(self) -> Any:
        """The whole state as plain integers: assign it to another generator to continue there."""

    @state.setter
    @abstractmethod
    def state(self, state: Any) -> None: ...

    def c_generator(self, words: int) -> CGenerator | None:
        """Return the C that draws that many words from a seed as this generator does, which started from seed 0.

        None where there is none.
        """
        del words
        return None

    @property
    def parameters(self) -> tuple[object, ...]:
        """What tells it from other generators of its kind, besides the state."""
        return ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)) or type(other) is not type(self):
            return False
        return self.parameters == other.parameters and np.array_equal(self.words, other.words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} state={self.state}>"


class Native(BitGenerator):
    """A generator that every distribution kernel holds; kind is its number there."""

    kind: ClassVar[int]
    words: NDArray[np.uint32]

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import stream

        stream.raw(self.kind, self.words, out)

    @property
    def stream(self) -> tuple[int, NDArray[np.uint32]]:
        """The generator's kind and its state, which kernels update in place."""
        return self.kind, self.words


class Called(BitGenerator):
    """A generator that distribution kernels call back for a block of words.

    What a kernel has drawn moves the state when it is looked at next.
    """

    _words: Words
    _reader: Reader | None = None

    @property
    def words(self) -> Words:
        """The state, moved on by what kernels have drawn."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            self._words = reader.moved().words
        return self._words

    @words.setter
    def words(self, words: Words) -> None:
        self._words, self._reader = words, None

    @property
    def stream(self) -> tuple[int, NDArray[np.uint32]]:
        """The kind CALLED and the state of a reader."""
        if self._reader is None:
            self._reader = Reader(self.copy())
        return self._reader.stream

    @property
    def failure(self) -> BaseException | None:
        """The exception that its words ended with."""
        return None if self._reader is None else self._reader.failure

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_words": self.words, "_reader": None}


class OfStates(Called):
    """A generator whose words are made of its states: whole, or by an output of the caller's.

    output: what makes words of an array of states; only their lowest word_bits count.
    """

    output: Callable[[Words], Words] | None = None

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        if self.output is None:
            self.draw_states(out)
            return
        mask = out.dtype.type((1 << self.word_bits) - 1)
        for start in range(0, out.size, OUTPUT_BLOCK):
            filled = out[start : start + OUTPUT_BLOCK]
            states = np.empty(filled.size, self.words.dtype)
            self.draw_states(states)
            np.bitwise_and(self.output(states).astype(out.dtype, copy=False), mask, out=filled)

    @abstractmethod
    def draw_states(self, out: Words) -> None:
        """Fill a contiguous array with the next states, or where there is no output with words."""


class Stream(Protocol):
    """What draws from a bit generator, and counts the words drawn."""

    bitgen: BitGenerator
    drawn: int
