"""Formats: every code against an exact oracle, and exact properties."""

import math
import re
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import EmbinitError, Generator, Pcg32, Xorshift32
from embinit._kernels import formats as kernels
from embinit._kernels.stream import BLOCK
from embinit.formats import ROUNDINGS, QuantizationParameters, format_named
from embinit.formats.base import _outermost
from embinit.store import Buffer, encode

from support import reference
from support import reference_formats as oracle
from support.formats import RARE, arrays, codes_of, generator_at, payload, q_names, states
from support.requests.formats import LIMITS
from support.sweeps import examples

F32 = np.float32


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


names = st.one_of(
    q_names,
    st.sampled_from(["int8", "int4"]),
    st.integers(1, 31).map("sym{}".format),
    st.integers(0, 31).map("sym_int32/{}".format),
    st.integers(1, 30).map("asym{}".format),
    st.integers(1, 16).map("affine{}".format),
    st.builds("bfp{}e{}".format, st.integers(2, 16), st.integers(2, 8)),
)


@settings(max_examples=examples(600))
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
def test_rounding_of_every_1024th_float(mode):
    words = np.arange(0, 2**32, 1024, dtype=np.uint64).astype(np.uint32) + np.arange(2**22, dtype=np.uint32) % 1021
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
