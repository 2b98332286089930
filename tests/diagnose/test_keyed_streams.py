"""Dumps of dialects whose tensors have keys: another seed, another order, a key that something else took."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import Conv2d, Linear, initializers
from embinit.bundle import gather
from embinit.diagnose import diagnose

CONV = Conv2d(name="conv", in_channels=1, out_channels=8, kernel_size=3)
FC = Linear(name="fc", in_features=72, out_features=10)
NORMAL = initializers.normal(0.0, 0.1)


def bundle(dialect, layers=(CONV, FC), seed=42):
    return gather(embinit.Model("d", list(layers), seed, dialect).plan())


def memory(other):
    """Its buffers in the order of the memory of the model that is diagnosed."""
    return {entry.name: entry.payload for entry in other.entries}


@pytest.mark.parametrize("seed", [0, 43, 1234])
@pytest.mark.parametrize("layers", [(CONV, FC), (replace(CONV, weight_init=NORMAL), replace(FC, weight_init=NORMAL))])
def test_another_seed(layers, seed):
    found = diagnose(bundle("kaun", layers), memory(bundle("kaun", layers, seed)), "dump").explanations[0]

    assert [each.hypothesis.line for each in found.causes] == [f"seed = {seed}"]


def test_the_order_of_a_record():
    found = diagnose(bundle("kaun"), memory(bundle("kaun", [FC, CONV])), "dump").explanations[0]

    assert [each.hypothesis.name for each in found.causes] == ["draw order"]


def test_a_key_that_something_else_took():
    scope = embinit.Generator.seeded(42, "kaun")
    scope.uniform(0, 1, np.empty(3, np.float32))
    drawn = {}
    for row in bundle("kaun").plan.rows:
        drawn[row.name] = out = np.empty(row.shape, np.float32)
        scope.draw(row.distribution, out)
    found = diagnose(bundle("kaun"), {name: out.tobytes() for name, out in drawn.items()}, "dump").explanations[0]

    assert [each.hypothesis.name for each in found.causes] == ["stream position"]


def test_a_device_of_alpha3():
    found = diagnose(bundle("kaun"), memory(bundle("kaun-alpha3")), "dump").explanations
    assert [each.hypothesis.line for each in found[0].causes] == ['dialect = "kaun-alpha3"']
