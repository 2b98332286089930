"""What a file's expressions give is bounded before a word is drawn: formats that surely cannot hold it are refused."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.dialects.declared import dialect_of_tables
from embinit.expressions import TYPES, Arithmetic, Input, Program, define

from support.compiled import columns
from support.random_expressions import INPUTS, floats, text_of
from support.sweeps import examples

BIG = "3e38f + (float)fan_in"
TABLES = {
    "generator": {"kind": "xorshift", "shifts": [13, -17, 5], "seed": "seed == 0 ? 1 : seed"},
    "values": {"unit": "(float)(word >> 8) / 16777216.0f", "uniform": "low + unit * (high - low)"},
    "normal": {
        "words": ["u1", "u2"], "retry": "u1 <= 0x1p-24f", "redraw": ["u1"],
        "values": ["sqrtf(-2.0f * logf(u1)) * cosf(6.2831855f * u2)"], "result": "mean + stddev * z",
    },
    "initializers": {
        "default": {"low": "-0.5f", "high": "0.5f"},
        "wide": {"limit": BIG, "low": "-limit", "high": "limit"},
        "tiny": {"value": "1e-44f + unit * 1e-45f"},
        "small": {"value": "1e-30f + unit * 1e-31f"},
        "positive": {"value": "unit + 0.5f"},
        "negative": {"value": "-unit - 0.5f"},
        "infinite": {"value": "unit / (0.0f * (float)fan_in) + 1.0f"},
        "above": {"none": "0.0f * (float)fan_in", "value": "(unit + 1.0f) * (1.0f / none)"},
        "undefined": {"value": "(unit + 0.5f) * sqrtf(-1.0f * (float)fan_in)"},
        "gaussian": {"mean": "0.0f", "stddev": BIG},
    },
    "layers": {"Linear": {"weight": ["out", "in"], "fan_in": "in", "fan_out": "out"}},
}  # fmt: skip
FORMATS = ("q7", "int8", "sym8", "sym26", "asym8", "affine8", "bfp8e8")
CODED = set(FORMATS) - {"q7"}
REFUSED = {
    "default": set(), "small": {"sym26"}, "negative": set(), "gaussian": set(), "infinite": set(),
    "positive": {"sym26"}, "tiny": {"int8", "sym8", "sym26", "affine8"}, "wide": CODED, "above": CODED,
    "undefined": set(FORMATS),
}  # fmt: skip


def model(initializer, layout, target="host"):
    dialect = dialect_of_tables(TABLES, "acme.toml", "acme")
    given = None if initializer == "default" else dialect.named[initializer]()
    layer = embinit.Linear(
        name="fc", in_features=4, out_features=3, bias=False, weight_init=given, weight_format=layout
    )
    return embinit.Model("m", [layer], dialect=dialect, seed=3, target=target)


@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("initializer", REFUSED)
def test_what_surely_has_no_code_is_refused_when_the_model_is_built(initializer, layout, target):
    if layout in REFUSED[initializer]:
        with pytest.raises(embinit.EmbinitError, match=rf"layer 'fc': weight: {layout}"):
            model(initializer, layout, target)
    else:
        built = model(initializer, layout, target)
        if initializer in ("default", "small", "negative", "positive", "tiny"):
            built.init()


def value_lies_in(value, limits):
    return limits.undefined if math.isnan(value) else limits.low <= value <= limits.high


@settings(max_examples=examples(150), deadline=None)
@given(floats(3), st.integers(0, 2**32), st.sampled_from(["separate", "fused"]))
def test_no_value_lies_outside_of_its_range(tree, seed, multiply_add):
    table = columns(seed, special=False)
    fixed = ("b", "q", "v")  # once per tensor
    inputs = {name: Input(TYPES[c], "tensor" if name in fixed else "element") for name, c in INPUTS.items()}
    inputs["u"] = Input(TYPES["uint32_t"], "element", 0, 2**24 - 1)
    table["u"] &= np.uint32(2**24 - 1)
    try:
        text = re.sub(r"\b[acp]\b", "((float)u * 0x1p-24f - 0.25f)", text_of(tree))
        routine = Program([define("x", text, "x")], inputs, {"x": None}).compile(Arithmetic(multiply_add))
        bound = routine.bind(**{name: table[name][0] for name in fixed})
        limits = bound.ranges()["x"]
    except embinit.EmbinitError:
        return
    given_ = {name: values for name, values in table.items() if name not in fixed}
    good = bound.defined(**given_)
    for value in bound._evaluated(given_)[0]["x"][good].tolist():
        assert value_lies_in(value, limits), (text, value, limits)
