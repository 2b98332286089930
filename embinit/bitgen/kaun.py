"""The scopes of Nx.Rng, raven's random numbers: their words are keys, one for each array that is drawn."""

from abc import abstractmethod
from operator import index
from typing import Any, Self

import numpy as np

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.bitgen.counters import key_of, threefry2x32
from embinit.errors import EmbinitError, shown

#: OCaml's int.
INTEGERS = range(-(2**62), 2**62)
MASK = 2**32 - 1
Key = tuple[int, ...]


def mixed(x: int) -> int:
    """Return murmur3's finalizer of the low 32 bits of x, without its sign bit.

    >>> mixed(1)
    1364076727
    """
    x &= MASK
    x = (x ^ x >> 16) * 0x85EBCA6B & MASK
    x = (x ^ x >> 13) * 0xC2B2AE35 & MASK
    return (x ^ x >> 16) & 0x7FFFFFFF


class _Scope(Called):
    """A root key, and how many keys have been taken from it; `words` holds both."""

    #: How many words the root has, and whether the words of an array come from hashed keys.
    key_words: int
    hashed: bool
    #: How many keys an array of normal values takes.
    keys_of_normal: int

    def __init__(self, key: Key) -> None:
        self.state = key, 0

    @property
    def key(self) -> Key:
        """The root."""
        return self.state[0]

    @property
    def state(self) -> tuple[Key, int]:
        """The root, and how many keys have been taken from it."""
        *key, taken = self.words.tolist()
        return tuple(key), taken

    @state.setter
    def state(self, state: tuple[Key, int]) -> None:
        key, taken = state
        what = f"the key of {type(self).__name__}"
        if not isinstance(key, list | tuple) or len(key) != self.key_words:
            raise EmbinitError(f"{what} must have {self.key_words} words, got {shown(key)}")
        bits = self.word_bits // self.key_words
        words = [checked_uint(what, word, bits) for word in key]
        self.words = np.array([*words, checked_uint("the keys that are taken", taken, 62)], np.uint64)

    def advance(self, delta: int) -> None:
        """Move in place as if delta keys had been taken."""
        delta = index(delta)
        key, taken = self.state
        if taken + delta < 0:
            raise EmbinitError(
                f"{type(self).__name__} cannot go back by {-delta} keys: {taken} have been taken from its root"
            )
        self.state = key, taken + delta

    @property
    def array_key(self) -> Key:
        """The key from which the next array is drawn; the first one if it takes two."""
        key, taken = self.state
        return self.folded(key, taken)

    def taken(self) -> Key:
        """Take the next key."""
        key = self.array_key
        self.advance(1)
        return key

    @classmethod
    @abstractmethod
    def seeded(cls, seed: int) -> Self:
        """Return the scope of Nx.Rng.run ~seed."""

    @staticmethod
    @abstractmethod
    def folded(key: Key, data: int) -> Key:
        """Return Nx.Rng.fold_in of a key."""

    @staticmethod
    @abstractmethod
    def split(key: Key, n: int) -> list[Key]:
        """Return Nx.Rng.split of a key."""

    @abstractmethod
    def keys_of_pairs(self) -> tuple[Key, Key]:
        """Take the keys of an array of normal values, and return those of the angle and of the radius."""


class KaunScope(_Scope):
    """The scope of Nx.Rng from raven c89bf41b on: key i is fold_in(root, i), by Threefry2x32.

    Its words are keys, with the first half in the high bits. An array of uniform or normal values takes one key, an
    array of truncated normal values one for each time that it is drawn.

    Parameters
    ----------
    key
        The root, two words.

    Raises
    ------
    EmbinitError
        If the key is not two uint32 words.

    Examples
    --------
    >>> [f"{key:016x}" for key in KaunScope.seeded(42).random_raw(2)]
    ['6d3e048f1022172d', '03d7b32dadd083f4']
    """

    word_bits = 64
    key_words, hashed, keys_of_normal = 2, False, 1

    @classmethod
    def seeded(cls, seed: int) -> Self:
        """Return the scope of Nx.Rng.run ~seed."""
        return cls(key_of(seed))

    @staticmethod
    def folded(key: Key, data: int) -> Key:
        """Return Nx.Rng.fold_in of a key."""
        return _hashed(key, *key_of(data))

    @staticmethod
    def split(key: Key, n: int) -> list[Key]:
        """Return Nx.Rng.split of a key."""
        return [_hashed(key, 2 * i & MASK, 2 * i + 1 & MASK) for i in range(n)]

    def keys_of_pairs(self) -> tuple[Key, Key]:
        """Take a key, and return what it is split into: the keys of the angle and of the radius."""
        angle, radius = self.split(self.taken(), 2)
        return angle, radius

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next keys."""
        (k0, k1), taken = self.state
        numbers = np.arange(taken, taken + out.size, dtype=np.uint64)
        high, low = threefry2x32((k0, k1), (numbers >> np.uint64(32)).astype(np.uint32), numbers.astype(np.uint32))
        out[:] = high.astype(np.uint64) << np.uint64(32) | low
        self.advance(out.size)

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_kaun."""
        del words
        return CGenerator("embinit_kaun", "embinit_kaun.h", "embinit_kaun_seed(&generator, seed);")


class KaunAlpha3Scope(_Scope):
    """The scope of Nx.Rng in Kaun 1.0.0 alpha3: a key is an int of 31 bits, key i is fold_in(root, i), by murmur3.

    An array of uniform values takes one key, an array of normal values two.

    Parameters
    ----------
    key
        The root, one word.

    Raises
    ------
    EmbinitError
        If the key is not one word of 31 bits.

    Examples
    --------
    >>> KaunAlpha3Scope.seeded(42).random_raw(2).tolist()
    [142593372, 1564756418]
    """

    word_bits = 31
    key_words, hashed, keys_of_normal = 1, True, 2

    @classmethod
    def seeded(cls, seed: int) -> Self:
        """Return the scope of Nx.Rng.run ~seed."""
        return cls((abs(seed) & 0x7FFFFFFF,))

    @staticmethod
    def folded(key: Key, data: int) -> Key:
        """Return Nx.Rng.fold_in of a key."""
        return (mixed(key[0] ^ data),)

    @staticmethod
    def split(key: Key, n: int) -> list[Key]:
        """Return Nx.Rng.split of a key."""
        return [(mixed(key[0] * (n + 1) + i + 1),) for i in range(n)]

    def keys_of_pairs(self) -> tuple[Key, Key]:
        """Take two keys, those of the angle and of the radius."""
        return self.taken(), self.taken()

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next keys."""
        for i in range(out.size):
            (out[i],) = self.taken()

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_kaun, as 1.0.0 alpha3 seeds it."""
        del words
        seed, layer = "embinit_kaun_alpha3_seed(&generator, seed);", "embinit_kaun_alpha3_layer(&generator, a);"
        return CGenerator("embinit_kaun", "embinit_kaun.h", seed, restart=layer)


def _hashed(key: Key, x: int, y: int) -> Key:
    """Return threefry2x32 of a counter of two words."""
    words: Any = threefry2x32((key[0], key[1]), np.array([x], np.uint32), np.array([y], np.uint32))
    return int(words[0][0]), int(words[1][0])
