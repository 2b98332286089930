"""Words at the limits of the strips of NumPy's ziggurats, where no random word lies, and NumPy in their states."""

import numpy as np

from embinit.bitgen.pcg64 import MODULUS, MULTIPLIER
from embinit.samplers.ziggurat_tables import tables

INCREMENT = 0xDA3E39CB94B95BDB


def states(bits):
    """Return the states in which PCG64 next draws a word just below, at and above each limit. bits: those of the
    integer that is compared, 52 for doubles, 23 for singles, which are made of the low half of a word.
    """
    words = [
        integer << 9 | strip
        for strip, limit in enumerate(tables(bits)[0].tolist())
        for integer in range(max(0, limit - 1), min(limit + 2, 1 << bits))
    ]
    assert len(words) > 3 * 250
    return [before(word if bits == 52 else 0x9E3779B9 << 32 | word) for word in words]


def before(word):
    """Return the state that steps to one whose high half is 0, so that PCG64 rotates its word by nothing."""
    return (word - INCREMENT) * pow(MULTIPLIER, -1, MODULUS) % MODULUS


def numpys(state):
    """Return NumPy's generator in a state."""
    bitgen = np.random.PCG64()
    bitgen.state = bitgen.state | {"state": {"state": state, "inc": INCREMENT}, "has_uint32": 0, "uinteger": 0}
    return np.random.Generator(bitgen)
