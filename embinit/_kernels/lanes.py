"""Generators that are linear over GF(2), in LANES parts of a stream at once.

Each lane steps on serially through LENGTH words, all lanes in one vector; the words are then put in order. Where a lane
goes on is a linear map of where it ended, given as its columns: the images of the bits of a state, the lowest first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import inlined, kernel

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

LANES, LENGTH = 16, 128
BLOCK = LANES * LENGTH


@inlined
def _moved32(
    x: np.uint32,
    left: np.uint32,
    lefts: np.uint32,
    right: np.uint32,
    rights: np.uint32,
    sign: np.uint32,
    signs: np.uint32,
) -> np.uint32:
    """Return x ^ x << left, where lefts keeps the bits, or x ^ x >> right, where rights and signs do."""
    copies = np.uint32(np.uint32(np.uint32(0) - np.uint32(x >> sign)) & signs)
    return np.uint32(
        x
        ^ np.uint32(
            np.uint32(np.uint32(x << left) & lefts) | np.uint32(np.uint32(np.uint32(x >> right) & rights) | copies)
        )
    )


@inlined
def _step32(x: np.uint32, s: Any) -> np.uint32:
    """Return the state after x; s has left, lefts, right, rights and signs of three shifts, and the sign's place."""
    x = _moved32(x, s[0], s[1], s[2], s[3], s[15], s[4])
    x = _moved32(x, s[5], s[6], s[7], s[8], s[15], s[9])
    return _moved32(x, s[10], s[11], s[12], s[13], s[15], s[14])


@inlined
def _image32(x: np.uint32, columns: U32) -> np.uint32:
    """Return a linear map of x."""
    image = np.uint32(0)
    for bit in range(columns.size):
        image = np.uint32(
            image
            ^ np.uint32(
                columns[bit] & np.uint32(np.uint32(0) - np.uint32(np.uint32(x >> np.uint32(bit)) & np.uint32(1)))
            )
        )
    return image


@kernel
def xorshift32(state: U32, table: U32, next_lane: U32, next_block: U32, out: U32) -> None:
    """Fill out with the states that follow.

    table: what a step takes. next_lane: the map of LENGTH steps. next_block: that of LENGTH * (LANES - 1) steps.
    """
    t = table
    s = (
        t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
    )  # fmt: skip
    blocks = out.size // BLOCK
    x = state[0]
    if blocks:
        lanes, words = np.empty(LANES, np.uint32), np.empty(BLOCK, np.uint32)
        for lane in range(LANES):
            lanes[lane] = x
            x = _image32(x, next_lane)
        for block in range(blocks):
            for i in range(LENGTH):
                row = words[i * LANES : (i + 1) * LANES]
                for lane in range(LANES):
                    lanes[lane] = _step32(lanes[lane], s)
                    row[lane] = lanes[lane]
            filled = out[block * BLOCK : (block + 1) * BLOCK]
            for lane in range(LANES):
                one, of_lane = filled[lane * LENGTH : (lane + 1) * LENGTH], words[lane:]
                for i in range(LENGTH):
                    one[i] = of_lane[i * LANES]
            x = lanes[LANES - 1]
            for lane in range(LANES):
                lanes[lane] = _image32(lanes[lane], next_block)
    for i in range(blocks * BLOCK, out.size):
        x = _step32(x, s)
        out[i] = x
    state[0] = x


@inlined
def _moved64(
    x: np.uint64,
    left: np.uint64,
    lefts: np.uint64,
    right: np.uint64,
    rights: np.uint64,
    sign: np.uint64,
    signs: np.uint64,
) -> np.uint64:
    """Return x ^ x << left, where lefts keeps the bits, or x ^ x >> right, where rights and signs do."""
    copies = np.uint64(np.uint64(np.uint64(0) - np.uint64(x >> sign)) & signs)
    return np.uint64(
        x
        ^ np.uint64(
            np.uint64(np.uint64(x << left) & lefts) | np.uint64(np.uint64(np.uint64(x >> right) & rights) | copies)
        )
    )


@inlined
def _step64(x: np.uint64, s: Any) -> np.uint64:
    """Return the state after x; s has left, lefts, right, rights and signs of three shifts, and the sign's place."""
    x = _moved64(x, s[0], s[1], s[2], s[3], s[15], s[4])
    x = _moved64(x, s[5], s[6], s[7], s[8], s[15], s[9])
    return _moved64(x, s[10], s[11], s[12], s[13], s[15], s[14])


@inlined
def _image64(x: np.uint64, columns: U64) -> np.uint64:
    """Return a linear map of x."""
    image = np.uint64(0)
    for bit in range(columns.size):
        image = np.uint64(
            image
            ^ np.uint64(
                columns[bit] & np.uint64(np.uint64(0) - np.uint64(np.uint64(x >> np.uint64(bit)) & np.uint64(1)))
            )
        )
    return image


@kernel
def xorshift64(state: U64, table: U64, next_lane: U64, next_block: U64, out: U64) -> None:
    """Fill out with the states that follow.

    table: what a step takes. next_lane: the map of LENGTH steps. next_block: that of LENGTH * (LANES - 1) steps.
    """
    t = table
    s = (
        t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
    )  # fmt: skip
    blocks = out.size // BLOCK
    x = state[0]
    if blocks:
        lanes, words = np.empty(LANES, np.uint64), np.empty(BLOCK, np.uint64)
        for lane in range(LANES):
            lanes[lane] = x
            x = _image64(x, next_lane)
        for block in range(blocks):
            for i in range(LENGTH):
                row = words[i * LANES : (i + 1) * LANES]
                for lane in range(LANES):
                    lanes[lane] = _step64(lanes[lane], s)
                    row[lane] = lanes[lane]
            filled = out[block * BLOCK : (block + 1) * BLOCK]
            for lane in range(LANES):
                one, of_lane = filled[lane * LENGTH : (lane + 1) * LENGTH], words[lane:]
                for i in range(LENGTH):
                    one[i] = of_lane[i * LANES]
            x = lanes[LANES - 1]
            for lane in range(LANES):
                lanes[lane] = _image64(lanes[lane], next_block)
    for i in range(blocks * BLOCK, out.size):
        x = _step64(x, s)
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
    blocks = out.size // BLOCK
    x, y = state[0], state[1]
    if blocks:
        xs, ys, words = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(BLOCK, np.uint64)
        for lane in range(LANES):
            xs[lane], ys[lane] = x, y
            x, y = _image128(x, y, next_lane)
        for block in range(blocks):
            for i in range(LENGTH):
                row = words[i * LANES : (i + 1) * LANES]
                for lane in range(LANES):
                    s0, s1 = xs[lane], ys[lane]
                    row[lane] = s0 + s1
                    both = s0 ^ s1
                    xs[lane] = _rotated(s0, a) ^ both ^ both << b
                    ys[lane] = _rotated(s0 ^ s1 & mask, c)
            filled = out[block * BLOCK : (block + 1) * BLOCK]
            for lane in range(LANES):
                one, of_lane = filled[lane * LENGTH : (lane + 1) * LENGTH], words[lane:]
                for i in range(LENGTH):
                    one[i] = of_lane[i * LANES]
            x, y = xs[LANES - 1], ys[LANES - 1]
            for lane in range(LANES):
                xs[lane], ys[lane] = _image128(xs[lane], ys[lane], next_block)
    for i in range(blocks * BLOCK, out.size):
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
