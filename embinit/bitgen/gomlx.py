"""GoMLX's random state: three words from Go's math/rand, and the words that its two backends draw from them."""

from operator import index

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import Called, CGenerator, Words, checked_uint
from embinit.bitgen.counters import Philox4x32
from embinit.bitgen.lcg import moved
from embinit.bitgen.pcg64 import MASK, MODULUS, MULTIPLIER, halves, steps
from embinit.errors import EmbinitError, is_integer, shown

#: The increment of the PCG in Go's math/rand/v2.
INCREMENT = 6364136223846793005 << 64 | 1442695040888963407
#: The seeds that GoMLX takes, Go's int64.
SEEDS = range(-(2**63), 2**63)
#: The modulus of Go's seedrand, its multiplier, and the seed that it takes instead of one that the modulus divides.
_PRIME, _FACTOR, _NO_ZERO = 2**31 - 1, 48271, 89482311
#: The words of rngCooked in Go's math/rand from which the first three numbers are made, by their places in the
#: register. They are what is in the register after 7.8e12 draws; seeding XORs them with words made from the seed.
_COOKED = {
    331: 0xF11BFBB3BA3E0841, 332: 0x3B7FC3AD0D1CD36B, 333: 0xBFB2F4D968B759C3,
    604: 0x74535A96CC7ADFD7, 605: 0x7E57A19B735EF03B, 606: 0x39A00A3A31C025C6,
}  # fmt: skip


def random_state(seed: int) -> tuple[int, int, int]:
    """Return the state that GoMLX's RNGStateFromSeed makes of a seed: the first three numbers of Go's math/rand.

    >>> random_state(42)
    (12663951391086054483, 9832119173398632219, 5571782338101878760)
    """
    if not is_integer(seed) or int(seed) not in SEEDS:
        raise EmbinitError(f"the seed of GoMLX must be an int64, got {shown(seed)}")
    start = int(seed) % _PRIME or _NO_ZERO

    def entry(i: int) -> int:
        a, b, c = (start * pow(_FACTOR, 21 + 3 * i + j, _PRIME) % _PRIME for j in range(3))
        return (a << 40 ^ b << 20 ^ c ^ _COOKED[i]) & MASK

    first, second, third = ((entry(333 - k) + entry(606 - k)) & MASK for k in range(3))
    return first, second, third


class GoMlxPcg(Called):
    """The generator of GoMLX's Go backend: the PCG-DXSM of Go's math/rand/v2, read as 32-bit words, the low half of
    each number first.

    A tensor is one call, and takes whole numbers. GoMLX writes the 128 bits of the state big-endian and reads them
    little-endian, so both halves of the state have their bytes reversed after each call. `align` ends a call; within a
    call the stream can be moved.

    Parameters
    ----------
    seed
        An int64, which becomes the state as in `random_state`.

    Raises
    ------
    EmbinitError
        If seed is no int64.

    Examples
    --------
    >>> g = GoMlxPcg(42)
    >>> g.state
    ((12663951391086054483, 9832119173398632219, 5571782338101878760), 0)
    """

    block = 2

    def __init__(self, seed: int) -> None:
        self.state = random_state(seed), 0

    @property
    def state(self) -> tuple[tuple[int, int, int], int]:
        """GoMLX's random state, which is that at the start of a call, and how many words the call has drawn."""
        first, second, third, drawn = self.words.tolist()
        return (first, second, third), drawn

    @state.setter
    def state(self, state: tuple[tuple[int, int, int], int]) -> None:
        start, drawn = state
        first, second, third = (checked_uint("a word of GoMLX's random state", word, 64) for word in start)
        drawn = checked_uint("the drawn words of GoMlxPcg", drawn, 64)
        self.words = np.array([first, second, third, drawn], np.uint64)

    def draw(self, out: Words) -> None:
        """Fill a contiguous array with the next words of the call."""
        from embinit._kernels import wide

        begun = self.state[1] % 2
        whole = out
        if begun or out.size % 2 or out.ctypes.data % 8:
            whole = np.empty((begun + out.size + 1) // 2 * 2, np.uint32)
        numbers: NDArray[np.uint64] = whole.view(np.uint64)
        at = halves(self._after(self.state[1] // 2), INCREMENT)
        wide.pcg64(at, halves(MULTIPLIER), steps(MULTIPLIER), wide.DXSM, 1, numbers)
        if whole is not out:
            out[:] = whole[begun : begun + out.size]
        self.advance(out.size)

    def _after(self, numbers: int) -> int:
        """Return the 128-bit state after some numbers of the call."""
        (high, low, _), _ = self.state
        return moved(high << 64 | low, MULTIPLIER, INCREMENT, numbers, MODULUS)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words of the call had been drawn; no further back than its first word."""
        delta = index(delta)
        start, drawn = self.state
        if drawn + delta < 0:
            raise EmbinitError(f"GoMlxPcg cannot go back by {-delta} words: {drawn} have been drawn in this call")
        self.state = start, drawn + delta

    def align(self) -> int:
        """End a call that has begun; return how many words that drops."""
        (_, _, third), drawn = self.state
        if not drawn:
            return 0
        after = self._after((drawn + 1) // 2)
        self.state = (_reversed_bytes(after >> 64), _reversed_bytes(after & MASK), third), 0
        return drawn % 2

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_gomlx_pcg."""
        return CGenerator("embinit_gomlx_pcg", "embinit_gomlx.h", "embinit_gomlx_pcg_seed(&generator, seed);")


def _reversed_bytes(word: int) -> int:
    return int.from_bytes(word.to_bytes(8, "little"), "big")


class GoMlxPhilox(Philox4x32):
    """The generator of XLA, as GoMLX seeds it: Philox4x32-10 with the first word of the state as its key, and the other
    two as its counter. A tensor takes whole blocks of four words.

    Parameters
    ----------
    seed
        An int64, which becomes the state as in `random_state`.

    Raises
    ------
    EmbinitError
        If seed is no int64.

    Examples
    --------
    >>> GoMlxPhilox(42).random_raw(2).tolist()
    [4134753938, 581853444]
    """

    def __init__(self, seed: int) -> None:
        key, low, high = random_state(seed)
        super().__init__(key, high << 64 | low)

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_gomlx_philox."""
        return CGenerator("embinit_gomlx_philox", "embinit_gomlx.h", "embinit_gomlx_philox_seed(&generator, seed);")
