"""What is said of a dump that nothing explains: the grid, range, repetitions and the recurrence of its values."""

from itertools import islice

import numpy as np
import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.facts import _shape

from support.other_conventions import F32, MODEL, Device, top24, xorshift

BUNDLE = gather(from_tables(MODEL, {}).plan())
SIZES = {name: len(held) // 4 for name, held in Device().memory().items()}


def facts(values):
    """The facts on a dump whose buffers hold what a function gives for a number of elements."""
    dump = {name: np.asarray(values(n), F32).tobytes() for name, n in SIZES.items()}
    diagnosis = diagnose(BUNDLE, dump, "dump")
    assert not diagnosis.explained
    found = {fact.name: fact.sentence for fact in diagnosis.facts if fact.buffer == "first.weight"}
    assert all(sentence in str(diagnosis) for sentence in found.values())
    return found


def random(n):
    return np.random.default_rng(5)


def facts_of(draw, n, seed):
    random = np.random.default_rng(seed)
    return _shape(random.uniform(-0.3, 0.3, n) if draw == "uniform" else random.normal(0, 0.1, n))


def test_a_grid():
    found = facts(lambda n: (random(n).integers(0, 4096, n) - 2048) * F32(0.001))

    assert "step 0.001" in found["grid"]


def test_a_range_from_0_on():
    assert "none is negative" in facts(lambda n: random(n).uniform(0, 1, n))["range"]


@pytest.mark.parametrize(("draw", "words"), [("uniform", "bounded"), ("normal", "tails")])
def test_the_shape(draw, words):
    values = {"uniform": lambda n: random(n).uniform(-0.3, 0.3, n), "normal": lambda n: random(n).normal(0, 0.1, n)}

    assert words in facts(values[draw])["range"]
    assert "roughly symmetric about 0" in facts(values[draw])["range"]


@pytest.mark.parametrize(("draw", "other"), [("uniform", "tails"), ("normal", "bounded")])
@pytest.mark.parametrize(("n", "named"), [(16, 0), (40, 100), (200, 300)])
def test_few_values_are_not_called_what_they_are_not(n, named, draw, other):
    shapes = [facts_of(draw, n, seed) for seed in range(300)]

    assert sum(other in shape for shape in shapes) <= 6
    assert sum(";" in shape for shape in shapes) >= named


def test_repeated_values():
    found = facts(lambda n: random(n).choice([0.1, 0.25, -0.3, 0.777], n))

    assert found["repeated values"].startswith("only 4 of 126 values are different")


def test_a_period():
    found = facts(lambda n: np.resize(random(n).uniform(-0.3, 0.3, 10), n))

    assert "after 10 elements" in found["period"]


def test_a_constant():
    assert facts(lambda n: np.full(n, 0.3) if n == SIZES["first.weight"] else random(n).uniform(-0.3, 0.3, n)) == {
        "constant": "all 126 values are 0.30000001192092896"
    }


def test_values_that_are_not_finite():
    assert "may be no floats" in facts(lambda n: np.where(np.arange(n) == 3, np.nan, 0.25 * np.arange(n)))["not finite"]


def test_a_linear_recurrence_of_words_with_a_state_that_nobody_knows():
    words = xorshift(0x1234567, (9, -14, 5, -3))

    found = facts(lambda n: top24(np.array(list(islice(words, n)), np.uint64)) - F32(0.5))

    assert "linear recurrence of" in found["recurrence"]


def test_random_values_obey_no_recurrence():
    assert set(facts(lambda n: random(n).uniform(-0.3, 0.3, n))) == {"range"}
