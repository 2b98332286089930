"""Counter-based generators: a word is a function of a key and its place, so all words can be computed at once."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import either_way, independent, inlined

U32 = NDArray[np.uint32]


#: How many blocks of four words go through a round together; their words stay in the first-level cache.
RUN = 512


@either_way
def philox4x32(k0: int, k1: int, low: np.uint64, high: np.uint64, out: U32) -> None:
    """Fill out, a multiple of four words, with the blocks from counter high * 2^64 + low on."""
    a, b, c, d = np.empty(RUN, np.uint32), np.empty(RUN, np.uint32), np.empty(RUN, np.uint32), np.empty(RUN, np.uint32)
    for start in range(0, out.size, 4 * RUN):
        filled = out[start : start + 4 * RUN]
        count = filled.size // 4
        for i in independent(count):
            bottom = low + np.uint64(start // 4 + i)
            top = high + np.uint64(bottom < low)
            a[i], b[i] = np.uint32(bottom), np.uint32(bottom >> np.uint64(32))
            c[i], d[i] = np.uint32(top), np.uint32(top >> np.uint64(32))
        key0, key1 = np.uint32(k0), np.uint32(k1)
        for _ in range(10):
            for i in independent(count):
                p0 = np.uint64(a[i]) * np.uint64(0xD2511F53)
                p1 = np.uint64(c[i]) * np.uint64(0xCD9E8D57)
                a[i] = np.uint32(np.uint32(np.uint32(p1 >> np.uint64(32)) ^ b[i]) ^ key0)
                b[i] = np.uint32(p1)
                c[i] = np.uint32(np.uint32(np.uint32(p0 >> np.uint64(32)) ^ d[i]) ^ key1)
                d[i] = np.uint32(p0)
            key0, key1 = np.uint32(key0 + np.uint32(0x9E3779B9)), np.uint32(key1 + np.uint32(0xBB67AE85))
        for i in independent(count):
            filled[4 * i], filled[4 * i + 1], filled[4 * i + 2], filled[4 * i + 3] = a[i], b[i], c[i], d[i]


@inlined
def philox(
    k0: np.uint32, k1: np.uint32, a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Return philox4x32-10 of one counter, whose lowest word is a."""
    for _ in range(10):
        p0, p1 = np.uint64(a) * np.uint64(0xD2511F53), np.uint64(c) * np.uint64(0xCD9E8D57)
        a, b = np.uint32(np.uint32(np.uint32(p1 >> np.uint64(32)) ^ b) ^ k0), np.uint32(p1)
        c, d = np.uint32(np.uint32(np.uint32(p0 >> np.uint64(32)) ^ d) ^ k1), np.uint32(p0)
        k0, k1 = np.uint32(k0 + np.uint32(0x9E3779B9)), np.uint32(k1 + np.uint32(0xBB67AE85))
    return a, b, c, d


@inlined
def _mixed(x: np.uint32, y: np.uint32, left: np.uint32, right: np.uint32) -> tuple[np.uint32, np.uint32]:
    x = np.uint32(x + y)
    return x, np.uint32(np.uint32(np.uint32(y << left) | np.uint32(y >> right)) ^ x)


@inlined
def _even(x: np.uint32, y: np.uint32) -> tuple[np.uint32, np.uint32]:
    x, y = _mixed(x, y, np.uint32(13), np.uint32(19))
    x, y = _mixed(x, y, np.uint32(15), np.uint32(17))
    x, y = _mixed(x, y, np.uint32(26), np.uint32(6))
    return _mixed(x, y, np.uint32(6), np.uint32(26))


@inlined
def _odd(x: np.uint32, y: np.uint32) -> tuple[np.uint32, np.uint32]:
    x, y = _mixed(x, y, np.uint32(17), np.uint32(15))
    x, y = _mixed(x, y, np.uint32(29), np.uint32(3))
    x, y = _mixed(x, y, np.uint32(16), np.uint32(16))
    return _mixed(x, y, np.uint32(24), np.uint32(8))


@inlined
def threefry(k0: np.uint32, k1: np.uint32, x: np.uint32, y: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Return threefry2x32-20 of a counter."""
    k2 = np.uint32(np.uint32(k0 ^ k1) ^ np.uint32(0x1BD11BDA))
    x, y = _even(np.uint32(x + k0), np.uint32(y + k1))
    x, y = _odd(np.uint32(x + k1), np.uint32(y + np.uint32(k2 + np.uint32(1))))
    x, y = _even(np.uint32(x + k2), np.uint32(y + np.uint32(k0 + np.uint32(2))))
    x, y = _odd(np.uint32(x + k0), np.uint32(y + np.uint32(k1 + np.uint32(3))))
    x, y = _even(np.uint32(x + k1), np.uint32(y + np.uint32(k2 + np.uint32(4))))
    return np.uint32(x + k2), np.uint32(y + np.uint32(k0 + np.uint32(5)))


@either_way
def threefry2x32(k0: int, k1: int, x: U32, y: U32) -> None:
    """Replace counters, one word of each in x and one in y, by threefry2x32-20 of them."""
    key0, key1 = np.uint32(k0), np.uint32(k1)
    for i in independent(x.size):
        x[i], y[i] = threefry(key0, key1, x[i], y[i])


@either_way
def threefry2x32_jax(k0: int, k1: int, first: np.uint64, out: U32) -> None:
    """Fill out with the words from a first number on: both words of threefry2x32 of the number, XORed."""
    key0, key1 = np.uint32(k0), np.uint32(k1)
    for i in independent(out.size):
        number = first + np.uint64(i)
        x, y = threefry(key0, key1, np.uint32(number >> np.uint64(32)), np.uint32(number))
        out[i] = np.uint32(x ^ y)


@either_way
def jax_first_words(first: int, data: int, out: U32) -> None:
    """Fill out with JAX's first word under fold_in(key(seed), data) for the seeds from a first one on."""
    zero = np.uint32(0)
    for i in independent(out.size):
        k0, k1 = threefry(zero, np.uint32(first + i), zero, np.uint32(data))
        x, y = threefry(k0, k1, zero, zero)
        out[i] = np.uint32(x ^ y)
