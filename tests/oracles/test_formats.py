"""Buffer formats: against the recorded bytes of OnDeviceTraining and the slow oracle; their properties and errors."""

import math
import re
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import EmbinitError, Generator, Pcg32, Xorshift32
from embinit.__main__ import main
from embinit._kernels import formats as kernels
from embinit._kernels.stream import BLOCK
from embinit.dialects import dialect_named
from embinit.formats import FORMATS, ROUNDINGS, QuantizationParameters, family_named, format_named
from embinit.formats.base import _outermost
from embinit.store import Buffer, encode

from support import recorded, reference
from support import reference_formats as oracle
from support.requests.formats import LIMITS

F32 = np.float32


def generator_at(state):
    return Generator(Xorshift32(state))


def payload(buffer):
    return np.ascontiguousarray(buffer.data).tobytes()


def codes_of(buffer):
    """The codes of a buffer."""
    layout, codes = format_named(buffer.format), np.empty(math.prod(buffer.shape), np.int32)
    kernels.unpack(
        kernels.width_of(layout.bits),
        np.frombuffer(payload(buffer), np.uint8).copy(),
        layout.bits,
        layout.signed,
        codes,
    )
    return codes.tolist()


# ---- OnDeviceTraining's own bytes ----

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
@pytest.mark.parametrize("case", DEFINED, ids=lambda case: case["id"])
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


@pytest.mark.parametrize("case", UNDEFINED, ids=lambda case: case["id"])
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


# ---- The oracle ----


@contextmanager
def oracle_rounding(mode):
    """Let the oracle round by a mode where it rounds half away."""
    original = oracle.half_away
    oracle.half_away = oracle.ROUNDINGS.get(mode, original)
    try:
        yield
    finally:
        oracle.half_away = original


def by_oracle(name, values, rounding, generator, size):
    """The oracle's codes, clipped, scales, zero points and exponents; ValueError where there are none."""
    family = re.match("[a-z]+", name)[0]
    numbers = [int(number) for number in re.findall(r"\d+", name.removeprefix("sym_int32"))]
    if family == "q":
        return (*oracle.qformat(values, *numbers, rounding, generator), [], [], [])
    with oracle_rounding(rounding):
        if family == "bfp":
            mantissas, exponents, clipped = oracle.bfp(values, *numbers, generator, size)
            return mantissas, clipped, [], [], exponents
        if family in ("affine", "sym"):
            q = {"affine": oracle.affine, "sym": oracle.sym}[family](values, *numbers, generator, size)
        else:
            q = {"asym": oracle.asym, "int": oracle.symmetric_int}[family](values, *numbers, generator=generator)
    if 0 in q.scales:
        raise ValueError("a division by zero")
    if family == "sym" and not name.startswith("sym_int32"):
        oracle.sym_payload(q, *numbers)
    return q.codes, q.clipped, q.scales, q.zero_points, []


def values_by_oracle(name, codes, scales, zero_points, exponents):
    """The bits of the values that codes stand for."""
    q = oracle.Quantized(codes, scales, zero_points, 0)
    if exponents:
        return oracle.bfp_dequantized(codes, exponents, int(name.split("e")[1]))
    if not scales:
        return [reference.round_f32(Fraction(code, 2 ** int(name.split(".")[1]))) for code in codes]
    if name.startswith("asym"):
        return oracle.asym_dequantized(q)
    return oracle.affine_dequantized(q) if zero_points else oracle.sym_dequantized(q)


def quiet(words):
    return [reference.NAN if reference.is_nan(word) else word for word in words]


def listed(array):
    if array is None:
        return []
    return (array.view(np.uint32) if array.dtype == F32 else array).tolist()


q_names = st.integers(2, 32).flatmap(lambda width: st.integers(1, width).map(lambda m: f"q{m}.{width - m}"))
names = st.one_of(
    q_names,
    st.sampled_from(["int8", "int4"]),
    st.integers(1, 31).map("sym{}".format),
    st.integers(0, 31).map("sym_int32/{}".format),
    st.integers(1, 30).map("asym{}".format),
    st.integers(1, 16).map("affine{}".format),
    st.builds("bfp{}e{}".format, st.integers(2, 16), st.integers(2, 8)),
)
corners = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.5, -2.5, 0.49999997, 1.0, -1.0, 7.0, 127.5, 1e-41, 2.0**-149])
ordinary = st.one_of(corners, st.floats(-4, 4, width=32), st.integers(-40, 40).map(lambda k: k / 8))
extreme = st.one_of(corners, st.floats(allow_nan=False, allow_infinity=False, width=32))
constant = st.tuples(ordinary, st.integers(1, 9)).map(lambda pair: [pair[0]] * pair[1])
lists = st.one_of(st.lists(ordinary, min_size=1, max_size=24), st.lists(extreme, min_size=1, max_size=9), constant)
arrays = lists.map(lambda values: np.array(values, F32))
#: States whose next word gives the smallest jitters, 0 and 2^-24, those about a half, and the largest.
RARE = [
    Xorshift32(word).jumped(-1).state
    for word in (1, 0xFF, 0x100, 0x1FF, 0x7FFFFFFF, 0x80000000, 0x80000100, 0xFFFFFFFF)
]
states = st.one_of(st.integers(1, 2**32 - 1), st.sampled_from(RARE))


@settings(max_examples=600)
@given(names, arrays, st.sampled_from(ROUNDINGS), states, st.data())
def test_every_format_is_the_oracles(name, array, rounding, state, data):
    """Codes, bytes, parameters, clipped, decoded values, draws; or an error on both sides, and then no draw."""
    sizes = [None]
    if format_named(name).grouping == "groups":
        sizes += [d for d in range(1, array.size + 1) if array.size % d == 0]
    assert_the_oracles(name, array, rounding, state, data.draw(st.sampled_from(sizes)))


def assert_the_oracles(name, array, rounding, state, size):
    layout, n = format_named(name), array.size
    jitter = reference.Xorshift32(state) if rounding == "stochastic" else None
    generator = generator_at(state)
    try:
        codes, clipped, *parameters = by_oracle(name, array.view(np.uint32).tolist(), rounding, jitter, size)
    except ValueError:
        with pytest.raises(EmbinitError):
            encode(array, name, rounding, generator, group_size=size)
        assert (generator.bitgen.state, generator.drawn) == (state, 0)
        return
    buffer = encode(array, name, rounding, generator, group_size=size)

    assert codes == codes_of(buffer)
    assert oracle.pack(codes, layout.bits) == payload(buffer)
    assert (layout.nbytes(n), layout.dtype) == (len(payload(buffer)), buffer.data.dtype)
    assert parameters == [listed(buffer.scale), listed(buffer.zero_point), listed(buffer.exponents)]
    assert clipped == buffer.clipped
    assert quiet(values_by_oracle(name, codes, *parameters)) == quiet(listed(buffer.decode()))
    assert generator.drawn == layout.draws(n, rounding, n // (size or n))
    assert generator.bitgen == Xorshift32(state).jumped(generator.drawn)
    assert jitter is None or jitter.state == generator.bitgen.state


@given(st.sampled_from(["int8", "int4"]), st.lists(st.integers(1, 4), min_size=1, max_size=3), states, st.data())
def test_channels_are_the_oracles(name, shape, state, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    array = np.random.default_rng(state).normal(size=shape).astype(F32)
    rounding = data.draw(st.sampled_from(["half_away", "stochastic"]))
    jitter = reference.Xorshift32(state) if rounding == "stochastic" else None
    words = array.reshape(-1).view(np.uint32).tolist()
    q = oracle.symmetric_int(words, int(name[3:]), shape, axis, jitter)
    buffer = encode(array, name, rounding, generator_at(state), channel_axis=axis)

    assert (q.codes, q.scales, q.clipped) == (codes_of(buffer), listed(buffer.scale), buffer.clipped)
    scales = buffer.scale.reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    decoded = np.array(codes_of(buffer), F32).reshape(shape) * scales
    assert np.array_equal(decoded, buffer.decode())


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_grids_at_their_limits(name, rounding):
    for numbers in LIMITS[name]:
        for state in RARE:
            assert_the_oracles(name, np.array(numbers, F32), rounding, state, None)


def test_infinities_saturate_fixed_point_and_are_counted():
    buffer = encode(np.array([np.inf, -np.inf, 0.5], F32), "q7")

    assert (buffer.data.tolist(), buffer.clipped) == ([127, -128, 64], 2)


@pytest.mark.parametrize("name", ["sym1", "asym3", "affine16", "bfp4e3", "int4", "int8", "sym_int32/5", "q1.15"])
def test_one_element(name):
    for value in (0.0, 0.75, -0.75):
        buffer = encode(np.array([value], F32), name)
        codes, clipped, *parameters = by_oracle(name, [reference.f32(value)], "half_away", None, None)
        assert (codes, clipped) == (codes_of(buffer), buffer.clipped)
        assert parameters == [listed(buffer.scale), listed(buffer.zero_point), listed(buffer.exponents)]


# ---- Rounding, over all of float32 ----


@pytest.mark.parametrize("mode", ROUNDINGS[:4])
def test_rounding_of_every_256th_float(mode):
    words = np.arange(0, 2**32, 256, dtype=np.uint64).astype(np.uint32) + np.arange(2**24, dtype=np.uint32) % 251
    values = words[np.isfinite(words.view(F32))].view(F32)
    exact = values.astype(np.float64)
    expected = {
        "half_away": lambda: np.trunc(exact + np.copysign(0.5, exact)),
        "half_even": lambda: np.rint(exact),
        "truncate": lambda: np.trunc(exact),
        "floor": lambda: np.floor(exact),
    }[mode]()
    expected = np.where(np.abs(exact) < 2**52, expected, exact)  # the sum would round again above
    kernels.round_all(ROUNDINGS.index(mode), 0, np.zeros(1, np.uint32), values)

    assert np.array_equal(expected, values)


# ---- Properties ----

half_step = st.sampled_from(["half_away", "half_even"])


@given(names, arrays, half_step)
def test_decoded_values_lie_within_half_a_step(name, array, rounding):
    """Up to the roundings of float32 on the way, and where nothing was clipped."""
    try:
        buffer = encode(array, name, rounding)
    except EmbinitError:
        return
    if buffer.clipped or not np.isfinite(buffer.decode()).all():
        return  # an infinite scale, or a step beyond the largest float32
    step = (
        format_named(name)
        .grid(QuantizationParameters(buffer.scale, buffer.zero_point, buffer.exponents))
        .scale.astype(float)
    )
    zero = 0.0 if buffer.zero_point is None else np.abs(buffer.zero_point.astype(float))
    exact, decoded = array.astype(float), buffer.decode().astype(float)
    roundings = 4 * 2.0**-24 * (np.abs(exact) + np.abs(step) * zero) + 2.0**-149
    assert (np.abs(exact - decoded) <= np.abs(step) / 2 + roundings).all()


@given(
    st.one_of(q_names, st.sampled_from(["int8", "int4"]), st.integers(2, 16).map("sym{}".format)),
    arrays,
    st.sampled_from(ROUNDINGS[:4]),
)
def test_encoding_twice_is_encoding_once(name, array, rounding):
    if not name.startswith("q"):
        rounding = "half_away"  # the others could move the largest code, and with it the scale
    try:
        once = encode(array, name, rounding)
        twice = encode(once.decode(), name, rounding)
    except EmbinitError:
        return
    if name.startswith("q") and format_named(name).qmax >= 2**24 - 1:
        return  # float32 cannot hold every code
    if once.scale is not None and once.scale[0] < 2.0**-100:
        return  # the grid of subnormals moves
    assert codes_of(once) == codes_of(twice)


@given(q_names, st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20))
def test_every_code_of_fixed_point_decodes_to_the_nearest_float(name, codes):
    layout, frac_bits = format_named(name), int(name.split(".")[1])
    codes = np.clip(np.array(codes) >> 32 - layout.bits, layout.qmin, layout.qmax).astype(layout.dtype)
    decoded = Buffer(name, codes, codes.shape).decode()

    assert [reference.round_f32(Fraction(code, 2**frac_bits)) for code in codes.tolist()] == listed(decoded)


@given(st.integers(1, 32), st.booleans(), st.data())
def test_packing_and_unpacking(bits, signed, data):
    signed = signed or bits == 32
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    codes = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=70))
    packed = np.full((len(codes) * bits + 7) // 8, 0xA5, np.uint8)
    kernels.pack(kernels.width_of(bits), np.array(codes, np.int32), bits, packed)
    unpacked = np.empty(len(codes), np.int32)
    kernels.unpack(kernels.width_of(bits), packed, bits, signed, unpacked)

    assert oracle.pack(codes, bits) == packed.tobytes()
    assert codes == unpacked.tolist()


SIZES = [1, 7, kernels.STEP - 1, kernels.STEP, kernels.STEP + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1235]


@pytest.mark.parametrize("bits", [*range(1, 13), 15, 16, 17, 24, 25, 31, 32])
def test_packing_across_blocks(bits):
    for n in SIZES:
        codes = (np.arange(n, dtype=np.uint64) * 0x9E3779B97F4A7C15 >> 20).astype(np.uint32).view(np.int32)
        packed, unpacked = np.empty((n * bits + 7) // 8, np.uint8), np.empty(n, np.int32)
        kernels.pack(kernels.width_of(bits), codes, bits, packed)
        kernels.unpack(kernels.width_of(bits), packed, bits, True, unpacked)
        columns = np.unpackbits(codes.view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")[:, :bits]

        assert np.array_equal(np.packbits(columns.reshape(-1), bitorder="little"), packed)
        assert np.array_equal(codes << np.int32(32 - bits) >> np.int32(32 - bits), unpacked)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", ["q7", "q15", "q31", "q3.9", "q2.26"])
@pytest.mark.parametrize("bitgen", [Xorshift32(5), Pcg32(6)], ids=["xorshift32", "pcg32"])
def test_chunks_are_the_whole(name, rounding, bitgen):
    for n in SIZES:
        array = np.random.default_rng(n).normal(scale=0.4, size=n).astype(F32)
        whole, parts = Generator(bitgen.copy()), Generator(bitgen.copy())
        buffer = encode(array, name, rounding, whole)
        cuts = [0, n // 3, n // 3 + 1, n]
        chunks = [encode(array[a:b], name, rounding, parts) for a, b in pairwise(cuts) if a < b]

        assert np.array_equal(buffer.data, np.concatenate([chunk.data for chunk in chunks]))
        assert buffer.clipped == sum(chunk.clipped for chunk in chunks)
        assert (whole.bitgen, whole.drawn) == (parts.bitgen, parts.drawn)
        assert np.array_equal(buffer.decode(), np.concatenate([chunk.decode() for chunk in chunks]))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", ["sym8", "sym5", "sym16", "bfp8e5", "bfp6e4"])
@pytest.mark.parametrize("size", [1, 3, 100, kernels.STEP, 9000])
def test_groups_are_buffers_of_their_own(name, rounding, size):
    """Without draws for zero points, any run of groups continues the stream as the whole does."""
    count = 12
    array = np.random.default_rng(size).normal(size=count * size) * np.exp2(np.arange(count).repeat(size) % 9)
    array, whole, parts = array.astype(F32), generator_at(77), generator_at(77)
    buffer = encode(array, name, rounding, whole, group_size=size)
    alone = [encode(group, name, rounding, parts) for group in array.reshape(count, size)]

    assert codes_of(buffer) == [code for part in alone for code in codes_of(part)]
    assert buffer.clipped == sum(part.clipped for part in alone)
    for parameter in ("scale", "exponents"):
        whole_value = getattr(buffer, parameter)
        assert whole_value is None or np.array_equal(whole_value, [getattr(part, parameter)[0] for part in alone])
    assert (whole.bitgen, whole.drawn) == (parts.bitgen, parts.drawn)


@pytest.mark.parametrize("name", ["sym8", "sym16", "int8", "q7", "q15"])
def test_the_short_way_is_the_long_way(name):
    """One grid rounded half away is encoded in one loop; two groups of the same grid take all the stages."""
    array, layout = np.random.default_rng(3).normal(scale=0.4, size=2 * BLOCK + 10).astype(F32), format_named(name)
    array[0] = array[array.size // 2] = -2.0
    short = encode(array, name)
    scale, offset, zero = layout.grid(QuantizationParameters(short.scale))
    low, high = _outermost(layout.qmin, layout.qmax)
    out = np.empty(layout.nbytes(array.size), np.uint8)
    clipped = kernels.encode(
        kernels.HALF_AWAY, 0, np.zeros(1, np.uint32), array, array.size // 2, np.repeat(scale, 2), offset, zero,
        low, high, layout.qmin, layout.qmax, False, layout.bits, out,
    )  # fmt: skip

    assert (out.tobytes(), clipped) == (payload(short), short.clipped)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["sym8", "int8"]), st.integers(-130, 120))
def test_codes_of_quotients_near_a_half_are_the_oracles(seed, name, exponent):
    """Values within a few ULP of half a step, where a product for the quotient would often have another code."""
    random = np.random.default_rng(seed)
    scale = F32(random.uniform(1, 2) * 2.0**exponent)
    quotients = random.integers(-127, 127, 999) + 0.5
    near = (quotients * float(scale)).astype(F32).view(np.int32) + random.integers(-3, 4, 999).astype(np.int32)
    array = np.append(near.view(F32), F32(scale * F32(127)))
    array = array[np.abs(array) <= array[-1]]
    buffer = encode(array, name)

    exact = [Fraction(np.float32(v / buffer.scale[0]).item()) for v in array]
    away = [math.floor(abs(q) + Fraction(1, 2)) * (1 if q > 0 else -1) for q in exact]
    assert codes_of(buffer) == [max(min(code, 127), -127) for code in away]


def test_the_array_given_stays_and_keeps_its_shape():
    array = np.arange(24, dtype=F32).reshape(2, 3, 4)
    for name in ("q7", "sym8", "sym_int32/8", "int8", "asym4"):
        buffer = encode(array, name)
        assert buffer.shape == buffer.decode().shape == array.shape
        assert buffer.data.shape == (array.shape if not format_named(name).packed else (format_named(name).nbytes(24),))
    assert np.array_equal(array.reshape(-1), np.arange(24))
    strided = np.arange(48, dtype=F32)[::2]
    strided.flags.writeable = False
    assert payload(encode(strided, "sym8")) == payload(encode(strided.copy(), "sym8"))
    assert payload(encode([0.1, 0.2], "q31")) == payload(encode(np.array([0.1, 0.2], F32), "q31"))


def test_float32_is_the_values_themselves():
    array = np.array([[np.nan, -0.0], [np.inf, 1e-45]], F32)
    buffer = encode(array, "float32", "stochastic", generator_at(9))

    assert payload(buffer) == array.tobytes() == buffer.decode().tobytes()
    assert (buffer.scale, buffer.zero_point, buffer.exponents, buffer.clipped) == (None, None, None, 0)


# ---- Integer-only fill ----


@given(q_names, states, st.integers(0, 40), st.data())
def test_integer_only_fill_is_the_oracles(name, state, n, data):
    layout = format_named(name)
    bound = data.draw(st.integers(0, layout.qmax))
    generator = generator_at(state)
    codes = layout.uniform(generator, bound, n)
    source = reference.Xorshift32(state)

    width = sum(map(int, name[1:].split(".")))
    assert [oracle.integer_uniform(source.draw(), bound, width > 16) for _ in range(n)] == codes.tolist()
    assert (codes.dtype, generator.drawn, generator.bitgen.state) == (layout.dtype, n, source.state)


@pytest.mark.parametrize("name", ["q7", "q15", "q31", "q2.15"])
def test_integer_only_fill_in_chunks(name):
    layout, whole, parts = format_named(name), generator_at(8), generator_at(8)
    codes = layout.uniform(whole, layout.qmax, 2 * BLOCK + 99)
    chunks = [layout.uniform(parts, layout.qmax, n) for n in (1, BLOCK - 2, BLOCK + 100)]

    assert np.array_equal(codes, np.concatenate(chunks))
    assert (codes.min() < -0.99 * layout.qmax, codes.max() > 0.99 * layout.qmax) == (True, True)


@given(q_names, st.floats(0, 40, width=32))
def test_the_bound_code_is_the_code_of_the_bound(name, bound):
    layout = format_named(name)

    (code,), _ = oracle.qformat([reference.f32(bound)], *map(int, name[1:].split(".")))
    assert layout.bound_code(bound) == code


# ---- Errors: what is wrong, what is allowed, what was received ----

ONES = np.ones(6, F32)
ERRORS = {
    "format must be one of float32, .*q<m>\\.<n>, .* got 'sym'": lambda: encode(ONES, "sym"),
    "format must be one of .* got 'sym08'": lambda: encode(ONES, "sym08"),
    "format must be one of .* got 'q7 '": lambda: encode(ONES, "q7 "),
    "format must be one of .* got None": lambda: encode(ONES, None),
    "the width of sym0 must be 1 to 31 .*exits.*, got 0": lambda: encode(ONES, "sym0"),
    "the width of sym32 must be 1 to 31 .* got 32": lambda: encode(ONES, "sym32"),
    "the width of sym_int32/32 must be 0 to 31 .* got 32": lambda: encode(ONES, "sym_int32/32"),
    "the width of asym0 must be 1 to 30 .* got 0": lambda: encode(ONES, "asym0"),
    "the width of asym31 must be 1 to 30 .* got 31": lambda: encode(ONES, "asym31"),
    "the width of affine17 must be 1 to 16 .* got 17": lambda: encode(ONES, "affine17"),
    "n of q-60.65 must be -32 to 64, got 65": lambda: encode(ONES, "q-60.65"),
    r"m \+ n of q1.0 must be 2 to 32 .* got 1": lambda: encode(ONES, "q1.0"),
    r"m \+ n of q3.30 must be 2 to 32 .* got 33": lambda: encode(ONES, "q3.30"),
    "the mantissa width of bfp1e5 must be 2 to 16, got 1": lambda: encode(ONES, "bfp1e5"),
    "the exponent width of bfp8e9 must be 2 to 8, got 9": lambda: encode(ONES, "bfp8e9"),
    "rounding must be one of half_away, .* got 'up'": lambda: encode(ONES, "q7", "up"),
    "rounding stochastic draws from an embinit.Generator, got generator=None": lambda: encode(ONES, "q7", "stochastic"),
    "group_size must divide the 6 elements of the array, got 4": lambda: encode(ONES, "sym8", group_size=4),
    "group_size must divide the 6 .* got 0": lambda: encode(ONES, "sym8", group_size=0),
    "group_size must divide the 6 .* got True": lambda: encode(ONES, "sym8", group_size=True),
    "asym8 takes no group_size: .* got group_size=2": lambda: encode(ONES, "asym8", group_size=2),
    "int8 takes no group_size: give channel_axis .* got group_size=2": lambda: encode(ONES, "int8", group_size=2),
    "sym8 takes no channel_axis: give group_size = .* got channel_axis=0": lambda: encode(ONES, "sym8", channel_axis=0),
    "float32 takes no channel_axis: .* got channel_axis=0": lambda: encode(ONES, "float32", channel_axis=0),
    "channel_axis must be an axis of the array, 0 to 0, got 1": lambda: encode(ONES, "int8", channel_axis=1),
    "channel_axis must be None for an array without axes, got 0": lambda: encode(F32(1), "int8", channel_axis=0),
    r"array must hold at least one real number, .* got float32 array of shape \(0,\)": lambda: encode(ONES[:0], "q7"),
    "array must hold at least one real number, .* got complex64 array": lambda: encode(ONES * 1j, "q7"),
    "q15 has no code for nan, at element 1": lambda: encode(np.array([np.inf, np.nan], F32), "q15"),
    "sym8 has no code for inf, at element 1": lambda: encode(np.array([0, np.inf], F32), "sym8"),
    "asym8 has no code for nan, at element 0": lambda: encode(np.array([np.nan, 0], F32), "asym8"),
    "affine8 has no code for -inf, at element 1": lambda: encode(np.array([0, -np.inf], F32), "affine8"),
    "bfp8e8 has no code for inf, at element 2": lambda: encode(np.array([0, 1, np.inf], F32), "bfp8e8"),
    "int8 needs a scale above 0, and that of group 1 underflows": lambda: encode(
        np.array([[1], [1e-45]], F32), "int8", channel_axis=0
    ),
    "affine16 needs a scale above 0": lambda: encode(np.array([1e-45, 0], F32), "affine16"),
    r"asym16 needs a zero point within int32, .* got 1048\d* for .* take affine16": lambda: encode(
        np.array([1e6, 1e6 + 0.0625], F32), "asym16"
    ),
    "sym26: above 25 bits .* must be negative, .* got 1.0 in group 1": lambda: encode(
        np.array([0.5, -1, 1, -0.5], F32), "sym26", group_size=2
    ),
    "the bound code of q7 must be an integer from 0 to 127, got 128": lambda: format_named("q7").uniform(
        generator_at(1), 128, 3
    ),
    "the bound of an integer-only fill must be finite and not negative, got -0.5": lambda: format_named(
        "q7"
    ).bound_code(-0.5),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message):
    with pytest.raises(EmbinitError, match=f"^{message}"):
        ERRORS[message]()


def test_wide_sym_passes_where_the_largest_magnitude_is_negative():
    assert codes_of(encode(np.array([0.5, -1], F32), "sym26")) == [2**24, -(2**25)]
    assert codes_of(encode(np.array([0.5, 1], F32), "sym_int32/26")) == [2**24, 2**25]


def test_every_family_is_listed_with_a_name_that_works():
    examples = {"int<b>/<steps>": "int8/127.5", "q<b>/auto": "q16/auto", "affine_int<b>": "affine_int8",
                "q<m>.<n>": "q3.9", "sym<b>": "sym4", "asym<b>": "asym4", "affine<b>": "affine4",
                "sym_int32/<b>": "sym_int32/12", "bfp<m>e<e>": "bfp8e5"}  # fmt: skip
    for name in FORMATS:
        layout = format_named(examples.get(name, name))
        assert layout.nbytes(8) == layout.bits
        assert layout.ctype in ("float", "double", "uint8_t", "int8_t", "int16_t", "uint16_t", "int32_t", "int64_t")
    assert format_named("q15") == format_named("q15")
    assert [format_named(name).bits for name in ("q7", "q3.9", "q31", "sym_int32/8", "bfp5e8")] == [8, 16, 32, 32, 5]


# ---- What `embinit formats` says ----

SAMPLES = ["float32", "q3.5", "q7", "q15", "q31", "int8", "int4", "sym8", "asym8", "affine8", "sym_int32/8", "bfp8e5"]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_family_says_what_encode_does(name):
    family, layout = family_named(name), format_named(name)
    for value, said in ((np.nan, family.nan), (np.inf, family.infinity)):
        array = np.array([1.0, value], np.float32)
        if said == "an error":
            with pytest.raises(EmbinitError):
                encode(array, name)
        elif said == "saturates":
            assert encode(array, name).data[1] == layout.qmax
        else:
            assert encode(array, name).data.tobytes() == array.tobytes()
    keys = {"group_size": 2} if layout.grouping == "groups" else {}
    generator = Generator(Xorshift32(5))
    buffer = encode(np.arange(6, dtype=np.float32), name, "stochastic", generator, **keys)
    assert generator.drawn == eval(family.draws.partition(",")[0], {"n": 6, "groups": 3 if keys else 1})
    kept = {"scale": buffer.scale, "zero point": buffer.zero_point, "stored exponent": buffer.exponents}
    assert {what for what, values in kept.items() if values is not None} == {w for w in kept if w in family.beside}
    for what, values in kept.items():
        if values is not None:
            assert f"{what}: {values.dtype}" in family.beside
    zeros = encode(np.zeros(4, np.float32), name)
    assert not zeros.decode().any()
    assert ("scale 1" in family.zeros) == (zeros.scale is not None and bool((zeros.scale == 1).all()))


@pytest.mark.parametrize(
    ("name", "positive", "negative"),
    [("int8", [127], [-127]), ("sym5", [15], [-15]), ("asym4", [0], [0]), ("affine4", [15], [0])],
)
def test_one_element_has_the_code_that_its_family_says(name, positive, negative):
    for value, codes in ((0.3, positive), (-0.3, negative)):
        assert codes_of(encode(np.array([value], np.float32), name)) == codes


def test_every_family_is_said_in_full(capsys):
    for name, family in FORMATS.items():
        assert main(["formats", name]) == 0
        said = capsys.readouterr().out
        assert all(text in said for text in vars(family).values())
    assert main(["formats", "sym5"]) == 0
    assert "sym5      5 bits an element, codes -16 to 15" in capsys.readouterr().out
    assert main(["formats", "sym50"]) == 2
