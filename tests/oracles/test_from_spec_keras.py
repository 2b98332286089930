"""The keras dialects against reference_from_spec.keras_streams, which was written from SPEC.md alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models_from_tables import bits_of_model, layers_of, model_text, numbers, spreads, variance_scaling
from support.reference_from_spec.keras_streams import BACKENDS, init_keras
from support.sweeps import examples

schemes = st.sampled_from([f"{a}_{b}" for a in ("glorot", "he", "lecun") for b in ("uniform", "normal")])
random = st.one_of(
    st.builds(lambda low, width: {"name": "random_uniform", "minval": low, "maxval": low + width}, numbers, spreads),
    st.builds(
        lambda name, mean, stddev: {"name": name, "mean": mean, "stddev": stddev},
        st.sampled_from(["random_normal", "normal", "truncated_normal"]),
        numbers,
        spreads,
    ),
    variance_scaling("uniform", "untruncated_normal", "truncated_normal"),
    st.builds(lambda name: {"name": name}, schemes),
    st.builds(lambda low, width: {"name": "uniform", "low": low, "high": low + width}, numbers, spreads),
    st.sampled_from([{"name": name} for name in ("random_uniform", "uniform", "random_normal", "truncated_normal")]),
)
seeded = st.builds(lambda made, seed: made | {"seed": seed}, random, st.integers(0, 2**32 - 1))
constants = st.builds(lambda value: {"name": "constant", "value": value}, numbers) | st.just({"name": "ones"})
initializers = st.one_of(st.none(), random, random, seeded, constants)
seeds = st.one_of(st.sampled_from([0, 2**32 - 1]), st.integers(0, 2**32 - 1))
depthwise = st.builds(
    lambda g, k, made: {
        "type": "Conv1d",
        "in_channels": g,
        "out_channels": g,
        "groups": g,
        "kernel_size": k,
        "bias": False,
        "weight_init": made,
    },
    st.integers(2, 5),
    st.integers(1, 4),
    random,
)


@pytest.mark.parametrize("dialect", BACKENDS)
@given(data=st.data(), seed=seeds)
@settings(max_examples=examples(40))
def test_models(dialect, data, seed):
    layer = layers_of(["Linear", "Conv1d", "ConvTranspose1d"], initializers, initializers)
    layers = data.draw(st.lists(layer | depthwise, min_size=1, max_size=3))
    text = model_text({"dialect": dialect, "seed": seed}, layers)
    assert bits_of_model(text) == init_keras(dialect, seed, layers)
