"""Models of both sides of tests/oracles/test_from_spec_*.py: tables of layers, as in a model file."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

import embinit

#: Places and bounds; what float32 cannot hold as a normal number is left out, as XLA takes it for 0.
numbers = st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 2.0**-100)

#: Scales and deviations.
spreads = st.floats(0.01, 2)


def variance_scaling(*distributions: str, more_modes: Sequence[str] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Return the strategy for tables of variance_scaling with one of some distributions, and of three modes or more."""
    return st.fixed_dictionaries(
        {
            "name": st.just("variance_scaling"),
            "scale": spreads,
            "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg", *more_modes]),
            "distribution": st.sampled_from(distributions),
        }
    )


def model_text(model: dict[str, Any], layers: list[dict[str, Any]]) -> str:
    """Return the model file of layers."""
    return f"[model]\nname = 'model'\n{pairs(model)}" + "".join(f"\n[[layer]]\n{pairs(layer)}" for layer in layers)


def pairs(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items())


def toml_value(value: Any) -> str:
    """Return a value in TOML; a float keeps all its bits."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{ " + ", ".join(f"{key} = {toml_value(of)}" for key, of in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case str():
            return f'"{value}"'
    return repr(value)


def bits_of_model(text: str) -> list[list[int]]:
    """Return the bits of all buffers that the package makes of a model file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.toml"
        path.write_text(text, encoding="utf-8")
        model = embinit.load(path)
        return [buffer.view(f"u{buffer.itemsize}").ravel().tolist() for buffer in model.init().values()]


@st.composite
def layers_of(
    draw: st.DrawFn,
    kinds: list[str],
    weights: st.SearchStrategy[dict[str, Any] | None],
    biases: st.SearchStrategy[dict[str, Any] | None],
    groups: bool = True,
) -> dict[str, Any]:
    """Draw the table of a small layer; an initializer that is None is the dialect's own."""
    few = st.integers(1, 3)
    kind = draw(st.sampled_from(kinds))
    if kind == "Linear":
        layer = {"in_features": draw(st.integers(1, 6)), "out_features": draw(few)}
    else:
        g = draw(st.integers(1, 3)) if groups and not kind.startswith("ConvTranspose") else 1
        layer = {"in_channels": g * draw(few), "out_channels": g * draw(few), "kernel_size": draw(few), "groups": g}
        if kind == "Conv2d":
            layer["kernel_size"] = [draw(st.integers(1, 2)), draw(st.integers(1, 2))]
    layer = {"type": kind, **layer, "bias": draw(st.booleans())}
    made = {"weight_init": draw(weights), "bias_init": draw(biases) if layer["bias"] else None}
    return layer | {key: initializer for key, initializer in made.items() if initializer is not None}
