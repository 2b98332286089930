"""What is drawn from the planned stream is looked for nowhere else, and everything else still is."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose, streams
from embinit.diagnose.account import Account
from embinit.diagnose.declaring import declared
from embinit.distributions import Normal, Uniform
from embinit.initializers import Sliced, constant

GATE = {"bias": Sliced(None, ((16, 32, 1.0),))}


def model(seed, kind="float32", dialect="odt", **keys):
    layers = [
        embinit.Linear(name=name, in_features=12, out_features=48, weight_format=kind, bias_format=kind, **keys)
        for name in ("a", "b")
    ]
    return embinit.Model("m", layers, seed=seed, dialect=dialect)


def payloads(description):
    return {array.name: bytes(array.payload) for array in gather(description.plan()).arrays}


def drew(planned, dump, name="a.weight", *some):
    run = Account.of(planned).run()
    (row,) = [row for row in run.account.rows if row.name == name]
    return run.drew(row, dump[name], *some)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "q7", "int4", "affine8", "asym6", "sym5"])
@pytest.mark.parametrize("dialect", ["odt", "keras-jax", "tinn"])
def test_the_stream_shows_through_rounding_and_scales(kind, dialect):
    planned = model(42, kind, dialect)
    if kind == "float32":
        dump = {name: (np.frombuffer(held, np.float32) * 3).tobytes() for name, held in payloads(planned).items()}
    else:
        dump = payloads(model(42, kind, dialect, rounding="truncate"))
    assert dump != payloads(planned)
    assert drew(planned, dump)
    assert not drew(planned, payloads(model(43, kind, dialect)))


def test_what_shows_nothing_of_a_stream_may_be_from_another():
    planned, other = model(42, init=GATE), payloads(model(43, init=GATE))
    own = payloads(planned)
    assert np.corrcoef(*(np.frombuffer(each["a.bias"], np.float32) for each in (own, other)))[0, 1] > 0.9
    assert not drew(planned, other, "a.bias")  # they are alike because both have the slice
    assert drew(planned, own, "a.bias")
    assert not drew(planned, own, "a.bias", slice(40))  # 24 elements are not in the slice
    assert not drew(planned, own, "a.weight", slice(31))
    assert drew(planned, own, "a.weight", slice(32))
    nothing = {"a.weight": np.full(12 * 48, np.nan, np.float32).tobytes()}
    assert not drew(planned, nothing)
    assert not drew(planned, {"a.weight": own["a.weight"][:-4]})


BOUNDS = (16, 24), (0, 8), (4, 5)


def with_slices(dialect, bounds):
    """A model in which only biases are drawn, and a part of each is then set."""
    sliced = {"bias": Sliced(Uniform(-0.25, 0.25), ((*bounds, 1.0),))}
    return model(42, dialect=dialect, init=sliced, weight_init=constant(0.5))


@pytest.mark.parametrize(
    ("dialect", "line", "bounds"),
    [
        *product(["odt"], ["seed = 777", "seed = 2596069105", "skip_words = 5000"], BOUNDS),
        *product(["portable", "kaun"], ["seed = 777"], BOUNDS),
        ("odt", "seed = 777", (16, 40)),  # 24 signs are too few for any other seed
    ],
)
def test_slices_hide_no_stream(dialect, bounds, line):
    planned, (key, _, value) = with_slices(dialect, bounds), line.partition(" = ")
    found = diagnose(gather(planned.plan()), payloads(replace(planned, **{key: int(value)})), "dump").explanations[0]
    assert found.exact
    assert found.lines == {"[model]": line}


def test_slices_hide_no_list_of_seeds():
    """The second row of the weight is set, after ten elements."""
    init = {"weight": Sliced(Uniform(-0.25, 0.25), ((1, 2, 1.0),))}
    layer = embinit.Linear(name="fc", in_features=24, out_features=10, init=init)
    planned = embinit.Model("m", [layer], 42, "keras-jax")
    found = diagnose(gather(planned.plan()), payloads(replace(planned, seed=3_000_000)), "dump").explanations[0]
    assert found.exact
    assert found.lines == {"[model]": "seed = 3000000"}


@pytest.mark.parametrize("drawn", [Uniform(-0.375, 0.375), Uniform(-0.25, 0.5), Normal(0.0, 0.5)])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_slices_hide_no_limit(drawn, part):
    def built(distribution):
        return model(42, init={part: Sliced(distribution, ((2, 9, 1.0),))})

    planned = built(type(drawn)(-0.125, 0.125) if isinstance(drawn, Uniform) else type(drawn)(0.0, 0.125))
    found = diagnose(gather(planned.plan()), payloads(built(drawn)), "dump").explanations[0]
    assert found.exact
    assert [cause.hypothesis.name for cause in found.causes] == ["limit"]


def test_slices_hide_no_unit_value():
    planned = with_slices("odt", (16, 24))
    dump = payloads(declared(planned, {"values": {"unit": "(float)(word >> 9) / 8388608.0f"}}))
    found = diagnose(gather(planned.plan()), dump, "dump").explanations[0]
    assert found.exact
    assert [cause.hypothesis.name for cause in found.causes] == ["unit value"]


def counted(monkeypatch, what):
    calls, function = [], getattr(streams, what)

    def noted(*arguments):
        calls.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(streams, what, noted)
    return calls


@pytest.mark.parametrize("dialect", ["tinn", "keras-tensorflow", "flax-nnx"])
def test_other_seeds_are_not_tried_for_another_rounding(dialect, monkeypatch):
    asked = counted(monkeypatch, "ordinary_seeds")
    planned, dump = model(42, "q7", dialect), payloads(model(42, "q7", dialect, rounding="floor"))
    (best, *_) = diagnose(gather(planned.plan()), dump, "dump").explanations
    assert best.exact
    assert best.lines == {"[[layer]]": 'rounding = "floor"'}
    assert not asked


def test_each_buffer_has_its_own_seed_found(monkeypatch):
    """What explains one buffer is not looked for again, and another one is."""
    planned, first, second = (payloads(model(seed, dialect="portable")) for seed in (42, 43, 777))
    dump = {**planned, "a.weight": first["a.weight"], "b.weight": second["b.weight"], "b.bias": second["b.bias"]}
    compared = counted(monkeypatch, "_beginning")
    found = diagnose(gather(model(42, dialect="portable").plan()), dump, "dump").explanations[0]

    assert found.exact
    said = {cause.hypothesis.sentence.split(";")[0]: set(cause.buffers) for cause in found.causes}
    assert said == {
        "The device seeds with 43, one more": {"a.weight"},
        "The device seeds with 777": {"b.weight", "b.bias"},
    }
    assert "b.bias" not in {row.name for drawn, _, row in compared if not isinstance(drawn, list)}


def test_a_short_sample_is_no_proof():
    row = next(row for row in Account.of(model(42)).rows if row.name == "a.bias")
    run = Account.of(model(42)).run()
    values = np.frombuffer(run.image["a.bias"], np.float32)
    assert not streams._gives(run, row, values[: streams.SURE - 1])
    assert streams._gives(run, row, values[: streams.SURE])


@pytest.mark.parametrize(("dialect", "why"), [("keras-jax", ", one more"), ("flax-linen", ", one more")])
def test_an_ordinary_seed_is_called_so_whatever_search_finds_it(dialect, why):
    dump = payloads(model(43, dialect=dialect))
    cause = diagnose(gather(model(42, dialect=dialect).plan()), dump, "dump").explanations[0].causes[0]
    assert cause.hypothesis.sentence == f"The device seeds with 43{why}; the model says 42."
    assert cause.hypothesis.cost == 1


@pytest.mark.parametrize("layout", [None, ("in", "out")])
def test_a_small_part_that_an_earlier_start_left_is_found(layout):
    """Nearly all of the buffer is as planned, and so are most elements that are drawn last."""
    layer = embinit.Linear(name="a", in_features=40, out_features=40, weight_layout=layout)
    planned, former = (embinit.Model("m", [layer], seed) for seed in (42, 7))
    own, earlier = payloads(planned), payloads(former)
    dump = own | {"a.weight": own["a.weight"][:-160] + earlier["a.weight"][-160:]}
    found = diagnose(gather(planned.plan()), dump, "dump").explanations[0]

    assert found.exact
    assert "what a start with seed 7 left" in found.causes[0].hypothesis.sentence
