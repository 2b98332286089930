"""Accepted means it works: what a Model accepts is planned, filled, stored and exported, and all say the same."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings

import embinit
from embinit import Conv1d, EmbinitError, LayerNorm, Linear, Model, distributions, initializers
from embinit.bundle import gather
from embinit.dialects import dialect_named
from embinit.export import render
from embinit.fill import fill, generator_of
from embinit.plan import Action

from support.random_models import models

#: What only the drawn values decide: refused at the store, by layer and buffer.
AT_THE_STORE = (
    r"layer '\w+': [\w.]+: "
    r"(sym(2[6-9]|3[01]): above 25 bits|asym\d+ needs a zero point within int32|[\w./]+ has no code for -?inf)"
)


@settings(max_examples=int(os.environ.get("EMBINIT_EXAMPLES", settings.default.max_examples)))
@given(models())
def test_what_is_accepted_is_exported_and_plan_fill_and_manifest_agree(model):
    if isinstance(model, EmbinitError):
        event("refused when it is built")
        assert "\n" not in str(model)
        assert len(str(model)) < 700
        return
    plan = model.plan()
    try:
        files = render(plan)
    except EmbinitError as error:
        event("refused at the store")
        assert re.match(AT_THE_STORE, str(error))
        return
    event("exported")
    assert str(plan)
    values, manifest = fill(plan), json.loads(files["manifest.json"])
    payload = files["m.bin"]
    drawn = 0
    for row, entry in zip(plan.rows, manifest["buffers"], strict=True):
        name = row.name
        assert (name, row.bytes, row.format) == (entry["name"], entry["bytes"], entry["format"])
        assert row.first_draw in (None, entry["first_draw"])
        assert row.draws in (None, entry["draws"])
        assert row.store_first_draw in (None, entry["store_first_draw"])
        assert (values.first_draw[name], values.draws[name]) == (entry["first_draw"], entry["draws"])
        assert values.arrays[name].shape == row.shape == tuple(entry["shape"])
        drawn += entry["draws"] + row.store_draws
    assert len(payload) == sum(row.bytes for row in plan.rows)
    whole = dialect_named(model.dialect).sampler.whole
    if whole or any(action in (Action.RESTART, Action.REHEARSE, Action.LOSE) for action, _ in plan.events):
        return  # then the draws of buffers do not add up to a place in one stream
    after = generator_of(model, model.seed).bitgen
    after.advance(drawn)
    state = manifest["rng_state_after"]
    found = generator_of(model, model.seed).bitgen
    found.state = state["bit_generator"] if isinstance(state, dict) else state
    if isinstance(found, embinit.Pcg64):
        found.state = found.state[:2]  # without the half of a word that NumPy keeps for its next float32
    assert found == after


def assert_refused(dialect, text, **keys):
    with pytest.raises(EmbinitError, match=f"layer 'fc': weight: .*{text}") as caught:
        Model("m", [Linear(name="fc", in_features=2, out_features=3, **keys)], seed=1, dialect=dialect)
    return str(caught.value)


SCALED = ["portable"]
HUGE = 1.5e38


@pytest.mark.parametrize("dialect", SCALED)
@pytest.mark.parametrize(
    ("initializer", "text"),
    [
        (initializers.uniform(-1, -1), "its width must be"),
        (initializers.uniform(-(2.0**-140), 2.0**-140), "its width must be"),
        (initializers.uniform(-3e38, 3e38), "its width must be"),
        (initializers.uniform(1.0, 1.001), "within 120 widths of 0"),
        (initializers.normal(0.5, -0.0), "its width must be"),
        (initializers.normal(0.5, 0.001), "within 120 widths of 0"),
        (initializers.truncated_normal(0.5, 0.001), "within 120 widths of 0"),
        (initializers.truncated_normal(0.0, 2.0**-149), "its width must be"),
        (initializers.truncated_normal(0.0, 2.0**-125 - 2.0**-149), "its width must be"),
        (initializers.normal(0.0, -(2.0**-126) * 1.5), "its width must be"),
        (initializers.kaiming_uniform(gain=3e38), "low must be a finite float32 number"),
    ],
)
def test_what_has_no_integer_scale_is_refused_when_the_model_is_built(dialect, initializer, text):
    assert_refused(dialect, text, weight_init=initializer)


@pytest.mark.parametrize("dialect", SCALED)
@pytest.mark.parametrize("kind", [initializers.normal, initializers.truncated_normal])
def test_the_least_width_has_an_exact_scale(dialect, kind):
    def drawn(stddev):
        layer = Linear(name="fc", in_features=30, out_features=30, weight_init=kind(0.0, stddev))
        return Model("m", [layer], seed=1, dialect=dialect).init()["fc.weight"]

    # Two subnormal steps for each 2^-24: integers below 2^25 times 2^-148, exact unless the code is above 2^24.
    assert drawn(2.0**-125).tolist() == (drawn(1.0) * np.float32(2.0**-125)).tolist()


@pytest.mark.parametrize("dialect", SCALED)
def test_zeros_have_an_integer_scale_of_either_sign(dialect):
    zero = initializers.normal(0.0, -0.0)
    model = Model("m", [Linear(name="fc", in_features=2, out_features=3, weight_init=zero)], seed=1, dialect=dialect)
    assert not model.init()["fc.weight"].any()


@pytest.mark.parametrize("form", ["int8", "int4", "sym8", "asym8", "affine8", "sym_int32/8", "bfp8e8"])
def test_values_that_may_be_infinite_are_refused_by_formats_without_a_code_for_them(form):
    assert "inf" in assert_refused(
        "odt", "no code for inf", weight_format=form, weight_init=initializers.normal(2.0, 1e38)
    )
    wide = initializers.uniform(-3e38, 3e38)
    assert form in assert_refused("odt", "no code for inf", weight_format=form, weight_init=wide)


def test_infinite_values_saturate_in_fixed_point_unless_nan_is_among_them():
    normal, uniform = initializers.normal(2.0, 1e38), initializers.uniform(-3e38, 3e38)
    layer = Linear(name="fc", in_features=2, out_features=3, weight_init=normal, weight_format="q7")
    assert gather(Model("m", [layer], seed=1).plan()).entries[0].buffer.clipped
    assert_refused("odt", "no code for inf or nan", weight_format="q7", weight_init=uniform)


@pytest.mark.parametrize("form", ["int8", "sym8", "asym8", "affine8", "sym_int32/8"])
def test_values_that_may_be_too_small_for_a_scale_are_refused(form):
    for small in (initializers.uniform(0.0, 2.0**-120), initializers.normal(0.0, 1e-40)):
        assert_refused("odt", "needs a scale above 0", weight_format=form, weight_init=small)
    if form != "asym8":
        assert_refused("odt", "needs a scale above 0", weight_format=form, weight_init=initializers.constant(2.0**-149))


def test_values_that_are_never_negative_have_no_code_in_sym_from_26_bits_on():
    for positive in (initializers.ones(), initializers.uniform(0.0, 0.5), initializers.uniform(0.25, 0.125)):
        assert_refused("odt", "above 25 bits", weight_format="sym26", weight_init=positive)
    with pytest.raises(EmbinitError, match="layer 'n': weight: sym31: above 25 bits"):
        Model("m", [LayerNorm(name="n", normalized_shape=3, weight_format="sym31")], seed=1)
    layer = Linear(name="fc", in_features=2, out_features=3, weight_init=initializers.constant(-1.0))
    assert Model("m", [layer], seed=1).stored()


SEEDS = range(1, 2**32, 2**29)


def test_what_only_the_drawn_values_decide_is_refused_at_the_store_by_layer_and_buffer():
    layer = Linear(name="fc", in_features=1, out_features=1, bias=False, weight_format="sym26")
    seeds = [seed for seed in SEEDS if Model("m", [layer], seed=seed).init()["fc.weight"] > 0]
    for seed in SEEDS:
        model = Model("m", [layer], seed=seed)
        if seed in seeds:
            with pytest.raises(EmbinitError, match="layer 'fc': weight: sym26: above 25 bits"):
                model.stored()
        else:
            assert model.stored()
    assert 0 < len(seeds) < len(SEEDS)


def test_a_base_is_held_as_it_is():
    base = distributions.Broadcast([1.0, 1.0 + 2.0**-23])
    keys = {"in_features": 3, "out_features": 2, "weight_init": base, "bias": False}
    with pytest.raises(EmbinitError, match="layer 'fc': weight: asym16 needs a zero point"):
        Model("m", [Linear(name="fc", weight_format="asym16", **keys)], seed=1, dialect="gomlx")
    assert Model("m", [Linear(name="fc", weight_format="asym4", **keys)], seed=1, dialect="gomlx").stored()


def test_a_truncated_normal_that_pytorch_would_draw_for_ever_is_refused():
    init = initializers.trunc_normal(3.4e38, 3.4e38, -3e38, 1e38)
    assert_refused("torch", "high - low", weight_init=init)


def test_a_model_without_a_buffer_is_exported_without_c_code():
    plan = Model("m", [embinit.layers.DrawFree(kind="ReLU")], seed=1).plan()
    assert set(render(plan)) == {"m.npz", "expected_m.h", "m.bin", "manifest.json"}
    with pytest.raises(EmbinitError, match="model 'm' has no buffers, and so no C"):
        render(plan, ["c"])


def test_parameters_of_any_number_type_are_floats():
    import fractions

    import numpy as np

    layer = Conv1d(
        name="c", in_channels=1, out_channels=1, kernel_size=3,
        weight_init=initializers.uniform(np.float32(-0.5), fractions.Fraction(1, 2)),
    )  # fmt: skip
    assert render(Model("m", [layer], seed=1, dialect="torch").plan())


def test_stochastic_rounding_of_what_is_not_rounded_draws_from_words_of_any_width():
    layer = Linear(name="fc", in_features=2, out_features=1, rounding="stochastic")
    model = Model("m", [layer], 1, "aifes")
    rounded_to_nearest = Model("m", [replace(layer, rounding=None)], 1, "aifes")

    assert render(model.plan())["m.bin"] == render(rounded_to_nearest.plan())["m.bin"]
    assert [len(each) for each in model.init_many([1, 2])] == [2, 2]
