"""Many seeds at once: the same bits as one by one, the statistics of them, and what the report finds."""

import json
import pickle
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.formats import format_named
from embinit.many import Statistics, batches, init_many, parse_seeds, sweep

from support import strategies
from support.cli import assert_refused, run

EXAMPLES = Path(__file__).parents[2] / "examples"


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


def test_the_report_finds_dead_buffers_and_says_when_there_are_none():
    """Half a step of q1.7 is 2^-8: smaller values round to 0. The zeros of a norm draw nothing, and are meant."""

    def report(bound):
        layer = embinit.Linear(name="fc", in_features=4, out_features=4, weight_format="q1.7",
                               weight_init=embinit.initializers.uniform(-bound, bound))  # fmt: skip
        return sweep(embinit.Model("m", [layer], seed=1, dialect="odt-2026-06"), [3, 4])

    assert report(2.0**-9).buffers["fc.weight"].dead == [3, 4]
    assert report(2.0**-9).buffers["fc.bias"].dead == []
    assert "fc.weight is all zeros with 2 seeds: 3, 4" in str(report(2.0**-9))
    assert report(0.5).buffers["fc.weight"].dead == []
    assert str(report(0.5)).endswith("no buffer is all zeros, and none saturates")
    norm = embinit.LayerNorm(name="norm", normalized_shape=3)
    assert sweep(embinit.Model("m", [norm], seed=1), [3]).buffers["norm.bias"].dead == []


def test_the_report_finds_duplicates_and_saturation():
    layer = embinit.Linear(name="fc", in_features=4, out_features=4, weight_format="q1.3", bias=False,
                           weight_init=embinit.initializers.uniform(-2.0, 2.0))  # fmt: skip
    report = sweep(embinit.Model("m", [layer], seed=0), [0, 7, 0xFFFFFFFF])

    assert report.duplicates == [[0, 0xFFFFFFFF]]
    assert [seed for seed, _ in report.buffers["fc.weight"].saturated] == [0, 7, 0xFFFFFFFF]
    assert "the same from seeds 0, 4294967295" in str(report)


@pytest.mark.parametrize("text", ["", "x", "5-3", "1,,2"])
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(embinit.EmbinitError, match=r"seeds|range"):
        parse_seeds(text)


def assert_statistics(found, values, clipped):
    assert (found.minimum, found.maximum, found.clipped) == (values.min(), values.max(), clipped)
    assert found.zeros == np.count_nonzero(values == 0)
    assert found.mean == pytest.approx(values.mean(dtype=float), rel=1e-9, abs=1e-12)
    assert found.stddev == pytest.approx(values.std(dtype=float), rel=1e-6, abs=1e-12)


def test_statistics_of_a_quantized_model_are_of_what_its_codes_stand_for():
    model = embinit.load(EXAMPLES / "quantized.toml")
    for seed, measured in init_many(model, [3, 4], statistics=True):
        one = replace(model, seed=seed)
        for name, values in one.init().items():
            row = next(row for row in one.plan().rows if row.name == name)
            if row.storage.rounding == "half_away":
                options = {"group_size": row.storage.group_size, "channel_axis": row.storage.channel_axis}
                buffer = embinit.encode(values, row.format, **options)
                assert_statistics(measured[name], buffer.decode(), buffer.clipped)


def test_statistics_of_a_model_without_floats():
    model = embinit.load(EXAMPLES / "integer_only.toml")
    rows = {row.name: row for row in model.plan().rows}
    for seed, measured in init_many(model, [3, 4], statistics=True):
        assert list(measured) == list(rows)
        for name, codes in replace(model, seed=seed).init().items():
            layout = format_named(rows[name].format)
            kept = np.clip(codes, layout.qmin, layout.qmax)
            values = (kept * 2.0**-layout.frac_bits).astype(np.float32)
            assert_statistics(measured[name], values, np.count_nonzero(kept != codes))


class Watched:
    """A client that notes what is sent and how much is under way."""

    def __init__(self, client):
        self.client, self.sent, self.seeds, self.under_way, self.most = client, [], [], 0, 0

    def nthreads(self):
        return self.client.nthreads()

    def submit(self, function, *arguments, pure):
        self.sent.append(pickle.dumps(arguments))
        self.seeds.append(len(arguments[-1]))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return Future(self, self.client.submit(function, *arguments, pure=pure))


class Future:
    def __init__(self, watched, future):
        self.watched, self.future = watched, future

    def result(self):
        self.watched.under_way -= 1
        return self.future.result()


@pytest.fixture(scope="module")
def client():
    """A cluster of two workers: threads of one process besides this one, to which everything is sent."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


@pytest.mark.parametrize("name", ["har_classifier", "quantized", "integer_only", "torch_parity"])
@pytest.mark.parametrize("statistics", [False, True])
def test_workers_give_what_this_process_does(client, name, statistics, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 30000)
    model, seeds = embinit.load(EXAMPLES / f"{name}.toml"), [7, 3, 2**32 - 1, 5, 4, 1, 2, 9, 8, 6, 10]
    here, there = list(init_many(model, seeds, statistics)), list(init_many(model, seeds, statistics, client))

    assert [seed for seed, _ in there] == seeds
    for (_, expected), (_, found) in zip(here, there, strict=True):
        if statistics:
            assert found == expected
            assert all(isinstance(value, Statistics) for value in found.values())
        else:
            assert list(found) == list(expected)
            assert all(found[key].tobytes() == values.tobytes() for key, values in expected.items())


def test_seeds_are_sent_not_arrays_and_few_batches_are_under_way(client, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 2 * 1000 * 101)
    monkeypatch.setattr(batches, "BATCHES_OF_A_TASK", 1)
    layer = embinit.Linear(name="fc", in_features=100, out_features=1000)
    watched = Watched(client)
    found = init_many(embinit.Model("m", [layer], seed=1), count(1), statistics=True, client=watched)

    assert [seed for seed, _ in islice(found, 20)] == list(range(1, 21))
    assert watched.most == 4  # two a worker
    assert len(watched.sent) == 13  # ten are read, three more of the four under way
    assert max(map(len, watched.sent)) < 10_000


@pytest.mark.parametrize(("statistics", "tasks"), [(True, [48, 48, 4]), (False, [3] * 33 + [1])])
def test_a_task_has_many_batches_where_only_statistics_come_back(statistics, tasks, client, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 3 * 6)
    monkeypatch.setattr(batches, "BATCHES_OF_A_TASK", 16)
    model, watched = (
        embinit.Model("m", [embinit.Linear(name="fc", in_features=2, out_features=2)], seed=1),
        Watched(client),
    )
    found = dict(init_many(model, iter(range(100)), statistics, watched))

    assert watched.seeds == tasks
    assert list(found) == list(range(100))
    assert str(found) == str(dict(init_many(model, range(100), statistics)))


def test_a_short_sweep_is_shared_by_all_workers(client, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 3 * 6)
    watched = Watched(client)
    model = embinit.Model("m", [embinit.Linear(name="fc", in_features=2, out_features=2)], seed=1)
    list(init_many(model, range(100), statistics=True, client=watched))

    assert watched.seeds == [25, 25, 25, 25]


def test_an_error_of_a_worker_is_raised_here(client):
    model = embinit.Model("m", [embinit.Linear(name="fc", in_features=2, out_features=2)], seed=1)
    with pytest.raises(embinit.EmbinitError, match="4294967296"):
        list(init_many(model, [1, 2**32], client=client))


def test_the_command_names_seeds_that_are_the_same():
    done = run("seeds", EXAMPLES / "starter.toml", "--seeds", "0-9,4294967295")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "starter: 11 seeds of dialect odt, target cortex-m4f",
        "the same from seeds 0, 4294967295",
    ]
    assert lines[2].split("  ")[0] == "buffer"
    rows = [row.name for row in embinit.load(EXAMPLES / "starter.toml").plan().rows]
    assert [line.split()[0] for line in lines[3 : 3 + len(rows)]] == rows


def test_the_command_as_json():
    path = EXAMPLES / "integer_only.toml"
    found = json.loads(run("seeds", path, "--seeds", "5,1-3", "--json").stdout)
    expected = dict(init_many(embinit.load(path), [5, 1, 2, 3], statistics=True))

    assert (found["seeds"], found["duplicates"]) == (4, [])
    assert found["model"]["name"] == "integer_only"
    for name, extremes in found["buffers"].items():
        assert extremes["lowest"][0] == min(values[name].minimum for values in expected.values())
        assert expected[extremes["most_stddev"][1]][name].stddev == extremes["most_stddev"][0]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["--seeds"]),
        (["--seeds", "one"], ["numbers and ranges such as 0-999", "'one'"]),
        (["--seeds", "9-1"], ["must not fall", "'9-1'"]),
        (["--seeds", "4294967296"], ["seed must be an integer from 0 to 4294967295", "4294967296"]),
        (["--seeds", "1", "--target", "m4"], ["m4", "cortex-m4f"]),
    ],
)
def test_bad_seeds_are_refused_by_the_command(words, parts):
    assert_refused(run("seeds", EXAMPLES / "starter.toml", *words), *parts)
