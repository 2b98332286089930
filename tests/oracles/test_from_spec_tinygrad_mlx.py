"""The tinygrad and mlx dialects against reference_from_spec.key_streams, which was written from SPEC.md alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit

from support.models_from_tables import bits_of_model, layers_of, model_text, numbers
from support.reference_from_spec.key_streams import Mlx, init_mlx, init_tinygrad
from support.sweeps import examples

spreads = st.floats(0.01, 2)
uniform = st.builds(lambda low, width: {"name": "uniform", "low": low, "high": low + width}, numbers, spreads)
of_tinygrad = st.one_of(
    uniform,
    st.sampled_from([{"name": name} for name in ("glorot_uniform", "kaiming_uniform", "zeros")]),
    st.builds(lambda a: {"name": "kaiming_uniform", "a": a}, spreads),
)
normal = st.builds(
    lambda mean, stddev: {"name": "normal", "mean": mean, "std": stddev}, st.just(0.0) | numbers, spreads
)
of_mlx = st.one_of(
    uniform,
    normal,
    st.builds(
        lambda name, gain: {"name": name, "gain": gain}, st.sampled_from(["glorot_uniform", "glorot_normal"]), spreads
    ),
    st.builds(
        lambda name, gain, mode: {"name": name, "gain": gain, "mode": mode},
        st.sampled_from(["he_uniform", "he_normal"]),
        spreads,
        st.sampled_from(["fan_in", "fan_out"]),
    ),
)
KINDS = ["Linear", "Conv1d", "ConvTranspose1d"]


@given(
    seed=st.integers(-(2**70), 2**70),
    layers=st.lists(layers_of(KINDS, st.none() | of_tinygrad, st.none() | of_tinygrad), min_size=1, max_size=4),
)
@settings(max_examples=examples(40))
def test_models_of_tinygrad(seed, layers):
    assert bits_of_model(model_text({"dialect": "tinygrad", "seed": seed}, layers)) == init_tinygrad(seed, layers)


@given(
    seed=st.integers(0, 2**64 - 1),
    layers=st.lists(layers_of(KINDS, st.none() | of_mlx, st.none() | uniform | normal), min_size=1, max_size=4),
)
@settings(max_examples=examples(40))
def test_models_of_mlx(seed, layers):
    assert bits_of_model(model_text({"dialect": "mlx", "seed": seed}, layers)) == init_mlx(seed, layers)


@pytest.mark.parametrize("weight", [{"name": "uniform"}, {"name": "zeros"}, {"name": "normal"}])
def test_a_bias_of_mlx_has_its_bound_under_any_weight(weight):
    layer = {"type": "Linear", "in_features": 4, "out_features": 1, "bias": True, "weight_init": weight}
    (_, bias), (_, reference) = (
        bits_of_model(model_text({"dialect": "mlx", "seed": 1}, [layer])),
        init_mlx(1, [layer | {"weight_init": {"low": 0.0, "high": 1.0, "mean": 0.0, "std": 1.0} | weight}]),
    )
    assert bias == reference


@pytest.mark.parametrize("name", ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal"])
def test_a_bias_of_mlx_has_no_fans(name):
    layer = {"type": "Linear", "in_features": 3, "out_features": 2, "bias_init": {"name": name}}
    with pytest.raises(embinit.EmbinitError, match=r"MLX needs at least two axes for fans, got shape \[2\]"):
        bits_of_model(model_text({"dialect": "mlx", "seed": 1}, [layer]))


@given(seed=st.integers(0, 2**64 - 1), n=st.integers(1, 4))
@settings(max_examples=examples(30))
def test_keys_of_mlx(seed, n):
    """An array that is drawn from a key of split has the key itself."""
    package, reference = embinit.Generator.seeded(seed, "mlx"), Mlx(seed)
    for made, key in zip(package.split(n), reference.split(n), strict=True):
        assert tuple(made.key) == key
