"""A generator keeps what it has prepared for two parameters: the bits are those of a generator that meets them anew."""

import math

import numpy as np
import pytest

from embinit import EmbinitError, Generator
from embinit.generator import PREPARED

DIALECTS = ["odt", "portable", "torch", "keras-torch", "numpy", "genann", "jax"]


def drawn(generator, method, a, b):
    out = np.empty(16, generator.dialect.element)
    getattr(generator, method)(a, b, out)
    return out.tobytes()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("method", ["uniform", "normal"])
def test_parameters_that_are_equal_and_not_the_same_are_told_apart(dialect, method):
    first = 0.25 if method == "uniform" else 0.5
    given = [(-0.0, first), (0.0, first), (0, first), (0.0, first), (-0.0, first), (np.float32(-0.0), first), (-1, 1)]
    one = Generator.seeded(3, dialect)
    for _ in range(3):
        for a, b in given:
            fresh = one.copy()
            fresh._prepared = {}
            try:
                expected = drawn(fresh, method, a, b)
            except EmbinitError as error:
                with pytest.raises(EmbinitError) as again:
                    drawn(one, method, a, b)
                assert str(again.value) == str(error)
            else:
                assert drawn(one, method, a, b) == expected
                assert one.drawn == fresh.drawn


def test_the_sign_of_zero_is_in_the_bits():
    one = Generator.seeded(3, "odt")
    signs = [np.signbit(np.frombuffer(drawn(one, "normal", mean, 0.0), np.float32)).any() for mean in (0.0, -0.0, 0.0)]
    assert signs == [False, True, False]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, True, 10**400, "1", None, [1.0], np.ones(2)])
def test_what_is_no_number_is_refused_each_time(wrong):
    one = Generator.seeded(3, "odt")
    for a, b in [(-1, 1), (wrong, 1), (-1, wrong), (wrong, wrong), (-1, 1)]:
        for _ in range(2):
            if wrong is a or wrong is b:
                with pytest.raises(EmbinitError, match="must be a finite float32 number"):
                    drawn(one, "uniform", a, b)
            else:
                drawn(one, "uniform", a, b)


def test_only_some_are_kept():
    one, other = Generator.seeded(3, "odt"), Generator.seeded(3, "odt")
    for i in [*range(3 * PREPARED), *range(5)]:
        other._prepared = {}
        assert drawn(one, "uniform", -i - 1, i) == drawn(other, "uniform", -i - 1, i)
        assert len(one._prepared) <= PREPARED
