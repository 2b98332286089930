"""Other bounds of a uniform weight, which need not lie around 0, recovered from its values and then accepted."""

import tomllib

import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

MODEL = """[model]
name = "m"
dialect = "{dialect}"
seed = 42
target = "{target}"
[[layer]]
name = "fc1"
type = "Linear"
in_features = 5
out_features = 8
weight_init = {{ name = "uniform", low = {low}, high = {high} }}
[[layer]]
name = "fc2"
type = "Linear"
in_features = 8
out_features = 3
"""
CASES = [
    ("odt", "cortex-m4f", (-0.1, 0.1), (0.0, 0.1)),
    ("odt", "cortex-m4f", (-0.1, 0.1), (-0.05, 0.3)),
    ("odt", "cortex-m0", (-0.1, 0.2), (-0.3, 0.3)),
    ("odt", "cortex-m0", (0.0, 1.0), (0.25, 1.75)),
    ("portable", "cortex-m0", (-0.1, 0.1), (-0.2, 0.05)),
    ("torch", "cortex-m0", (-0.1, 0.1), (-0.05, 0.125)),
]


def text(dialect, target, bounds):
    low, high = bounds
    return MODEL.format(dialect=dialect, target=target, low=low, high=high)


def bundle(*model):
    return gather(from_tables(tomllib.loads(text(*model)), {}).plan())


@pytest.mark.parametrize(("dialect", "target", "ours", "device"), CASES)
def test_other_bounds_are_found_and_then_accepted(dialect, target, ours, device):
    held = {array.name: array.payload for array in bundle(dialect, target, device).arrays}
    explanation = diagnose(bundle(dialect, target, ours), held, "dump").explanations[0]

    assert explanation.exact
    assert [cause.hypothesis.name for cause in explanation.causes] == ["limit"]
    tables = tomllib.loads(text(dialect, target, ours))
    (line,) = explanation.lines.values()
    tables["layer"][0] |= tomllib.loads(line)
    again = gather(from_tables(tables, {}).plan())
    assert {array.name: array.payload for array in again.arrays} == held
