"""Solving: the seeds and the shifts of generators, computed from the first elements that were drawn."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import RANDS
from embinit.bitgen.xorshift import Step

F64 = NDArray[np.float64]
U32 = NDArray[np.uint32]

#: How near a unit value must be that is computed from elements and limits of 24 bits.
NEAR = 1e-6
#: The same if limits that differ only in their sixth digit are tried as one.
GRID = 5e-6
#: How many seeds are tried: small ones, as people choose them, and those that 12 bits of an ADC give.
SEEDS = 1 << 12
PATTERNS = tuple(signs for signs in product((1, -1), repeat=3) if len(set(signs)) == 2)
MASK = 2**32 - 1


def _units(values: F64, highs: Iterable[float], n: int) -> list[F64]:
    """Return the first n unit values for each of some limits that is possible."""
    found: list[F64] = []
    for high in highs:
        if high > 0:
            unit = (values[:n] + high) / (2 * high)
            if (unit >= -NEAR).all() and (unit <= 1 + NEAR).all():
                found.append(unit)
    return found


@lru_cache(maxsize=8)
def _first_words(state: int) -> tuple[U32, NDArray[np.int8]]:
    """Return the first words of all xorshifts of three shifts from a state, in order, and those shifts."""
    shifts = np.arange(1, 32, dtype=np.uint32)
    words, moves = [], []
    for signs in PATTERNS:
        x = np.array([state], np.uint32)
        for sign in signs:
            x = x[..., None]
            x = x ^ (x << shifts if sign > 0 else x >> shifts)
            x = x.reshape(-1)
        words.append(x)
        moves.append(np.array(list(product(*[range(sign, 32 * sign, sign) for sign in signs])), np.int8))
    found = np.concatenate(words)
    order = np.argsort(found)
    return found[order], np.concatenate(moves)[order]


def shifts_from(state: int, values: F64, highs: Iterable[float]) -> list[tuple[int, ...]]:
    """Return the shifts of the 32-bit xorshifts that give elements from a state on, with one of some upper limits."""
    ordered, moves = _first_words(state)
    found = []
    for unit in _units(values, highs, 6):
        low, high = (np.uint32(min(max((unit[0] + d) * 2**32, 0), MASK)) for d in (-NEAR, NEAR))
        for i in range(np.searchsorted(ordered, low), np.searchsorted(ordered, high, side="right")):
            shifts = tuple(moves[i].tolist())
            if any(a * b > 0 and abs(a) < abs(b) for a, b in pairwise(shifts)):
                continue  # two shifts of one direction commute
            step = Step(shifts, "uint32_t")
            at = state
            for wanted in unit:
                at = step(at)
                if abs(at / 2**32 - wanted) > NEAR:
                    break
            else:
                found.append(step.shifts)
    return list(dict.fromkeys(found))


def states_of(lcg: tuple[int, int, int, int], values: F64, highs: Iterable[float]) -> list[int]:
    """Return the states, before the first word, from which a congruential generator modulo 2^32 gives elements, with
    one of some upper limits.

    lcg: multiplier, increment, and the shift and the bits of a word within the state.
    """
    multiplier, increment, shift, bits = lcg
    found: list[int] = []
    inverse = pow(multiplier, -1, 2**32)
    for unit in _units(values, highs, 6):
        if not _on_grid(unit, bits):
            continue
        low, high = (min(max(int((unit[0] + d) * 2**bits), 0), 2**bits - 1) for d in (-NEAR, NEAR))
        words = np.arange(max(low - 1, 0), min(high + 2, 2**bits), dtype=np.uint32)
        if words.size << shift > 1 << 22:
            continue
        below = np.arange(1 << shift, dtype=np.uint32)  # what is above a word never comes into a later one
        first = (words[:, None] << np.uint32(shift) | below).reshape(-1)
        state, off = first, NEAR + 2.0 ** (1 - bits)
        for wanted in unit[1:]:
            state = state * np.uint32(multiplier)
            state += np.uint32(increment)
            low, high = (min(max(int((wanted + d) * 2**bits), 0), MASK) for d in (-off, off))
            above = state >> np.uint32(shift)
            above &= np.uint32(2**bits - 1)
            above -= np.uint32(low)
            near = np.flatnonzero(above <= np.uint32(high - low))
            word = state[near] >> np.uint32(shift) & np.uint32(2**bits - 1)
            near = near[np.abs(word / 2.0**bits - wanted) < off]
            first, state = first[near], state[near]
        found += [(int(x) - increment) * inverse & MASK for x in first[:4]]
    return found


def _on_grid(unit: F64, bits: int) -> bool:
    """Whether unit values are words of so many bits, divided by the number of such words or by the largest one."""
    return any(
        bool((np.abs(unit * divisor - np.rint(unit * divisor)) <= GRID * divisor).all())
        for divisor in (2**bits, 2**bits - 1)
    )


@lru_cache
def _rand_words(rand: str) -> NDArray[Any]:
    """Return the first four words of a C library's rand() for each small seed."""
    return np.array([RANDS[rand](seed).random_raw(4) for seed in range(SEEDS)])


def seeds_of_rand(rand: str, values: F64) -> Sequence[int]:
    """Return the small seeds from which rand() gives elements, whatever their limits, if unit values are whole words
    over a number.
    """
    taken = _rand_words(rand).astype(np.float64)
    with np.errstate(all="ignore"):
        shape = (values[2:4] - values[0]) / (values[1] - values[0])
        given = (taken[:, 2:4] - taken[:, :1]) / (taken[:, 1:2] - taken[:, :1])
        near = (np.abs(given - shape) < 1e-4 * (1 + np.abs(shape))).all(axis=1)
    return [int(seed) for seed in np.flatnonzero(near)[:8]]
