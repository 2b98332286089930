"""Dialect files against reference_from_spec.dialect_files, which was written from SPEC.md and the files alone."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit

from support.models_from_tables import bits_of_model, layers_of, model_text, toml_value
from support.reference_from_spec.dialect_files import Program, merged
from support.sweeps import examples

PROGRAMS = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["dialect"]
    for path in (Path(embinit.__file__).parent / "dialects" / "programs").glob("*.toml")
    if not path.stem.startswith("odt")
}


seeds = st.integers(1, 2**32 - 1)


def tables_of(name):
    own = PROGRAMS[name]
    return merged(tables_of(own["based_on"]), own) if "based_on" in own else own


def weights_of(tables):
    """Return initializers that a file has; None is its own default."""
    rules = tables.get("initializers", {})
    found = [None] * ("default" in rules)
    for name, rule in rules.items():
        parameters = [each.partition("=")[0].split()[1] for each in rule.get("parameters", [])]
        found.append({"name": name} | {key: (i + 1) / 4 for i, key in enumerate(parameters)})
    if "uniform" in tables["values"] and "uniform" not in rules:
        found.append({"name": "uniform", "low": -0.3, "high": 0.7})
    if "result" in tables.get("normal", {}):
        found.append({"name": "normal", "mean": 0.1, "stddev": 0.7})
    return found


@pytest.mark.parametrize("dialect", sorted(PROGRAMS))
@given(data=st.data(), seed=seeds, target=st.sampled_from(["host", "cortex-m0"]))
@settings(max_examples=examples(20))
def test_programs(dialect, data, seed, target):
    tables = tables_of(dialect)
    kinds = sorted(tables["layers"].keys() & {"Linear", "Conv2d"})
    weights = st.sampled_from(weights_of(tables))
    layers = data.draw(st.lists(layers_of(kinds, weights, st.none(), groups=False), min_size=1, max_size=3))
    text = model_text({"dialect": dialect, "seed": seed, "target": target}, layers)
    assert bits_of_model(text) == Program(tables, target, seed).init(layers)


STEPS = {
    "kind": "steps",
    "state": ["uint32_t a", "uint16_t b"],
    "seed": ["uint32_t mixed = seed * 2654435761u", "a = mixed ^ mixed >> 15", "b = (uint16_t)(mixed | 1)"],
    "step": [
        "int32_t t = (int32_t)(a << 3) >> 5",
        "b = b * 25173 + 13849",
        "a = a * 1664525u + 1013904223u ^ (uint32_t)t + b",
    ],
    "output": "(a >> 8 ^ b) & 0xffffff",
    "word_bits": 24,
}
POLAR = {
    "words": ["u1", "u2"],
    "x": "2.0f * u1 - 1.0f",
    "square": "x * x + (2.0f * u2 - 1.0f) * (2.0f * u2 - 1.0f)",
    "retry": "square >= 1.0f || square == 0.0f",
    "factor": "sqrtf(-2.0f * logf(square) / square)",
    "result": "mean + stddev * z",
}
POLAR_VALUES = ["x * factor", "(2.0f * u2 - 1.0f) * factor"]
BOX_MULLER = {
    "words": ["u1", "u2"],
    "unit": "((float)p * 0x1p-24f + (float)(q & 255) * 0x1p-32f)",
    "unit_words": ["p", "q"],
    "retry": "u1 < 0.25f",
    "retry_after": "u1",
    "radius": "sqrt(-2.0 * log(u1))",
    "angle": "6.283185307179586 * u2",
    "result": "(float)(mean + stddev * z)",
}
BOX_MULLER_VALUES = ["radius * cos(angle)", "radius * sin(angle)"]


@st.composite
def normals(draw):
    """Draw a table, with the units that a retry draws again."""
    table, values = draw(st.sampled_from([(POLAR, POLAR_VALUES), (BOX_MULLER, BOX_MULLER_VALUES)]))
    count = draw(st.integers(1, 2))
    table = table | {"values": values[:count]}
    if count == 2:
        table["spare"] = draw(st.sampled_from(["kept", "tensor", "call"]))
    if table["retry"] == POLAR["retry"]:
        table["redraw"] = draw(st.sampled_from([["u1", "u2"], ["u2", "u1"], ["u1"]]))
    return table


@st.composite
def declared(draw):
    """Draw the [dialect] table of a file with a generator of steps."""
    order = draw(st.permutations(["weight", "bias"]))
    axes = draw(st.permutations(["in", "out"]))
    layer = {"weight": axes, "fan_in": "in", "fan_out": "out", "order": order}
    if draw(st.booleans()):
        layer["interleave"] = "out"
    else:
        layer["draws"] = draw(st.permutations(["in", "out"]))
    default = draw(
        st.sampled_from(
            [
                {"limit": "sqrtf(6.0f / (float)(fan_in + fan_out))", "low": "-limit", "high": "limit"},
                {"high": "1.0f / sqrtf((float)fan_in)", "low": "-high"},
                {"spread": "1.0f / (float)fan_in", "value": "(float)(z * spread)"},
                {"mean": "0.25f", "stddev": "sqrtf(2.0f / (float)fan_out)"},
                {"words": ["p", "q"], "value": "((float)p - (float)q) * 0x1p-24f"},
            ]
        )
    )
    bias = draw(
        st.sampled_from([{}, {"initializer": "zeros"}, {"drawn": "last"}, {"size": "out * 2 + 1"}, {"size": "1"}])
    )
    if "interleave" in layer and bias.keys() & {"size", "drawn"}:
        bias = {}
    normal = draw(normals())
    if "interleave" in layer and "spare" in normal:
        normal["spare"] = "kept"
    scopes = ["model"] + ["layer"] * (bias.get("drawn") != "last") + ["tensor"] * ("interleave" not in layer)
    scope = draw(st.sampled_from(scopes))
    numbered = [] if scope == "model" else ["mixed = mixed + layer * 3 + tensor"]
    seeding = {"scope": scope, "seed": STEPS["seed"][:1] + numbered + STEPS["seed"][1:]}
    return {
        "name": "drawn",
        "rehearsal": draw(st.sampled_from(["none", "all but last", "all"])),
        "generator": STEPS | seeding | {"warmup": draw(st.integers(0, 3))},
        "values": {"unit": "(float)word / 16777216.0f", "uniform": "low + (high - low) * unit"},
        "normal": normal,
        "initializers": {"default": default},
        "bias": bias,
        "layers": {"Linear": layer},
    }


@given(tables=declared(), data=st.data(), seed=seeds, target=st.sampled_from(["host", "cortex-m0"]))
@settings(max_examples=examples(60))
def test_a_generator_of_steps(tables, data, seed, target):
    weights = st.sampled_from(weights_of(tables))
    layers = data.draw(st.lists(layers_of(["Linear"], weights, st.none(), groups=False), min_size=1, max_size=3))
    text = f"dialect = {toml_value(tables)}\n" + model_text({"seed": seed, "target": target}, layers)
    assert bits_of_model(text) == Program(tables, target, seed).init(layers)
