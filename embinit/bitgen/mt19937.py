"""MT19937, the Mersenne Twister of Matsumoto and Nishimura: the generator of PyTorch on the CPU."""

from functools import cached_property
from operator import index
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit import kinds
from embinit.bitgen.base import CGenerator, Native, checked_uint
from embinit.errors import EmbinitError

#: How many words the small C twin can give; its state has 28 bytes instead of 2500.
SMALL = 624
#: The words of state, to which the recurrence reaches back; 19937 of their 624 * 32 bits decide all later words.
N = 624
DEGREE = 19937


def times_characteristic(polynomial: int) -> int:
    """Return the product of a polynomial over GF(2), bit i for z^i, and the characteristic one of a step.

    With q = z^623 + z^396 and the bits a_0 to a_31 of the twist matrix's last row that is
    z (q^32 + a_0 q^31 + a_1 q^30 + ... + a_30 q) + a_31: section A of the paper's appendix.

    >>> times_characteristic(1).bit_count()
    135
    """
    product = polynomial
    for i in range(31):
        product = product << 623 ^ product << 396 ^ (polynomial if 0x9908B0DF >> i & 1 else 0)
    return (product << 623 ^ product << 396) << 1 ^ polynomial


CHARACTERISTIC = times_characteristic(1)


def reduced(polynomial: int) -> int:
    """Return a polynomial modulo the characteristic one."""
    while high := polynomial >> DEGREE:
        polynomial ^= times_characteristic(high)
    return polynomial


def power_of_z(exponent: int) -> int:
    """Return z^exponent modulo the characteristic polynomial; the exponent may be negative.

    >>> power_of_z(-1) << 1 == CHARACTERISTIC ^ 1
    True
    """
    power = 1
    for bit in f"{abs(exponent):b}":
        power = reduced(int(f"{power:b}", 4))  # squaring over GF(2) spreads the bits: 0b1011 becomes 0b1000101
        if bit == "1" and exponent > 0:
            power = reduced(power << 1)
        elif bit == "1":
            power = (power ^ CHARACTERISTIC * (power & 1)) >> 1
    return power


class MT19937(Native):
    """MT19937, the Mersenne Twister: 624 words of state, period 2^19937 - 1; the generator of PyTorch and std::mt19937.

    Matsumoto and Nishimura, "Mersenne Twister: A 623-Dimensionally Equidistributed Uniform Pseudo-Random Number
    Generator", ACM Transactions on Modeling and Computer Simulation 8 (1), 1998. The words are the same on every
    machine and in every release.

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1; it enters as in the authors' init_genrand of 2002.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> g = MT19937(42)
    >>> [f"{word:08x}" for word in g.random_raw(3)]
    ['5fe1dc66', 'cbea3db3', 'f362035c']
    >>> g.jumped(-3) == MT19937(42)
    True
    """

    kind: ClassVar[int] = kinds.MT19937

    def __init__(self, seed: int) -> None:
        self._seed = checked_uint("the seed of MT19937", seed, 32)

    @cached_property
    def words(self) -> NDArray[np.uint32]:  # type: ignore[override] # computed at first use: a Model only looks at it
        """The state: 624 words of the recurrence, and how many of them have been drawn."""
        from embinit._kernels import mt19937

        words = np.empty(N + 1, np.uint32)
        mt19937.seed(self._seed, words)
        return words

    @property
    def state(self) -> tuple[tuple[int, ...], int]:
        """A block of 624 words of the recurrence, and how many of them have been drawn."""
        return tuple(self.words[:N].tolist()), int(self.words[N])

    @state.setter
    def state(self, state: tuple[tuple[int, ...], int]) -> None:
        words, position = state
        if len(words) != N:
            raise EmbinitError(f"the state of MT19937 must have {N} words, got {len(words)}")
        values = [checked_uint("a word of MT19937", word, 32) for word in words]
        if values[0] < 1 << 31 and not any(values[1:]):
            raise EmbinitError("the state of MT19937 must not be 0: it would stay 0; set any other bit")
        if checked_uint("the position of MT19937", position, 32) > N:
            raise EmbinitError(f"the position of MT19937 must be from 0 to {N}, got {position}")
        self.words = np.array([*values, position], np.uint32)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn: directly within 2^26 words, else by a polynomial.

        Haramoto et al., "Efficient Jump Ahead for F2-Linear Random Number Generators", 2008.
        """
        from embinit._kernels import mt19937

        position = int(self.words[N]) + index(delta)
        blocks = 0 if 0 <= position <= N else (position - 1) // N
        if 0 <= blocks < 2**26 // N:
            mt19937.skip_blocks(self.words, blocks)
        else:
            mt19937.jump(self.words, coefficients(power_of_z(blocks * N - 1)))
        self.words[N] = position - blocks * N

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_mt19937, or embinit_mt19937_small if that gives enough words."""
        large = words > SMALL
        name = "embinit_mt19937" if large else "embinit_mt19937_small"
        return CGenerator(name, "embinit_mt19937.h", f"{name}_seed(&generator, seed);", large)

    def __eq__(self, other: object) -> bool:
        """Whether the next 624 words are the same; states that begin at different words of one stream may be equal."""
        if not isinstance(other, MT19937):
            return NotImplemented
        return np.array_equal(self.copy().random_raw(N), other.copy().random_raw(N))

    def __repr__(self) -> str:
        first, second, *_, last = self.words[:N].tolist()
        return f"<MT19937 state=(({first}, {second}, ..., {last}), {self.words[N]})>"


def coefficients(polynomial: int) -> NDArray[np.uint8]:
    """Return the coefficients of a polynomial over GF(2), the highest first."""
    return np.unpackbits(np.frombuffer(polynomial.to_bytes(DEGREE // 8 + 1, "big"), np.uint8))
