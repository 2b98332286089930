"""rand() of the C libraries that devices use, each with its srand() and its RAND_MAX, which is 2^word_bits - 1."""

from collections.abc import Callable, Mapping
from operator import index

import numpy as np

from embinit.bitgen.base import BitGenerator, Called, CGenerator, Words, checked_uint
from embinit.bitgen.glibc import GlibcRand
from embinit.bitgen.lcg import Congruential
from embinit.bitgen.minstd import PRIME, powers


class _Rand(Congruential):
    """rand() as a congruential generator."""

    name: str

    def __init__(self, seed: int = 1) -> None:
        self.state = self._seeded(checked_uint(f"the seed of {type(self).__name__}", seed, 32))

    @staticmethod
    def _seeded(seed: int) -> int:
        return seed

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return the generator of embinit_rand.h."""
        return CGenerator(self.name, "embinit_rand.h", f"{self.name}_seed(&generator, seed);")


class NewlibRand(_Rand):
    """rand() of newlib, newlib-nano and picolibc 1.8, which Cortex-M toolchains link; RAND_MAX is 2^31 - 1.

    state = state * 6364136223846793005 + 1 modulo 2^64, and a word is (state >> 32) & 0x7fffffff. With seed 0 the first
    word is 0.

    Parameters
    ----------
    seed
        What srand() is called with, from 0 to 2^32 - 1: the first state. 1 is that of a program without srand.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> NewlibRand(42).random_raw(3).tolist()
    [2104627054, 2013331137, 258660947]
    """

    name = "embinit_rand_newlib"
    word_bits = 31
    bits, multiplier, increment, shift = 64, 6364136223846793005, 1, 32


class MuslRand(_Rand):
    """rand() of musl: the states of newlib's, with another shift and another seeding; RAND_MAX is 2^31 - 1.

    A word is state >> 33.

    Parameters
    ----------
    seed
        What srand() is called with, from 0 to 2^32 - 1: the first state is (seed - 1) modulo 2^32. 1 is that of a
        program without srand.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> MuslRand(43).random_raw(3).tolist()
    [1052313527, 1006665568, 1203072297]
    >>> MuslRand(43).state == NewlibRand(42).state
    True
    """

    name = "embinit_rand_musl"
    word_bits = 31
    bits, multiplier, increment, shift = 64, 6364136223846793005, 1, 33

    @staticmethod
    def _seeded(seed: int) -> int:
        return (seed - 1) & 0xFFFFFFFF


class MsvcRand(_Rand):
    """rand() of Microsoft's C runtime: 15 bits of state = state * 214013 + 2531011 modulo 2^32; RAND_MAX is 32767.

    Parameters
    ----------
    seed
        What srand() is called with, from 0 to 2^32 - 1.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> MsvcRand(1).random_raw(3).tolist()
    [41, 18467, 6334]
    """

    name = "embinit_rand_msvc"
    word_bits = 15
    bits, multiplier, increment, shift = 32, 214013, 2531011, 16


class _Avr(Called):
    """do_random of avr-libc: state = state * 16807 modulo 2^31 - 1 in int32_t, where 0 becomes 123459876."""

    name: str

    def __init__(self, seed: int = 1) -> None:
        self.state = self._seeded(checked_uint(f"the seed of {type(self).__name__}", seed, 32))

    @staticmethod
    def _seeded(seed: int) -> int:
        return seed

    @property
    def state(self) -> int:
        """The variable of the C library: 32 bits after seeding, then from 0 to 2^31 - 2."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        self.words = np.array([checked_uint(f"the state of {type(self).__name__}", state, 32)], np.uint32)

    def _next(self) -> int:
        """Return the state after the next word, in Python's integers."""
        x = self.state or 123459876
        return (x - ((x >> 31) << 32)) * 16807 % PRIME

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import affine

        start = 0
        while start < out.size and start < 2 and not 1 <= self.state < PRIME:
            self.words[0] = self._next()
            out[start] = self.words[0] & np.uint32((1 << self.word_bits) - 1)
            start += 1
        if start < out.size:
            affine.minstd(self.words, powers(16807), (1 << self.word_bits) - 1, out[start:])

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn; back along the cycle of 2^31 - 2 states."""
        delta = index(delta)
        while delta > 0 and not 1 <= self.state < PRIME:
            self.words[0], delta = self._next(), delta - 1
        if delta:
            x = self.state or 123459876
            self.words[0] = (x - ((x >> 31) << 32)) * pow(16807, delta, PRIME) % PRIME

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return the generator of embinit_rand.h."""
        return CGenerator(self.name, "embinit_rand.h", f"{self.name}_seed(&generator, seed);")

    def __eq__(self, other: object) -> bool:
        """Two states may be one modulo 2^31 - 1, and then give the same words; 0 and 2^31 - 1 do not."""
        return type(other) is type(self) and self._residue() == other._residue()

    def _residue(self) -> int:
        x = self.state or 123459876
        return (x - ((x >> 31) << 32)) % PRIME


class AvrRand(_Avr):
    """rand() of avr-libc, where int has 16 bits: RAND_MAX is 32767.

    Parameters
    ----------
    seed
        What srand() is called with, from 0 to 2^32 - 1; only its low 16 bits count.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> AvrRand(42).random_raw(3).tolist()
    [17766, 11151, 23481]
    >>> AvrRand(65536 + 42) == AvrRand(42)
    True
    """

    name = "embinit_rand_avr"
    word_bits = 15

    @staticmethod
    def _seeded(seed: int) -> int:
        return seed & 0xFFFF


class AvrRandom(_Avr):
    """random() of avr-libc, and so of Arduino: the steps of its rand(), with all 31 bits of a word and all 32 of a
    seed.

    Parameters
    ----------
    seed
        What srandom() is called with, from 0 to 2^32 - 1.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> AvrRandom(1).random_raw(2).tolist()
    [16807, 282475249]
    """

    name = "embinit_random_avr"
    word_bits = 31


#: The rand() of each C library: a target has one, and `rand` of a model file overrides it.
RANDS: Mapping[str, Callable[[int], BitGenerator]] = {
    "newlib": NewlibRand,
    "newlib-nano": NewlibRand,
    "picolibc": NewlibRand,
    "glibc": GlibcRand,
    "musl": MuslRand,
    "avr": AvrRand,
    "avr-random": AvrRandom,
    "msvc": MsvcRand,
}
