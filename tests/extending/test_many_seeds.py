"""A sampler from outside that fills arrays side by side: seeds of a batch are then drawn together."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import embinit
from embinit.dialects import dialect_named
from embinit.distributions import Uniform
from embinit.many import init_many
from embinit.samplers import MultiplyAdd

LAYERS = [embinit.Linear(name="fc", in_features=3, out_features=2)]
SEEDS = [1, 2, 7]


@dataclass(frozen=True)
class Halved(MultiplyAdd):
    """Half of OnDeviceTraining's values."""

    def fill(self, source, distribution, out):
        count = super().fill(source, distribution, out)
        out /= 2
        return count


@dataclass(frozen=True)
class Together(Halved):
    """The same, for several seeds at once: an xorshift's state is its word."""

    def side_by_side(self, distribution, build):
        if not isinstance(distribution, Uniform):
            return None

        def filled(source, out):
            words = source.bitgen.words
            batches.append(words.size)
            for i, values in enumerate(out.reshape(words.size, -1)):
                own = embinit.Generator.of(embinit.Xorshift32(int(words[i])), "odt", build)
                own.draw(distribution, values)
                words[i] = own.bitgen.state
            out /= 2
            return out.size

        return filled


batches: list[int] = []


@pytest.mark.parametrize(("sampler", "drawn"), [(Halved(False), []), (Together(False), [3, 3])])
def test_seeds_that_are_drawn_together(sampler, drawn):
    batches.clear()
    dialect = replace(dialect_named("odt"), name="halved", sampler=sampler)
    model = embinit.Model("m", LAYERS, 1, dialect, skip_words=2)
    plain = embinit.Model("m", LAYERS, 1, "odt", skip_words=2)

    found = dict(init_many(model, SEEDS))

    assert batches == drawn
    for seed, values in init_many(plain, SEEDS):
        for name, array in values.items():
            assert np.array_equal((array / 2).view(np.uint32), found[seed][name].view(np.uint32))
