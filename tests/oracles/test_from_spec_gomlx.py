"""The gomlx dialects against reference_from_spec.gomlx, which was written from SPEC.md alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models_from_tables import bits_of_model, layers_of, model_text
from support.reference_from_spec.gomlx import init_gomlx
from support.sweeps import examples

DIALECTS = ["gomlx", "gomlx-xla", "gomlx-xla-nofma"]
numbers = st.floats(-2, 2)
spreads = st.floats(0.01, 2)
random = st.one_of(
    st.builds(lambda low, width: {"name": "random_uniform", "min": low, "max": low + width}, numbers, spreads),
    st.builds(lambda stddev: {"name": "random_normal", "stddev": stddev}, spreads),
    st.builds(lambda stddev: {"name": "normal", "stddev": stddev}, spreads),
    st.builds(lambda low, width: {"name": "uniform", "low": low, "high": low + width}, numbers, spreads),
    st.builds(lambda value: {"name": "constant", "value": value}, numbers),
    st.builds(lambda base: {"name": "broadcast_tensor_to_shape", "base": base}, numbers),
    st.sampled_from([{"name": "zero"}, {"name": "one"}]),
)
schemes = st.sampled_from([{"name": name} for name in ("he", "glorot_uniform", "xavier_uniform", "xavier_normal")])
initializers = st.one_of(st.none(), random, schemes)
layers = st.lists(layers_of(["Linear", "Conv1d"], initializers, initializers, groups=False), min_size=1, max_size=3)
seeds = st.one_of(st.sampled_from([0, -1, 2**31 - 1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))


@pytest.mark.parametrize("dialect", DIALECTS)
@given(seed=seeds, layers=layers)
@settings(max_examples=examples(40))
def test_models(dialect, seed, layers):
    text = model_text({"dialect": dialect, "seed": seed}, layers)
    assert bits_of_model(text) == init_gomlx(dialect, seed, layers)
