"""xorshift with any shifts and any state type of C; (13, 17, 5) in 32 bits has a file of its own."""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from operator import index

import numpy as np

from embinit.bitgen.base import OfStates, Words, checked_uint
from embinit.bitgen.linear import Jumps, lane_maps
from embinit.errors import EmbinitError, check_known, is_integer
from embinit.kinds import XORSHIFT32

#: Bits of a state type in C, and whether it has a sign.
TYPES = {
    "uint16_t": (16, False), "uint32_t": (32, False), "uint64_t": (64, False),
    "int16_t": (16, True), "int32_t": (32, True), "int64_t": (64, True),
}  # fmt: skip


class Step:
    """x ^= x << a for each positive shift a, x ^= x >> -a for each negative one, in a type of C."""

    def __init__(self, shifts: Sequence[int], state_type: str) -> None:
        check_known("the state of Xorshift", state_type, TYPES)
        self.bits, self.signed = TYPES[state_type]
        self.shifts = tuple(shifts)
        good = all(is_integer(shift) and 0 < abs(int(shift)) < self.bits for shift in self.shifts)
        if not good or not 1 <= len(self.shifts) <= 3:
            raise EmbinitError(
                f"shifts of Xorshift must be one to three integers from 1 to {self.bits - 1} (<<) or from "
                f"{1 - self.bits} to -1 (>>), got {list(shifts)}"
            )
        self.shifts = tuple(map(int, self.shifts))
        self.table: Words = np.array([*self._moves(), self.bits - 1], np.uint64 if self.bits == 64 else np.uint32)

    @cached_property
    def jumps(self) -> Jumps:
        """The jumps over many steps."""
        return Jumps(self, self.bits)

    def __call__(self, state: int) -> int:
        """Return the state that follows a state."""
        mask = (1 << self.bits) - 1
        for shift in self.shifts:
            value = state - (state >> self.bits - 1 << self.bits) if self.signed else state
            state ^= (state << shift if shift > 0 else value >> -shift) & mask
        return state

    def _moves(self) -> list[int]:
        """Return the distance and the masks of each of three shifts, as _kernels.lanes takes them."""
        mask, moves = (1 << self.bits) - 1, []
        for shift in self.shifts:
            signs = mask & ~(mask >> -shift) if self.signed and shift < 0 else 0
            moves += [shift, mask, 0, 0, 0] if shift > 0 else [0, 0, -shift, mask, signs]
        return moves + [0] * (15 - len(moves))


@lru_cache
def _step(shifts: tuple[int, ...], state_type: str) -> Step:
    return Step(shifts, state_type)


@lru_cache
def _maps(step: Step) -> tuple[Words, Words]:
    return lane_maps(step.jumps, step.bits, 1)


class Xorshift(OfStates):
    """Marsaglia's xorshift with one to three shifts: a word is the new state, or what an output function makes of it.

    Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003.

    Parameters
    ----------
    seed
        The first state, from 1 to the largest that the type holds as unsigned: the generator never leaves 0.
    shifts
        The shifts in order: a positive number shifts left, a negative one right. The default is xorshift64.
    state
        The type of the state in C, such as "uint64_t"; >> of a signed type copies the sign.
    word_bits
        The width of a word; by default that of the state.
    output
        A function from an array of states to an array of words.

    Raises
    ------
    EmbinitError
        If one of them is out of range.

    Examples
    --------
    >>> [f"{word:016x}" for word in Xorshift(1).random_raw(2)]
    ['0000000040822041', '100041060c011441']
    >>> Xorshift(42, (13, -17, 5), "uint32_t").random_raw(1)[0] == 0x00AD4528
    np.True_
    """

    stays_at_zero = True

    def __init__(
        self,
        seed: int,
        shifts: Sequence[int] = (13, -7, 17),
        state: str = "uint64_t",
        word_bits: int | None = None,
        output: Callable[[Words], Words] | None = None,
    ) -> None:
        self._step, self.output = _step(tuple(shifts), state), output
        self.word_bits = self._step.bits if word_bits is None else checked_uint("word_bits of Xorshift", word_bits, 7)
        if not 1 <= self.word_bits <= 64 or (output is None and self.word_bits != self._step.bits):
            raise EmbinitError(f"a word of Xorshift must be its state of {self._step.bits} bits, got {word_bits} bits")
        self.state = seed

    @property
    def linear(self) -> bool:
        """Whether words are the states themselves, without an output function."""
        return self.output is None

    @property
    def shifts(self) -> tuple[int, ...]:
        """The shifts, positive to the left."""
        return self._step.shifts

    @property
    def state_type(self) -> str:
        """The type of the state in C."""
        return f"{'' if self._step.signed else 'u'}int{self._step.bits}_t"

    @property
    def state(self) -> int:
        """The state, which is also the last word drawn."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        if checked_uint("the state of Xorshift", state, self._step.bits) == 0:
            raise EmbinitError("the state of Xorshift must not be 0: it would stay 0; use 1 or any other value")
        self.words = np.array([state], self._step.table.dtype)

    def draw_states(self, out: Words) -> None:
        """Fill a contiguous array with the next states."""
        from embinit._kernels import lanes, stream

        if (self._step.shifts, self._step.bits, self._step.signed) == ((13, -17, 5), 32, False):
            stream.raw(XORSHIFT32, self.words, out)  # has lanes of its own
            return
        maps = _maps(self._step) if out.size >= lanes.ENOUGH else (self.words[:0], self.words[:0])
        lanes.xorshift(self._step.bits == 64, self.words, self._step.table, *maps, out)

    def advance(self, delta: int) -> None:
        """Move in place as if delta words had been drawn; back only if no two states lead to the same one."""
        delta = index(delta)
        self.words = np.array([self._step.jumps.moved(self.state, delta)], self.words.dtype)

    @property
    def parameters(self) -> tuple[object, ...]:
        """The shifts, the type of the state, the width of a word, and the output."""
        return self._step.shifts, self._step.bits, self._step.signed, self.word_bits, self.output
