"""What every bit generator can do, in terms of its words of state."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.reader import Reader
from embinit.errors import EmbinitError, is_integer, shown

#: How many states an output function gets at a time, so that they stay in the cache.
OUTPUT_BLOCK = 8192

Words = NDArray[np.unsignedinteger[Any]]


def checked_uint(what: str, value: object, bits: int) -> int:
    """Return value as an int, or raise EmbinitError with the allowed range if it does not fit the width."""
    number = int(value) if is_integer(value) else -1
    if number < 0 or number >> bits:
        raise EmbinitError(f"{what} must be an integer from 0 to {(1 << bits) - 1}, got {shown(value)}")
    return number


class CGenerator(NamedTuple):
    """A generator in C: its type, the header that declares it, and the statement that seeds `generator` from `seed`.

    The function `<type>_source` makes an embinit_source of it. header: a name if the C library has the header, a path
    if it is your own. large: whether the state is too large for a stack and so must be static. restart: the statement
    that moves a generator, right after it is seeded, to where the stream starts again for the layer `a` and the tensor
    `b`; "" if it starts at the same place for all of them. seed is "" if restart does all of the seeding and runs
    before every draw.
    """

    type: str
    header: str | Path
    seed: str
    large: bool = False
    restart: str = ""


class BitGenerator(ABC):
    """A stream of words that can be read, moved and copied: the class from which every bit generator is derived.

    Its state is in `words`, an array that kernels update in place. Two generators are equal if they are of one kind and
    will give the same words.

    Attributes
    ----------
    word_bits
        The width of a word. Words of up to 32 bits are uint32, wider ones uint64.
    block
        How many words a counter gives at a time; 1 for a sequential generator.
    jumps
        Whether it can be jumped, so that threads may draw parts of its stream.
    """

    word_bits: int = 32
    block: ClassVar[int] = 1
    jumps: ClassVar[bool] = True
    #: Whether a state of zeros is followed by itself, so that a device that seeds with 0 draws nothing but 0.
    stays_at_zero: ClassVar[bool] = False
    #: The seed that gives the stream of a program that never seeds, if there is one.
    unseeded: ClassVar[int | None] = None
    words: Words

    @property
    def label(self) -> str:
        """What messages call it: the name of its class."""
        return type(self).__name__

    @property
    def linear(self) -> bool:
        """Whether a word is the next state, an integer, and each of its bits is a sum modulo 2 of bits of the state
        before, so that the signs of values show the state.
        """
        return False

    @property
    def c_state(self) -> dict[str, str] | None:
        """The members of its struct in C with their values; None if generated code cannot set its state."""
        return None

    @property
    def counter_based(self) -> bool:
        """Whether words are made from a counter, a block at a time, instead of from the state before."""
        return self.block > 1

    def random_raw(self, n: int) -> Words:
        """Return the next words as an array; any split into several calls gives the same words.

        Parameters
        ----------
        n
            How many.

        Raises
        ------
        EmbinitError
            If n is not an integer from 0 up.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> Xorshift32(42).random_raw(2).tolist()
        [11355432, 2836018348]
        """
        out: Words = np.empty(checked_uint("n", n, 63), np.uint32 if self.word_bits <= 32 else np.uint64)
        self.draw(out)
        return out

    @abstractmethod
    def draw(self, out: Words) -> None:
        """Fill an array with the next words.

        Parameters
        ----------
        out
            A contiguous array: uint32 for words of up to 32 bits, else uint64.

        Raises
        ------
        EmbinitError
            If a generator from outside embinit returns something that is not a word.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> out = np.empty(2, np.uint32)
        >>> Xorshift32(42).draw(out)
        >>> out.tolist()
        [11355432, 2836018348]
        """

    @property
    @abstractmethod
    def stream(self) -> tuple[int, NDArray[np.uint32]]:
        """What a distribution's kernel draws from: a kind of embinit.kinds, and its state."""

    @property
    def failure(self) -> BaseException | None:
        """The exception that ended a kernel with NoWordsError, or None."""
        return None

    @abstractmethod
    def advance(self, delta: int) -> None:
        """Move in place as if words had been drawn, in time O(log delta) if the generator can be jumped.

        Parameters
        ----------
        delta
            How many words; a negative number moves back.

        Raises
        ------
        EmbinitError
            If the generator cannot go back as far.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> g = Xorshift32(42)
        >>> g.advance(1)
        >>> g.random_raw(1).tolist()
        [2836018348]
        """

    @property
    def array_key(self) -> tuple[int, ...] | None:
        """The key, as words, from which the next array is drawn; the first one if an array takes several, and None if
        the generator has no keys.
        """
        return None

    def align(self) -> int:
        """Drop the rest of the current block and return how many words that were, so that the next tensor starts a
        block.

        Examples
        --------
        >>> from embinit import Philox4x32
        >>> g = Philox4x32(0)
        >>> _ = g.random_raw(3)
        >>> g.align()
        1
        """
        return 0

    def jumped(self, delta: int) -> Self:
        """Return a new generator that is some words further on; this one stays where it is.

        Parameters
        ----------
        delta
            How many words; a negative number goes back.

        Raises
        ------
        EmbinitError
            If the generator cannot go back as far.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> Xorshift32(42).jumped(1).random_raw(1).tolist()
        [2836018348]
        """
        other = self.copy()
        other.advance(delta)
        return other

    def copy(self) -> Self:
        """Return an independent generator in the same state, to look ahead without moving this one.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> g = Xorshift32(42)
        >>> g.copy().random_raw(1).tolist() == g.random_raw(1).tolist()
        True
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.words = self.words.copy()
        return other

    def move_to(self, other: Self) -> None:
        """Take over the state of another generator of this kind.

        Parameters
        ----------
        other
            That generator, which stays as it is.

        Examples
        --------
        >>> from embinit import Xorshift32
        >>> g = Xorshift32(42)
        >>> g.move_to(Xorshift32(7))
        >>> g.state
        7
        """
        self.words[:] = other.words

    @property
    @abstractmethod
    def state(self) -> Any:
        """The whole state as plain integers: assign it to another generator to continue there."""

    @state.setter
    @abstractmethod
    def state(self, state: Any) -> None: ...

    def c_generator(self, words: int) -> CGenerator | None:
        """Return the C of this generator, as started from seed 0, for generated code; None if there is none.

        Parameters
        ----------
        words
            How many words the code will draw: if they are few, a generator with less state may do.

        Examples
        --------
        >>> from embinit import Pcg32
        >>> Pcg32(0).c_generator(10).seed
        'embinit_pcg32_seed(&generator, seed, 0);'
        """
        del words
        return None

    @property
    def parameters(self) -> tuple[object, ...]:
        """What distinguishes it from other generators of its kind, besides the state."""
        return ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)) or type(other) is not type(self):
            return False
        return self.parameters == other.parameters and np.array_equal(self.words, other.words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} state={self.state}>"


class Native(BitGenerator):
    """A generator that every distribution kernel knows; `kind` is its number there."""

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


class Read(BitGenerator):
    """A generator that distribution kernels call back for blocks of words, through a reader of its own.

    What a kernel has drawn moves the state when the state is next looked at.
    """

    _reader: Reader | None = None

    @property
    def stream(self) -> tuple[int, NDArray[np.uint32]]:
        """The kind CALLED and the state of the reader."""
        if self._reader is None:
            self._reader = Reader(self.copy())
        return self._reader.stream

    @property
    def failure(self) -> BaseException | None:
        """The exception that ended its words, or None."""
        return None if self._reader is None else self._reader.failure

    def _moved(self) -> Any:
        """Return where a kernel has left the generator, once; None if none has drawn since."""
        reader, self._reader = self._reader, None
        return None if reader is None else reader.moved()


class Called(Read):
    """A generator that kernels call back, whose state is an array of words."""

    _words: Words

    @property
    def words(self) -> Words:
        """The state, moved on by what kernels have drawn."""
        moved = self._moved()
        if moved is not None:
            self._words = moved.words
        return self._words

    @words.setter
    def words(self, words: Words) -> None:
        self._words, self._reader = words, None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_words": self.words, "_reader": None}


class OfStates(Called):
    """A generator whose words are made from its states: each the whole state, or what the caller's output makes of it.

    output: the function that makes an array of words from an array of states; only the lowest word_bits of each count.
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
        """Fill an array with the next states or, if there is no output, with words.

        Parameters
        ----------
        out
            A contiguous array of the states' type.

        Examples
        --------
        >>> from embinit import Xorshift
        >>> out = np.empty(1, np.uint64)
        >>> Xorshift(1).draw_states(out)
        >>> out.tolist()
        [1082269761]
        """


class Stream(Protocol):
    """What draws from a bit generator, and counts the words drawn."""

    bitgen: BitGenerator
    drawn: int
