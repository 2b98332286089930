"""Linear congruential generators modulo 2^32 and 2^64, with any output."""

from collections.abc import Callable
from functools import lru_cache
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from embinit.bitgen.base import CGenerator, OfStates, Words, checked_uint
from embinit.errors import EmbinitError, is_integer, shown

if TYPE_CHECKING:
    from embinit._kernels.jit import Kernel


def moved(state: int, multiplier: int, increment: int, delta: int, modulus: int) -> int:
    """Return the state after delta steps x * multiplier + increment; delta is not negative.

    Brown, "Random Number Generation with Arbitrary Strides", 1994.

    >>> moved(1, 3, 1, 2, 2**32)
    13
    """
    total_multiplier, total_increment = 1, 0
    while delta:
        if delta & 1:
            total_multiplier = total_multiplier * multiplier % modulus
            total_increment = (total_increment * multiplier + increment) % modulus
        increment = (multiplier + 1) * increment % modulus
        multiplier = multiplier * multiplier % modulus
        delta >>= 1
    return (total_multiplier * state + total_increment) % modulus


@lru_cache
def steps(multiplier: int, bits: int) -> Words:
    """Return A_0 to A_RUN, the sums of the first powers of a multiplier, which _kernels.affine needs."""
    from embinit._kernels.affine import RUN

    dtype = np.uint32 if bits == 32 else np.uint64
    powers: Words = np.full(RUN, multiplier, dtype)
    powers[0] = 1
    sums: Words = np.zeros(RUN + 1, dtype)
    np.cumsum(np.cumprod(powers, dtype=dtype), dtype=dtype, out=sums[1:])
    return sums


@lru_cache(maxsize=1024)
def _kernel(
    bits: int, multiplier: int, increment: int, shift: int, mask: int
) -> tuple["Kernel", bool, tuple[Any, ...]]:
    """Return the kernel that draws words, whether its first argument says if words are wide, and the arguments that it
    takes between the state and the words.
    """
    from embinit._kernels import affine
    from embinit._kernels.jit import as_kernel

    fixed = np.uint64(multiplier), np.uint64(increment), steps(multiplier, bits), shift, np.uint64(mask)
    return as_kernel(affine.lcg32 if bits == 32 else affine.lcg64), bits == 64, fixed


class Congruential(OfStates):
    """state = state * multiplier + increment modulo 2^bits; a word is (state >> shift) & mask."""

    bits: int
    multiplier: int
    increment: int
    shift: int = 0
    mask: int | None = None

    def draw_states(self, out: Words) -> None:
        """Fill a contiguous array with the next states or, if there is no output, with words."""
        if self.output is not None:
            shift, mask = 0, (1 << self.bits) - 1
        else:
            shift, mask = self.shift, (1 << self.word_bits) - 1 if self.mask is None else self.mask
        kernel, before, fixed = _kernel(self.bits, self.multiplier, self.increment, shift, mask)
        kernel.direct(*((out.itemsize == 8,) if before else ()), self.words, *fixed, out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn."""
        delta = index(delta)
        period = 1 << self.bits
        self.state = moved(self.state, self.multiplier, self.increment, delta % period, period)

    @property
    def state(self) -> int:
        """The state, an integer below 2^bits."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        value = checked_uint(f"the state of {type(self).__name__}", state, self.bits)
        self.words = np.array([value], np.uint32 if self.bits == 32 else np.uint64)


class Lcg(Congruential):
    """A congruential generator of 32 or 64 bits: state = state * multiplier + increment, then a word made from the
    state.

    The defaults are those of Press et al., "Numerical Recipes", 1992.

    Parameters
    ----------
    seed
        The first state, from 0 to 2^bits - 1.
    bits
        The width of the state, 32 or 64.
    multiplier, increment
        Below 2^bits, the multiplier odd. Unless the multiplier is 1 modulo 4 and the increment odd, the period is
        shorter than 2^bits and words do not come back where `advance` says.
    shift, word_bits
        A word is (state >> shift) modulo 2^word_bits; by default word_bits is bits - shift.
    output
        A function from an array of states to an array of words, which replaces that rule.
    mask
        If given, a word is (state >> shift) & mask.

    Raises
    ------
    EmbinitError
        If one of them is out of range, or a word does not lie within the state.

    Examples
    --------
    >>> g = Lcg(1)
    >>> [f"{word:08x}" for word in g.random_raw(3)]
    ['3c88596c', '5e8885db', '8116017e']
    >>> wide = Lcg(5, bits=64, multiplier=6364136223846793005, increment=1, shift=32)
    >>> wide.jumped(7).jumped(-7) == wide
    True
    """

    def __init__(
        self,
        seed: int,
        bits: int = 32,
        multiplier: int = 1664525,
        increment: int = 1013904223,
        shift: int = 0,
        word_bits: int | None = None,
        output: Callable[[Words], Words] | None = None,
        mask: int | None = None,
    ) -> None:
        if not is_integer(bits) or bits not in (32, 64):
            raise EmbinitError(f"bits of Lcg must be 32 or 64, got {shown(bits)}")
        self.bits = int(bits)
        self.multiplier = checked_uint("the multiplier of Lcg", multiplier, bits)
        if self.multiplier % 2 == 0:
            raise EmbinitError(f"the multiplier of Lcg must be odd, got {multiplier}")
        self.increment = checked_uint("the increment of Lcg", increment, bits)
        self.shift = checked_uint("the shift of Lcg", shift, 6)
        self.word_bits = bits - self.shift if word_bits is None else checked_uint("word_bits of Lcg", word_bits, 7)
        self.mask = None if mask is None else checked_uint("the mask of Lcg", mask, self.word_bits)
        if not 1 <= self.word_bits <= 64 or (output is None and mask is None and self.shift + self.word_bits > bits):
            raise EmbinitError(
                f"a word of Lcg must lie within its state of {bits} bits, got {self.word_bits} bits from {shift} on"
            )
        self.output = output
        self.state = seed

    def c_generator(self, words: int) -> CGenerator | None:  # noqa: ARG002 (any number)
        """Return embinit_lcg32, whose state is the seed, if a word is the whole state; else None."""
        if self.word_bits != 32 or self.bits != 32 or self.shift or self.mask is not None or self.output is not None:
            return None
        state = "seed" if self.state == 0 else f"seed != 0 ? seed : {self.state}u"
        seed = f"embinit_lcg32_seed(&generator, {state}, {self.multiplier}u, {self.increment}u);"
        return CGenerator("embinit_lcg32", "embinit_lcg.h", seed)

    @property
    def parameters(self) -> tuple[object, ...]:
        """All but the seed."""
        return self.bits, self.multiplier, self.increment, self.shift, self.word_bits, self.output, self.mask
