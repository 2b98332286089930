"""Counter-based generators: a word is a function of a key and its place, so all of them compute at once."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import inlined, kernel

U32 = NDArray[np.uint32]


@inlined
def _philox(
    x0: np.uint32, x1: np.uint32, x2: np.uint32, x3: np.uint32, k0: np.uint32, k1: np.uint32
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Return philox4x32-10 of a counter, its lowest word first."""
    for _ in range(10):
        p0 = np.uint64(x0) * np.uint64(0xD2511F53)
        p1 = np.uint64(x2) * np.uint64(0xCD9E8D57)
        x0 = np.uint32(np.uint32(np.uint32(p1 >> np.uint64(32)) ^ x1) ^ k0)
        x1 = np.uint32(p1)
        x2 = np.uint32(np.uint32(np.uint32(p0 >> np.uint64(32)) ^ x3) ^ k1)
        x3 = np.uint32(p0)
        k0 = np.uint32(k0 + np.uint32(0x9E3779B9))
        k1 = np.uint32(k1 + np.uint32(0xBB67AE85))
    return x0, x1, x2, x3


@kernel
def philox4x32(k0: int, k1: int, low: np.uint64, high: np.uint64, out: U32) -> None:
    """Fill out, a multiple of four words, with the blocks from counter high * 2^64 + low on."""
    key0, key1 = np.uint32(k0), np.uint32(k1)
    for block in range(out.size // 4):
        c = low + np.uint64(block)
        d = high + np.uint64(c < low)
        x0, x1, x2, x3 = _philox(
            np.uint32(c), np.uint32(c >> np.uint64(32)), np.uint32(d), np.uint32(d >> np.uint64(32)), key0, key1
        )
        out[4 * block], out[4 * block + 1], out[4 * block + 2], out[4 * block + 3] = x0, x1, x2, x3


@inlined
def _mixed(x: np.uint32, y: np.uint32, r: np.uint32) -> tuple[np.uint32, np.uint32]:
    x = np.uint32(x + y)
    return x, np.uint32(np.uint32(np.uint32(y << r) | np.uint32(y >> np.uint32(np.uint32(32) - r))) ^ x)


@inlined
def threefry(k0: np.uint32, k1: np.uint32, x: np.uint32, y: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Return threefry2x32-20 of a counter."""
    k2 = np.uint32(np.uint32(k0 ^ k1) ^ np.uint32(0x1BD11BDA))
    x, y = np.uint32(x + k0), np.uint32(y + k1)
    for group in range(5):
        even = group % 2 == 0
        x, y = _mixed(x, y, np.uint32(13) if even else np.uint32(17))
        x, y = _mixed(x, y, np.uint32(15) if even else np.uint32(29))
        x, y = _mixed(x, y, np.uint32(26) if even else np.uint32(16))
        x, y = _mixed(x, y, np.uint32(6) if even else np.uint32(24))
        k0, k1, k2 = k1, k2, k0
        x, y = np.uint32(x + k0), np.uint32(np.uint32(y + k1) + np.uint32(group + 1))
    return x, y


@kernel
def threefry2x32(k0: int, k1: int, x: U32, y: U32) -> None:
    """Replace counters, one word of each in x and one in y, by what they become."""
    key0, key1 = np.uint32(k0), np.uint32(k1)
    for i in range(x.size):
        x[i], y[i] = threefry(key0, key1, x[i], y[i])
