"""Many seeds at once: the same bits as one by one, the statistics of them, and what the report finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.many import init_many, parse_seeds, seed_report

import strategies


@settings(max_examples=25)
@given(strategies.models(), st.lists(strategies.seeds, min_size=1, max_size=6), st.sampled_from(["odt", "portable"]))
def test_many_seeds_are_one_by_one(model, seeds, dialect):
    if any(getattr(layer.weight_init, "gain", 1) <= 0 for layer in model.layers):
        dialect = "odt"  # where a gain may turn the bounds round
    keys = {"dialect": dialect, "target": model.target}
    many = list(init_many(embinit.Model("m", model.layers, seed=0, **keys), seeds))
    measured = list(init_many(embinit.Model("m", model.layers, seed=0, **keys), seeds, statistics=True))

    assert [seed for seed, _ in many] == seeds == [seed for seed, _ in measured]
    for (seed, values), (_, statistics) in zip(many, measured, strict=True):
        alone = embinit.Model("m", model.layers, seed=seed, **keys).init()
        assert list(alone) == list(values)
        for name, array in alone.items():
            assert array.tobytes() == values[name].tobytes()
            found = statistics[name]
            assert (found.minimum, found.maximum) == (array.min(), array.max())
            assert found.zeros == np.count_nonzero(array == 0)
            wide = array.astype(np.float64)  # a mean is no bits: sums of another order
            assert abs(found.mean - wide.mean()) <= 1e-9 * (1 + abs(wide).max())


def test_the_report_finds_duplicates_and_saturation():
    layer = embinit.Linear(name="fc", in_features=4, out_features=4, weight_format="q1.3", bias=False,
                           weight_init=embinit.initializers.uniform(-2.0, 2.0))  # fmt: skip
    report = seed_report(embinit.Model("m", [layer], seed=0), [0, 7, 0xFFFFFFFF])

    assert report.duplicates == [[0, 0xFFFFFFFF]]
    assert [seed for seed, _ in report.buffers["fc.weight"].saturated] == [0, 7, 0xFFFFFFFF]
    assert "the same from seeds 0, 4294967295" in str(report)


@pytest.mark.parametrize("text", ["", "x", "5-3", "1,,2"])
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(embinit.EmbinitError, match=r"seeds|range"):
        parse_seeds(text)
