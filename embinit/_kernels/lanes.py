"""Generators that are linear over GF(2), computed in LANES parts of a stream at once.

Each lane steps serially through LENGTH states. States are arranged in rows with one state of each lane, so a state is
the step of the one LANES places before it, and whole vectors are computed at once; then the states are put in order.
Where a lane continues is a linear map of where it ended, given as its columns: the images of the bits of a state, the
lowest first.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import Apart, inlined, kernel

#: The type of a state: all arithmetic is cast to it, as NumPy's rules of promotion would widen it.
Word = TypeVar("Word", np.uint32, np.uint64)
U64 = NDArray[np.uint64]

#: An odd number of cache lines, so that a column does not map to only a few sets of the cache.
LANES, LENGTH = 72, 128
BLOCK = LANES * LENGTH
#: From how many words on starting the lanes is worth the time.
ENOUGH = 2048


@inlined
def _moved(
    word: type[Word], x: Word, left: Word, lefts: Word, right: Word, rights: Word, sign: Word, signs: Word
) -> Word:
    """Return x ^ x << left masked by lefts, or x ^ x >> right masked by rights, with signs filled in."""
    copies = word(word(word(0) - word(x >> sign)) & signs)
    return word(x ^ word(word(word(x << left) & lefts) | word(word(word(x >> right) & rights) | copies)))


@inlined
def _step(word: type[Word], x: Word, s: Any) -> Word:
    """Return the state after x; s has left, lefts, right, rights and signs of three shifts, and the sign's place."""
    x = _moved(word, x, s[0], s[1], s[2], s[3], s[15], s[4])
    x = _moved(word, x, s[5], s[6], s[7], s[8], s[15], s[9])
    return _moved(word, x, s[10], s[11], s[12], s[13], s[15], s[14])


@inlined
def _image(word: type[Word], x: Word, columns: NDArray[Word]) -> Word:
    """Return a linear map of x."""
    image = word(0)
    for bit in range(columns.size):
        image = word(image ^ word(columns[bit] & word(word(0) - word(word(x >> word(bit)) & word(1)))))
    return image


@inlined
def _in_order(rows: NDArray[Any], out: NDArray[Any]) -> int:
    """Fill the start of out with a block, or as much of it as fits; return how much that is."""
    count = min(BLOCK, out.size)
    for lane in range(-(-count // LENGTH)):
        one, column = out[lane * LENGTH : min((lane + 1) * LENGTH, count)], rows[lane:]
        for i in range(one.size):
            one[i] = column[i * LANES]
    return count


@kernel
def xorshift(
    wide: Apart,
    state: NDArray[Word],
    table: NDArray[Word],
    next_lane: NDArray[Word],
    next_block: NDArray[Word],
    out: NDArray[Word],
) -> None:
    """Fill out with the states that follow, of 64 bits if it is wide, else of 32.

    table: the numbers of a step. next_lane: the map of LENGTH steps. next_block: the map of LENGTH * (LANES - 1) steps.
    """
    word = np.uint64 if wide else np.uint32
    t = table
    s = (
        t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
    )  # fmt: skip
    x, done = state[0], 0
    if out.size >= ENOUGH:
        states = np.empty(LANES + BLOCK, out.dtype)
        lanes = states[:LANES]
        for lane in range(LANES):
            lanes[lane] = x
            x = _image(word, x, next_lane)
        while out.size - done >= ENOUGH:
            for i in range(BLOCK):
                states[i + LANES] = _step(word, states[i], s)
            done += _in_order(states[LANES:], out[done:])
            for lane in range(LANES):
                lanes[lane] = _image(word, states[BLOCK + lane], next_block)
        x = out[done - 1]
    for i in range(done, out.size):
        x = _step(word, x, s)
        out[i] = x
    state[0] = x


@inlined
def _rotated(x: np.uint64, by: np.uint64) -> np.uint64:
    return x << by | x >> (np.uint64(64) - by)


@kernel
def xoroshiro128plus(state: U64, rotations: U64, next_lane: U64, next_block: U64, out: U64) -> None:
    """Fill out with the next words, s0 + s1 of each state before its step.

    rotations: that of s0, the shift of s0 ^ s1, the rotation of what becomes s1, each from 1 to 63; and a mask of s1 in
    what becomes s1. A column is two words, that of s0 first.
    """
    a, b, c, mask = rotations[0], rotations[1], rotations[2], rotations[3]
    x, y, done = state[0], state[1], 0
    if out.size >= ENOUGH:
        xs, ys, words = (
            np.empty(LANES + BLOCK, np.uint64),
            np.empty(LANES + BLOCK, np.uint64),
            np.empty(BLOCK, np.uint64),
        )
        for lane in range(LANES):
            xs[lane], ys[lane] = x, y
            x, y = _image128(x, y, next_lane)
        while out.size - done >= ENOUGH:
            for i in range(BLOCK):
                s0, s1 = xs[i], ys[i]
                words[i] = s0 + s1
                both = s0 ^ s1
                xs[i + LANES] = _rotated(s0, a) ^ both ^ both << b
                ys[i + LANES] = _rotated(s0 ^ s1 & mask, c)
            count = _in_order(words, out[done:])
            done += count
            last = LANES + (count - 1) % LENGTH * LANES + (count - 1) // LENGTH
            x, y = xs[last], ys[last]
            for lane in range(LANES):
                xs[lane], ys[lane] = _image128(xs[BLOCK + lane], ys[BLOCK + lane], next_block)
    for i in range(done, out.size):
        out[i] = x + y
        both, y = x ^ y, _rotated(x ^ y & mask, c)
        x = _rotated(x, a) ^ both ^ both << b
    state[0], state[1] = x, y


@inlined
def _image128(x: np.uint64, y: np.uint64, columns: U64) -> tuple[np.uint64, np.uint64]:
    """Return a linear map of two words."""
    image_x = image_y = np.uint64(0)
    for bit in range(64):
        with_x = np.uint64(0) - (x >> np.uint64(bit) & np.uint64(1))
        with_y = np.uint64(0) - (y >> np.uint64(bit) & np.uint64(1))
        image_x ^= (columns[2 * bit] & with_x) ^ (columns[128 + 2 * bit] & with_y)
        image_y ^= (columns[2 * bit + 1] & with_x) ^ (columns[129 + 2 * bit] & with_y)
    return image_x, image_y
