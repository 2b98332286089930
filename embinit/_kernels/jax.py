"""Uniform, normal and truncated normal float32 values as XLA computes them on an x86-64 CPU (SPEC.md, section "jax").

One word makes one value: 23 bits of it are u, and a normal value is sqrt 2 * erf_inv(u). Branches are selections here,
so that a loop over these functions becomes vector code.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32
from embinit._kernels.jit import Apart, either_way, independent, inlined, inlined_always
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill

#: How XLA's code rounds a * b + c, and in FUSED_0_6, which is that of JAX up to 0.6.2, which product of log1p it fuses.
SEPARATE, FUSED, FUSED_0_6 = 0, 1, 2

Floats = NDArray[np.float32]
MultiplyAdd = Callable[[np.float32, np.float32, np.float32], np.float32]


def _floats(bits: str) -> Sequence[np.float32]:
    return list(np.array([int(each, 16) for each in bits.split()], np.uint32).view(np.float32))


_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@inlined
def _fused(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    fused: np.float32 = fma32(a, b, c)
    return fused


@inlined
def _separate(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return np.float32(np.float32(a * b) + c)


# ---- log ----

(_ROOT_HALF, _LN2_LOW, _LN2_HIGH) = _floats("3f3504f3 b95e8083 3f318000")
(_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8) = _floats(
    "3d9021bb bdebd1b8 3def251a bdfe5d4f 3e11e9bf be2aae50 3e4cceac be7ffffc 3eaaaaaa"
)


@inlined_always
def _log(x: np.float32, madd: MultiplyAdd) -> np.float32:
    """Return log x = log(1 + s) + ef ln 2 of a normal x > 0, where 1 + s is next to 1."""
    bits = np.float32(x).view(np.uint32)
    exponent = np.int32(np.int32(bits >> np.uint32(23)) - np.int32(126))
    m = np.uint32(np.uint32(bits & np.uint32(0x7FFFFF)) | np.uint32(0x3F000000)).view(np.float32)
    below = m < _ROOT_HALF
    ef = np.float32(exponent) - (_ONE if below else _ZERO)
    s = (m - _ONE) + (m if below else _ZERO)
    z = s * s
    s3 = z * s
    a = madd(madd(s, _L0, _L1), s, _L2)
    b = madd(madd(s, _L3, _L4), s, _L5)
    c = madd(madd(s, _L6, _L7), s, _L8)
    b = madd(a, s3, b)
    c = madd(b, s3, c)
    y = madd(c, s3, ef * _LN2_LOW)
    h = madd(-_HALF, z, s)
    return madd(ef, _LN2_HIGH, np.float32(h + y))


# ---- log1p ----

(_SMALL,) = _floats("3ed413cd")
(_D0, _D1, _D2, _D3, _D4, _D5) = _floats("417101ad 42a6185b 435dc32d 439a8ca3 43586d8a 42707982")
(_N1, _N2, _N3, _N4, _N5, _N6) = _floats("3eff40c5 40d284fa 41ef4b9c 4273cc76 426473ad 41a05101")
(_N0,) = _floats("383de04b")  # 4.527e-05


@inlined
def _product_first(x3: np.float32, r: np.float32, z: np.float32, madd: MultiplyAdd) -> np.float32:
    """Return x3 * r - z / 2 where z / 2 is the fused product."""
    return madd(-_HALF, z, np.float32(x3 * r))


@inlined
def _half_first(x3: np.float32, r: np.float32, z: np.float32, madd: MultiplyAdd) -> np.float32:
    """Return x3 * r - z / 2 where x3 * r is the fused product."""
    return madd(x3, r, -np.float32(z * _HALF))


@inlined_always
def _log1p(t: np.float32, madd: MultiplyAdd, difference: Callable[..., np.float32]) -> np.float32:
    """Return log(1 + t) for t from -1 to 0, -1 excluded."""
    z = t * t
    d = madd(madd(madd(madd(madd(madd(_ONE, t, _D0), t, _D1), t, _D2), t, _D3), t, _D4), t, _D5)
    n = madd(madd(madd(madd(madd(madd(_N0, t, _N1), t, _N2), t, _N3), t, _N4), t, _N5), t, _N6)
    near = np.float32(t + difference(np.float32(t * z), np.float32(n / d), z, madd))
    far = _log(np.float32(t + _ONE), madd)
    return near if abs(t) < _SMALL else far


# ---- erf_inv ----

(_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8) = _floats(
    "32f16588 34b84b36 b66c7357 b6935ac1 396532db baa45408 bb88e4ef 3e7c8f63 3fc02e2f"
)
(_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8) = _floats(
    "b951f09b 38d3b56b 3ab0dc72 bb70bde7 3bbc127b bbf9c5d7 3c1aa57e 3f8036db 40354f7e"
)
_FIVE, _MIDDLE, _THREE, _INFINITY = np.float32(5), np.float32(2.5), np.float32(3), np.float32(np.inf)


@inlined_always
def _erf_inv(x: np.float32, madd: MultiplyAdd, difference: Callable[..., np.float32]) -> np.float32:
    """Return what XLA computes for erf_inv of x from -1 to 1."""
    w = -_log1p(np.float32(-(x * x)), madd, difference)
    central = w < _FIVE
    middle, tail = w - _MIDDLE, np.sqrt(abs(w)) - _THREE
    v = middle if central else tail
    p = _A0 if central else _B0
    p = madd(p, v, _A1 if central else _B1)
    p = madd(p, v, _A2 if central else _B2)
    p = madd(p, v, _A3 if central else _B3)
    p = madd(p, v, _A4 if central else _B4)
    p = madd(p, v, _A5 if central else _B5)
    p = madd(p, v, _A6 if central else _B6)
    p = madd(p, v, _A7 if central else _B7)
    p = madd(p, v, _A8 if central else _B8)
    return np.float32(x * (_INFINITY if abs(x) == _ONE else p))


# ---- values ----


@inlined
def _between(word: np.uint32, low: np.float32, width: np.float32, madd: MultiplyAdd) -> np.float32:
    """Return low + width * u, u in [0, 1) from the upper 23 bits of a word; no less than low."""
    u = np.uint32(np.uint32(word >> np.uint32(9)) | np.uint32(0x3F800000)).view(np.float32) - _ONE
    return max(low, madd(u, width, low))


@inlined
def _uniform(
    drawn: Words, low: np.float32, width: np.float32, scale: np.float32, madd: MultiplyAdd, out: Floats
) -> None:
    for i in independent(out.size):
        out[i] = _between(drawn[i], low, width, madd) * scale


@either_way
def uniform(
    kind: Apart, state: Words, fused: Apart, low: np.float32, width: np.float32, scale: np.float32, out: Floats
) -> None:
    """Fill out with scale * max(low, low + width * u), one word per element."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        filled = out[start : start + BLOCK]
        refill(kind, state, words, filled.size, start == 0)
        if fused:
            _uniform(words[HISTORY:], low, width, scale, _fused, filled)
        else:
            _uniform(words[HISTORY:], low, width, scale, _separate, filled)


@inlined
def _normal(
    drawn: Words,
    low: np.float32,
    width: np.float32,
    factor: np.float32,
    limits: tuple[np.float32, np.float32],
    stddev: np.float32,
    madd: MultiplyAdd,
    difference: Callable[..., np.float32],
    out: Floats,
) -> None:
    lowest, highest = limits
    for i in independent(out.size):
        z = factor * _erf_inv(_between(drawn[i], low, width, madd), madd, difference)
        out[i] = min(max(z, lowest), highest) * stddev


@either_way
def normal(
    kind: Apart,
    state: Words,
    arithmetic: Apart,
    low: np.float32,
    width: np.float32,
    factor: np.float32,
    limits: tuple[np.float32, np.float32],
    stddev: np.float32,
    out: Floats,
) -> None:
    """Fill out with stddev * z, where z is factor * erf_inv(max(low, low + width * u)) within limits, one word per
    element.
    """
    words = new_words()
    for start in range(0, out.size, BLOCK):
        filled = out[start : start + BLOCK]
        refill(kind, state, words, filled.size, start == 0)
        drawn = words[HISTORY:]
        if arithmetic == FUSED:
            _normal(drawn, low, width, factor, limits, stddev, _fused, _product_first, filled)
        elif arithmetic == FUSED_0_6:
            _normal(drawn, low, width, factor, limits, stddev, _fused, _half_first, filled)
        elif arithmetic == SEPARATE:
            _normal(drawn, low, width, factor, limits, stddev, _separate, _product_first, filled)
        else:
            raise ValueError("no version of XLA rounds like this")
