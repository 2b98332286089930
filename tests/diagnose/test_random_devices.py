"""A few of the random devices of support/random_devices.py: what is named reproduces every bit that it explains."""

import random

import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose

from support import random_devices


@pytest.mark.parametrize("first", range(0, 8, 4))
def test_what_is_named_reproduces_every_bit(first):
    for number in range(first, first + 4):
        random_devices.check(number)


@pytest.mark.parametrize("dialect", ["tinn", "kaun", "cranium"])
def test_random_bytes_of_a_dialect_that_a_file_says_have_no_explanation(dialect):
    layer = embinit.Linear(name="fc", in_features=9, out_features=8)
    bundle = gather(embinit.Model("m", [layer], seed=3, dialect=dialect).plan())
    chance = random.Random(5)

    diagnosis = diagnose(bundle, {entry.name: chance.randbytes(len(entry.payload)) for entry in bundle.entries}, "dump")

    assert not diagnosis.explained
