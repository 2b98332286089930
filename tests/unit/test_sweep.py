"""A sweep sums up what seeds give one by one, however they are batched."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.__main__ import main
from embinit.fill import generator_of
from embinit.many import batches, findings, init_many, kept, parse_seeds, sweep, sweeping
from embinit.many.report import Extremes

EXAMPLES = Path(__file__).parents[2] / "examples"
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
    monkeypatch.setattr(findings, "AT_ONCE", at_once)
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


def interrupted(monkeypatch, after):
    """Interrupt a sweep at a batch."""
    work, batches_left = sweeping.measured, [after]

    def measured(draws, seeds):
        if not batches_left[0]:
            raise KeyboardInterrupt
        batches_left[0] -= 1
        return work(draws, seeds)

    monkeypatch.setattr(sweeping, "measured", measured)
    monkeypatch.setenv("EMBINIT_THREADS", "1")


def whole(report):
    """Everything that a report says."""
    tallies = {name: [tally.as_json() for tally in spread] for name, spread in report.spreads.items()}
    return str(report), report.as_json(), tallies


@pytest.mark.parametrize("text", ["0-40,4294967295", "5-5,3,9-49,3"])
@pytest.mark.parametrize("example", ["starter", "quantized"])
def test_a_sweep_goes_on_where_it_was_interrupted(example, text, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 5 * sum(row.size for row in model_of(example).plan().rows))
    seeds, file = parse_seeds(text), tmp_path / "sweep.json"
    expected = whole(sweep(model_of(example), seeds))
    for done in (2, 3):
        with pytest.MonkeyPatch.context() as patch:
            interrupted(patch, done)
            with pytest.raises(KeyboardInterrupt):
                sweep(model_of(example), seeds, kept=file)
    assert json.loads(file.read_bytes())["found"]["done"] == 25

    drawn = []
    work = sweeping.measured
    monkeypatch.setattr(sweeping, "measured", lambda draws, batch: drawn.extend(batch) or work(draws, batch))
    assert whole(sweep(model_of(example), seeds, kept=file)) == expected
    assert sorted(drawn) == sorted(list(seeds)[25:])  # threads take turns as they like
    other_seed = replace(model_of(example), seed=9)  # which is not used
    assert whole(sweep(other_seed, seeds, kept=file))[::2] == expected[::2]
    assert len(drawn) == len(seeds) - 25


def model_of(example):
    return embinit.load(EXAMPLES / f"{example}.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"skip_words": 3}}, "model starter has changed since it was begun"),
        ({"model": {"name": "other"}}, "it is of model starter, and this is other"),
        ({"seeds": range(4)}, "it is of seeds 0-2, and these are 0-3"),
        ({"version": "0.0.9"}, "it was begun with version of embinit 0.1.0, and this is 0.0.9"),
        ({"content": b"{}"}, "it does not hold what a sweep has found"),
        ({"content": b"\xff"}, "it does not hold what a sweep has found"),
    ],
)
def test_what_another_sweep_has_found_is_refused(change, said, tmp_path, monkeypatch):
    file = tmp_path / "sweep.json"
    sweep(model_of("starter"), range(3), kept=file)
    if "content" in change:
        file.write_bytes(change["content"])
    if "version" in change:
        monkeypatch.setattr(kept, "__version__", change["version"])
    before = file.read_bytes()
    with pytest.raises(embinit.EmbinitError) as refused:
        sweep(replace(model_of("starter"), **change.get("model", {})), change.get("seeds", range(3)), kept=file)

    assert str(refused.value).startswith(f"{file}: {said}; remove the file")
    assert file.read_bytes() == before


def test_seeds_that_cannot_be_looked_at_again_are_not_kept(tmp_path):
    with pytest.raises(embinit.EmbinitError, match="seeds must be a sequence"):
        sweep(model_of("starter"), iter(range(3)), kept=tmp_path / "sweep.json")


def test_the_command_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    interrupted(monkeypatch, 1)
    monkeypatch.setattr(batches, "BATCH", 1)
    words = ["seeds", str(EXAMPLES / "starter.toml"), "--seeds", "0-9", "--keep", str(tmp_path / "sweep.json")]
    assert main(words) == 130
    assert (
        f"{tmp_path / 'sweep.json'} holds what was found; the same command goes on from there"
        in capsys.readouterr().err
    )
    monkeypatch.undo()
    assert main(words) == 0
    assert "starter: 10 seeds" in capsys.readouterr().out
