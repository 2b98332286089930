"""The words that a sampler says it draws are those that it draws."""

import numpy as np
import pytest

from embinit import Generator, Linear, Model
from embinit.dialects import DIALECTS
from embinit.dialects.declared.dialect import DeclaredDialect
from embinit.distributions import (
    BoundedNormal,
    Broadcast,
    Constant,
    Dirac,
    Eye,
    Normal,
    PaddedNormal,
    ScaledUniform,
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
GOMLX = {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): 48, Broadcast([1, 2, 3, 4]): 0}
KAUN = {Constant(0.5): 0, Uniform(-1, 1): 1, Normal(0, 1): 1, TruncatedNormal(0, 1): None}  # keys
JAX = {**PORTABLE, ScaledUniform(-0.5, 0.5): 24, BoundedNormal(1, -1, 3): 24}
WORDS = {
    "odt": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "odt-2026-06": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "odt-2026-04": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "portable": PORTABLE, "kaun": KAUN, "kaun-alpha3": KAUN | {Normal(0, 1): 2},
    **dict.fromkeys(("gomlx", "gomlx-0.20", "gomlx-xla", "gomlx-xla-nofma"), GOMLX),
    "torch": TORCH, "torch-nofma": TORCH,
    **dict.fromkeys(("jax", "jax-nofma", "jax-0.6", "flax-nnx", "flax-nnx-0.6", "flax-linen", "flax-linen-0.6"), JAX),
    "keras-torch": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): 40, TruncatedNormal(0, 1): 96},
    "keras-tensorflow": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): 24, TruncatedNormal(0, 1): 6144},
    "keras-jax": PORTABLE,
    "numpy": {Constant(0.5): 0, Uniform(-1, 1): 24, Normal(0, 1): None},
    "numpy-legacy": {Constant(0.5): 0, Uniform(-1, 1): 48, Normal(0, 1): None},
    "tinygrad": {Constant(0.5): 0, Uniform(-1, 1): 24},
    "mlx": {Constant(0.5): 0, Uniform(-1, 1): 1, Normal(0, 1): 1},  # keys
}  # fmt: skip


@pytest.mark.parametrize(("name", "distribution"), [(name, each) for name, all_of in WORDS.items() for each in all_of])
def test_the_words_of_a_distribution(name, distribution):
    dialect = DIALECTS[name]
    generator = Generator(dialect.seeded(42), name)
    out = np.empty(24, np.float32)
    generator.draw(distribution, out)
    expected = WORDS[name][distribution]

    assert dialect.sampler.draws(distribution, out.size) == expected
    assert generator.drawn == expected or (expected is None and generator.drawn >= (1 if "kaun" in name else 24))
    if not (dialect.sampler.whole and isinstance(distribution, Normal)):  # of two calls
        jumped = dialect.seeded(42).jumped(generator.drawn)
        jumped.align()
        assert generator.bitgen == jumped


def test_every_dialect_with_values_is_here():
    in_python = {name for name, dialect in DIALECTS.items() if not isinstance(dialect, DeclaredDialect)}

    assert set(WORDS) == {name for name in in_python if not isinstance(DIALECTS[name].sampler, InCodes)}


#: The programs that leave the distribution to the caller, and others in which rejection decides.
NAMED, REJECTING = {"libstdcxx", "llmc", "nnh"}, {"cranium", "kann"}


@pytest.mark.parametrize("name", [name for name, each in DIALECTS.items() if isinstance(each, DeclaredDialect)])
def test_the_words_of_a_program(name):
    dialect, init = DIALECTS[name], Uniform(-0.5, 0.5) if name in NAMED else None
    sizes = {"in_features": 6, "out_features": 4, "weight_init": init, "bias_init": Constant(0.0) if init else None}
    layers = [Linear(name=layer, **sizes) for layer in "ab"]
    for row in Model(name="words", layers=layers, seed=42, dialect=name).plan().rows:
        generator = Generator(dialect.seeded(42), name)
        generator.draw(row.distribution, np.empty(row.size, dialect.element))
        drawn = generator.drawn

        weights_may_be_rejected = name in REJECTING and row.name.endswith("weight")
        assert dialect.sampler.draws(row.distribution, row.size) == (None if weights_may_be_rejected else drawn)
        assert (drawn >= row.size) == bool(drawn)
        assert generator.bitgen == dialect.seeded(42).jumped(drawn)
