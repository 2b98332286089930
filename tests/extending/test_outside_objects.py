"""Generators from outside that are no BitGenerator: plain objects, as a dialect's own and as a stream to draw from."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import codegen
from embinit.bundle import gather
from embinit.commands.plan import _no_c
from embinit.diagnose import diagnose
from embinit.dialects import dialect_named
from embinit.many import sweep

FC = embinit.Linear(name="fc", in_features=8, out_features=4, bias=False)


class Plain:
    """A linear congruential generator."""

    word_bits = 32

    def __init__(self, seed):
        self.state = seed

    def next_raw(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state


class Halves(Plain):
    """The upper halves of its words."""

    word_bits = 16

    def next_raw(self):
        return super().next_raw() >> 16


PLAIN = replace(dialect_named("portable"), name="plain", seeded=Plain)


def test_a_dialect_draws_from_it():
    model = embinit.Model("m", [FC], 42, PLAIN)
    expected = np.empty(32, np.float32)
    embinit.Generator(Plain(42), "portable").fill(embinit.initializers.uniform(-(8**-0.5), 8**-0.5), expected)

    assert (model.init()["fc.weight"].reshape(-1) == expected).all()
    assert all((values["fc.weight"] == replace(model, seed=seed).init()["fc.weight"]).all()
               for seed, values in model.init_many([1, 2, 3]))  # fmt: skip
    with pytest.raises(codegen.NoCodeError, match="Plain has no C that a model's rows draw from"):
        codegen.init_source(gather(model.plan()))


def test_its_seeds_are_told():
    model = embinit.Model("m", [FC], 42, PLAIN)
    dump = {entry.name: entry.payload for entry in gather(replace(model, seed=777).plan()).entries}

    assert diagnose(gather(model.plan()), dump, "dump").explanations[0].lines == {"[model]": "seed = 777"}
    far = {entry.name: entry.payload for entry in gather(replace(model, seed=98765).plan()).entries}
    assert str(diagnose(gather(model.plan()), far, "dump").untried).endswith("; nor most seeds above 1000")
    halved = embinit.Model("m", [FC], 42, replace(PLAIN, seeded=lambda seed: Plain(seed // 2)))
    assert sweep(halved, [2, 3, 4]).duplicates == [[2, 3]]


@pytest.mark.parametrize("bits", [0, 65, 127, 33.5, "32", True, None])
def test_words_of_no_width(bits):
    class Odd(Plain):
        word_bits = bits

    with pytest.raises(embinit.EmbinitError, match=f"word_bits of Odd must be an integer from 1 to 64, got '?{bits}"):
        embinit.Generator(Odd(1))


def test_a_dialect_that_cannot_read_its_words():
    says = "must give words of 32 bits.* got 16 bits of Halves: a sampler with this word_bits makes values of others"
    with pytest.raises(embinit.EmbinitError, match=says):
        embinit.Model("m", [FC], 42, replace(PLAIN, seeded=Halves))


@pytest.mark.parametrize("dialect", ["numpy", "kann"])
def test_rounding_draws_words_of_32_bits_alone(dialect):
    generator = embinit.Generator.seeded(1, dialect)

    with pytest.raises(embinit.EmbinitError, match="rounding stochastic draws words of 32 bits, got a generator of"):
        embinit.encode(np.full(4, 0.3, np.float32), "sym4", "stochastic", generator)
    assert generator.drawn == 0


def test_a_generator_that_refuses_seed_0_has_no_c():
    model = embinit.Model("m", [FC], 42, replace(PLAIN, seeded=embinit.Xorshift32))

    assert _no_c(model.plan()) is not None
    with pytest.raises(
        codegen.NoCodeError, match="dialect plain: C is that of seed 0, which its generator refuses: the"
    ):
        codegen.init_source(gather(model.plan()))
