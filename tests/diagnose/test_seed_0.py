"""A device that seeds a xorshift with 0 as it is: its state stays 0, every word is 0, and a buffer holds one value."""

import tomllib

import numpy as np
import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

MODEL = """[model]
name = "m"
{dialect}
seed = 42
target = "{target}"
[[layer]]
name = "fc1"
type = "Linear"
in_features = 5
out_features = 6
{keys}
[[layer]]
name = "fc2"
type = "Linear"
in_features = 6
out_features = 3
"""
#: The same conventions as a dialect file, whose xorshift may have any shifts.
OWN = '[dialect]\nbased_on = "odt"\nname = "mine"\n[dialect.values]\nunit = "(float)(word >> 8) * 0x1p-24f"'
DEFAULT = np.float32(0.57735026919)


def low(fan_in):
    """The lowest value of OnDeviceTraining's default, which a word of 0 gives: each operation rounds once."""
    return -(DEFAULT * np.sqrt(np.float32(3.0) / np.float32(fan_in), dtype=np.float32))


def text(target="cortex-m0", keys="", own=""):
    named = "" if own else 'dialect = "odt"'
    return MODEL.format(dialect=named, target=target, keys=keys) + own + "\n"


def diagnosed(model, dump):
    bundle = gather(from_tables(tomllib.loads(model), {}).plan())
    assert {array.name: len(array.payload) for array in bundle.arrays} == {name: len(dump[name]) for name in dump}
    explanation = diagnose(bundle, dump, "dump").explanations[0]
    assert explanation.exact
    return explanation


def accepted(model, lines, dump):
    tables = tomllib.loads(model)
    for layer in tables["layer"]:
        for head in ("[[layer]]", f"[[layer]] {layer['name']}"):
            layer |= tomllib.loads(lines.get(head, ""))
    bundle = gather(from_tables(tables, {}).plan())
    return {array.name: array.payload for array in bundle.arrays} == dump


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
@pytest.mark.parametrize("own", ["", OWN], ids=["odt", "a dialect file"])
def test_a_board_that_seeds_0_is_named_and_then_accepted(own, target):
    """Every value is low + width * 0."""
    dump = {
        f"fc{i}.{part}": np.full(size, low(fan), np.float32).tobytes()
        for i, fan, out in ((1, 5, 6), (2, 6, 3))
        for part, size in (("weight", fan * out), ("bias", out))
    }
    model = text(target, own=own)
    explanation = diagnosed(model, dump)

    assert [cause.hypothesis.name for cause in explanation.causes] == ["seed 0 rule"]
    assert explanation.lines
    assert accepted(model, explanation.lines, dump)


def test_codes_of_one_value():
    """Of U(-0.5, 0.5) a word of 0 is -0.5, which q7 holds as -64."""
    keys = 'weight_format = "q7"\nbias_format = "q7"\nweight_init = { name = "uniform", low = -0.5, high = 0.5 }'
    dump = {
        "fc1.weight": np.full(30, -64, np.int8).tobytes(),
        "fc1.bias": np.full(6, np.floor(low(5) * 128 + 0.5), np.int8).tobytes(),
        "fc2.weight": np.full(18, low(6), np.float32).tobytes(),
        "fc2.bias": np.full(3, low(6), np.float32).tobytes(),
    }
    explanation = diagnosed(text(keys=keys), dump)

    assert [cause.hypothesis.name for cause in explanation.causes] == ["seed 0 rule"]
    assert accepted(text(keys=keys), explanation.lines, dump)
