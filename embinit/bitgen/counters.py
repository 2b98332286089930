"""Counter-based generators: a word is a function of a key and its place in the stream."""

from operator import index
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.errors import EmbinitError, check_known, is_integer, shown

MASK = 2**64 - 1
#: How many blocks of two words are computed at once.
RUN = 4096


class Philox4x32(Called):
    """Philox4x32-10, the generator of XLA and of CUDA: four words per block, from a 64-bit key and a 128-bit counter.

    Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

    Parameters
    ----------
    seed
        The key, from 0 to 2^64 - 1; its low word comes first.
    counter
        The counter of the first block, from 0 to 2^128 - 1.

    Raises
    ------
    EmbinitError
        If one of them is out of range.

    Examples
    --------
    >>> [f"{word:08x}" for word in Philox4x32(0).random_raw(4)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """

    block = 4

    def __init__(self, seed: int, counter: int = 0) -> None:
        key = checked_uint("the seed of Philox4x32", seed, 64)
        self.state = key, checked_uint("the counter of Philox4x32", counter, 128), 0

    @property
    def state(self) -> tuple[int, int, int]:
        """The 64-bit key, the 128-bit counter of the next block, and how many of that block's words have been drawn."""
        key, low, high, drawn = self.words.tolist()
        return key, high << 64 | low, drawn

    @state.setter
    def state(self, state: tuple[int, int, int]) -> None:
        key, counter, drawn = state
        key = checked_uint("the key of Philox4x32", key, 64)
        counter = checked_uint("the counter of Philox4x32", counter, 128)
        drawn = checked_uint("the drawn words of Philox4x32", drawn, 2)
        self.words = np.array([key, counter & MASK, counter >> 64, drawn], np.uint64)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import counters

        key, counter, drawn = self.state
        whole = out
        if drawn or out.size % 4:
            whole = np.empty((drawn + out.size + 3) // 4 * 4, np.uint32)
        low, high = np.uint64(counter & MASK), np.uint64(counter >> 64)
        counters.philox4x32(key & 0xFFFFFFFF, key >> 32, low, high, whole)
        if whole is not out:
            out[:] = whole[drawn : drawn + out.size]
        self.advance(out.size)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        key, counter, drawn = self.state
        blocks, drawn = divmod(drawn + delta, 4)
        self.state = key, (counter + blocks) % 2**128, drawn

    def align(self) -> int:
        """Drop the rest of a block that has been begun; return its size."""
        rest = -self.state[2] % 4
        self.advance(rest)
        return rest


#: How a word is made from a counter; see Threefry2x32.
Counting = Literal["jax", "blocks", "pairs"]
COUNTINGS: tuple[Counting, ...] = ("jax", "blocks", "pairs")


class Threefry2x32(Called):
    """Threefry2x32-20, the generator of JAX: a word is a function of a 64-bit key and its number.

    Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

    Parameters
    ----------
    seed
        The seed of jax.random.key, any integer: the key is (0, seed modulo 2^32).
    counting
        "jax": word i is both halves of threefry(key, (i >> 32, i)), XORed. "blocks": both words of each counter i, the
        low word first, as in Random123. "pairs": both words of the counters (2i, 2i + 1), as in raven's Nx.

    Raises
    ------
    EmbinitError
        If seed is no integer, or counting is unknown.

    Examples
    --------
    >>> [f"{word:08x}" for word in Threefry2x32(0, counting="blocks").random_raw(2)]
    ['6b200159', '99ba4efe']
    """

    def __init__(self, seed: int, counting: Counting = "jax") -> None:
        if not is_integer(seed):
            raise EmbinitError(f"the seed of Threefry2x32 must be an integer, got {shown(seed)}")
        self._start((0, int(seed) & 0xFFFFFFFF), counting)

    @classmethod
    def keyed(cls, key: tuple[int, int], counting: Counting = "jax") -> Self:
        """Return the generator of a key that was split or folded, before its first word.

        Parameters
        ----------
        key
            Two uint32 words.
        counting
            As in `Threefry2x32`.

        Raises
        ------
        EmbinitError
            If a word of the key is out of range, or counting is unknown.

        Examples
        --------
        >>> Threefry2x32.keyed((0, 7)) == Threefry2x32(7)
        True
        """
        generator = object.__new__(cls)
        generator._start(key, counting)
        return generator

    def _start(self, key: tuple[int, int], counting: Counting) -> None:
        check_known("the counting of Threefry2x32", counting, COUNTINGS)
        self.counting: Counting = counting
        self.block = 1 if counting == "jax" else 2  # type: ignore[misc] # JAX's words have no block
        self.state = key, 0

    @property
    def key(self) -> tuple[int, int]:
        """The key: two words."""
        return self.state[0]

    @property
    def array_key(self) -> tuple[int, ...]:
        """The key."""
        return self.key

    @property
    def state(self) -> tuple[tuple[int, int], int]:
        """The key, two words, and how many words have been drawn."""
        k0, k1, drawn = self.words.tolist()
        return (k0, k1), drawn

    @state.setter
    def state(self, state: tuple[tuple[int, int], int]) -> None:
        key, drawn = state
        k0, k1 = (checked_uint("a word of the key of Threefry2x32", word, 32) for word in key)
        self.words = np.array([k0, k1, checked_uint("the drawn words of Threefry2x32", drawn, 64)], np.uint64)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import counters

        (k0, k1), drawn = self.state
        if self.counting == "jax":
            counters.threefry2x32_jax(k0, k1, np.uint64(drawn), out)
        else:
            begun = drawn % 2
            for start in range(-begun, out.size, 2 * RUN):
                blocks = np.arange(
                    (drawn + start) // 2, (drawn + min(start + 2 * RUN, out.size) + 1) // 2, dtype=np.uint64
                )
                words = np.column_stack(threefry2x32((k0, k1), *self._counters(blocks))).reshape(-1)
                filled = out[max(start, 0) : start + 2 * RUN]
                filled[:] = words[max(-start, 0) :][: filled.size]
        self.advance(out.size)

    def _counters(self, blocks: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the two words of each block's counter."""
        if self.counting == "pairs":
            low = (2 * blocks).astype(np.uint32)
            return low, low + np.uint32(1)
        return blocks.astype(np.uint32), (blocks >> np.uint64(32)).astype(np.uint32)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn; no further back than the first word of the key."""
        delta = index(delta)
        key, drawn = self.state
        if drawn + delta < 0:
            raise EmbinitError(f"Threefry2x32 cannot go back by {-delta} words: {drawn} have been drawn from its key")
        self.state = key, drawn + delta

    def align(self) -> int:
        """Drop the rest of a block that has been begun; return its size."""
        rest = -self.state[1] % self.block
        self.advance(rest)
        return rest

    @property
    def parameters(self) -> tuple[object, ...]:
        """How it counts."""
        return (self.counting,)

    def c_generator(self, words: int) -> CGenerator | None:  # noqa: ARG002 (any number)
        """Return embinit_threefry2x32 in JAX's counting."""
        if self.counting != "jax":
            return None
        seed = "embinit_threefry2x32_seed(&generator, 0, (uint32_t)seed);"
        fold_in = "embinit_threefry2x32_fold_in(generator.key, b);"
        return CGenerator("embinit_threefry2x32", "embinit_threefry2x32.h", seed, restart=fold_in)


def key_of(number: int) -> tuple[int, int]:
    """Return the key that 64 bits of an integer are: the high word, then the low one.

    >>> key_of(2**32 + 5), key_of(-1)
    ((1, 5), (4294967295, 4294967295))
    """
    return number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF


def threefry2x32(
    key: tuple[int, int], x: NDArray[np.uint32], y: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the two words of threefry2x32-20 for each counter (x[i], y[i]), with which keys are split and folded.

    >>> [hex(words[0]) for words in threefry2x32((0, 0), np.zeros(1, np.uint32), np.zeros(1, np.uint32))]
    ['0x6b200159', '0x99ba4efe']
    """
    from embinit._kernels import counters

    x, y = np.array(x, np.uint32), np.array(y, np.uint32)
    counters.threefry2x32(*key, x, y)
    return x, y
