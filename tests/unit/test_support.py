"""What a format is told of values before they are drawn holds for every value that is drawn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from embinit import EmbinitError, Generator
from embinit.dialects import DIALECTS
from embinit.dialects.declared.dialect import DeclaredDialect
from embinit.distributions import (
    FLOAT32_MAX,
    Broadcast,
    Constant,
    Dirac,
    Eye,
    Normal,
    PaddedNormal,
    Sparse,
    TruncatedNormal,
    TruncNormal,
    Uniform,
)
from embinit.samplers.codes import InCodes
from embinit.support import Support, support

magnitudes = st.one_of(
    st.floats(0, 2), st.sampled_from([0.0, 2.0**-149, 2.0**-126, 1e-30, 1e-20, 1.0, 1e20, 6e37, 3e38, FLOAT32_MAX])
)
numbers = st.builds(math.copysign, magnitudes, st.sampled_from([1, -1]))
#: Pairs that nearly cancel.
near = st.builds(lambda x, k: (x, x * (1 + k * 2.0**-20)), numbers, st.integers(-9, 9))
pairs = st.one_of(st.tuples(numbers, numbers), near.filter(lambda pair: abs(pair[1]) <= FLOAT32_MAX))
KINDS = (Uniform, Normal, TruncatedNormal)
#: Nothing is known beforehand of the values of a dialect file, and InCodes draws no values.
NAMES = [
    name
    for name, dialect in DIALECTS.items()
    if not isinstance(dialect, DeclaredDialect) and not isinstance(dialect.sampler, InCodes)
]


@settings(max_examples=60)
@given(pairs, st.integers(1, 2**32 - 1), st.sampled_from([3, 15, 400]), st.booleans())
@example((1.0, 1.0), 2796405, 400, False)  # Keras on torch: the four candidates of one value are all beyond 2
def test_every_value_is_in_the_support(pair, seed, n, fused):
    """Of every distribution of every dialect that has one of these parameters."""
    values = np.empty(n, np.float32)
    for name, kind in itertools.product(NAMES, KINDS):
        generator = Generator(DIALECTS[name].seeded(seed), name, multiply_add="fused" if fused else "separate")
        try:
            distribution = generator.dialect.distribution(kind(*pair), 1, 1)
            generator.dialect.sampler.check(distribution)
        except EmbinitError:
            continue
        with np.errstate(all="ignore"):
            generator.draw(distribution, values)
        assert_within(values, support(distribution))


def assert_within(values, expected):
    defined = values[~np.isnan(values)].astype(float)
    assert defined.size == values.size or expected.undefined
    if expected.finite:
        assert np.isfinite(values).all()
    finite = np.abs(defined[np.isfinite(defined)])
    ulp = max(finite.max(initial=0) * 2.0**-22, 2.0**-123)  # portable: a scale below 2^-126, rounded, times a code
    assert (defined >= expected.low - ulp).all()
    assert (defined <= expected.high + ulp).all()
    assert (np.abs(defined[defined != 0]) >= min(expected.least, FLOAT32_MAX)).all()


@pytest.mark.parametrize("bounds", [(-0.5, 0.7), (0.9, 1.1), (-2.0, 2.0), (2.5, 3.0), (1e-20, 1.0)])
def test_every_value_of_pytorchs_own_is_in_the_support(bounds):
    for distribution in (
        TruncNormal(0.0, 1.0, *bounds),
        Sparse(0.5, bounds[1], shape=(20, 20)),
        PaddedNormal(bounds[0], 0.001, 3, shape=(20, 20)),
        Eye(shape=(20, 20)),
        Dirac(shape=(20, 4, 5)),
        Constant(bounds[0]),
    ):
        generator, values = Generator(DIALECTS["torch"].seeded(1), "torch"), np.empty(400, np.float32)
        generator.draw(distribution, values)
        assert_within(values, support(distribution))


def test_what_is_given_is_known():
    assert support(Constant(-0.25)) == Support(-0.25, -0.25, 0.25)
    assert support(Constant(0.0)) == Support(0.0, 0.0, math.inf)
    assert support(Broadcast([[1, 0], [-3, 0.5]])) == Support(-3, 1, 0.5)
    assert support(Uniform(0.5, 0.5)) == Support(0.5, 0.5, 0.5)
    assert support(Normal(-2.0, 0.0)) == Support(-2.0, -2.0, 2.0)
    assert support(Uniform(-3e38, 3e38)).undefined
    assert not support(Normal(2.0, 1e38)).finite
    assert support(Normal(2.0, 1e37)).finite
