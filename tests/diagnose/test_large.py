"""Models of many weights: pairs of mistakes are tried on the first elements of each buffer before all of them."""

import random
import time
from dataclasses import replace

import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.account import Account
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.search import LARGE
from embinit.errors import EmbinitError


def model(weight_format="float32", size=190, **keys):
    layers = [
        embinit.Linear(name=name, in_features=size, out_features=size // 2, weight_format=weight_format)
        for name in ("a", "b")
    ]
    return embinit.Model("m", layers, seed=42, **keys)


def memory(description):
    return {entry.name: entry.payload for entry in gather(description.plan()).entries}


@pytest.mark.parametrize("weight_format", ["float32", "int8", "int4", "sym5", "affine8", "q15", "bfloat16"])
def test_a_head_is_what_a_run_gives(weight_format):
    planned = model(weight_format, size=24)
    seen = 0
    for hypothesis in ordinary(planned, normals=True):
        try:
            account = hypothesis.change(Account.of(planned))
            image = account.run().image
        except EmbinitError:
            continue
        for name, held in image.items():
            head = account.head(name, 16)
            n = min(len(head), len(held), 8)
            assert head[:n] == held[:n], (hypothesis.sentence, name)
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("weight_format", "keys"),
    [("float32", {"byte_order": "big", "fan": "fan_out"}), ("int8", {"fan": "fan_out", "rounding": "floor"})],
)
def test_two_mistakes_are_found(weight_format, keys):
    planned = model(weight_format)
    assert sum(tensor.size for tensor in planned.tensors) > LARGE
    layers = [replace(layer, **keys) for layer in planned.layers]
    dump = memory(replace(planned, layers=layers))

    found = diagnose(gather(planned.plan()), dump, "dump").explanations[0]

    assert found.exact
    assert {cause.hypothesis.name for cause in found.causes} <= {"byte order", "fan", "rounding"}
    assert found.lines


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
def test_random_bytes_have_no_explanation_and_that_is_soon_known(weight_format):
    planned, chance = gather(model(weight_format).plan()), random.Random(2)
    dump = {entry.name: chance.randbytes(len(entry.payload)) for entry in planned.entries}
    start = time.process_time()

    assert not diagnose(planned, dump, "dump").explained
    assert time.process_time() - start < 4
