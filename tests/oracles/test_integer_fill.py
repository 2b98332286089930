"""Fixed point without a float: the integer-only fill against an exact oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embinit._kernels.stream import BLOCK
from embinit.formats import format_named

from support import reference
from support import reference_formats as oracle
from support.formats import generator_at, q_names, states


@given(q_names, states, st.integers(0, 40), st.data())
def test_integer_only_fill_is_the_oracles(name, state, n, data):
    layout = format_named(name)
    bound = data.draw(st.integers(0, layout.qmax))
    generator = generator_at(state)
    codes = layout.uniform(generator, bound, n)
    source = reference.Xorshift32(state)

    width = sum(map(int, name[1:].split(".")))
    assert [oracle.integer_uniform(source.draw(), bound, width > 16) for _ in range(n)] == codes.tolist()
    assert (codes.dtype, generator.drawn, generator.bitgen.state) == (layout.dtype, n, source.state)


@pytest.mark.parametrize("name", ["q7", "q15", "q31", "q2.15"])
def test_integer_only_fill_in_chunks(name):
    layout, whole, parts = format_named(name), generator_at(8), generator_at(8)
    codes = layout.uniform(whole, layout.qmax, 2 * BLOCK + 99)
    chunks = [layout.uniform(parts, layout.qmax, n) for n in (1, BLOCK - 2, BLOCK + 100)]

    assert np.array_equal(codes, np.concatenate(chunks))
    assert (codes.min() < -0.99 * layout.qmax, codes.max() > 0.99 * layout.qmax) == (True, True)


@given(q_names, st.floats(0, 40, width=32))
def test_the_bound_code_is_the_code_of_the_bound(name, bound):
    layout = format_named(name)

    (code,), _ = oracle.qformat([reference.f32(bound)], *map(int, name[1:].split(".")))
    assert layout.bound_code(bound) == code
