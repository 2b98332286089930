"""The oracle's OnDeviceTraining against recorded bits."""

import math
from typing import Any

import numpy as np
import pytest

from support import reference as ref
from support.recorded import FUSED, PLATFORMS, bits, cases, model_layer, pieces, same, words
from support.scripted import Scripted, float_bits

BUILDS = ("x86", "x86fma")  # one separate and one fused; the recorded uniforms know no other difference


# ODT distributions


def normal_parameters(case: dict[str, Any]) -> tuple[int, int]:
    """Mean and standard deviation of a recorded normal distribution."""
    p = case["inputs"]["params"]
    match case["inputs"]["distribution"]:
        case "NORMAL":
            return bits(p["mean"]), bits(p["stddev"])
        case "KAIMING_NORMAL":
            return 0, ref.kaiming_normal_stddev(bits(p["gain"]), p["fan_mode"])
        case kind:
            assert kind == "XAVIER_NORMAL"
            return 0, ref.xavier_normal_stddev(bits(p["gain"]), p["fan_in"], p["fan_out"])


def uniform_parameters(case: dict[str, Any]) -> tuple[int, int]:
    """Low and high of a recorded uniform distribution."""
    p = case["inputs"]["params"]
    match case["inputs"]["distribution"]:
        case "UNIFORM":
            return bits(p["min"]), bits(p["max"])
        case "KAIMING_UNIFORM":
            limit = ref.kaiming_uniform_limit(bits(p["gain"]), p["fan_mode"])
        case kind:
            assert kind == "XAVIER_UNIFORM"
            limit = ref.xavier_uniform_limit(bits(p["gain"]), p["fan_in"], p["fan_out"])
    return limit ^ ref.SIGN, limit


DISTRIBUTIONS = {case["id"]: case for case in cases("distributions")}


@pytest.mark.parametrize("name", [name for name in DISTRIBUTIONS if "uniform" in name])
@pytest.mark.parametrize("platform", BUILDS)
def test_uniform(name: str, platform: str) -> None:
    case = DISTRIBUTIONS[name]
    generator, (low, high) = ref.odt_seeded(case["inputs"]["seed"]), uniform_parameters(case)
    drawn = [ref.odt_uniform(low, high, generator, platform in FUSED) for _ in range(case["inputs"]["n"])]
    assert same(case, "values", platform, drawn)
    assert same(case, "state_after", platform, [generator.state])


@pytest.mark.parametrize("name", ["dist_normal_a", "dist_normal_b", "dist_xavier_normal", "dist_kaiming_normal"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_normal_is_composed_of_the_recorded_libm(name: str, platform: str) -> None:
    (libm,) = (case for case in cases("libm") if case["id"] == "libm_seed_0000002a")
    logf = dict(zip(words(libm, "u1", platform).tolist(), words(libm, "logf_u1", platform).tolist(), strict=True))
    cosf = dict(zip(words(libm, "angle", platform).tolist(), words(libm, "cosf_angle", platform).tolist(), strict=True))
    case = DISTRIBUTIONS[name]
    generator, (mean, stddev) = ref.odt_seeded(case["inputs"]["seed"]), normal_parameters(case)
    drawn = [
        ref.odt_normal(mean, stddev, generator, platform in FUSED, logf.__getitem__, cosf.__getitem__)
        for _ in range(600)
    ]
    assert drawn == words(case, "values", platform)[:600].tolist()


@pytest.mark.parametrize("name", ["dist_normal_redraw", "dist_normal_redraw_zero"])
def test_normal_redraws_only_u1(name: str) -> None:
    """The log and cos of doubles, rounded once, equal the libm of x86 in all 64 elements of both cases."""
    case = DISTRIBUTIONS[name]
    generator, (mean, stddev) = ref.odt_seeded(case["inputs"]["seed"]), normal_parameters(case)
    drawn = [
        ref.odt_normal(
            mean,
            stddev,
            generator,
            fused=False,
            logf=lambda x: ref.f32(math.log(ref.value(x))),
            cosf=lambda x: ref.f32(math.cos(ref.value(x))),
        )
        for _ in range(case["inputs"]["n"])
    ]
    assert same(case, "values", "x86", drawn)
    assert same(case, "state_after", "x86", [generator.state])


def test_normal_redraws_draws_of_0_and_1_only() -> None:
    seen: list[int] = []

    def logf(x: int) -> int:
        seen.append(x)
        return float_bits(-1.0)

    generator = Scripted(0, 0x40000000, 0x1FF, 0x200)
    ref.odt_normal(0, 0, generator, False, logf, lambda x: x)
    assert (seen, generator.left) == ([float_bits(2.0**-23)], [])


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2), 0.7, -1.0])
def test_limits_and_deviations_are_the_hosts(gain: float) -> None:
    """In NumPy's float32, for fans of which several tell a division from a product with the reciprocal."""
    g, own = np.float32(gain), ref.f32(gain)
    for fan_in, fan_out in ((fan, 3 * fan + 1) for fan in range(1, 120)):
        fan, both = np.float32(fan_in), np.float32(fan_in + fan_out)
        host = [
            g * np.sqrt(np.float32(3) / fan),
            g * np.sqrt(np.float32(6) / both),
            g / np.sqrt(fan),
            g * np.sqrt(np.float32(2) / both),
        ]
        assert [
            ref.kaiming_uniform_limit(own, fan_in),
            ref.xavier_uniform_limit(own, fan_in, fan_out),
            ref.kaiming_normal_stddev(own, fan_in),
            ref.xavier_normal_stddev(own, fan_in, fan_out),
        ] == [float_bits(float(x)) for x in host]


def test_older_eras_scale_the_cosine_before_the_deviation() -> None:
    """Each era's product of three, shown where the two orders differ by rounding."""
    mean, stddev, log, cosine = 0, float_bits(1.5), float_bits(-0.7), float_bits(0.7)
    radius = ref.sqrt(ref.mul(float_bits(-2.0), log))
    drawn = {
        dialect: ref.odt_normal(mean, stddev, ref.Xorshift32(1), False, lambda _: log, lambda _: cosine, dialect)
        for dialect in ("odt", "odt-2026-06", "odt-2026-04")
    }
    early = ref.mul(stddev, ref.mul(radius, cosine))
    assert drawn == {"odt": ref.mul(ref.mul(stddev, radius), cosine), "odt-2026-06": early, "odt-2026-04": early}
    assert drawn["odt"] != early


# ODT layers and models


def is_plain(case: dict[str, Any]) -> bool:
    layers = case["inputs"]["layers"]
    stored_as_float = all(layer.get("storage", "FLOAT32") == "FLOAT32" for layer in layers)
    return stored_as_float and "requantize_in_place" not in case["inputs"]


def is_large(case: dict[str, Any]) -> bool:
    return any(descriptor["n"] > 20000 for descriptor in case["outputs"].values())


@pytest.mark.parametrize(
    "case", [c for c in cases("layers", "models") if is_plain(c) and not is_large(c)], ids=lambda case: case["id"]
)
@pytest.mark.parametrize("platform", BUILDS)
def test_layers_and_models(case: dict[str, Any], platform: str) -> None:
    inputs, generator = case["inputs"], ref.odt_seeded(case["inputs"]["seed"])
    assert same(case, "state_before", platform, [generator.state])
    states, tensors = [], {}
    for i, layer in enumerate(map(model_layer, inputs["layers"])):
        for name, tensor in ref.odt_layer(layer, generator, platform in FUSED).items():
            tensors[f"L{i}.{name}.data"] = tensor
        if layer["type"] in ref.DRAWN_LAYERS:
            assert same(case, f"L{i}.weight.shape", platform, ref.weight_shape(layer))
            assert ref.fans(layer) == (layer["fan_in"], layer["fan_out"])
        states.append(generator.state)
    assert set(tensors) == {name for name in case["outputs"] if name.endswith(".data")}
    for name, tensor in tensors.items():
        assert same(case, name, platform, tensor), f"{case['id']} {name} on {platform}"
    assert same(case, "states_after_layer", platform, states)
    assert same(case, "state_after", platform, [generator.state])


@pytest.mark.parametrize("case", [c for c in cases("layers") if is_large(c)], ids=lambda case: case["id"])
@pytest.mark.parametrize("platform", BUILDS)
def test_ends_of_large_layers(case: dict[str, Any], platform: str) -> None:
    """Head, tail and bias reached by jumps."""
    layer, generator = model_layer(case["inputs"]["layers"][0]), ref.odt_seeded(case["inputs"]["seed"])
    limit, reached = ref.odt_weight_limit(layer), 0
    for first, run in pieces(case, "L0.weight.data", platform):
        generator.jump(first - reached)
        drawn = [ref.odt_uniform(limit ^ ref.SIGN, limit, generator, platform in FUSED) for _ in run]
        reached = first + len(drawn)
        assert drawn == run.tolist()
    assert reached == case["outputs"]["L0.weight.data"]["n"]
    limit = ref.kaiming_uniform_limit(ref.DEFAULT_GAIN, layer["fan_in"])
    bias = [ref.odt_uniform(limit ^ ref.SIGN, limit, generator, platform in FUSED) for _ in range(ref.bias_size(layer))]
    assert same(case, "L0.bias.data", platform, bias)
    assert same(case, "state_after", platform, [generator.state])


def test_model_names_its_tensors_and_ends_in_the_recorded_state() -> None:
    (case,) = (c for c in cases("models") if c["id"] == "model_ecg_seed42")
    layers = [model_layer(layer) for layer in case["inputs"]["layers"]]
    tensors, state = ref.odt_model([layers[0] | {"name": "conv1"}, *layers[1:]], 42, fused=True)

    assert same(case, "L0.weight.data", "m7", tensors["conv1.weight"])
    assert same(case, "L10.bias.data", "m7", tensors["L10.bias"])
    assert same(case, "state_after", "m7", [state])


def test_gain_minus_zero_is_the_schemes_own() -> None:
    layer = {"type": "Linear", "in_features": 5, "out_features": 3}
    for scheme in ("kaiming_uniform", "xavier_uniform"):
        limits = {ref.odt_weight_limit(layer | {"weight_init": scheme} | gain) for gain in ({}, {"gain": -0.0})}
        assert len(limits) == 1


def test_2026_04_gives_zero_bias_without_draws_and_one_default() -> None:
    layer = {"type": "Linear", "in_features": 5, "out_features": 3}
    generator, same_stream = ref.odt_seeded(0, "odt-2026-04"), ref.odt_seeded(1)
    tensors = ref.odt_layer(layer, generator, fused=False, dialect="odt-2026-04")
    relu = ref.odt_layer(layer | {"weight_init": "kaiming_uniform", "bias": False}, same_stream, fused=False)

    assert tensors == {"weight": relu["weight"], "bias": [0, 0, 0]}
    assert generator.state == same_stream.state
    with pytest.raises(ValueError, match="no weight_init"):
        ref.odt_layer(layer | {"weight_init": "xavier_uniform"}, generator, fused=False, dialect="odt-2026-04")
