"""PyTorch's random fills of float32 tensors on the CPU, from 2.12 on: uniform_, normal_ and what is built on them.

`fused` names the build of its kernels: the one for CPUs with AVX2 or AVX-512, which fuses products and uses polynomials
in large normal fills, or the `default` one, which rounds every product and uses glibc's logf, sinf and cosf.

A normal fill of fewer than 16 elements makes two values at a time, and one may be left over for the next such fill.
That value is `pending`, NaN for none: kernels take it and return it. Kernels whose number of words is not known
beforehand return that too.
"""

import math

import numpy as np
from numpy.typing import NDArray

from embinit._kernels import libm
from embinit._kernels.fma import fma32, fma64
from embinit._kernels.jit import Apart, either_way, independent, inlined, kernel
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, next_word, refill

Floats = NDArray[np.float32]

#: From how many elements on a normal fill is a large one, and how many elements a block of it has.
LARGE = 16

_UNIT32 = np.float32(2.0**-24)
_UNIT64 = 2.0**-53


@inlined
def unit32(word: np.uint32) -> np.float32:
    """Return the low 24 bits of a word, times 2^-24."""
    return np.float32(np.float32(np.int32(word & np.uint32(0xFFFFFF))) * _UNIT32)


@inlined
def joined(first: np.uint32, second: np.uint32) -> np.uint64:
    """Return the 64 bits of two words."""
    return np.uint64(np.uint64(first) << np.uint64(32)) | np.uint64(second)


@inlined
def unit64(first: np.uint32, second: np.uint32) -> np.float64:
    """Return the low 53 bits of two words, times 2^-53."""
    return np.float64(np.int64(joined(first, second) & np.uint64(2**53 - 1))) * _UNIT64


# ---- uniform_ ----


@either_way
def uniform(kind: Apart, state: Words, fused: bool, low: np.float32, high: np.float32, out: Floats) -> None:
    """Fill out (float32) with values from low to high (float32), high excluded: one word per element."""
    width = np.float32(high - low)
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        if fused:
            for i in independent(count):
                value = fma32(unit32(drawn[i]), width, low)
                filled[i] = low if value == high else value
        else:
            for i in independent(count):
                value = np.float32(np.float32(unit32(drawn[i]) * width) + low)
                filled[i] = low if value == high else value


# ---- The polynomials of a large normal_ ----
# Logarithm, sine and cosine of the Cephes library (Moshier, 1992) in single precision.


def _single(hexadecimal: str) -> np.float32:
    return np.float32(float.fromhex(hexadecimal))


_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_ROOT_HALF = _single("0x1.6a09e6p-1")
_LN2_HIGH, _LN2_LOW = _single("0x1.63p-1"), _single("-0x1.bd0106p-13")
_L0, _L1, _L2 = _single("0x1.204376p-4"), _single("-0x1.d7a37p-4"), _single("0x1.de4a34p-4")
_L3, _L4, _L5 = _single("-0x1.fcba9ep-4"), _single("0x1.23d37ep-3"), _single("-0x1.555cap-3")
_L6, _L7, _L8 = _single("0x1.999d58p-3"), _single("-0x1.fffff8p-3"), _single("0x1.555554p-2")


@inlined
def log(x: np.float32) -> np.float32:
    """Return log x = e ln 2 + log(1 + t), where x = 2^e (1 + t), sqrt(1/2) <= 1 + t < sqrt 2; x is from 2^-24 to 1."""
    bits = np.float32(x).view(np.uint32)
    mantissa = np.uint32(np.uint32(bits & np.uint32(0x7FFFFF)) | np.uint32(0x3F000000)).view(np.float32)
    low = mantissa < _ROOT_HALF
    e = np.float32(np.int32(np.int32(bits >> np.uint32(23)) - (np.int32(127) if low else np.int32(126))))
    t = (mantissa + mantissa if low else mantissa) - _ONE
    y = fma32(fma32(_L0, t, _L1), t, _L2)
    y = fma32(fma32(fma32(y, t, _L3), t, _L4), t, _L5)
    y = fma32(fma32(fma32(y, t, _L6), t, _L7), t, _L8)
    z = t * t
    y = fma32(y * t, z, e * _LN2_LOW)
    y = fma32(-z, _HALF, y)
    return np.float32(fma32(e, _LN2_HIGH, t + y))


_FOUR_OVER_PI = _single("0x1.45f306p+0")
_D1, _D2, _D3 = _single("-0x1.92p-1"), _single("-0x1.fb4p-13"), _single("-0x1.4442d2p-25")  # their sum is -pi/4
_C0, _C1, _C2 = _single("0x1.99eb9cp-16"), _single("-0x1.6c0c34p-10"), _single("0x1.55554ap-5")
_S0, _S1, _S2 = _single("-0x1.9943f2p-13"), _single("0x1.11073cp-7"), _single("-0x1.555546p-3")


@inlined
def sincos(x: np.float32) -> tuple[np.float32, np.float32]:
    """Return sin x and cos x from r = x - j pi/4, j even; x is from 0 to 2 pi. A zero is +0 until its sign is set."""
    j = np.int32(np.int32(np.int32(x * _FOUR_OVER_PI) + np.int32(1)) & np.int32(~1))
    y = np.float32(j)
    r = fma32(y, _D3, fma32(y, _D2, fma32(y, _D1, x)))
    z = r * r
    cosine = fma32(z, fma32(fma32(_C0, z, _C1), z, _C2) * z, -(_HALF * z)) + _ONE
    sine = fma32(r, fma32(fma32(_S0, z, _S1), z, _S2) * z, r) + _ZERO
    odd = np.int32(j & np.int32(2)) != np.int32(0)
    s, c = (cosine, sine) if odd else (sine, cosine)
    s = -s if np.int32(j & np.int32(4)) else s
    c = -c if np.int32(np.int32(j + np.int32(2)) & np.int32(4)) else c
    return s, c


# ---- normal_ ----

_TWO_PI32 = _single("0x1.921fb6p+2")
_TWO_PI64 = 6.283185307179586
_MINUS_TWO = np.float32(-2)


@inlined
def polynomial_pair(d1: np.float32, d2: np.float32) -> tuple[np.float32, np.float32]:
    """Return two standard normal values made from two uniform values by the polynomials."""
    radius = np.float32(np.sqrt(_MINUS_TWO * log(_ONE - d1)))
    sine, cosine = sincos(_TWO_PI32 * d2)
    return radius * cosine, radius * sine


@inlined
def glibc_pair(d1: np.float32, d2: np.float32) -> tuple[np.float32, np.float32]:
    """Return two standard normal values made from two uniform values by glibc."""
    radius = np.float32(np.sqrt(_MINUS_TWO * libm.log_double(_ONE - d1)))
    angle = np.float32(np.float64(d2) * _TWO_PI64)
    return radius * libm.cos_double(angle), radius * libm.sin_double(angle)


@inlined
def transform(
    fused: Apart, drawn: Words, mean: np.float32, std: np.float32, first: Floats, second: Floats, out: Floats
) -> None:
    """Turn words into normal values in blocks of 16: eight words for the radii, then eight for the angles. first and
    second hold the two halves of all blocks side by side, so that the arithmetic works on whole vectors.
    """
    half = out.size // 2
    for block in range(0, half, 8):
        for j in independent(block, block + 8):
            first[j] = unit32(drawn[block + j])
            second[j] = unit32(drawn[block + j + 8])
    if fused:
        for j in independent(half):
            n1, n2 = polynomial_pair(first[j], second[j])
            first[j], second[j] = fma32(n1, std, mean), fma32(n2, std, mean)
    else:
        for j in independent(half):
            n1, n2 = glibc_pair(first[j], second[j])
            first[j], second[j] = fma32(n1, std, mean), fma32(n2, std, mean)
    for block in range(0, half, 8):
        for j in independent(block, block + 8):
            out[block + j] = first[j]
            out[block + j + 8] = second[j]


@inlined
def large_normal(kind: Apart, state: Words, fused: Apart, mean: np.float32, std: np.float32, out: Floats) -> None:
    """Fill out, LARGE elements or more; if the last block is incomplete, it borrows elements from the block before it,
    and all of it is drawn again.
    """
    words = new_words()
    first, second = np.empty(BLOCK // 2, np.float32), np.empty(BLOCK // 2, np.float32)
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        whole = count - count % LARGE
        drawn, filled = words[HISTORY : HISTORY + whole], out[start : start + whole]
        transform(fused, drawn, mean, std, first, second, filled)
    if out.size % LARGE:
        refill(kind, state, words, LARGE, True)
        drawn, filled = words[HISTORY : HISTORY + LARGE], out[out.size - LARGE :]
        transform(fused, drawn, mean, std, first, second, filled)


@either_way
def small_normal(
    kind: Apart, state: Words, fused: Apart, mean: float, std: float, pending: float, out: Floats
) -> tuple[float, int]:
    """Fill out (float32), of any size, by Box-Muller in float64; return the pending value, and how many words were
    drawn.
    """
    drawn = 0
    for i in range(out.size):
        z = pending
        if math.isnan(pending):
            w1, w2 = next_word(kind, state), next_word(kind, state)
            w3, w4 = next_word(kind, state), next_word(kind, state)
            radius = math.sqrt(-2.0 * math.log1p(-unit64(w3, w4)))
            angle = _TWO_PI64 * unit64(w1, w2)
            z, pending = radius * math.cos(angle), radius * math.sin(angle)
            drawn += 4
        else:
            pending = np.nan
        out[i] = np.float32(fma64(z, std, mean) if fused else z * std + mean)
    return pending, drawn


@either_way
def normal(
    kind: Apart, state: Words, fused: Apart, large: Apart, mean: float, std: float, pending: float, out: Floats
) -> tuple[float, int]:
    """Fill out (float32); mean and std are float64. large: whether it has LARGE elements or more. Return the pending
    value, and how many words were drawn.
    """
    if large:
        large_normal(kind, state, fused, np.float32(mean), np.float32(std), out)
        return pending, out.size + (LARGE if out.size % LARGE else 0)
    return small_normal(kind, state, fused, mean, std, pending, out)


# ---- Made of these ----


@kernel
def trunc_normal(
    kind: Apart,
    state: Words,
    fused: Apart,
    large: Apart,
    mean: float,
    std: float,
    low: float,
    high: float,
    redraws: Apart,
    peak: float,
    pending: float,
    out: Floats,
) -> tuple[float, int]:
    """Fill out (float32) with normal values from low to high; return the pending value, and how many words were drawn.

    If redraws, whole normal fills replace the elements that are outside. Otherwise whole uniform fills replace elements
    for which the logarithm of another uniform value exceeds that of the density, whose largest value between low and
    high is peak. All parameters are float64; samplers.pytorch computes redraws and peak.
    """
    mean32, std32, low32, high32 = np.float32(mean), np.float32(std), np.float32(low), np.float32(high)
    peak32 = np.float32(peak)
    candidates, chances = np.empty_like(out), np.empty_like(out)
    refused = np.ones(out.size, np.bool_)
    drawn = 0
    while True:
        if redraws:
            pending, words = normal(kind, state, fused, large, mean, std, pending, candidates)
            drawn += words
        else:
            uniform(kind, state, bool(fused), low32, high32, candidates)
            uniform(kind, state, bool(fused), np.float32(0), np.float32(1), chances)
            drawn += 2 * out.size
        again = False
        for i in range(out.size):
            if refused[i]:
                x = candidates[i]
                out[i] = x
                if redraws:
                    refused[i] = x < low32 or x > high32
                else:
                    d = np.float32(x - mean32) / std32
                    density = np.float32(np.float32(np.float32(d * d) * np.float32(-0.5)) - peak32)
                    refused[i] = np.float32(np.log(np.float64(chances[i]))) > density
                again |= refused[i]
        if not again:
            return pending, drawn


@kernel
def randperm(kind: Apart, state: Words, order: NDArray[np.int64]) -> None:
    """Fill order (int64), n elements, with a permutation of 0 to n - 1: n - 1 words. n is below 2^32 / 20."""
    for i in range(order.size):
        order[i] = i
    words = new_words()
    for start in range(0, order.size - 1, BLOCK):
        count = min(BLOCK, order.size - 1 - start)
        refill(kind, state, words, count, start == 0)
        for i in range(start, start + count):
            j = i + np.int64(np.uint32(words[HISTORY + i - start] % np.uint32(order.size - i)))
            order[i], order[j] = order[j], order[i]


@kernel
def sparse(
    kind: Apart, state: Words, fused: Apart, large: Apart, std: float, zeros: int, pending: float, out: Floats
) -> tuple[float, int]:
    """Fill out (float32, rows by columns) with normal values, then set `zeros` elements of each column to 0.

    A permutation of the rows, drawn for each column, decides which. Return the pending value, and how many words were
    drawn.
    """
    rows, columns = out.shape
    pending, drawn = normal(kind, state, fused, large, 0.0, std, pending, out.reshape(-1))
    order = np.empty(rows, np.int64)
    for column in range(columns):
        randperm(kind, state, order)
        for i in range(zeros):
            out[order[i], column] = _ZERO
    return pending, drawn + columns * max(rows - 1, 0)


@either_way
def bernoulli(kind: Apart, state: Words, p: float, out: NDArray[np.bool_]) -> None:
    """Fill out (bool), true with probability p (float64): two words per element."""
    words = new_words()
    for start in range(0, out.size, BLOCK // 2):
        count = min(BLOCK // 2, out.size - start)
        refill(kind, state, words, 2 * count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + 2 * count], out[start : start + count]
        for i in independent(count):
            filled[i] = unit64(drawn[2 * i], drawn[2 * i + 1]) < p
