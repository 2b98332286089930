"""Diagnose: two mistakes, none, few values, other generators; what it says reproduces every bit, and how it says it."""

import json
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.__main__ import main
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import DIALECTS
from embinit.dialects.programs import program_names

from support import reference
from support.mistaken import (
    CASES,
    DEFAULT,
    EXAMPLES,
    HE,
    SEED,
    TARGETS,
    assert_reproduces,
    bfloat,
    bundle,
    covering,
    diagnosed,
    fan_out,
    first,
    fixed,
    half,
    kaiming,
    later,
    made,
    names,
    swapped,
    transposed,
    uniform,
    words,
)

# Two mistakes


TWO = {
    "unseeded, and a shuffle": ({"unseeded start", "stream position"}, {"state": 1, "skip": 999}),
    "bias first, unseeded": ({"draw order", "unseeded start"}, {"order": "bw", "state": 1}),
    "He in fan_out": ({"He", "fan"}, {"weight": lambda fan_in, fan_out: HE(fan_out, fan_in)}),
    "gain 0.8, seed 7": ({"gain", "seed"}, {"weight": kaiming("0.8"), "state": 7}),
    "gain 0.8, big endian": ({"gain", "byte order"}, {"weight": kaiming("0.8"), "change": swapped}),
    "float16, seed 1000": ({"literals", "seed"}, {"change": half, "state": 1000}),
    "%.6f, 100 words before": ({"literals", "stream position"}, {"change": fixed, "skip": 100}),
    "transposed, seed 43": ({"layout", "seed"}, {"change": transposed((1, 0, 2)), "state": 43}),
    "big endian, unseeded": ({"byte order", "unseeded start"}, {"change": swapped, "state": 1}),
    "seeded per layer, He": ({"seeded per layer", "He"}, {"again": "layer", "weight": HE}),
    "2026-04, unseeded": ({"dialect", "unseeded start"}, {"weight": HE, "bias": None, "state": 1}),
    "He, bias first": ({"He", "draw order"}, {"weight": HE, "order": "bw"}),
}
WITH_MULTIPLY_ADD = {
    "unseeded": ("unseeded start", {"state": 1}),
    "a shuffle": ("stream position", {"skip": 999}),
    "He": ("He", {"weight": HE}),
    "transposed": ("layout", {"change": transposed((2, 1, 0))}),
    "big endian": ("byte order", {"change": swapped}),
    "zero biases": ("bias", {"bias": None}),
}


@pytest.mark.parametrize(("mistakes", "target"), [*zip(TWO, cycle(TARGETS))])
def test_two_mistakes(target, mistakes):
    causes, makes = TWO[mistakes]

    assert set(names(first(bundle("starter", target), made("starter", target, **makes)))) == causes


@pytest.mark.parametrize(("mistake", "model", "target"), covering(WITH_MULTIPLY_ADD))
def test_the_other_multiply_add_and_another_mistake(model, target, mistake):
    name, makes = WITH_MULTIPLY_ADD[mistake]

    found = first(bundle(model, target), made(model, target, fused=not TARGETS[target], **makes))

    assert names(found)[0] == "multiply-add"
    assert names(found)[1:] == [name]


@CASES
def test_the_other_multiply_add_and_a_stale_buffer(model, target):
    dump = made(model, target, fused=not TARGETS[target])
    name = later(model)
    dump[name] = bytes(len(dump[name]))

    found = first(bundle(model, target), dump)

    assert names(found) == ["multiply-add", "stale buffer"]
    assert found.causes[1].buffers == (name,)


def test_two_stale_buffers():
    dump = made("starter", "cortex-m0")
    dump["fc.weight"], dump["conv.weight"] = bytes(len(dump["fc.weight"])), b"\xff" * len(dump["conv.weight"])

    assert names(first(bundle("starter", "cortex-m0"), dump)) == ["stale buffer", "stale buffer"]


# Nothing to find


@pytest.mark.parametrize(("kind", "model", "target"), covering(["bytes", "values"]))
def test_nothing_explains_a_random_dump(model, target, kind):
    random = np.random.default_rng(1)
    sizes = {name: len(held) for name, held in made(model, target).items()}
    dump = {name: random.bytes(n) for name, n in sizes.items()}
    if kind == "values":
        dump = {name: random.uniform(-0.1, 0.1, n // 4).astype(np.float32).tobytes() for name, n in sizes.items()}

    diagnosis = diagnosed(bundle(model, target), dump)

    assert not diagnosis.explained
    assert diagnosis.explanations
    assert not any(explanation.exact for explanation in diagnosis.explanations)
    assert "nothing explains it" in str(diagnosis)


def test_a_stray_write_is_said_to_be_one_and_nothing_worse_is_near():
    dump = made("starter", "cortex-m0")
    held = bytearray(dump["fc.weight"])
    held[40:44] = b"\xde\xad\xbe\xef"
    dump["fc.weight"] = bytes(held)

    diagnosis = diagnosed(bundle("starter", "cortex-m0"), dump)

    assert not diagnosis.explained
    assert "a stray write may have hit: 1 of fc.weight, element" in str(diagnosis)
    total = sum(c.elements for c in diagnosis.report.comparisons)
    assert all(e.equal >= total - 1 for e in diagnosis.explanations)


def test_a_seed_of_one_buffer_is_no_line_of_a_model_file():
    dump = made("starter", "cortex-m0")
    dump["fc.weight"] = made("starter", "cortex-m0", state=7)["fc.weight"]

    said = str(diagnosed(bundle("starter", "cortex-m0"), dump))

    assert "Only in fc.weight." in said
    assert "(no line of a model file does this for some buffers alone)" in said
    assert "seed = 7" not in said


def test_nothing_is_said_twice():
    said = str(diagnosed(gather(TINY.plan()), tiny_dump(7))).splitlines()

    assert len(said) == len({line for line in said if line} | {""}) + said.count("") - 1
    assert not any("libm" in line for line in said if line.startswith("  "))


def test_one_wrong_bit_is_not_explained_away():
    dump = made("starter", "cortex-m0", state=7)
    held = bytearray(dump["fc.weight"])
    held[100] ^= 1
    dump["fc.weight"] = bytes(held)

    diagnosis = diagnose(bundle("starter", "cortex-m0"), dump, "dump")

    assert not diagnosis.explained
    nearest = diagnosis.explanations[0]
    assert names(nearest) == ["seed"]
    assert nearest.equal == 451
    assert set(nearest.reproduces) == set(dump) - {"fc.weight"}


# Whatever the dump: an explanation reproduces what it says


@st.composite
def dumps(draw):
    """A dump of the starter model with up to three mistakes, and perhaps bytes that nobody can explain."""
    target = draw(st.sampled_from(sorted(TARGETS)))
    options = {
        "state": st.sampled_from([1, 7, 43, 0xDEADBEEF, 0x13579BDF]),
        "skip": st.integers(1, 5000),
        "weight": st.sampled_from([HE, fan_out, kaiming("0.9"), kaiming(1)]),
        "bias": st.sampled_from([HE, None]),
        "order": st.sampled_from(["bw", "w then b"]),
        "again": st.sampled_from(["buffer", "layer"]),
        "change": st.sampled_from([half, bfloat, fixed, swapped, transposed((1, 0, 2))]),
        "fused": st.just(not TARGETS[target]),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(options)), unique=True, max_size=3))
    dump = made("starter", target, **{key: draw(options[key]) for key in chosen})
    for name in draw(st.lists(st.sampled_from(sorted(dump)), unique=True, max_size=2)):
        n = len(dump[name])
        dump[name] = draw(st.sampled_from([bytes(n), b"\xa5" * n, np.random.default_rng(n).bytes(n)]))
    return target, dump


@settings(max_examples=12)
@given(dumps())
def test_an_exact_explanation_reproduces_every_bit(case):
    target, dump = case

    for explanation in diagnose(bundle("starter", target), dump, "dump").explanations:
        assert explanation.exact == (dict(explanation.image) == dump)
        assert all(explanation.image[name] == dump[name] for name in explanation.reproduces)
        assert all(explanation.image[name] != dump[name] for name in set(dump) - set(explanation.reproduces))
        equal = sum(
            np.count_nonzero(np.frombuffer(explanation.image[name], "<u4") == np.frombuffer(dump[name], "<u4"))
            for name in dump
        )
        assert explanation.equal == equal
        if explanation.lines:
            assert_reproduces("starter", target, explanation)


# Small models, other generators, some buffers only


TINY = embinit.Model("tiny", [embinit.Linear(name="fc", in_features=4, out_features=2)], seed=SEED, target="cortex-m0")


def tiny_dump(state, skip=0):
    values = uniform(words(state, 12000)[skip : skip + 10], DEFAULT(4, 2), fused=False)
    return {"fc.weight": values[:8].tobytes(), "fc.bias": values[8:].tobytes()}


@pytest.mark.parametrize(
    ("made_by", "name"),
    [((1,), "unseeded start"), ((999,), "seed"), ((SEED, 1), "stream position"), ((SEED, 4000), "stream position")],
)
def test_a_model_of_ten_values(made_by, name):
    found = diagnose(gather(TINY.plan()), tiny_dump(*made_by), "dump").explanations[0]

    assert found.exact
    assert names(found) == [name]


def portable(seed, skip=0):
    """PCG32 by the slow oracle: int24 minus 2^23, times the scale."""
    generator = reference.Pcg32(seed, 0)
    for _ in range(skip):
        generator.draw()
    integers = np.array([(generator.draw() >> 8) - 2**23 for _ in range(4 * 16 + 4)], np.float32)
    limit = np.float32(0.25)  # 1 / sqrt(16)
    values = integers * np.float32(np.float32(limit + limit) * np.float32(2**-24))
    return {"fc.weight": values[:64].tobytes(), "fc.bias": values[64:].tobytes()}


@pytest.mark.parametrize(("made_by", "name"), [((7,), "seed"), ((SEED, 999), "stream position"), ((SEED,), None)])
def test_another_generator(made_by, name):
    layers = [embinit.Linear(name="fc", in_features=16, out_features=4)]
    model = embinit.Model("other", layers, seed=SEED, dialect="portable")

    diagnosis = diagnose(gather(model.plan()), portable(*made_by), "dump")

    if name is None:
        assert diagnosis.report.agrees
        return
    assert diagnosis.explanations[0].exact
    assert names(diagnosis.explanations[0]) == [name]


@pytest.mark.parametrize(
    "dialect",
    [
        name
        for name, dialect in DIALECTS.items()
        if (name not in program_names() or name.startswith("odt")) and dialect.has("Linear")
    ],
)
def test_every_dialect_has_its_seeds_found(dialect):
    layer = {"name": "fc", "type": "Linear", "in_features": 16, "out_features": 4}
    if dialect == "portable-int":
        layer |= {"weight_format": "q15", "bias_format": "q15"}
    if dialect == "gomlx-0.20":  # whose default the clock seeds
        layer |= {"weight_init": "he"}
    if dialect in ("numpy", "numpy-legacy"):  # without a default
        layer |= {"weight_init": "uniform", "low": -0.1, "high": 0.1}
    file = {"model": {"name": "m", "seed": SEED}, "layer": [layer]}
    planned, other = (gather(from_tables(file, {"dialect": dialect, "seed": seed}).plan()) for seed in (SEED, 7))
    dump = {entry.row.name: entry.payload for entry in other.entries}

    found = diagnose(planned, dump, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["seed"]
    assert found.lines == {"[model]": "seed = 7"}


def test_one_buffer_is_enough():
    held = made("starter", "cortex-m0", state=7)["fc.weight"]

    found = diagnose(bundle("starter", "cortex-m0"), {"fc.weight": held}, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["seed"]


@pytest.mark.parametrize("model", ["har_classifier", "kws_raw"])
def test_the_large_examples_take_seconds(model):
    simulated = bundle(model, "cortex-m4f")
    random = np.random.default_rng(2)
    dump = {entry.row.name: random.bytes(len(entry.payload)) for entry in simulated.entries}

    assert not diagnosed(simulated, dump).explained


# What it prints


def run(tmp_path, dump, *options):
    path = tmp_path / "dump.bin"
    path.write_bytes(b"".join(dump.values()))
    return main(["diagnose", str(EXAMPLES / "starter.toml"), "--dump", str(path), *options])


def test_the_command_names_the_cause_and_its_line(tmp_path, capsys):
    status = run(tmp_path, made("starter", "cortex-m4f", fused=False))

    out = capsys.readouterr().out
    assert status == 1
    assert "first mismatch: conv.weight[0][0][1] expected 0x3da98b0a (0.0827847272), got 0x3da98b0c" in out
    assert "element 1, 2 ULP apart" in out
    assert "explained, every bit:\n  multiply-add:" in out
    assert '\n    [model] multiply_add = "separate"\n' in out
    assert "nearest others" in out
    assert "50.0 %" in out  # of fc.weight


def test_the_command_in_json(tmp_path, capsys):
    status = run(tmp_path, made("starter", "cortex-m0", state=7), "--json", "--target", "cortex-m0")

    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert found["explained"]
    assert not found["agrees"]
    assert found["first_mismatch"]["buffer"] == "conv.weight"
    assert found["first_mismatch"]["coordinates"] == [0, 0, 0]
    assert found["first_mismatch"]["expected"]["bits"].startswith("0x")
    assert isinstance(found["first_mismatch"]["ulps"], int)
    assert found["buffers"][0].keys() >= {"name", "elements", "equal", "share"}
    assert found["explanations"][0]["exact"]
    assert found["explanations"][0]["share"] == 1
    assert found["explanations"][0]["causes"][0]["line"] == "seed = 7"
    assert found["explanations"][0]["model_file"] == {"[model]": "seed = 7"}


def test_the_command_on_equal_and_on_random_bytes(tmp_path, capsys):
    assert run(tmp_path, made("starter", "cortex-m4f")) == 0
    assert "agrees" in capsys.readouterr().out

    random = {name: np.random.default_rng(3).bytes(len(held)) for name, held in made("starter", "cortex-m4f").items()}
    assert run(tmp_path, random) == 1
    assert "nothing explains it" in capsys.readouterr().out
    assert run(tmp_path, random, "--json") == 1
    assert json.loads(capsys.readouterr().out)["explained"] is False


def test_the_command_refuses_a_dump_of_another_size(tmp_path, capsys):
    assert run(tmp_path, {"short": b"1234"}) == 2
    assert "must have 1808 bytes" in capsys.readouterr().err
