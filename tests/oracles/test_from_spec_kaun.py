"""The kaun dialects against reference_from_spec.kaun, which was written from SPEC.md alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models_from_tables import bits_of_model, layers_of, model_text, spreads, variance_scaling
from support.reference_from_spec import TARGETS
from support.reference_from_spec.kaun import init_kaun
from support.sweeps import examples

scaled = variance_scaling("uniform", "normal", "truncated_normal")
initializers = st.one_of(
    st.none(),
    st.builds(lambda scale: {"name": "uniform", "scale": scale}, spreads),
    st.builds(lambda stddev: {"name": "normal", "stddev": stddev}, spreads),
    st.builds(lambda value: {"name": "constant", "value": value}, st.floats(-2, 2)),
    st.sampled_from([{"name": name} for name in ("truncated_normal", "zeros", "ones")]),
    st.sampled_from([{"name": f"{a}_{b}"} for a in ("glorot", "he", "lecun") for b in ("uniform", "normal")]),
    scaled,
)
seeds = st.one_of(st.sampled_from([0, -1, 2**32, 2**62 - 1, -(2**62)]), st.integers(-(2**62), 2**62 - 1))


@st.composite
def models_of(draw, dialect):
    """Draw layers that the dialect has; a convolution of kaun-alpha3 has no initializers, and every layer its bias."""
    kinds = ["Linear", "Conv2d"] + ["Conv1d"] * (dialect == "kaun-alpha3")
    layers = draw(st.lists(layers_of(kinds, initializers, initializers, groups=False), min_size=1, max_size=3))
    if dialect == "kaun-alpha3":
        for layer in layers:
            layer["bias"] = True
            if layer["type"] != "Linear":
                layer.pop("weight_init", None)
                layer.pop("bias_init", None)
            elif layer.get("weight_init", {}).get("name") == "variance_scaling":
                axes = st.sampled_from([-2, -1, 0, 1])
                layer["weight_init"] = layer["weight_init"] | {"in_axis": draw(axes), "out_axis": draw(axes)}
    return layers


@pytest.mark.parametrize("dialect", ["kaun", "kaun-alpha3"])
@given(data=st.data(), seed=seeds, target=st.sampled_from(sorted(TARGETS)))
@settings(max_examples=examples(40))
def test_models(dialect, data, seed, target):
    layers = data.draw(models_of(dialect))
    text = model_text({"dialect": dialect, "seed": seed, "target": target}, layers)
    assert bits_of_model(text) == init_kaun(dialect, target, seed, layers)
