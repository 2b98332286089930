"""Words of arrays of tinygrad and MLX, and MLX's keys and normal values; see SPEC.md, section "tinygrad and mlx"."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.counters import threefry
from embinit._kernels.fma import fma32
from embinit._kernels.jit import either_way, independent, inlined, kernel
from embinit._kernels.libm import log_double

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]


@either_way
def halves(k0: int, k1: int, padded: bool, out: U32) -> None:
    """Fill out with the words of a key: threefry2x32 of the counter (i, i + h) gives words i and i + h, where h is half
    the size of out, rounded up.

    padded: whether the second half of the last counter is 0 if out has an odd size, so that no second word is taken.
    """
    key0, key1, pairs = np.uint32(k0), np.uint32(k1), out.size // 2
    h = out.size - pairs
    for i in independent(pairs):
        x, y = threefry(key0, key1, np.uint32(i), np.uint32(i + h))
        out[i] = x
        out[h + i] = y
    if h > pairs:
        x, y = threefry(key0, key1, np.uint32(pairs), np.uint32(0 if padded else pairs + h))
        out[pairs] = x


@kernel
def mlx_keys(state: U64, out: U64) -> None:
    """Split the state, a key, into two for each element of out: the first is the next state, the second the element."""
    for i in range(out.size):
        k0, k1 = np.uint32(state[0]), np.uint32(state[1])
        first, high = threefry(k0, k1, np.uint32(0), np.uint32(2))
        second, low = threefry(k0, k1, np.uint32(1), np.uint32(3))
        state[0], state[1] = first, second
        out[i] = np.uint64(high) << np.uint64(32) | np.uint64(low)


_ONE, _LARGEST, _UNIT = np.float32(1), np.float32(1 - 2.0**-24), np.float32(2.0**-32)


@inlined
def _below_one(word: np.uint32) -> np.float32:
    return min(np.float32(np.float32(word) * _UNIT), _LARGEST)


@either_way
def mlx_uniform(words: U32, low: np.float32, width: np.float32, out: F32) -> None:
    """Fill out with low + width * u, each operation rounded."""
    for i in independent(words.size):
        out[i] = np.float32(np.float32(_below_one(words[i]) * width) + low)


@either_way
def tinygrad_uniform(words: U32, low: np.float32, width: np.float32, out: F32) -> None:
    """Fill out with low + width * u, rounded once; u is made of 23 bits."""
    for i in independent(words.size):
        one = np.uint32(np.uint32(words[i] >> np.uint32(9)) | np.uint32(0x3F800000)).view(np.float32)
        out[i] = np.float32(fma32(np.float32(one - _ONE), width, low))


def _floats(hexadecimals: str) -> list[np.float32]:
    return [np.float32(float.fromhex(each)) for each in hexadecimals.split()]


(_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7, _T8, _T9) = _floats(
    "0x0p+0 0x1.4deb44p-32 0x1.f7c9aep-26 0x1.47e512p-20 0x1.dca7dep-16 0x1.9cab92p-12 0x1.8cc0dep-9 0x1.3ca920p-8 "
    "-0x1.0eff66p-2 0x1.ae16a4p-1"
)
(_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9) = _floats(
    "0x1.75c000p-28 0x1.33b402p-23 0x1.499232p-20 0x1.e52cd2p-24 -0x1.d70bd0p-15 -0x1.35be90p-13 0x1.2f6400p-9 "
    "0x1.7a1e50p-7 -0x1.db2aeep-3 0x1.c5bf88p-1"
)
_FAR = np.float32(6.125)
#: mx.random.normal draws from -1, excluded, to 1.
_LOW, _WIDTH = np.float32(2.0**-24 - 1), np.float32(2)


@inlined
def _erf_inv(a: np.float32) -> np.float32:
    """Return what MLX computes for erfinv of a between -1 and 1."""
    t = log_double(np.float32(fma32(a, np.float32(-a), _ONE)))
    tail = abs(t) > _FAR
    p = _T0 if tail else _C0
    p = np.float32(fma32(p, t, _T1 if tail else _C1))
    p = np.float32(fma32(p, t, _T2 if tail else _C2))
    p = np.float32(fma32(p, t, _T3 if tail else _C3))
    p = np.float32(fma32(p, t, _T4 if tail else _C4))
    p = np.float32(fma32(p, t, _T5 if tail else _C5))
    p = np.float32(fma32(p, t, _T6 if tail else _C6))
    p = np.float32(fma32(p, t, _T7 if tail else _C7))
    p = np.float32(fma32(p, t, _T8 if tail else _C8))
    p = np.float32(fma32(p, t, _T9 if tail else _C9))
    return np.float32(a * p)


@either_way
def mlx_normal(words: U32, scale: np.float32, mean: np.float32, out: F32) -> None:
    """Fill out with mean + scale * erf_inv of a uniform value; mean is not added where it is 0."""
    for i in independent(words.size):
        z = np.float32(_erf_inv(np.float32(np.float32(_below_one(words[i]) * _WIDTH) + _LOW)) * scale)
        out[i] = np.float32(z + mean) if mean != np.float32(0) else z
