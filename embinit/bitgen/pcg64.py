"""PCG64 and PCG64DXSM as in NumPy: 128 bits of state, 64-bit words."""

from functools import lru_cache
from operator import index
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.bitgen.lcg import moved
from embinit.errors import EmbinitError, is_integer, shown

MASK = 2**64 - 1
HALF = 2**32 - 1
#: The bit that says that a half of a word is kept.
KEPT = 2**32
MODULUS = 2**128
MULTIPLIER = 2549297995355413924 << 64 | 4865540595714422341


def halves(*values: int) -> NDArray[np.uint64]:
    """Return 128-bit numbers as 64-bit words, the low half of each first."""
    return np.array([half for value in values for half in (value & MASK, value >> 64)], np.uint64)


@lru_cache
def steps(multiplier: int) -> NDArray[np.uint64]:
    """Return the sums of the first powers of a multiplier, which _kernels.wide needs."""
    from embinit._kernels.wide import RUN

    total, power, sums = 0, 1, [0]
    for _ in range(RUN):
        total, power = (total + power) % MODULUS, power * multiplier % MODULUS
        sums.append(total)
    return halves(*sums)


class Pcg64(Called):
    """numpy.random.PCG64, the generator of numpy.random.default_rng: PCG XSL-RR 128/64, with 64-bit words.

    A word is made from the state after its step. A draw of 32 bits takes the low half of a word; the high half is kept
    for the next draw of 32 bits, and draws of whole words pass it by.

    Parameters
    ----------
    seed
        Any integer from 0 up; it enters through numpy.random.SeedSequence.
    spawn_key
        The number of the child of that seed, then of the child of that child, and so on; () for the seed itself.

    Raises
    ------
    EmbinitError
        If seed or spawn_key is out of range.

    Examples
    --------
    >>> g = Pcg64(42)
    >>> [f"{word:016x}" for word in g.copy().random_raw(2)]
    ['c621fbcd16d92688', '705a5661a791ffc1']
    >>> bool((g.random_raw(1000) == np.random.PCG64(42).random_raw(1000)).all())
    True
    """

    word_bits = 64
    multiplier: ClassVar[int] = MULTIPLIER
    #: Whether a word is made from the state after its step, not before it.
    after: ClassVar[bool] = True
    #: The number of its output function in _kernels.wide.
    output: ClassVar[int] = 0

    def __init__(self, seed: int, spawn_key: tuple[int, ...] = ()) -> None:
        if not is_integer(seed) or int(seed) < 0:
            raise EmbinitError(f"the seed of {type(self).__name__} must be an integer from 0 up, got {shown(seed)}")
        self._seed, self._spawned = int(seed), 0
        self._spawn_key = tuple(checked_uint("a part of spawn_key", part, 32) for part in spawn_key)
        sequence = np.random.SeedSequence(self._seed, spawn_key=self._spawn_key)
        state0, state1, increment0, increment1 = sequence.generate_state(4, np.uint64).tolist()
        increment = ((increment0 << 64 | increment1) << 1 | 1) % MODULUS
        state = increment + (state0 << 64 | state1)
        self.state = (state * MULTIPLIER + increment) % MODULUS, increment

    def spawn(self, n: int) -> list[Self]:
        """Return the generators of the seed's next children, as NumPy's spawn does; this one's next words stay the
        same.

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
        >>> first, second = Pcg64(42).spawn(2)
        >>> second == Pcg64(42, spawn_key=(1,))
        True
        """
        start, self._spawned = self._spawned, self._spawned + checked_uint("n", n, 31)
        return [type(self)(self._seed, (*self._spawn_key, i)) for i in range(start, self._spawned)]

    @property
    def state(self) -> tuple[int, int] | tuple[int, int, int]:
        """The 128-bit state and the 128-bit increment, which is odd; then the half of a word that is kept, if any."""
        low, high, increment_low, increment_high, kept = self.words.tolist()
        state = high << 64 | low, increment_high << 64 | increment_low
        return (*state, kept & HALF) if kept else state

    @state.setter
    def state(self, state: tuple[int, int] | tuple[int, int, int]) -> None:
        name = type(self).__name__
        if len(state) not in (2, 3):
            raise EmbinitError(f"the state of {name} must have 2 or 3 numbers, got {len(state)}")
        value, increment, *kept = (
            checked_uint(f"the {part} of {name}", x, bits)
            for (part, bits), x in zip((("state", 128), ("increment", 128), ("kept half", 32)), state, strict=False)
        )
        if increment % 2 == 0:
            raise EmbinitError(f"the increment of {name} must be odd, got {increment}")
        self.words = np.append(halves(value, increment), np.uint64(KEPT | kept[0] if kept else 0))

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words."""
        from embinit._kernels import wide

        table = steps(self.multiplier)
        wide.pcg64(self.words, halves(self.multiplier), table, self.output, int(self.after), out)

    def draw_halves(self, out: NDArray[np.uint32]) -> int:
        """Fill an array of uint32 as draws of 32 bits do, and return how many words that takes.

        Parameters
        ----------
        out
            A contiguous array of uint32.

        Examples
        --------
        >>> g, out = Pcg64(42), np.empty(3, np.uint32)
        >>> g.draw_halves(out), [hex(half) for half in out], hex(g.state[2])
        (2, ['0x16d92688', '0xc621fbcd', '0xa791ffc1'], '0x705a5661')
        """
        if not out.size:
            return 0
        kept = int(self.words[4])
        begun = int(kept > 0)
        out[:begun] = kept & HALF
        words = np.empty((out.size - begun + 1) // 2, np.uint64)
        self.draw(words)
        drawn = words.astype("<u8", copy=False).view("<u4")
        out[begun:] = drawn[: out.size - begun]
        self.words[4] = KEPT | int(drawn[-1]) if (out.size - begun) % 2 else 0
        return words.size

    def advance_halves(self, delta: int) -> int:
        """Move as if delta draws of 32 bits had been made, and return how many words that takes.

        Parameters
        ----------
        delta
            How many draws, from 0 up.

        Examples
        --------
        >>> g = Pcg64(42)
        >>> g.advance_halves(3)
        2
        >>> g.draw_halves(np.empty(1, np.uint32)), g == Pcg64(42).jumped(2)
        (0, True)
        """
        last = min(delta, 2 if self.words[4] else 1)
        if delta == last:
            return self.draw_halves(np.empty(delta, np.uint32))
        begun = int(self.words[4] > 0)
        before = (delta - 1 - begun) // 2
        self.words[4] = 0
        self.advance(before)
        return before + self.draw_halves(np.empty(delta - begun - 2 * before, np.uint32))

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        state, increment, *_ = self.state
        moved_on = moved(state, self.multiplier, increment, delta % MODULUS, MODULUS)
        self.words[:4] = halves(moved_on, increment)

    def c_generator(self, words: int) -> CGenerator | None:  # noqa: ARG002 (any number)
        """Return embinit_numpy, whose source draws halves of words; PCG64DXSM has none."""
        if type(self) is not Pcg64:
            return None
        return CGenerator("embinit_numpy", "embinit_numpy.h", "embinit_numpy_seed(&generator, seed);")


class Pcg64Dxsm(Pcg64):
    """numpy.random.PCG64DXSM: a cheaper step than PCG64's, and a stronger output, made from the state before its step.

    It is seeded as PCG64 is, with the step of that generator.

    Parameters
    ----------
    seed, spawn_key
        As in Pcg64.

    Raises
    ------
    EmbinitError
        If seed or spawn_key is out of range.

    Examples
    --------
    >>> g = Pcg64Dxsm(42)
    >>> [f"{word:016x}" for word in g.copy().random_raw(2)]
    ['ab1c50338e63481d', '01bdf91d548d1872']
    >>> bool((g.random_raw(1000) == np.random.PCG64DXSM(42).random_raw(1000)).all())
    True
    """

    multiplier = 0xDA942042E4DD58B5
    after = False
    output = 1
