"""NumPy's ziggurats at the limits of their strips: NumPy says on which side each word is."""

import numpy as np
import pytest

from embinit import Generator, Pcg64

from support.strip_limits import INCREMENT, numpys, states


@pytest.mark.parametrize("bits", [52, 23])
def test_a_word_at_the_limit_of_a_strip(bits):
    for state in states(bits):
        bitgen, found = Pcg64(0), np.empty(3, np.float32)
        bitgen.state = state, INCREMENT
        if bits == 52:
            Generator(bitgen, "numpy").normal(0.0, 1.0, found)
            expected = numpys(state).standard_normal(3).astype(np.float32)
        else:
            Generator(bitgen, "numpy").fill("standard_normal", found)
            expected = numpys(state).standard_normal(3, dtype=np.float32)
        assert found.tobytes() == expected.tobytes(), hex(state)
