"""Words and lengths that random draws hardly ever reach: the ends of unit values, and shuffles of many elements."""

import math

import numpy as np
import pytest

from embinit import Generator
from embinit.bitgen import Outside

F32 = np.float32


class Words:
    word_bits = 32

    def __init__(self, words):
        self.words = iter(words)

    def next_raw(self):
        return next(self.words)


def test_the_least_unit_value_of_tensorflows_normals():
    from embinit._kernels import tensorflow

    source, out = Outside(Words([0x00800000, 0, 0xFF800001, 0])), np.empty(4, F32)
    tensorflow.normal(*source.stream, F32(0), F32(1), out)

    logarithms = [F32(math.log(unit)) for unit in (F32(1e-7), 2.0**-23)]
    radii = [np.sqrt(F32(F32(-2) * logarithm)) for logarithm in logarithms]
    assert out.view(np.uint32).tolist() == np.array([0, radii[0], 0, radii[1]], F32).view(np.uint32).tolist()


@pytest.mark.parametrize("n", [2**16, 2**16 + 1, 70_000])
@pytest.mark.parametrize("legacy", [False, True])
def test_numpy_shuffles_more_than_65536_elements(legacy, n):
    ours = Generator.seeded(3, "numpy-legacy" if legacy else "numpy")
    theirs = np.random.RandomState(3) if legacy else np.random.default_rng(3)
    order, expected = np.arange(n), np.arange(n)

    ours.shuffle(order)
    theirs.shuffle(expected)

    assert np.array_equal(order, expected)
