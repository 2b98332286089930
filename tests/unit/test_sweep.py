"""A sweep sums up what seeds give one by one, however they are batched."""

import math

import numpy as np
import pytest

import embinit
from embinit.fill import generator_of
from embinit.many import batches, init_many, sweep, sweeping
from embinit.many.report import Extremes

SEEDS = [9, 3, 0, 7, 3, 0xFFFFFFFF, 12, 5, 3, 1]
LAYERS = [
    embinit.Linear(name="a", in_features=9, out_features=7),
    embinit.LayerNorm(name="norm", normalized_shape=7),
    embinit.Linear(name="b", in_features=7, out_features=3, weight_init=embinit.initializers.normal()),
]


@pytest.mark.parametrize("keys", [{}, {"skip_words": 5}, {"dialect": "torch"}, {"dialect": "portable"}])
@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_a_report_says_what_seeds_give_one_by_one(keys, at_once, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 3 * 110)
    monkeypatch.setattr(sweeping, "AT_ONCE", at_once)
    model = embinit.Model("m", LAYERS, seed=0, **keys)
    report = sweep(model, iter(SEEDS))

    found = [(seed, statistics) for seed in SEEDS for _, statistics in init_many(model, [seed], statistics=True)]
    assert report.count == len(SEEDS)
    for name, extremes in report.buffers.items():
        low, high, deviation = (
            [(getattr(statistics[name], field), seed) for seed, statistics in found]
            for field in ("minimum", "maximum", "stddev")
        )
        first = {"key": lambda pair: pair[0]}
        assert (extremes.lowest, extremes.highest) == (min(low, **first), max(high, **first))
        assert (extremes.least_stddev, extremes.most_stddev) == (min(deviation, **first), max(deviation, **first))
        assert int(report.spreads[name].mean.counts.sum()) == len(SEEDS)
    states = [tuple(generator_of(model, seed).bitgen.words.tolist()) for seed in SEEDS]
    groups = [
        [seed for seed, own in zip(SEEDS, states, strict=True) if own == state] for state in dict.fromkeys(states)
    ]
    assert report.duplicates == [group for group in groups if len(group) > 1] != []


def test_a_number_that_is_none_is_an_extreme_only_where_it_came_first():
    nan = math.nan
    table = np.array([[nan, 2, 0, nan, 0, 0], [1, nan, 0, nan, 0, 0], [1, 2, 0, nan, 0, 3]])
    extremes = Extremes((5.0, 8), (-1.0, 8), (nan, 8), (nan, 8))
    extremes.add([1, 2, 3], table, drawn=True)

    assert (extremes.lowest, extremes.highest, extremes.saturated) == ((1.0, 2), (2.0, 1), [(3, 3)])
    assert extremes.least_stddev[1] == extremes.most_stddev[1] == 8


def test_a_seed_that_asks_for_a_random_one_is_refused_wherever_a_range_has_it():
    layer = embinit.Linear(in_features=3, out_features=2, weight_init=embinit.initializers.uniform(-0.1, 0.1))
    model = embinit.Model("m", [layer], seed=1, dialect="gomlx-0.20")
    asks = embinit.dialects.dialect_named("gomlx-0.20").no_seed
    with pytest.raises(embinit.EmbinitError, match=f"seeds must not have {asks}"):
        next(init_many(model, range(asks - 2, asks + 2)))
