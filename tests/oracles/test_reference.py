"""The oracle against the recorded bits, published words and the host's own float32 unit."""

import math
import random
import struct
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from support import reference as ref
from support.recorded import FUSED, PLATFORMS, bits, cases, model_layer, pieces, same, torch_cases, torch_words, words

BUILDS = ("x86", "x86fma")  # one separate and one fused; the recorded uniforms know no other difference


def each(*groups: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(*groups), ids=lambda case: case["id"])


def float_bits(x: float) -> int:
    return int.from_bytes(struct.pack("<f", x), "little")


def nan_as_one(pattern: int) -> int:
    return ref.NAN if ref.is_nan(pattern) else pattern


class Scripted:
    """A generator whose draws are given."""

    def __init__(self, *draws: int) -> None:
        self.left = list(draws)

    def draw(self) -> int:
        return self.left.pop(0)


# binary32


def patterns(n: int) -> list[int]:
    """Corners, near neighbours of powers of two, and random words."""
    corners = [0, 1, 2, 0x7FFFFF, 0x800000, 0x800001, 0x3EFFFFFF, 0x3F000000, 0x3F800000, 0x3F800001, 0x4B000001]
    corners += [0x4F000000, 0x7F7FFFFF, ref.INF, ref.NAN]
    chosen = random.Random(32)
    near_one = [0x3F000000 + chosen.getrandbits(24) for _ in range(n)]
    return [x | s for x in corners for s in (0, ref.SIGN)] + near_one + [chosen.getrandbits(32) for _ in range(n)]


def as_float32(xs: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(xs, np.uint32).view(np.float32)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic_is_the_hosts(name: str) -> None:
    xs = patterns(300)
    pairs = [(x, y) for x in xs[:30] for y in xs[:30]] + list(zip(xs, reversed(xs), strict=True))
    a, b = as_float32([x for x, _ in pairs]), as_float32([y for _, y in pairs])
    with np.errstate(all="ignore"):
        host = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[name](a, b)

    assert [getattr(ref, name)(x, y) for x, y in pairs] == [nan_as_one(z) for z in host.view(np.uint32).tolist()]


def test_sqrt_is_the_hosts() -> None:
    xs = patterns(1000)
    with np.errstate(all="ignore"):
        host = np.sqrt(as_float32(xs))

    assert [nan_as_one(ref.sqrt(x)) for x in xs] == [nan_as_one(z) for z in host.view(np.uint32).tolist()]


def test_fma_rounds_once() -> None:
    tiny, one = float_bits(2.0**-80), float_bits(1.0)
    x = float_bits(1 + 2.0**-12)

    assert ref.fma(x, x, tiny) == 0x3F801001  # rounding the double sum first gives 0x3f801000
    assert ref.fma(x, x, ref.f32(Fraction(-1) - Fraction(1, 2**11))) == float_bits(2.0**-24)
    assert ref.fma(float_bits(2.0**100), float_bits(2.0**100), ref.SIGN | ref.INF) == ref.SIGN | ref.INF
    assert ref.fma(one, ref.SIGN, ref.SIGN) == ref.SIGN
    assert ref.fma(one, one, float_bits(-1.0)) == 0
    assert ref.fma(one, one, ref.NAN | 5) == ref.NAN


def test_fma_is_add_and_mul_where_one_of_them_is_exact() -> None:
    xs = patterns(300)
    for x, y in zip(xs, reversed(xs), strict=True):
        assert ref.fma(x, float_bits(1.0), y) == ref.add(x, y)
        assert ref.fma(x, y, (x ^ y) & ref.SIGN) == ref.mul(x, y)


def test_round_f32_inverts_value_and_rounds_ties_to_even() -> None:
    for x in patterns(1000):
        if ref.is_finite(x):
            assert ref.round_f32(ref.value(x), x & ref.SIGN) == x
    for x in (0, 1, 0x7FFFFE, 0x7FFFFF, 0x800000, 0x3F7FFFFF, 0x3F800000, 0x7F7FFFFE):
        tie = (ref.value(x) + ref.value(x + 1)) / 2
        even = x + (x & 1)
        assert ref.round_f32(tie) == even
        assert ref.round_f32(tie - Fraction(1, 2**400)) == x
        assert ref.round_f32(tie + Fraction(1, 2**400)) == x + 1
        assert ref.round_f32(-tie) == even | ref.SIGN
    assert ref.round_f32(2**128 - 2**103) == ref.INF
    assert ref.round_f32(2**128 - 2**103 - 1) == 0x7F7FFFFF


def test_order_sorts_as_the_host() -> None:
    xs = [x for x in patterns(300) if not ref.is_nan(x)]
    for x, y in zip(xs, reversed(xs), strict=True):
        a, b = as_float32([x, y])
        assert (ref.order(x) < ref.order(y), ref.order(x) == ref.order(y)) == (a < b, a == b)


# Bit generators


@pytest.mark.parametrize("n", [0, 1, 2, 31, 1000, -1, -777])
def test_jumps_are_that_many_draws(n: int) -> None:
    for generator in (ref.Xorshift32(0xDEADBEEF), ref.Pcg32(42, 54)):
        start = generator.state
        generator.jump(n)
        for _ in range(-n):
            generator.draw()
        reached, generator.state = generator.state, start
        for _ in range(n):
            generator.draw()
        assert reached == generator.state


def test_jumps_add_up_and_close() -> None:
    """The period of xorshift32 is 2^32 - 1 and no proper divisor of it; that of PCG32 is 2^64."""
    xorshift, pcg = ref.Xorshift32(7), ref.Pcg32(7, 1)
    for generator, period in ((xorshift, 2**32 - 1), (pcg, 2**64)):
        start = generator.state
        generator.jump(period)
        assert generator.state == start
        generator.jump(2**64 - 12345)
        generator.jump(12345 - 2**64)
        assert generator.state == start
    for prime in (3, 5, 17, 257, 65537):
        xorshift.jump((2**32 - 1) // prime)
        assert xorshift.state != 7
        xorshift.state = 7
    start = pcg.state
    pcg.jump(2**63)
    assert pcg.state != start


def test_pcg32_is_the_published_demo() -> None:
    pcg = ref.Pcg32(42, 54)

    assert [pcg.draw() for _ in range(6)] == [
        0xA15C02B7,
        0x7B47F409,
        0xBA1D3330,
        0x83D2F293,
        0xBFA4784B,
        0xCBED606E,
    ]


def test_mt19937_is_the_one_of_the_cpp_standard() -> None:
    twister = ref.MT19937(5489)
    drawn = [twister.draw() for _ in range(10000)]

    assert (drawn[0], drawn[-1]) == (3499211612, 4123659995)


@each("rng")
def test_rng(case: dict[str, Any]) -> None:
    inputs = case["inputs"]
    generator = ref.odt_seeded(inputs.get("seed"))
    if "n_floats" not in inputs:
        assert same(case, "state", "x86", [generator.state])
        return
    assert same(case, "state_after_seed", "x86", [generator.state])
    floats, states = [], []
    for _ in range(inputs["n_floats"]):
        floats.append(ref.odt_float(generator))
        states.append(generator.state)
    assert same(case, "floats", "x86", floats)
    assert same(case, "states", "x86", states[: inputs["n_states"]])
    assert same(case, "state_after", "x86", [generator.state])


def test_seed_zero_in_each_dialect() -> None:
    assert [ref.odt_seeded(0, d).state for d in ("odt", "odt-2026-06", "odt-2026-04")] == [0xFFFFFFFF, 0xFFFFFFFF, 1]


@each("shuffle")
def test_shuffle(case: dict[str, Any]) -> None:
    generator, indices = ref.odt_seeded(case["inputs"]["seed"]), list(range(case["inputs"]["n"]))
    for k in range(case["inputs"]["rounds"]):
        ref.odt_shuffle(indices, generator)
        assert same(case, f"perm{k}", "x86", indices)
        assert same(case, f"state_after{k}", "x86", [generator.state])


def test_shuffle_rejects_the_top_draws_even_for_powers_of_two() -> None:
    """0xFFFFFFFF mod 2 is 1, so two elements accept x < 0xFFFFFFFE; of three, the limit is 0xFFFFFFFF itself."""
    generator, pair = Scripted(0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFC), [0, 1]
    ref.odt_shuffle(pair, generator)
    assert (pair, generator.left) == ([1, 0], [])
    generator, triple = Scripted(0xFFFFFFFF, 0xFFFFFFFE, 0), [0, 1, 2]
    ref.odt_shuffle(triple, generator)
    assert (triple, generator.left) == ([1, 0, 2], [])


@each("bernoulli")
def test_bernoulli(case: dict[str, Any]) -> None:
    inputs, generator = case["inputs"], ref.odt_seeded(case["inputs"]["seed"])
    chosen = ref.odt_bernoulli(bits(inputs["prob_true"]), inputs["n"], generator)
    buffer = bytes([inputs["fill_byte"]]) * ((inputs["n"] + 7) // 8)
    assert same(case, "mask", "x86", list(ref.odt_mask(buffer, chosen)))
    assert same(case, "state_after", "x86", [generator.state])


def test_bernoulli_at_its_bounds() -> None:
    assert ref.odt_bernoulli(0, 2, Scripted(0, 0xFFFFFFFF)) == [False, False]
    assert ref.odt_bernoulli(float_bits(1.0), 2, Scripted(0, 0xFFFFFFFF)) == [True, True]
    assert ref.odt_bernoulli(float_bits(0.5), 2, Scripted(0x7FFFFFFF, 0x80000000)) == [True, False]


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


# PyTorch

TORCH_SIZES = {
    "Linear": ("in_features", "out_features"),
    "Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose1d": ("in_channels", "out_channels", "kernel_size"),
}
CAPABILITIES = {"avx2": True, "default": False}  # fused or not


def torch_layer(name: str, sizes: list[int], options: dict[str, Any]) -> ref.Layer:
    return {"type": name} | dict(zip(TORCH_SIZES.get(name, ()), sizes, strict=False)) | options


def check_next_word(case: dict[str, Any], generator: ref.MT19937) -> None:
    assert generator.draw() % 2**31 == case["next_random_int32"]


def test_torch_words() -> None:
    for case in torch_cases("random_int32"):
        generator = ref.MT19937(case["seed"])
        assert [generator.draw() % 2**31 for _ in range(case["n"])] == torch_words(case).tolist()
        check_next_word(case, generator)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_torch_uniform(capability: str) -> None:
    for case in torch_cases("uniform_"):
        generator = ref.MT19937(case["seed"])
        fused = CAPABILITIES[capability]
        drawn = [ref.torch_uniform(case["a"], case["b"], generator, fused) for _ in range(case["n"])]
        assert drawn == torch_words(case, "", capability).tolist(), case
        check_next_word(case, generator)


def test_torch_uniform_never_gives_its_upper_end() -> None:
    """Where a + k * 2^-24 * (b - a) rounds to b, torch 2.12 and later return a."""

    low, high = 2.0**24, 2.0**24 + 2

    assert ref.torch_uniform(low, high, Scripted(0xFFFFFFFF), fused=True) == float_bits(low)
    assert ref.torch_uniform(-0.0, 0.0, Scripted(0xFFFFFFFF), fused=True) == float_bits(-0.0)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("kind", ["layer", "model"])
def test_torch_layers(kind: str, capability: str) -> None:
    checked = 0
    for case in torch_cases(kind):
        layers = case["layers"] if kind == "model" else [(case["fn"], case["args"], case["kwargs"])]
        if not {name for name, _, _ in layers} <= {*TORCH_SIZES, "BatchNorm1d"}:
            continue
        generator = ref.MT19937(case["seed"])
        for i, layer in enumerate(layers):
            for name, tensor in ref.torch_layer(torch_layer(*layer), generator, CAPABILITIES[capability]).items():
                recorded = torch_words(case, f"{i}.{name}" if kind == "model" else name, capability)
                assert tensor == recorded.tolist(), (case["seed"], layer, name)
                checked += 1
        check_next_word(case, generator)
    assert checked == {"layer": 156, "model": 84}[kind]
