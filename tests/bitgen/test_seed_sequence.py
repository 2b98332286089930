"""SeedSequence by SPEC.md, in Python's integers, beside NumPy's own: what Pcg64 is seeded with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embinit

MASK = 0xFFFFFFFF


def hasher(k, multiplier):
    def hashed(v):
        nonlocal k
        v ^= k
        k = k * multiplier & MASK
        v = v * k & MASK
        return v ^ v >> 16

    return hashed


def mix(x, y):
    z = (0xCA01F9DD * x - 0x4973F715 * y) & MASK
    return z ^ z >> 16


def seed_sequence(seed, n):
    words = [seed & MASK]
    while seed := seed >> 32:
        words.append(seed & MASK)
    hashed = hasher(0x43B0D7E5, 0x931E8875)
    pool = [hashed(words[i] if i < len(words) else 0) for i in range(4)]
    for i in range(4):
        for j in range(4):
            if i != j:
                pool[j] = mix(pool[j], hashed(pool[i]))
    for word in words[4:]:
        for j in range(4):
            pool[j] = mix(pool[j], hashed(word))
    out = hasher(0x8B51F9DD, 0x58F38DED)
    return [out(pool[i % 4]) for i in range(n)]


@given(st.one_of(st.integers(0, 2**64), st.integers(0, 2**260)))
def test_the_words_of_numpy(seed):
    assert seed_sequence(seed, 9) == np.random.SeedSequence(seed).generate_state(9).tolist()


@pytest.mark.parametrize("seed", [0, 42, 2**32, 10**30, 2**200])
def test_pcg64_starts_from_them(seed):
    words = seed_sequence(seed, 8)
    q = [words[2 * i] | words[2 * i + 1] << 32 for i in range(4)]
    m = 2549297995355413924 * 2**64 + 4865540595714422341
    c = (2 * (q[2] * 2**64 + q[3]) + 1) % 2**128

    state = ((c + q[0] * 2**64 + q[1]) * m + c) % 2**128
    assert embinit.Pcg64(seed).state == embinit.Pcg64Dxsm(seed).state == (state, c)
