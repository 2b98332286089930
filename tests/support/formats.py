"""Formats: generators, the codes of a buffer, and strategies of formats, values and states."""

import math

import numpy as np
from hypothesis import strategies as st

from embinit import Generator, Xorshift32
from embinit._kernels import formats as kernels
from embinit.formats import format_named

F32 = np.float32


def generator_at(state):
    return Generator(Xorshift32(state))


def payload(buffer):
    return np.ascontiguousarray(buffer.data).tobytes()


def codes_of(buffer):
    """The codes of a buffer."""
    layout, codes = format_named(buffer.format), np.empty(math.prod(buffer.shape), np.int32)
    kernels.unpack(
        kernels.width_of(layout.bits),
        np.frombuffer(payload(buffer), np.uint8).copy(),
        layout.bits,
        layout.signed,
        codes,
    )
    return codes.tolist()


q_names = st.integers(2, 32).flatmap(lambda width: st.integers(1, width).map(lambda m: f"q{m}.{width - m}"))
corners = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.5, -2.5, 0.49999997, 1.0, -1.0, 7.0, 127.5, 1e-41, 2.0**-149])
ordinary = st.one_of(corners, st.floats(-4, 4, width=32), st.integers(-40, 40).map(lambda k: k / 8))
extreme = st.one_of(corners, st.floats(allow_nan=False, allow_infinity=False, width=32))
constant = st.tuples(ordinary, st.integers(1, 9)).map(lambda pair: [pair[0]] * pair[1])
lists = st.one_of(st.lists(ordinary, min_size=1, max_size=24), st.lists(extreme, min_size=1, max_size=9), constant)
arrays = lists.map(lambda values: np.array(values, F32))
#: States whose next word gives the smallest jitters, 0 and 2^-24, those about a half, and the largest.
RARE = [
    Xorshift32(word).jumped(-1).state
    for word in (1, 0xFF, 0x100, 0x1FF, 0x7FFFFFFF, 0x80000000, 0x80000100, 0xFFFFFFFF)
]
states = st.one_of(st.integers(1, 2**32 - 1), st.sampled_from(RARE))
