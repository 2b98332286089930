"""The random numbers of tinygrad and MLX: each word is a key, and a whole array is drawn from one key."""

from operator import index
from typing import Self

import numpy as np

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.bitgen.counters import key_of, threefry2x32
from embinit.errors import EmbinitError

Key = tuple[int, int]
MASK = 2**32 - 1
#: The last 32 bits of the SHA-256 of four zero bytes. tinygrad's key of its first device is this word and the seed.
FIRST_DEVICE = 0x14B81119
#: How many of MLX's keys are passed over at a time, and how many of them are split in Python, without Numba.
RUN, FEW = 2**16, 64


class TinygradKeys(Called):
    """The keys of tinygrad's first device: word i is the key of an array that is drawn after i values.

    Parameters
    ----------
    seed
        The seed of Tensor.manual_seed; only its low 32 bits count.

    Examples
    --------
    >>> TinygradKeys(42).array_key == TinygradKeys(42 + 2**32).array_key
    True
    """

    word_bits = 64

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK, 0

    @property
    def state(self) -> tuple[int, int]:
        """The low 32 bits of the seed, and how many values have been drawn."""
        seed, drawn = self.words.tolist()
        return seed, drawn

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        seed, drawn = state
        seed = checked_uint("the seed of TinygradKeys", seed, 32)
        self.words = np.array([seed, checked_uint("the drawn values of TinygradKeys", drawn, 64)], np.uint64)

    @property
    def array_key(self) -> Key:
        """The key of the next array."""
        return key_of(int(self.copy().random_raw(1)[0]))

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next keys, each with its first word in the high bits."""
        seed, drawn = self.state
        numbers = np.arange(drawn, drawn + out.size, dtype=np.uint64)
        first, second = threefry2x32(
            (FIRST_DEVICE, seed), numbers.astype(np.uint32), (numbers >> np.uint64(32)).astype(np.uint32)
        )
        out[:] = first.astype(np.uint64) << np.uint64(32) | second
        self.advance(out.size)

    def advance(self, delta: int) -> None:
        """Move in place as if delta values had been drawn."""
        delta = index(delta)
        seed, drawn = self.state
        if drawn + delta < 0:
            raise EmbinitError(f"TinygradKeys cannot go back by {-delta} values: {drawn} have been drawn")
        self.state = seed, drawn + delta

    def taken(self, n: int) -> Key:
        """Return the key of an array of n values, and move on past them."""
        key = self.array_key
        self.advance(n)
        return key

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_tinygrad."""
        del words
        seed = "embinit_tinygrad_seed(&generator, (uint32_t)seed);"
        return CGenerator("embinit_tinygrad", "embinit_key_streams.h", seed)


class MlxKeys(Called):
    """The keys that MLX draws arrays from after mx.random.seed: the current key is split in two, an array is drawn from
    the second one, and the first one is split for the next array.

    Parameters
    ----------
    key
        The two words of mx.random.key(seed).

    Examples
    --------
    >>> MlxKeys((0, 42)).array_key == MlxKeys.split((0, 42), 2)[1]
    True
    """

    word_bits = 64
    jumps = False

    def __init__(self, key: Key) -> None:
        self.state = *key, 0

    @classmethod
    def explicit(cls, key: Key) -> Self:
        """Return a generator that draws one array, from the key itself, as mx.random.uniform(key=key) does."""
        generator = cls(key)
        generator.state = *key, 1
        return generator

    @classmethod
    def seeded(cls, seed: int) -> Self:
        """Return the keys after mx.random.seed(seed)."""
        return cls(key_of(seed))

    @staticmethod
    def split(key: Key, n: int) -> list[Key]:
        """Return mx.random.split(key, n).

        >>> MlxKeys.split((0, 0), 2)
        [(4146024105, 967050713), (2718843009, 1272950319)]
        """
        counters = np.arange(n, dtype=np.uint32)
        words = np.concatenate(threefry2x32(key, counters, counters + np.uint32(n))).tolist()
        return list(zip(words[::2], words[1::2], strict=True))

    @property
    def key(self) -> Key:
        """The key that is split for the next array; the key itself if it was given with `explicit`."""
        return self.state[:2]

    @property
    def state(self) -> tuple[int, int, int]:
        """The two words of the key, and how it is used: 0 if it is split for each array, 1 if one array is to be drawn
        from the key itself, 2 once that array has been drawn.
        """
        k0, k1, use = self.words.tolist()
        return k0, k1, use

    @state.setter
    def state(self, state: tuple[int, int, int]) -> None:
        key, use = state[:2], checked_uint("the use of a key of MlxKeys", state[2], 2)
        self.words = np.array(
            [*(checked_uint("a word of the key of MlxKeys", word, 32) for word in key), use], np.uint64
        )

    @property
    def array_key(self) -> Key | None:
        """The key of the next array; None if no array can be drawn any more."""
        return None if self.state[2] == 2 else self.copy().taken(1)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next keys, each with its first word in the high bits."""
        k0, k1, use = self.state
        if use == 0:
            from embinit._kernels import key_streams

            key_streams.mlx_keys(self.words, out)
        elif out.size:
            if use == 2 or out.size > 1:
                raise EmbinitError("one array is drawn from a key of MLX: split the key for more")
            out[0] = k0 << 32 | k1
            self.state = k0, k1, 2

    def advance(self, delta: int) -> None:
        """Move in place as if delta keys had been taken, one by one."""
        delta = index(delta)
        if delta < 0:
            raise EmbinitError(f"MlxKeys cannot go back by {-delta} keys: a key does not show what it was split from")
        if delta <= FEW:
            for _ in range(delta):
                self.taken(1)
            return
        for start in range(0, delta, RUN):
            self.draw(np.empty(min(delta - start, RUN), np.uint64))

    def taken(self, n: int) -> Key:  # noqa: ARG002 (an array of any size takes one)
        """Return the key of an array of any size, and move on past it."""
        k0, k1, use = self.state
        if use == 0:
            after, key = self.split((k0, k1), 2)
            self.state = *after, 0
            return key
        return key_of(int(self.random_raw(1)[0]))

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_mlx."""
        del words
        return CGenerator("embinit_mlx", "embinit_key_streams.h", "embinit_mlx_seed(&generator, (uint64_t)seed);")
