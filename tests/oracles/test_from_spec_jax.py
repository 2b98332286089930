"""The jax and flax dialects against reference_from_spec.jax_streams, which was written from SPEC.md alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit

from support.models_from_tables import bits_of_model, layers_of, model_text, numbers, spreads, variance_scaling
from support.reference_from_spec import bits
from support.reference_from_spec.jax_streams import Jax, fold_in, init_flax, key_of
from support.sweeps import examples

without_fans = st.one_of(
    st.builds(lambda scale: {"name": "uniform", "scale": scale}, spreads),
    st.builds(lambda stddev: {"name": "normal", "stddev": stddev}, spreads),
    st.builds(
        lambda stddev, lower, width: {
            "name": "truncated_normal",
            "stddev": stddev,
            "lower": lower,
            "upper": lower + width,
        },
        spreads,
        numbers,
        st.floats(0.1, 4),
    ),
    st.sampled_from([{"name": name} for name in ("uniform", "normal", "truncated_normal", "zeros", "ones")]),
)
scaled = st.builds(
    lambda table, axes: table | {"in_axis": axes[0], "out_axis": axes[1]},
    variance_scaling("uniform", "normal", "truncated_normal", more_modes=["fan_geo_avg"]),
    st.permutations([-2, -1]),
)
schemes = ("glorot", "xavier", "he", "kaiming", "lecun")
named = st.sampled_from([{"name": f"{a}_{b}"} for a in schemes for b in ("uniform", "normal")])
initializers = st.one_of(without_fans, scaled, named)
seeds = st.one_of(st.sampled_from([0, -1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))
DIALECTS = ["jax", "jax-nofma", "jax-0.6"]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(
    seed=seeds,
    initializer=initializers,
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=3),
    jit=st.booleans(),
    fold=st.integers(0, 2**32 - 1),
)
@settings(max_examples=examples(40))
def test_arrays(dialect, seed, initializer, shape, jit, fold):
    out = np.empty(shape, np.float32)
    jit = jit and initializer["name"] != "truncated_normal"  # bounds for which libraries differ are refused
    embinit.Generator.seeded(seed, dialect, jit=jit).fold_in(fold).fill(initializer, out)
    reference = Jax(dialect, fold_in(key_of(seed), fold), jit).fill(initializer, tuple(shape))
    assert out.view(np.uint32).ravel().tolist() == [bits(value) for value in reference]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(seed=seeds, low=numbers, width=spreads)
@settings(max_examples=examples(30))
def test_one_array_after_the_other(dialect, seed, low, width):
    package, reference = embinit.Generator.seeded(seed, dialect), Jax(dialect, key_of(seed))
    out = np.empty(7, np.float32)
    package.normal(0, width, out[:3])
    package.uniform(low, low + width, out[3:])
    values = [reference.scaled_normal(np.float32(width)) for _ in range(3)]
    values += [reference.uniform(low, low + width) for _ in range(4)]
    assert out.view(np.uint32).tolist() == [bits(value) for value in values]


@given(seed=seeds, fold=st.integers(0, 2**20), above=st.booleans())
@settings(max_examples=examples(30))
def test_masks(seed, fold, above):
    """A word of 24 bits that lies half a unit of JAX's 23 bits above p must not count as p's equal."""
    word = Jax("jax", fold_in(key_of(seed), fold)).word()
    p = np.float32((word >> 9) * 2.0**-23 + above * 2.0**-24)
    package = embinit.Generator.seeded(seed, "jax").fold_in(fold).bernoulli(float(p), 5)
    reference = Jax("jax", fold_in(key_of(seed), fold))
    assert package.tolist() == [bool(reference.f() < p) for _ in range(5)]


def test_shuffles_are_refused():
    with pytest.raises(embinit.EmbinitError, match=r"shuffles of JAX are not known here"):
        embinit.Generator.seeded(1, "flax-nnx").shuffle([1, 2, 3])


@pytest.mark.parametrize("dialect", ["flax-nnx", "flax-nnx-0.6", "flax-linen", "flax-linen-0.6"])
@given(data=st.data(), seed=seeds)
@settings(max_examples=examples(30))
def test_models(dialect, data, seed):
    kinds = ["Linear", "Conv1d", "ConvTranspose1d"]
    layer = layers_of(kinds, st.none() | initializers, st.none() | without_fans)
    layers = data.draw(st.lists(layer, min_size=1, max_size=3))
    layers = [layer | {"name": f"layer_{i}"} for i, layer in enumerate(layers)]
    text = model_text({"dialect": dialect, "seed": seed}, layers)
    assert bits_of_model(text) == init_flax(dialect, seed, layers)
