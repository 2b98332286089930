"""A linear generator from outside: diagnose finds its state in the signs of weights, whatever the seed is."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit.bitgen import Called
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import dialect_named

M32 = 2**32 - 1


def stepped(x):
    x ^= x << 1 & M32
    x ^= x >> 3
    return x ^ x << 10 & M32


def undone(x, shifted):
    """Return y of which x = y ^ shifted(y): each round gives more of its bits."""
    y = x
    for _ in range(32):
        y = x ^ shifted(y)
    return y


def stepped_back(x):
    x = undone(x, lambda y: y << 10 & M32)
    x = undone(x, lambda y: y >> 3)
    return undone(x, lambda y: y << 1 & M32)


class Triple(Called):
    """Marsaglia's xorshift with shifts 1, 3 and 10."""

    linear = True

    def __init__(self, seed):
        self.state = seed

    @property
    def state(self):
        return int(self.words[0])

    @state.setter
    def state(self, state):
        self.words = np.array([state], np.uint32)

    def draw(self, out):
        for i in range(out.size):
            out[i] = self.state = stepped(self.state)

    def advance(self, delta):
        for _ in range(abs(delta)):
            self.state = stepped(self.state) if delta > 0 else stepped_back(self.state)


class OnlyForwards(Triple):
    """The same, which cannot step back."""

    def advance(self, delta):
        if delta < 0:
            raise embinit.EmbinitError("it cannot step back")
        super().advance(delta)


def model(seed, kind=Triple):
    dialect = replace(dialect_named("portable"), name="outside", seeded=kind)
    layers = [embinit.Linear(name=f"fc{i}", in_features=12, out_features=6) for i in range(2)]
    return embinit.Model("m", layers, seed, dialect)


def found(device, kind=Triple):
    dump = {entry.name: entry.payload for entry in gather(device.plan()).entries}
    return diagnose(gather(model(42, kind).plan()), dump, "dump").explanations[0]


@pytest.fixture(autouse=True)
def near(monkeypatch):
    """So far is enough here, where each word takes a line of Python."""
    monkeypatch.setattr("embinit.diagnose.streams.FORWARD", 64)
    monkeypatch.setattr("embinit.diagnose.streams.BACKWARD", 64)
    monkeypatch.setattr("embinit.diagnose.streams.SCANNED_FORWARD", 64)


def test_it_steps_back():
    assert [stepped_back(stepped(x)) for x in (1, 0xDEADBEEF)] == [1, 0xDEADBEEF]


def test_any_seed():
    assert found(model(0x9ABCDEF1)).lines == {"[model]": f"seed = {0x9ABCDEF1}"}


def test_a_position():
    assert found(replace(model(42), skip_words=17)).lines == {"[model]": "skip_words = 17"}


def test_a_seed_of_a_generator_that_cannot_step_back():
    assert found(model(7, OnlyForwards), OnlyForwards).lines == {"[model]": "seed = 7"}
