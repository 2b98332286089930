"""The odt dialects against the bits that OnDeviceTraining's own code left on eight device builds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embinit
from embinit import Generator, Xorshift32, initializers
from embinit.bundle import gather
from embinit.dialects import dialect_named
from embinit.fill import fill
from embinit.targets import target_named

from support import recorded, reference, strategies
from support.odt_layers import layer_of
from support.together import together


def is_float32(case):
    layers = case["inputs"]["layers"]
    return "requantize_in_place" not in case["inputs"] and all(x.get("storage", "FLOAT32") == "FLOAT32" for x in layers)


FLOAT32_CASES = [case for case in recorded.cases("layers", "models") if is_float32(case)]


@pytest.mark.parametrize("platform", recorded.PLATFORMS)
@together("case", FLOAT32_CASES, ids=lambda case: case["id"])
def test_layers_and_models(case, platform):
    target, multiply_add = recorded.PLATFORMS[platform]
    layers = [layer_of(layer, i) for i, layer in enumerate(case["inputs"]["layers"])]
    seed = 1 if case["inputs"]["seed"] is None else case["inputs"]["seed"]
    model = embinit.Model("m", [x for x in layers if x], seed=seed, target=target, multiply_add=multiply_add)
    values = fill(model.plan())

    compared = 0
    for output in case["outputs"]:
        if output.endswith(".data"):
            name = output.removesuffix(".data").replace("gamma", "weight").replace("beta", "bias")
            assert recorded.same(case, output, platform, values.arrays[name])
            shape = recorded.words(case, output.replace(".data", ".shape"), platform)
            assert tuple(shape) == values.arrays[name].shape
            compared += 1
    assert compared == len(values.arrays)
    assert recorded.words(case, "state_after", platform)[0] == values.generator.bitgen.state


@pytest.mark.parametrize("platform", recorded.PLATFORMS)
@together("case", recorded.cases("distributions"), ids=lambda case: case["id"])
def test_distributions(case, platform):
    target, multiply_add = recorded.PLATFORMS[platform]
    i, p = case["inputs"], case["inputs"]["params"]
    generator = Generator(dialect_named("odt").seeded(i["seed"]), "odt", target, multiply_add)
    out = np.empty(i["n"], np.float32)
    if i["distribution"] == "UNIFORM":
        generator.uniform(float(p["min"]["value"]), float(p["max"]["value"]), out)
    elif i["distribution"] == "NORMAL":
        generator.normal(float(p["mean"]["value"]), float(p["stddev"]["value"]), out)
    else:
        gain = {"gain": float(p["gain"]["value"])} if "gain" in p else {}
        fan_in = p.get("fan_in", p.get("fan_mode", 1))
        initializer = initializers.BY_NAME[i["distribution"].lower()](**gain)
        generator.fill(initializer, out, fan_in=fan_in, fan_out=p.get("fan_out", fan_in))

    assert recorded.same(case, "values", platform, out)
    assert recorded.words(case, "state_after", platform)[0] == generator.bitgen.state


@pytest.mark.parametrize("platform", recorded.PLATFORMS)
@together(
    "case",
    [c for c in recorded.cases("distributions") if c["inputs"]["distribution"] == "NORMAL"],
    ids=lambda c: c["id"],
)
def test_a_model_may_name_the_build_itself(case, platform):
    target, multiply_add = recorded.PLATFORMS[platform]
    known = target_named(target)
    i, p = case["inputs"], case["inputs"]["params"]
    normal = initializers.normal(float(p["mean"]["value"]), float(p["stddev"]["value"]))
    layer = embinit.Linear(name="fc", in_features=i["n"], out_features=1, bias=False, weight_init=normal)
    elsewhere = "host" if target.startswith("cortex") else "cortex-m3"
    build = {"multiply_add": multiply_add or known.multiply_add, "libm": known.libm}
    bundle = gather(embinit.Model("m", [layer], seed=i["seed"], target=elsewhere, **build).plan())

    assert recorded.same(case, "values", platform, bundle.entries[0].buffer.data.reshape(-1))
    assert recorded.words(case, "state_after", platform)[0] == bundle.state_after
    assert bundle.manifest()["target"]["libm"] == known.libm


@together("case", recorded.cases("bernoulli"), ids=lambda case: case["id"])
def test_bernoulli(case):
    i = case["inputs"]
    generator = Generator(dialect_named("odt").seeded(i["seed"]))
    drawn = generator.bernoulli(float(i["prob_true"]["value"]), i["n"])
    mask = np.unpackbits(recorded.words(case, "mask", "m0"), bitorder="little")[: i["n"]]

    assert np.array_equal(drawn, mask)
    assert recorded.words(case, "state_after", "m0")[0] == generator.bitgen.state


@together("case", recorded.cases("shuffle"), ids=lambda case: case["id"])
def test_shuffle(case):
    i = case["inputs"]
    generator = Generator(dialect_named("odt").seeded(i["seed"]))
    order, array = list(range(i["n"])), np.arange(i["n"])
    for k in range(i["rounds"]):
        same_words = Generator(generator.bitgen.copy())
        generator.shuffle(order)
        same_words.shuffle(array)

        assert recorded.same(case, f"perm{k}", "m0", np.array(order, np.uint32))
        assert recorded.words(case, f"state_after{k}", "m0")[0] == generator.bitgen.state
        assert order == array.tolist()


def oracle_layer(layer):
    """Describe a layer to the oracle in its own words."""
    described = {"type": layer.type, **vars(layer)}
    scheme = described.pop("weight_init")
    if scheme:
        described |= {"weight_init": {"fan_in": "kaiming_uniform", "fan_avg": "xavier_uniform"}[scheme.mode]}
        described |= {"gain": scheme.gain}
    return described


def bits_by_name(values):
    return {name: array.view(np.uint32).ravel().tolist() for name, array in values.arrays.items()}


@given(strategies.models(), st.sampled_from(["odt", "odt-2026-06"]))
def test_any_model_is_that_of_the_oracle(model, dialect):
    model = embinit.Model("m", model.layers, seed=model.seed, dialect=dialect, target=model.target)
    slow, state = reference.odt_model(
        [oracle_layer(layer) for layer in model.layers], model.seed, model.build.multiply_add == "fused", dialect
    )
    values = fill(model.plan())

    assert bits_by_name(values) == slow
    assert values.generator.bitgen.state == state


@pytest.mark.parametrize("gain", [0.0, -0.0, 1e-46, -1e-46, 7e-46])
@pytest.mark.parametrize(
    "scheme", [initializers.kaiming_uniform, initializers.xavier_uniform, initializers.kaiming_normal]
)
def test_a_gain_that_is_0_in_float32_is_the_schemes(scheme, gain):
    own = {initializers.xavier_uniform: 1.0}.get(scheme, 1.41421356237)
    values, expected = (
        embinit.Model("m", [embinit.Linear(in_features=4, out_features=2, weight_init=scheme(gain=g))], seed=1).init()
        for g in (gain, own)
    )

    assert values["linear0.weight"].any()
    assert values["linear0.weight"].tobytes() == expected["linear0.weight"].tobytes()


@given(strategies.seeds, strategies.multiply_adds)
def test_the_oldest_era_has_he_weights_and_no_bias_draws(seed, multiply_add):
    layers = [embinit.Conv1d(name="layer0", in_channels=3, out_channels=4, kernel_size=2)]
    model = embinit.Model("m", layers, seed=seed, dialect="odt-2026-04", multiply_add=multiply_add)
    slow, state = reference.odt_model(
        [oracle_layer(layer) for layer in layers], seed, multiply_add == "fused", "odt-2026-04"
    )
    values = fill(model.plan())

    assert bits_by_name(values) == slow
    assert values.generator.bitgen.state == state


def test_the_oldest_era_takes_no_scheme():
    layer = embinit.Linear(in_features=2, out_features=2, weight_init=initializers.xavier_uniform())

    with pytest.raises(embinit.EmbinitError, match="odt-2026-04"):
        embinit.Model("m", [layer], seed=1, dialect="odt-2026-04")


def test_seed_zero_is_another_seed_in_each_era():
    assert dialect_named("odt").seeded(0) == Xorshift32(0xFFFFFFFF)
    assert dialect_named("odt-2026-06").seeded(0) == Xorshift32(0xFFFFFFFF)
    assert dialect_named("odt-2026-04").seeded(0) == Xorshift32(1)


@given(strategies.states, strategies.float32s, strategies.float32s, strategies.multiply_adds)
def test_uniform_between_any_bounds_is_that_of_the_oracle(state, low, high, multiply_add):
    out = np.empty(40, np.float32)
    Generator(Xorshift32(state), multiply_add=multiply_add).uniform(low, high, out)
    slow = reference.Xorshift32(state)
    low_bits, high_bits = (int(np.float32(x).view(np.uint32)) for x in (low, high))

    expected = [reference.odt_uniform(low_bits, high_bits, slow, multiply_add == "fused") for _ in range(40)]
    assert expected == out.view(np.uint32).tolist()


@given(strategies.bit_generators, st.lists(strategies.sizes, max_size=4), strategies.multiply_adds)
def test_uniforms_in_chunks_are_the_whole(bitgen, parts, multiply_add):
    whole = np.empty(sum(parts), np.float32)
    Generator(bitgen.copy(), multiply_add=multiply_add).uniform(-0.3, 0.7, whole)
    generator, chunks = Generator(bitgen, multiply_add=multiply_add), [np.empty(n, np.float32) for n in parts]
    for chunk in chunks:
        generator.uniform(-0.3, 0.7, chunk)

    assert np.array_equal(whole.view(np.uint32), np.concatenate([np.empty(0, np.float32), *chunks]).view(np.uint32))
    assert generator.drawn == sum(parts)


RING = 49088  # from four times this size on, one buffer is drawn another way


@pytest.mark.parametrize("multiply_add", ["separate", "fused"])
@pytest.mark.parametrize("size", [4 * RING - 1, 4 * RING, 5 * RING - 8039, 5 * RING - 8038, 6 * RING, 7 * RING + 12345])
def test_a_large_buffer_is_its_small_parts(size, multiply_add):
    whole = np.empty(size, np.float32)
    generator = Generator(Xorshift32(77), multiply_add=multiply_add)
    generator.uniform(-0.3, 0.9, whole)
    parts, rest = Generator(Xorshift32(77), multiply_add=multiply_add), whole
    while rest.size:
        part = np.empty(min(10007, rest.size), np.float32)
        parts.uniform(-0.3, 0.9, part)
        assert part.tobytes() == rest[: part.size].tobytes()
        rest = rest[part.size :]

    assert generator.bitgen == parts.bitgen
