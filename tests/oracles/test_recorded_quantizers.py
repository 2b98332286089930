"""Formats: the bytes that OnDeviceTraining stored."""

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator
from embinit.dialects import dialect_named
from embinit.formats import format_named
from embinit.store import encode

from support import recorded
from support.formats import codes_of, generator_at
from support.together import together

F32 = np.float32

QUANT = recorded.cases("quant")
UNDEFINED = [case for case in QUANT if "c_undefined_behaviour" in case["inputs"]]
DEFINED = [case for case in QUANT if case not in UNDEFINED]
FORMAT = {"SYM": "sym{}", "ASYM": "asym{}", "SYM_INT32": "sym_int32/{}"}
ROUNDING = {"HALF_AWAY": "half_away", "SR_HALF_AWAY": "stochastic"}


def recorded_input(case, platform):
    inputs = case["inputs"]
    if inputs["source"] != "linear_weight":
        return recorded.words(case, "input", platform).view(F32)
    target, multiply_add = recorded.PLATFORMS[platform]
    sizes = {key: inputs[key] for key in ("in_features", "out_features")}
    layer = embinit.Linear(name="fc", bias=False, **sizes)
    model = embinit.Model("m", [layer], seed=inputs["seed_init"], target=target, multiply_add=multiply_add)
    return model.init()["fc.weight"]


def platforms_of(case):
    """The sets of platforms that a case's outputs tell apart."""
    return [variant["platforms"] for output in case["outputs"].values() for variant in output["variants"]]


def test_all_recorded_cases_are_here():
    """And x86 with and without fusion speak for all platforms, but for the pattern of a NaN."""
    assert (len(DEFINED), len(UNDEFINED)) == (167, 27)
    for case in DEFINED:
        spoken_for = [p == "all" or bool({"x86", "x86fma"} & set(p)) for p in platforms_of(case)]
        assert all(spoken_for) or case["id"] == "q_edge_sym1_ha"


@pytest.mark.parametrize("platform", ["x86", "x86fma"])
@together("case", DEFINED, ids=lambda case: case["id"])
def test_recorded_quantizers(case, platform):
    inputs = case["inputs"]
    name, rounding = FORMAT[inputs["target"]].format(inputs["bits"]), ROUNDING[inputs["rounding"]]
    array = recorded_input(case, platform)
    generator = generator_at(int(recorded.words(case, "state_before", platform)[0]))
    buffer = encode(array, name, rounding, generator)

    outputs = {
        "input": array,
        "q.data": buffer.data,
        "q.scale": buffer.scale,
        "q.zero_point": buffer.zero_point,
        "as_int32": np.array(codes_of(buffer), np.int32) + (0 if buffer.zero_point is None else buffer.zero_point),
        "dequant": buffer.decode(),
        "state_after": generator.bitgen.words,
    }
    compared = case["outputs"].keys() - {"state_before", "q.shape"}
    assert compared >= {"q.data", "q.scale", "state_after"}
    for output in compared:
        assert recorded.same(case, output, platform, outputs[output]), output
    assert generator.drawn == format_named(name).draws(array.size, rounding)


@together("case", UNDEFINED, ids=lambda case: case["id"])
def test_what_c_leaves_undefined_is_an_error(case):
    inputs = case["inputs"]
    generator = generator_at(42)
    with pytest.raises(EmbinitError, match=r"undefined|underflows") as raised:
        name = FORMAT[inputs["target"]].format(inputs["bits"])
        encode(recorded_input(case, "x86"), name, ROUNDING[inputs["rounding"]], generator)

    assert "keep float32" in str(raised.value)
    assert (generator.bitgen.state, generator.drawn) == (42, 0)


@pytest.mark.parametrize(
    "case", [c for c in recorded.cases("layers") if "norm_sym" in c["id"]], ids=lambda case: case["id"]
)
def test_norms_in_integer_storage_draw_for_gamma_then_beta(case):
    (layer,) = case["inputs"]["layers"]
    generator = Generator(dialect_named("odt").seeded(case["inputs"]["seed"]))
    for name, constant in (("gamma", 1.0), ("beta", 0.0)):
        array = np.full(recorded.words(case, f"L0.{name}.shape", "x86"), constant, F32)
        buffer = encode(array, f"sym_int32/{layer['storage_bits']}", ROUNDING[layer["storage_rounding"]], generator)
        assert recorded.same(case, f"L0.{name}.data", "x86", buffer.data)
        assert recorded.same(case, f"L0.{name}.scale", "x86", buffer.scale)
    assert recorded.same(case, "state_after", "x86", generator.bitgen.words)


def layer_of(described, index):
    """The embinit layer of a recorded one, or None for one without parameters."""
    described = recorded.model_layer(described)
    cls = getattr(embinit, described["type"], None)
    if cls is None:
        return None
    known = cls.__dataclass_fields__.keys() - {"weight_init"}
    keys = {key: described[key] for key in known & described.keys() if (key, described[key]) != ("groups", 0)}
    if described.get("weight_init", "default") != "default":
        keys["weight_init"] = getattr(embinit.initializers, described["weight_init"])(gain=described["gain"])
    return cls(**keys | {"name": f"L{index}"})


@pytest.mark.parametrize("platform", ["x86", "x86fma"])
@pytest.mark.parametrize(
    "case", [c for c in recorded.cases("models") if "requantize_in_place" in c["inputs"]], ids=lambda case: case["id"]
)
def test_requantized_models(case, platform):
    """All buffers are drawn first; then they are encoded in the same order, and the stream goes on."""
    requantize, seed = case["inputs"]["requantize_in_place"], case["inputs"]["seed"]
    layers = [layer_of(layer, i) for i, layer in enumerate(case["inputs"]["layers"])]
    target, multiply_add = recorded.PLATFORMS[platform]
    rows = embinit.Model("m", [layer for layer in layers if layer], seed, "odt", target).plan().rows
    generator = Generator(dialect_named("odt").seeded(seed), "odt", target, multiply_add)
    arrays = {row.name: np.empty(row.shape, F32) for row in rows}
    for row in rows:
        generator.draw(row.distribution, arrays[row.name])
    assert recorded.same(case, "state_before_requant", platform, generator.bitgen.words)

    for name, array in arrays.items():
        bits = requantize["wbits" if name.endswith("weight") else "bbits"]
        buffer = encode(array, FORMAT[requantize["kind"]].format(bits), ROUNDING[requantize["rounding"]], generator)
        assert recorded.same(case, f"{name}.data", platform, buffer.data), name
        assert recorded.same(case, f"{name}.scale", platform, buffer.scale), name
    assert recorded.same(case, "state_after", platform, generator.bitgen.words)
