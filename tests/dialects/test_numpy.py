"""The numpy dialects against recorded arrays, and against the NumPy that is installed."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import MT19937, Embedding, EmbinitError, Generator, LayerNorm, Model, Pcg64, Pcg64Dxsm, Xorshift32
from embinit.samplers.ziggurat_tables import tables

VECTORS = Path(__file__).parents[1] / "vectors" / "numpy"
CASES = json.loads((VECTORS / "numpy.json").read_text())["cases"]
SEEDS = [0, 1, 42, 2**31, 2**32 - 1]
WIDE = [*SEEDS, 2**32, 2**63, 2**64 + 5, 10**30]


def recorded(kind):
    words = np.load(VECTORS / "numpy.npz")["words"]
    for case in CASES:
        if case["kind"] == kind:
            for array in case["arrays"]:
                found = words[array["offset"] : array["offset"] + array["words"]].view(array["dtype"])
                yield case["seed"], array["name"], found


def singles(values):
    return np.asarray(values).astype(np.float32).view(np.uint32).tolist()


def drawn(generator, call, n):
    out = np.empty(n, np.float32)
    call(generator, out)
    return singles(out)


CALLS = {  # array of a recording -> the same by a Generator
    "gen.random32": lambda g, out: g.fill("random", out),
    "gen.random64": lambda g, out: g.uniform(0.0, 1.0, out),
    "gen.uniform64": lambda g, out: g.uniform(-0.3, 0.7, out),
    "gen.normal32": lambda g, out: g.fill("standard_normal", out),
    "gen.normal64": lambda g, out: g.normal(0.0, 1.0, out),
    "legacy.rand": lambda g, out: g.fill("rand", out),
    "legacy.uniform": lambda g, out: g.uniform(-0.3, 0.7, out),
    "legacy.randn": lambda g, out: g.fill("randn", out),
    "legacy.normal": lambda g, out: g.normal(0.1, 0.02, out),
    "spawn.0": lambda g, out: g.spawn(2)[0].fill("random", out),
    "spawn.1": lambda g, out: g.spawn(2)[1].fill("random", out),
}


@pytest.mark.parametrize("name", CALLS)
def test_recorded_arrays(name):
    kind, _, array = name.partition(".")
    found = [(seed, values) for seed, each, values in recorded(kind) if each == array]
    assert len(found) > 10
    for seed, values in found:
        generator = Generator.seeded(seed, "numpy-legacy" if kind == "legacy" else "numpy")
        assert drawn(generator, CALLS[name], values.size) == singles(values), seed


def test_recorded_words_and_mixed_draws():
    for seed, name, values in recorded("state"):
        assert name == "raw"
        assert Pcg64(seed).random_raw(values.size).tolist() == values.view(np.uint64).tolist()
    by_seed = {}
    for seed, name, values in recorded("mix"):
        by_seed.setdefault(seed, {})[name] = values
    for seed, arrays in by_seed.items():
        generator = Generator.seeded(seed, "numpy")
        for name, call in (("a", "random"), ("b", {"name": "uniform"}), ("c", "random")):
            assert drawn(generator, lambda g, out, call=call: g.fill(call, out), arrays[name].size) == singles(
                arrays[name]
            )


def random_call(rng, legacy):
    """Return a call of a Generator, the same of NumPy, and how many elements it fills."""
    low, width, scale = rng.uniform(-3, 3), rng.uniform(0, 2), rng.choice([0.0, 1e-6, 0.02, 1.0, 300.0])
    calls = [
        (lambda g, out: g.uniform(low, low + width, out), lambda r, n: r.uniform(low, low + width, n)),
        (lambda g, out: g.normal(low, scale, out), lambda r, n: r.normal(low, scale, n)),
    ]
    if legacy:
        calls += [(lambda g, out: g.fill("randn", out), lambda r, n: r.randn(n))]
        calls += [(lambda g, out: g.uniform(low + width, low, out), lambda r, n: r.uniform(low + width, low, n))]
    else:
        calls += [
            (lambda g, out: g.fill("random", out), lambda r, n: r.random(n, dtype=np.float32)),
            (lambda g, out: g.fill("standard_normal", out), lambda r, n: r.standard_normal(n, dtype=np.float32)),
        ]
    return *rng.choice(calls), rng.choice([0, 1, 2, 3, 7, 64, 1000, rng.randrange(40_000)])


@pytest.mark.parametrize("legacy", [False, True])
def test_500_random_calls_like_numpy_itself(legacy):
    rng = random.Random(20260725)
    for _ in range(60):
        seed = rng.choice([rng.randrange(2**32), rng.choice(SEEDS if legacy else WIDE)])
        ours = Generator.seeded(seed, "numpy-legacy" if legacy else "numpy")
        theirs = np.random.RandomState(seed) if legacy else np.random.default_rng(seed)
        for _ in range(9):
            match rng.randrange(10):
                case 0 if not legacy:
                    n = rng.randrange(1, 4)
                    which = rng.randrange(n)
                    ours, theirs = ours.spawn(n)[which], theirs.spawn(n)[which]
                case 1:
                    order, expected = list(range(n := rng.randrange(300))), list(range(n))
                    ours.shuffle(order)
                    theirs.shuffle(expected)
                    assert order == expected
                case 2:
                    n, p = rng.randrange(50), rng.random()
                    assert (
                        ours.bernoulli(p, n).tolist()
                        == (theirs.random_sample if legacy else theirs.random)(n).__lt__(p).tolist()
                    )
                case _:
                    call, same, n = random_call(rng, legacy)
                    assert drawn(ours, call, n) == singles(same(theirs, n)), (seed, n)


@pytest.mark.parametrize("kind", [Pcg64, Pcg64Dxsm])
def test_the_kept_half_is_part_of_the_state(kind):
    theirs = np.random.Generator({Pcg64: np.random.PCG64, Pcg64Dxsm: np.random.PCG64DXSM}[kind](42))
    ours = Generator(kind(42), "numpy")
    assert drawn(ours, CALLS["gen.random32"], 3) == singles(theirs.random(3, dtype=np.float32))
    state = theirs.bit_generator.state
    assert ours.state == (state["state"]["state"], state["state"]["inc"], state["uinteger"])
    again, later = Generator(kind(7), "numpy"), ours.copy()
    again.state = ours.state
    expected = singles(theirs.random(5, dtype=np.float32))
    for each in (ours, again, later):
        assert drawn(each, CALLS["gen.random32"], 5) == expected
    assert len(ours.state) == 2


@pytest.mark.parametrize("begun", [0, 1])
@pytest.mark.parametrize("n", range(6))
def test_advancing_by_halves_is_drawing_them(begun, n):
    drew, moved = Pcg64(42), Pcg64(42)
    for each in (drew, moved):
        each.draw_halves(np.empty(begun, np.uint32))
    assert moved.advance_halves(n) == drew.draw_halves(np.empty(n, np.uint32))
    assert (moved, moved.state) == (drew, drew.state)


@pytest.mark.parametrize("dialect", ["numpy", "numpy-legacy"])
@pytest.mark.parametrize("draw", [CALLS["gen.uniform64"], CALLS["gen.normal64"]])
def test_any_split_into_calls_and_threads_gives_the_same_values(dialect, draw, monkeypatch):
    whole = drawn(Generator.seeded(5, dialect), draw, 60_001)
    parts = Generator.seeded(5, dialect)
    assert [x for n in (1, 0, 2, 16_384, 43_614) for x in drawn(parts, draw, n)] == whole
    monkeypatch.setattr("embinit.drawing.PARALLEL", 1000)
    threaded = Generator.seeded(5, dialect)
    assert drawn(threaded, draw, 60_001) == whole
    assert threaded.state == parts.state


def test_spawning_goes_on_where_it_was():
    ours, theirs = Generator.seeded(10**30, "numpy"), np.random.default_rng(10**30)
    for n in (2, 1, 3):
        for child, expected in zip(ours.spawn(n), theirs.spawn(n), strict=True):
            grandchild = child.spawn(1)[0]
            assert drawn(grandchild, CALLS["gen.random32"], 3) == singles(
                expected.spawn(1)[0].random(3, dtype=np.float32)
            )
    assert drawn(ours, CALLS["gen.random32"], 3) == singles(theirs.random(3, dtype=np.float32))


def test_tables_close():
    x, height = tables(52).width * 2.0**52, tables(52).height
    assert (np.diff(x[1:]) > 0).all() and (np.diff(height) < 0).all()
    area = x[1:] * np.append(height[:-1] - height[1:], 0)[:255]
    assert np.abs(area[1:254] / area[100] - 1).max() < 1e-12


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: Generator(Xorshift32(1), "numpy"), "the generator must be Pcg64 or Pcg64Dxsm, got Xorshift32"),
        (lambda: Generator(Pcg64(1), "numpy-legacy"), "the generator must give words of 32 bits"),
        (lambda: Generator(MT19937(1), "numpy-legacy").spawn(2), "MT19937 of dialect numpy-legacy cannot spawn"),
        (lambda: Generator.seeded(1, "numpy").spawn(-1), "n must be an integer from 0"),
        (lambda: Generator.seeded(-1, "numpy"), "seed must be an integer from 0"),
        (lambda: Generator.seeded(2**32, "numpy-legacy"), "seed must be an integer from 0 to 4294967295"),
        (
            lambda: Generator.seeded(1, "numpy").uniform(1, 0, np.empty(1, np.float32)),
            "low must not exceed high in NumPy",
        ),
        (lambda: Generator.seeded(1, "numpy").normal(0, -1, np.empty(1, np.float32)), "stddev must not be negative"),
        (
            lambda: Generator.seeded(1, "numpy").fill(embinit.initializers.he_normal(), np.empty(1, np.float32), 1, 1),
            "NumPy has no variance_scaling",
        ),
        (lambda: Model("m", [Embedding(num_embeddings=2, embedding_dim=1)], 1, "numpy"), "numpy has no Embedding"),
    ],
)
def test_refusals(work, message):
    with pytest.raises(EmbinitError, match=message):
        work()


def test_a_model_of_norms_needs_no_layers_of_numpy():
    assert Model("m", [LayerNorm(name="n", normalized_shape=2)], 1, "numpy").init()["n.weight"].tolist() == [1.0, 1.0]
