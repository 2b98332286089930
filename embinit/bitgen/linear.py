"""Jumps of generators that are linear over GF(2). A state is an int; a map is the tuple of what it makes of each bit of
a state, the lowest bit first.
"""

from collections.abc import Callable, Sequence

import numpy as np

from embinit.bitgen.base import Words
from embinit.errors import EmbinitError

Columns = tuple[int, ...]


def image(columns: Columns, state: int) -> int:
    """Return what a linear map makes of a state.

    >>> image((2, 1), 0b01)
    2
    """
    moved = 0
    for column in columns:
        if state & 1:
            moved ^= column
        state >>= 1
    return moved


def inverse(columns: Columns) -> Columns:
    """Return the map that undoes another one, or raise EmbinitError if two states lead to the same one.

    >>> inverse((0b11, 0b10))
    (3, 2)
    """
    rows: dict[int, tuple[int, int]] = {}
    for bit, column in enumerate(columns):
        origin = 1 << bit
        while column:
            top = column.bit_length() - 1
            if top not in rows:
                rows[top] = column, origin
                break
            column, origin = column ^ rows[top][0], origin ^ rows[top][1]
        else:
            raise EmbinitError("this generator cannot go back: several states lead to the same one")
    result: list[int] = []
    for bit in range(len(columns)):
        target, origin = 1 << bit, 0
        while target:
            column, part = rows[target.bit_length() - 1]
            target, origin = target ^ column, origin ^ part
        result.append(origin)
    return tuple(result)


class Jumps:
    """The maps of 1, 2, 4, 8, ... steps: each is the square of the one before, computed when it is needed."""

    def __init__(self, step: Callable[[int], int], bits: int) -> None:
        self._forward = [tuple(step(1 << bit) for bit in range(bits))]
        self._back: list[Columns] = []

    def moved(self, state: int, delta: int) -> int:
        """Return the state delta steps further on, or back."""
        squares = self._forward
        if delta < 0:
            if not self._back:
                self._back = [inverse(self._forward[0])]
            squares = self._back
        for power, bit in enumerate(reversed(f"{abs(delta):b}")):
            if bit == "1":
                state = image(self._square(squares, power), state)
        return state

    def columns(self, delta: int) -> Columns:
        """Return the map of delta >= 0 steps."""
        result = tuple(1 << bit for bit in range(len(self._forward[0])))
        for power, bit in enumerate(reversed(f"{delta:b}")):
            if bit == "1":
                square = self._square(self._forward, power)
                result = tuple(image(square, column) for column in result)
        return result

    @staticmethod
    def _square(squares: list[Columns], power: int) -> Columns:
        while len(squares) <= power:
            last = squares[-1]
            squares.append(tuple(image(last, column) for column in last))
        return squares[power]


def lane_maps(jumps: Jumps, bits: int, words: int) -> tuple[Words, Words]:
    """Return the two maps that _kernels.lanes needs, each column as a number of words of `bits` bits, lowest first."""
    from embinit._kernels.lanes import LANES, LENGTH

    return _as_words(jumps.columns(LENGTH), bits, words), _as_words(jumps.columns(LENGTH * (LANES - 1)), bits, words)


def _as_words(columns: Sequence[int], bits: int, words: int) -> Words:
    mask = (1 << bits) - 1
    halves = [column >> bits * word & mask for column in columns for word in range(words)]
    return np.array(halves, np.uint64 if bits == 64 else np.uint32)
