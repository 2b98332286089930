"""The words that a sampler says it draws are those that it draws."""

import numpy as np
import pytest

from embinit import Generator
from embinit.dialects import DIALECTS
from embinit.distributions import (
    Broadcast,
    Constant,
    Dirac,
    Eye,
    Normal,
    PaddedNormal,
    Sparse,
    TruncatedNormal,
    Uniform,
)
from embinit.samplers.codes import InCodes

#: A distribution of 24 elements -> the words that they take, or None where rejection decides.
PORTABLE = {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): 24, TruncatedNormal(0, 1): 24}
TORCH = {
    Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): 40, Eye(shape=(4, 6)): 0, Dirac(shape=(4, 3, 2)): 0,
    Sparse(0.5, 1.0, shape=(4, 6)): 58, PaddedNormal(0, 1, 2, shape=(4, 6)): 40,
}  # fmt: skip
WORDS = {
    "odt": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "odt-2026-06": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "odt-2026-04": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "portable": PORTABLE, "kaun": PORTABLE, "gomlx": PORTABLE | {Broadcast([1, 2, 3, 4]): 0},
    "torch": TORCH, "torch-nofma": TORCH,
}  # fmt: skip


@pytest.mark.parametrize(("name", "distribution"), [(name, each) for name, all_of in WORDS.items() for each in all_of])
def test_the_words_of_a_distribution(name, distribution):
    dialect = DIALECTS[name]
    generator = Generator(dialect.seeded(42), name)
    out = np.empty(24, np.float32)
    generator.draw(distribution, out)
    expected = WORDS[name][distribution]

    assert dialect.sampler.draws(distribution, out.size) == expected
    assert generator.drawn == expected or (expected is None and generator.drawn >= 48)
    assert generator.bitgen == dialect.seeded(42).jumped(generator.drawn)


def test_every_dialect_with_values_is_here():
    assert set(WORDS) == {name for name, dialect in DIALECTS.items() if not isinstance(dialect.sampler, InCodes)}
