"""What many seeds keep in their buffers, encoded together: as each seed keeps it alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.fill import fill
from embinit.formats import QuantizationParameters
from embinit.formats.affine import SymInt32
from embinit.formats.quantizer import Quantizer
from embinit.formats.rounding import Rounding
from embinit.formats.storage import Storage
from embinit.layers import DrawFree
from embinit.many import init_many
from embinit.store import coded, decoded, encoded, store

from support.random_models import models

EXAMPLES = Path(__file__).parents[2] / "examples"


def assert_as_alone(model, seeds):
    for seed, found in init_many(model, seeds, statistics=True):
        for name, buffer in store(fill(model.plan(), seed=seed)).items():
            values, one = buffer.decode(), found[name]
            assert str((one.minimum, one.maximum)) == str((float(values.min()), float(values.max()))), (
                name
            )  # nan is as good
            assert (one.zeros, one.clipped) == (np.count_nonzero(values == 0), buffer.clipped), name
            assert one.mean == pytest.approx(
                values.mean(dtype=float), rel=1e-9, abs=1e-12, nan_ok=True
            )  # sums of another order


@settings(max_examples=15)
@given(models(), st.integers(0, 2**16))
def test_seeds_keep_what_each_keeps_alone(model, first):
    if isinstance(model, embinit.EmbinitError):
        return
    seeds = range(first, first + 3)
    try:
        for seed in seeds:
            store(fill(model.plan(), seed=seed))
    except embinit.EmbinitError as error:
        with pytest.raises(embinit.EmbinitError) as together:
            list(init_many(model, seeds, statistics=True))
        assert str(together.value) == str(error)
    else:
        assert_as_alone(model, seeds)


def test_a_model_without_buffers_has_no_statistics():
    assert list(init_many(embinit.Model("m", [DrawFree(kind="ReLU")], seed=1), [3, 4], statistics=True)) == [
        (3, {}),
        (4, {}),
    ]


@pytest.mark.parametrize("name", ["quantized", "integer_only", "torch_layers", "every_option"])
def test_examples_keep_what_each_seed_keeps_alone(name):
    assert_as_alone(embinit.load(EXAMPLES / f"{name}.toml"), range(5, 9))


def test_values_that_a_table_has_rounded_are_what_statistics_see():
    layer = embinit.Linear(name="fc", in_features=4, out_features=4, literals="%.1f")
    assert_as_alone(embinit.Model("m", [layer], seed=1), range(4))


def test_one_seed_that_saturates_is_counted_alone():
    layer = embinit.Linear(name="fc", in_features=2, out_features=1, bias=False, weight_format="q1.3",
                           weight_init=embinit.initializers.uniform(-1.0625, 1.0625))  # fmt: skip
    model = embinit.Model("m", [layer], seed=1)
    clipped = [found["fc.weight"].clipped for _, found in init_many(model, range(50), statistics=True)]
    assert 0 in clipped and 1 in clipped
    assert_as_alone(model, range(50))


#: Every way in which elements share a grid, and what a quantizer may change about it.
STORAGES = [
    Storage("q7"),
    Storage("sym4"),
    Storage("sym_int32/24"),
    Storage("asym8"),
    Storage("affine5", "half_even", group_size=6),
    Storage("bfp5e4", group_size=4),
    Storage("int8"),
    Storage("int8", channel_axis=0),
    Storage("int4", channel_axis=1),
    Storage("int8", "floor", channel_axis=2),
    Storage("int8", channel_axis=1, channel_groups=2),
    Storage("int8", channel_axis=2, channel_groups=3),
    Storage("float16"),
    Storage("int8", channel_axis=0, quantizer=Quantizer(scale="power_of_two", offset=128)),
    Storage("int8", channel_axis=0, quantizer=Quantizer(saturate=False, steps=100)),
]


@given(
    st.sampled_from(STORAGES),
    st.tuples(st.integers(1, 4).map(lambda n: 2 * n), st.just(3), st.integers(1, 4).map(lambda n: 2 * n)),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_one_buffer_holds_the_codes_of_many(storage, shape, count, seed):
    storage.check(shape)
    stack = np.random.default_rng(seed).uniform(-0.9, 0.9, (count, *shape)).astype(np.float32)
    stack *= np.float32(2.0) ** np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1) / 16
    groups = storage.groups(shape).times(count, stack[0].size)
    if groups is None:
        assert storage.channel_axis == 2 and storage.channel_groups > 1
        return
    together = coded(stack, storage, groups, Rounding(storage.rounding, None))
    values = decoded(together.data, storage.kind, storage.quantizer, groups, together.parameters, np.empty_like(stack))
    alone = [encoded(each, storage, None) for each in stack]
    assert values.tobytes() == b"".join(buffer.decode().tobytes() for buffer in alone)
    assert together.clipped == sum(buffer.clipped for buffer in alone)
    if together.parameters.scale is not None:
        assert together.parameters.scale.tobytes() == b"".join(buffer.scale.tobytes() for buffer in alone)


def test_an_error_of_one_seed_is_raised_as_if_it_were_alone():
    layer = embinit.Linear(name="fc", in_features=1, out_features=1, bias=False, weight_format="sym30")
    model = embinit.Model("m", [layer], seed=1)
    seeds = [k * 0x9E3779B1 % 2**32 for k in range(1, 20)]
    bad = next(seed for seed in seeds if replace(model, seed=seed).init()["fc.weight"][0, 0] > 0)
    with pytest.raises(embinit.EmbinitError) as alone:
        store(fill(model.plan(), seed=bad))
    with pytest.raises(embinit.EmbinitError) as together:
        list(init_many(model, seeds, statistics=True))
    assert str(together.value) == str(alone.value)


def test_a_format_that_knows_no_groups_is_encoded_seed_by_seed(monkeypatch):
    """Such as one of your own, with one scale for whatever it is given."""

    def of_all(self, values, groups, rounding):
        return QuantizationParameters(scale=np.abs(values).max(keepdims=True) / np.float32(self.qmax))

    monkeypatch.setattr(SymInt32, "parameters", of_all)
    layer = embinit.Linear(name="fc", in_features=3, out_features=2, weight_format="sym_int32/12")
    assert_as_alone(embinit.Model("m", [layer], seed=1), range(1, 5))
