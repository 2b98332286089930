"""Generators from outside that make words in blocks: each tensor begins with a new one, in plan, values and C."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import codegen
from embinit.bitgen import Called, CGenerator
from embinit.bundle import gather
from embinit.dialects import dialect_named


class Pairs(Called):
    """Two words of each value of a counter."""

    block = 2

    def __init__(self, seed):
        self.words = np.array([seed, 0], np.uint64)

    @property
    def state(self):
        return [int(word) for word in self.words]

    @state.setter
    def state(self, state):
        self.words = np.array(state, np.uint64)

    def draw(self, out):
        seed, place = self.state
        for i in range(out.size):
            out[i] = ((place + i) // 2 * 0x9E3779B9 + seed) % 2**32 ^ (place + i) % 2 * 0x5BD1E995
        self.advance(out.size)

    def advance(self, delta):
        self.state = [self.state[0], self.state[1] + delta]

    def c_generator(self, words):
        return CGenerator("pairs", "embinit.h", "")


class Aligned(Pairs):
    """The same, which drops the rest of a block."""

    def align(self):
        rest = self.state[1] % 2
        self.advance(rest)
        return rest


def model(kind, inputs=3):
    dialect = replace(dialect_named("portable"), name="blocks", seeded=kind)
    return embinit.Model("m", [embinit.Linear(name="fc", in_features=inputs, out_features=3)], 42, dialect)


def test_blocks_that_nothing_drops_the_rest_of():
    with pytest.raises(embinit.EmbinitError, match=r"Pairs has blocks of 2 words, and must say in align\(\) how"):
        model(Pairs)


def test_plan_and_values_agree_on_where_a_tensor_begins():
    planned, bitgen = model(Aligned), Aligned(42)
    bias, values = planned.plan().rows[1], np.empty(3, np.float32)
    bitgen.advance(bias.first_draw)
    embinit.Generator(bitgen, "portable").draw(bias.distribution, values)

    assert bias.first_draw == 10
    assert (planned.init()["fc.bias"] == values).all()


def test_no_c_that_would_begin_elsewhere():
    with pytest.raises(codegen.NoCodeError, match=r"fc\.weight: each tensor begins with a new block of 2 words"):
        codegen.init_source(gather(model(Aligned).plan()))
