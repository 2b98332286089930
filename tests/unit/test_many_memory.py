"""Many seeds: batches fill the arrays of those before them, and find what a batch with arrays of its own does."""

from itertools import islice

import numpy as np
import pytest

import embinit
from embinit.many import batches, init_many
from embinit.many.batches import _in_parts
from embinit.many.drawing import Draws, drawn, measured
from embinit.plan import plan


def model(weight_format="float32", dialect="odt", value=None):
    init = None if value is None else embinit.initializers.constant(value)
    layer = embinit.Linear(name="fc", in_features=8, out_features=4, weight_format=weight_format, weight_init=init)
    return embinit.Model("tiny", [layer], seed=0, dialect=dialect)


#: Drawn side by side, seed by seed, and stored as codes.
MODELS = {
    "stacks": model(),
    "one by one": model(dialect="keras-jax"),
    "codes": model("int8"),
    "codes of one by one": model("int8", "keras-jax"),
}


def test_the_models_are_drawn_as_their_names_say():
    assert [Draws(plan(each)).in_stacks for each in MODELS.values()] == [True, False, True, False]


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_finds_what_one_with_arrays_of_its_own_does(name, monkeypatch):
    """36 elements: 5 seeds to a batch, and 2 in the last."""
    monkeypatch.setattr(batches, "BATCH", 5 * 36)
    together = list(init_many(MODELS[name], range(17), statistics=True))
    alone = [next(init_many(MODELS[name], [seed], statistics=True)) for seed in range(17)]
    assert together == alone


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_fills_the_arrays_of_the_one_before(name):
    planned = plan(MODELS[name])
    draws = Draws(planned)
    kept = []
    for seed in 1, 2:
        found = measured(draws, [seed])
        array = draws.memory.empty(1, planned.rows[0])
        assert array.max() == found.statistics()[0]["fc.weight"].maximum
        kept.append(array)
    assert np.shares_memory(*kept)


@pytest.mark.parametrize("name", MODELS)
def test_values_are_nobodys_but_the_callers(name):
    draws = Draws(plan(MODELS[name]))
    first = drawn(draws, [1])[0]["fc.weight"]
    before = first.copy()
    drawn(draws, [2])
    measured(draws, [3])
    assert first.tobytes() == before.tobytes()


def test_a_worker_prepares_a_sweep_once_and_never_takes_it_for_another():
    """Models whose parts compare equal, 0.0 and -0.0, are two."""
    zero, minus = (plan(model(value=value)) for value in (0.0, -0.0))
    assert zero == minus
    found = [_in_parts(drawn, 1, name, of, [1])[0][0] for name, of in (("a", zero), ("a", zero), ("b", minus))]
    bits = [each["fc.weight"].view(np.uint32).max() for each in found]
    assert bits == [0, 0, 0x80000000]
    before = batches._prepared["b"]
    _in_parts(measured, 1, "b", minus, [2])
    assert batches._prepared == {"b": before}


def test_threads_have_arrays_of_their_own(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 36)
    monkeypatch.setattr(batches, "thread_count", lambda: 4)
    monkeypatch.setenv("EMBINIT_THREADS", "4")
    many = dict(init_many(MODELS["codes"], range(40), statistics=True))
    for seed in islice(many, 0, 40, 7):
        assert many[seed] == next(init_many(MODELS["codes"], [seed], statistics=True))[1]
