"""NumPy's ziggurats at the limits of their strips: no random word lies there, and NumPy says which side it is on."""

import numpy as np
import pytest

from embinit import Generator, Pcg64
from embinit.bitgen.pcg64 import MODULUS, MULTIPLIER
from embinit.samplers.ziggurat_tables import tables

INCREMENT = 0xDA3E39CB94B95BDB


def before(word):
    """The state in which PCG64 draws a word next: it steps to a state whose high half is 0, so that nothing rotates."""
    return (word - INCREMENT) * pow(MULTIPLIER, -1, MODULUS) % MODULUS


def numpys(state):
    bitgen = np.random.PCG64()
    bitgen.state = bitgen.state | {"state": {"state": state, "inc": INCREMENT}, "has_uint32": 0, "uinteger": 0}
    return np.random.Generator(bitgen)


def ours(state):
    bitgen = Pcg64(0)
    bitgen.state = state, INCREMENT
    return Generator(bitgen, "numpy")


@pytest.mark.parametrize("bits", [52, 23])
def test_a_word_at_the_limit_of_a_strip(bits):
    limits = tables(bits)[0].tolist()
    differ = 0
    for strip, limit in enumerate(limits):
        for integer in range(max(0, limit - 1), min(limit + 2, 1 << bits)):
            word = integer << 9 | strip
            state, found = before(word if bits == 52 else 0x9E3779B9 << 32 | word), np.empty(3, np.float32)
            if bits == 52:
                ours(state).normal(0.0, 1.0, found)
                expected = numpys(state).standard_normal(3).astype(np.float32)
            else:
                ours(state).fill("standard_normal", found)
                expected = numpys(state).standard_normal(3, dtype=np.float32)
            assert found.tobytes() == expected.tobytes(), (strip, integer)
            differ += integer >= limit
    assert differ > 2 * 250
