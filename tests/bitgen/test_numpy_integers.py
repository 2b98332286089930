"""Every generator moves by an integer of NumPy as by one of Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.bitgen_kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@given(st.data())
def test_it_moves_as_far(kind, data):
    generator = data.draw(KINDS[kind])
    delta = data.draw(st.sampled_from([np.int64(7), np.uint8(200), np.int32(0)]))
    one, other = generator.copy(), generator.copy()
    one.advance(delta)
    other.advance(int(delta))

    assert one == other
    assert generator.jumped(delta) == other
