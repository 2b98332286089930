"""Initialization into arrays that are there already."""

from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import EmbinitError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_given_arrays_are_filled_like_new_ones(example):
    model = embinit.load(example)
    expected = model.init()
    out = {name: np.full_like(array, 7) for name, array in expected.items()}
    filled = model.init(out=out)

    assert list(filled) == list(expected)
    assert all(filled[name] is out[name] for name in out)
    assert all(filled[name].tobytes() == expected[name].tobytes() for name in out)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda out: out.pop("fc.bias"), "got None"),
        (lambda out: out.update({"fc.bias": np.zeros(7, np.float32)}), r"got one of float32 and shape \(7,\)"),
        (lambda out: out.update({"fc.bias": np.zeros(6)}), "got one of float64"),
        (lambda out: out.update({"fc.bias": np.zeros(12, np.float32)[::2]}), "C-contiguous"),
    ],
)
def test_arrays_that_do_not_fit_are_errors(change, got):
    model = embinit.load(next(path for path in EXAMPLES if path.stem == "har_classifier"))
    out = model.init()
    change(out)

    with pytest.raises(EmbinitError, match=got):
        model.init(out=out)


def test_the_plan_is_made_once():
    model = embinit.load(EXAMPLES[0])

    assert model.plan() is model.plan()
    assert embinit.load(EXAMPLES[0]) == model
