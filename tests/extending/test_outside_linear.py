"""A linear generator from outside: diagnose finds its state in the signs of weights, whatever the seed is."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit.bitgen import Called
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import dialect_named
from embinit.samplers import ScaledInteger

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


class Mixed(Triple):
    """The same, whose seed is mixed before it is the state."""

    def __init__(self, seed):
        self.state = seed ^ 0x5BD1E995


class Multiplied(Triple):
    """The same, whose seed is multiplied before it is the state."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 99) & M32


class Squared(Triple):
    """The same, whose state does not tell the seed."""

    def __init__(self, seed):
        self.state = (seed * seed | 1) & M32


class Short(Triple):
    """A shift register of 15 bits: every state is a place in the stream of every seed."""

    word_bits = 15

    def __init__(self, seed):
        self.state = seed % 2**15 or 1

    def draw(self, out):
        state = self.state
        for i in range(out.size):
            out[i] = state = state >> 1 ^ (0x6000 if state & 1 else 0)
        self.state = state

    def advance(self, delta):
        self.draw(np.empty(delta % (2**15 - 1), np.uint32))


class Centred(ScaledInteger):
    """Values of words of 15 bits."""

    word_bits = 15

    def fill(self, source, distribution, out):
        out[:] = (source.bitgen.random_raw(out.size).astype(np.float32) - np.float32(2**14)) * np.float32(2.0**-14)
        return out.size


def model(seed, kind=Triple):
    dialect = replace(dialect_named("portable"), name="outside", seeded=kind)
    if kind is Short:
        dialect = replace(dialect, sampler=Centred())
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


@pytest.mark.parametrize("kind", [Mixed, Multiplied])
def test_any_seed_that_is_made_into_a_state(kind):
    assert found(model(0x9ABCDEF1, kind), kind).lines == {"[model]": f"seed = {0x9ABCDEF1}"}


def test_a_state_of_a_seed_that_is_not_known():
    assert found(model(0x9ABCDEF1, Squared), Squared).lines == {"[model]": f"state = {Squared(0x9ABCDEF1).state}"}


@pytest.mark.parametrize("seed", [777, 9999])
def test_a_seed_of_a_short_generator_is_no_position(monkeypatch, seed):
    monkeypatch.setattr("embinit.diagnose.streams.FORWARD", 2**15)

    assert found(model(seed, Short), Short).lines == {"[model]": f"seed = {seed}"}


def test_a_near_position_of_a_short_generator():
    assert found(replace(model(42, Short), skip_words=5), Short).lines == {"[model]": "skip_words = 5"}
