"""Whole models held in quantized formats, against what OnDeviceTraining's own code left on eight device builds."""

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, LayerNorm, Linear
from embinit.bundle import gather

from support import recorded
from support.odt_layers import layer_of
from support.together import together

ROUNDINGS = {"HALF_AWAY": "half_away", "SR_HALF_AWAY": "stochastic"}
FORMATS = {"SYM": "sym{}", "ASYM": "asym{}", "SYM_INT32": "sym_int32/{}"}


def held(layer, weight_format, bias_format, rounding):
    keys = {"weight_format": weight_format, "bias_format": bias_format, "rounding": rounding}
    return type(layer)(**{**vars(layer), **keys})


def quantized_layers(case):
    """Yield the layers of a case as the device holds them."""
    whole = case["inputs"].get("requantize_in_place")
    for i, described in enumerate(case["inputs"]["layers"]):
        layer = layer_of(described, i)
        if layer is None:
            continue
        if whole:
            formats = [FORMATS[whole["kind"]].format(whole[bits]) for bits in ("wbits", "bbits")]
            yield held(layer, *formats, ROUNDINGS[whole["rounding"]])
        else:
            name = FORMATS[described["storage"]].format(described["storage_bits"])
            yield held(layer, name, name, ROUNDINGS[described["storage_rounding"]])


def is_quantized(case):
    stored = any(layer.get("storage", "FLOAT32") != "FLOAT32" for layer in case["inputs"]["layers"])
    return stored or "requantize_in_place" in case["inputs"]


CASES = [case for case in recorded.cases("layers", "models") if is_quantized(case)]


@pytest.mark.parametrize("platform", recorded.PLATFORMS)
@together("case", CASES, ids=lambda case: case["id"])
def test_quantized_models(case, platform):
    target, multiply_add = recorded.PLATFORMS[platform]
    layers = list(quantized_layers(case))
    model = embinit.Model("m", layers, seed=case["inputs"]["seed"], target=target, multiply_add=multiply_add)
    bundle = gather(model.plan())
    entries = {entry.row.name.replace("weight", "gamma").replace("bias", "beta"): entry for entry in bundle.entries}
    entries |= {entry.row.name: entry for entry in bundle.entries}

    compared = 0
    for output in case["outputs"]:
        name, _, what = output.rpartition(".")
        if what == "data":
            assert recorded.same(case, output, platform, entries[name].data)
            compared += 1
        elif what == "scale":
            assert recorded.same(case, output, platform, entries[name].parameters["scale"])
    assert compared == len(bundle.entries)
    assert recorded.words(case, "state_after", platform)[0] == bundle.state_after


LINEAR = [c for c in recorded.cases("quant") if c["inputs"]["source"] == "linear_weight"]


@pytest.mark.parametrize("platform", recorded.PLATFORMS)
@together("case", LINEAR, ids=lambda case: case["id"])
def test_a_requantized_weight(case, platform):
    """The cases of which only the codes are recorded, among others: the values come from the model."""
    i = case["inputs"]
    if i.get("sr_seed") is not None or i["scheme"] != "INIT_DEFAULT" or i.get("c_undefined_behaviour"):
        pytest.fail(f"{case['id']} is of another kind")
    target, multiply_add = recorded.PLATFORMS[platform]
    layer = Linear(
        in_features=i["in_features"], out_features=i["out_features"], bias=False, rounding=ROUNDINGS[i["rounding"]],
        weight_format=FORMATS[i["target"]].format(i["bits"]),
    )  # fmt: skip
    bundle = gather(embinit.Model("m", [layer], seed=i["seed_init"], target=target, multiply_add=multiply_add).plan())
    (entry,) = bundle.entries

    assert recorded.same(case, "q.data", platform, entry.data)
    assert recorded.same(case, "q.scale", platform, entry.parameters["scale"])
    if "q.zero_point" in case["outputs"]:
        assert recorded.same(case, "q.zero_point", platform, entry.parameters["zero_point"])
    if "dequant" in case["outputs"]:
        assert recorded.same(case, "dequant", platform, entry.buffer.decode())
    assert recorded.words(case, "state_after", platform)[0] == bundle.state_after


def test_the_plan_shows_the_draws_of_rounding():
    layers = [
        Linear(in_features=8, out_features=4, weight_format="sym8", bias_format="q15", rounding="stochastic"),
        LayerNorm(normalized_shape=4, weight_format="sym_int32/12", bias_format="sym_int32/12", rounding="stochastic"),
        Linear(in_features=4, out_features=4, weight_format="asym4", rounding="stochastic", group_size=None),
    ]
    plan = embinit.Model("m", layers, seed=42).plan()

    assert [(row.store_first_draw, row.store_draws) for row in plan.rows] == [
        (64, 32), (96, 4), (36, 4), (40, 4), (100, 17), (117, 0),
    ]  # fmt: skip
    assert [row.first_draw for row in plan.rows] == [0, 32, 36, 40, 44, 60]
    assert "linear2.weight     asym4, stochastic                100     17" in str(plan)
    bundle = gather(plan)
    assert [entry.store_first_draw for entry in bundle.entries if entry.row.store_draws] == [64, 96, 36, 40, 100]
    assert bundle.state_after == embinit.Xorshift32(42).jumped(117).state


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"weight_format": "sym4", "group_size": 5}, "layer 'linear0': weight: group_size must divide the 32 elements"),
        ({"weight_format": "q7", "group_size": 4}, "q7 takes no group_size"),
        ({"weight_format": "sym4", "rounding": "nearest"}, "rounding must be one of half_away"),
        ({"weight_format": "sym99"}, "weight_format"),
        ({"bias_format": "q40.1"}, "bias_format"),
    ],
)
def test_formats_that_do_not_fit_are_refused(keys, expected):
    with pytest.raises(EmbinitError, match=expected):
        embinit.Model("m", [Linear(in_features=8, out_features=4, **keys)], seed=1)


def test_int8_weights_have_a_scale_per_output_channel_unless_told_otherwise():
    per_channel, whole = (
        gather(embinit.Model("m", [layer], seed=1).plan()).entries[0]
        for layer in (
            embinit.ConvTranspose1d(in_channels=3, out_channels=4, kernel_size=2, weight_format="int8"),
            embinit.ConvTranspose1d(
                in_channels=3, out_channels=4, kernel_size=2, weight_format="int8", per_channel=False
            ),
        )
    )
    values = embinit.Model(
        "m", [embinit.ConvTranspose1d(in_channels=3, out_channels=4, kernel_size=2)], seed=1
    ).init()["convtranspose1d0.weight"]  # fmt: skip

    assert per_channel.parameters["scale"].tolist() == (np.abs(values).max(axis=(0, 2)) / np.float32(127)).tolist()
    assert whole.parameters["scale"].tolist() == [np.abs(values).max() / np.float32(127)]
