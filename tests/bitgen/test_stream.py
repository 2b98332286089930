"""The vector forms of the bit generators, at every size where they change their way."""

from functools import reduce
from operator import xor

import numpy as np
import pytest

from embinit import Generator, Pcg32, Xorshift32
from embinit._kernels import stream, uniform
from embinit.bitgen import pcg32
from embinit.bitgen.xorshift32 import power_of_z

from support import reference

EDGES = [
    0,
    1,
    32,
    64,
    stream.START,
    256,
    512,
    stream.SPAN,
    stream.HISTORY,
    uniform.RING,
    stream.BLOCK,
    3 * uniform.RING,
    20000,
]
EDGES += [stream.BLOCK + stream.SPAN, 2 * stream.BLOCK, uniform.RING - uniform.NEAR, 2 * uniform.RING - uniform.FAR]
SIZES = sorted({max(0, size + near) for size in EDGES for near in (-1, 0, 1)})


@pytest.mark.parametrize(
    "exponents",
    [
        (stream.START, 84, 80, 76, 72, 68, 60, 56, 36, 24, 0),
        (stream.SPAN, 375, 241, 123, 0),
        (uniform.RING, uniform.FAR, uniform.NEAR, 0),
    ],
    ids=len,
)
def test_the_recurrences_are_multiples_of_the_characteristic_polynomial(exponents):
    assert reduce(xor, map(power_of_z, exponents)) == 0


def test_steps_are_the_sums_of_powers():
    powers = [pow(pcg32.MULTIPLIER, i, 2**64) for i in range(stream.PCG32_RUN)]

    assert stream.PCG32_STEPS.tolist() == [sum(powers[:i]) % 2**64 for i in range(stream.PCG32_RUN + 1)]


@pytest.fixture(scope="module", params=["xorshift32", "pcg32"])
def start_and_words(request):
    """A generator and the words that the oracle draws from the same seed."""
    if request.param == "xorshift32":
        generator, slow = Xorshift32(0xDEADBEEF), reference.Xorshift32(0xDEADBEEF)
    else:
        generator, slow = Pcg32(5, 2**63 - 1), reference.Pcg32(5, 2**63 - 1)
    return generator, np.array([slow.draw() for _ in range(max(SIZES))], np.uint32)


@pytest.mark.parametrize("n", SIZES)
def test_words_and_uniforms_of_every_size(start_and_words, n):
    start, words = start_and_words
    raw, valued = start.copy(), start.copy()
    out = np.empty(n, np.float32)
    Generator(valued).uniform(0.0, 1.0, out)

    assert np.array_equal(raw.random_raw(n), words[:n])
    assert np.array_equal(out, (words[:n] >> 8) * np.float32(2.0**-24))
    assert raw == valued == start.jumped(n)
