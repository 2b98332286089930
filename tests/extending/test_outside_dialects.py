"""What dialects from outside have in common with those of embinit: they say it themselves, and no name counts."""

from dataclasses import fields, replace

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, codegen
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import Dialect, dialect_named


class Keyed(Dialect):
    """A key for each buffer, which is neither JAX's nor Keras's."""

    keys_each = True
    restarts = True

    def restarted(self, seed, rand, layer, tensor):
        return embinit.Xorshift32((seed * 1000 + tensor) % 2**32 or 1)


def test_diagnose_tries_seeds_where_keys_are_of_another_kind():
    described = {field.name: getattr(dialect_named("portable"), field.name) for field in fields(Dialect)}
    dialect = Keyed(**{**described, "name": "keyed"})
    asked, device = (
        embinit.Model("m", [embinit.Linear(name="fc", in_features=3, out_features=4)], seed, dialect)
        for seed in (42, 7)
    )
    dump = {entry.name: entry.payload for entry in gather(device.plan()).entries}

    assert diagnose(gather(asked.plan()), dump, "dump").explanations[0].lines == {"[model]": "seed = 7"}


def test_modules_are_checked_for_every_dialect_that_draws_as_pytorch_does():
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 2).double()
    dialect = replace(dialect_named("torch"), name="acme")

    with pytest.raises(EmbinitError, match="PyTorch draws other values for that dtype"):
        embinit.torch.model_of(module, seed=1, dialect=dialect)


class EachTensor(Dialect):
    """The stream starts again for each tensor, as many words further on as its number."""

    restarts = True

    def restarted(self, seed, rand, layer, tensor):
        return self.start(seed, rand).jumped(tensor)


def test_a_model_starts_the_stream_again_where_its_generator_does():
    described = {field.name: getattr(dialect_named("portable"), field.name) for field in fields(Dialect)}
    dialect = EachTensor(**{**described, "name": "each"})
    fc = embinit.Linear(name="fc", in_features=3, out_features=4)
    model = embinit.Model("m", [fc, replace(fc, name="fc2")], 42, dialect)
    generator = embinit.Generator.seeded(42, dialect)

    for row in model.plan().rows:
        values = np.empty(row.shape, np.float32)
        generator.fill(row.distribution, values)
        assert (model.init()[row.name] == values).all()
        assert row.first_draw == 0
    with pytest.raises(EmbinitError, match="stochastic draws words from one stream, and dialect each has one for each"):
        replace(model, layers=[replace(fc, weight_format="sym4", rounding="stochastic")])
    with pytest.raises(codegen.NoCodeError, match=r"fc\.bias: the stream does not start again where Pcg32 is seeded"):
        codegen.init_source(gather(model.plan()))
