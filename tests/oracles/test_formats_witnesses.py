"""Buffer formats on a million values where CI is set, beside other people's libraries and beside NumPy's float64."""

import numpy as np
import pytest

from embinit import Generator, Xorshift32
from embinit.formats import format_named
from embinit.store import encode

from support.sweeps import examples

F32 = np.float32
MANY = examples(10**6)
GROUPED = 4096 * examples(250)


def values(frac_bits, seed=1):
    """More than MANY values: ties of the grid, both ends of the range and beyond, and any between.

    None has a bit below 2^-44, so that fixed point of 44 fractional bits holds them all.
    """
    random = np.random.default_rng(seed)
    any_value = random.uniform(-1.3, 1.3, MANY)
    any_value[np.abs(any_value) < 2.0**-20] = 0
    most = min(3 * 2**frac_bits, 2**22)
    ties = (random.integers(-most, most, 20000) + 0.5) / 2.0**frac_bits
    ends = [sign * np.nextafter(F32(1), F32(to)) for sign in (1, -1) for to in (0, 1, 2)]
    ends += [sign * (1 - step / 2.0**frac_bits) for sign in (1, -1) for step in (0, 0.25, 0.5, 0.75, 1, 1.5)]
    return np.concatenate([any_value, ties, ends, [0.0, -0.0, 3.9, -3.9]]).astype(F32)


@pytest.mark.parametrize(
    ("name", "function"), [("q7", "arm_float_to_q7"), ("q15", "arm_float_to_q15"), ("q31", "arm_float_to_q31")]
)
def test_cmsis_dsp_truncates(name, function):
    dsp = pytest.importorskip("cmsisdsp")
    array = values(format_named(name).frac_bits)

    assert np.array_equal(getattr(dsp, function)(array), encode(array, name, "truncate").data)


@pytest.mark.parametrize(
    ("rounding", "quantization"),
    [("half_away", "TIES_AWAY"), ("half_even", "TIES_EVEN"), ("truncate", "TO_ZERO"), ("floor", "TO_NEG")],
)
@pytest.mark.parametrize(("int_bits", "frac_bits"), [(1, 7), (1, 15), (1, 31), (2, 3), (2, 24)])
def test_apytypes(int_bits, frac_bits, rounding, quantization):
    apytypes = pytest.importorskip("apytypes")
    array = values(frac_bits)
    exact = apytypes.APyFixedArray.from_array(array.astype(np.float64), int_bits=4, frac_bits=44)
    cast = exact.cast(
        int_bits=int_bits,
        frac_bits=frac_bits,
        quantization=getattr(apytypes.QuantizationMode, quantization),
        overflow=apytypes.OverflowMode.SAT,
    )
    buffer = encode(array, f"q{int_bits}.{frac_bits}", rounding)

    assert np.array_equal(np.ldexp(cast.to_numpy(), frac_bits), buffer.data)
    assert buffer.clipped > 0


def half_away(x):
    exact = x.astype(np.float64)
    return np.trunc(exact + np.copysign(0.5, exact))


def jittered(x, words):
    return (x + ((words >> 8) * 2.0**-24).astype(F32)) - F32(0.5)


def test_ml_dtypes_int4():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = values(4)
    scale = np.max(np.abs(array)) / F32(7)
    nibbles = half_away(array / scale).astype(ml_dtypes.int4)
    buffer = encode(array, "int4")

    bits = nibbles.view(np.uint8) & 15
    bits = np.append(bits, np.zeros(array.size % 2, np.uint8))
    assert np.array_equal(bits[::2] | bits[1::2] << 4, buffer.data)
    assert np.array_equal(nibbles.astype(F32) * scale, buffer.decode())


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("size", [None, 10, 4096])
@pytest.mark.parametrize("name", ["sym8", "sym16", "sym25", "int8", "sym_int32/12", "q15", "q31"])
def test_symmetric_formats_and_numpy(name, size, stochastic):
    layout = format_named(name)
    if size is not None and layout.grouping != "groups":
        return
    array = values(7)[:MANY]
    array = np.resize(array, GROUPED)
    rows = array.reshape(-1, size or array.size)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scale = F32(2.0**-layout.frac_bits) if name.startswith("q") else largest / F32(layout.steps)
    quotients = (rows / scale).reshape(-1)
    generator = Generator(Xorshift32(99))
    if stochastic:
        quotients = jittered(quotients, Xorshift32(99).random_raw(array.size))
    codes = half_away(quotients)
    kept = np.clip(codes, layout.qmin, layout.qmax).astype(np.int32)
    buffer = encode(array, name, "stochastic" if stochastic else "half_away", generator, group_size=size)

    stored = kept.view(np.uint8).reshape(-1, 4)
    if layout.bits % 8:
        stored = np.packbits(
            np.unpackbits(stored, axis=1, bitorder="little")[:, : layout.bits].reshape(-1), bitorder="little"
        )
    else:
        stored = stored[:, : layout.bits // 8]
    assert np.array_equal(stored.reshape(-1), np.ascontiguousarray(buffer.data).reshape(-1).view(np.uint8))
    assert buffer.clipped == np.count_nonzero(codes != kept)
    decoded = (kept.astype(F32).reshape(rows.shape) * scale).reshape(-1)
    assert np.array_equal(decoded.view(np.uint32), buffer.decode().view(np.uint32))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(64, 32, 5), (4, 3, 7000)])
def test_channels_and_numpy(shape, axis):
    array = np.resize(values(7), shape)
    array *= np.exp2(np.arange(shape[axis]) % 7).astype(F32).reshape([-1 if a == axis else 1 for a in range(3)])
    scale = np.abs(array).max(axis=tuple({0, 1, 2} - {axis}), keepdims=True) / F32(127)
    buffer = encode(array, "int8", channel_axis=axis)

    assert np.array_equal(scale.reshape(-1), buffer.scale)
    assert np.array_equal(half_away(array / scale), buffer.data)
    assert np.array_equal(buffer.data.astype(F32) * scale, buffer.decode())


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("size", [20, 4096])
def test_affine_and_numpy(size, stochastic):
    array = np.resize(values(7), GROUPED)
    rows = array.reshape(-1, size)
    low, high = np.minimum(rows.min(1), F32(0)), np.maximum(rows.max(1), F32(0))
    scale = (high - low) / F32(255)
    middles, quotients = -low / scale, (rows / scale[:, None]).reshape(-1)
    if stochastic:
        words = Xorshift32(7).random_raw(middles.size + array.size)
        middles, quotients = jittered(middles, words[: middles.size]), jittered(quotients, words[middles.size :])
    zero = np.clip(half_away(middles), 0, 255)
    codes = half_away(quotients).reshape(rows.shape) + zero[:, None]
    rounding = "stochastic" if stochastic else "half_away"
    buffer = encode(array, "affine8", rounding, Generator(Xorshift32(7)), group_size=size)

    assert np.array_equal(zero, buffer.zero_point)
    assert np.array_equal(np.clip(codes, 0, 255).reshape(-1), buffer.data)
    assert buffer.clipped == np.count_nonzero((codes < 0) | (codes > 255))


ROUNDED = {"half_away": half_away, "half_even": np.rint, "truncate": np.trunc, "floor": np.floor}


@pytest.mark.parametrize("rounding", [*ROUNDED, "stochastic"])
@pytest.mark.parametrize("bits", [8, 16])
def test_asym_and_numpy(bits, rounding):
    array = values(7)
    low, high = array.min(), array.max()
    scale = (high - low) / F32(2**bits - 1)
    middle, quotients = low / scale, array / scale
    if rounding == "stochastic":
        words = Xorshift32(11).random_raw(1 + array.size)
        zero = half_away(jittered(middle, words[:1]))[0]
        codes = half_away(jittered(quotients - F32(zero), words[1:]))
    else:
        zero = ROUNDED[rounding](np.float64(middle))
        codes = ROUNDED[rounding]((quotients - F32(zero)).astype(np.float64))
    buffer = encode(array, f"asym{bits}", rounding, Generator(Xorshift32(11)))
    kept = np.clip(codes, 0, 2**bits - 1)

    assert buffer.zero_point.tolist() == [int(zero)]
    assert np.array_equal(kept, buffer.data.view(f"<u{bits // 8}"))
    assert buffer.clipped == np.count_nonzero(codes != kept)
    decoded = (kept.astype(F32) + F32(zero)) * scale
    assert np.array_equal(decoded.view(np.uint32), buffer.decode().view(np.uint32))


@pytest.mark.parametrize("rounding", [*ROUNDED, "stochastic"])
@pytest.mark.parametrize(("mantissa", "exponent", "size"), [(8, 8, 32), (16, 5, 4096), (8, 3, 16)])
def test_block_floating_point_and_numpy(mantissa, exponent, size, rounding):
    """Steps are powers of two, so that quotients are exact; few bits of exponent clamp it, and mantissas saturate."""
    array = np.resize(values(7), GROUPED)
    array *= np.exp2(np.arange(array.size) // 4096 % 9 - 4).astype(F32)
    rows, qmax, bias = array.reshape(-1, size), 2 ** (mantissa - 1) - 1, 2 ** (exponent - 1) - 1
    largest = np.abs(rows).max(1) / F32(qmax)
    least = np.ceil(np.log2(largest.astype(np.float64))).astype(int)  # of a float32 exact enough to tell powers of two
    stored = np.clip(least + bias, 0, min(2**exponent - 1, bias + 127))
    quotients = np.ldexp(rows.astype(np.float64), (bias - stored)[:, None]).reshape(-1)
    limited = np.clip(quotients, -qmax - 1, qmax)
    if rounding == "stochastic":
        codes = half_away(jittered(limited.astype(F32), Xorshift32(13).random_raw(array.size)))
    else:
        codes = ROUNDED[rounding](limited)
    kept = np.clip(codes, -qmax - 1, qmax).astype(np.int64)
    buffer = encode(array, f"bfp{mantissa}e{exponent}", rounding, Generator(Xorshift32(13)), group_size=size)

    assert np.array_equal(stored, buffer.exponents)
    assert np.array_equal(kept, buffer.data.view(f"<i{mantissa // 8}"))
    assert buffer.clipped == np.count_nonzero((codes != kept) | (limited != quotients))
    decoded = np.ldexp(kept.reshape(rows.shape).astype(np.float64), (stored - bias)[:, None]).astype(F32).reshape(-1)
    assert np.array_equal(decoded.view(np.uint32), buffer.decode().view(np.uint32))


@pytest.mark.parametrize("rounding", ["half_even", "truncate", "floor"])
@pytest.mark.parametrize("name", ["sym8", "int8", "affine8"])
def test_other_roundings_and_numpy(name, rounding):
    array = values(7)
    if name == "affine8":
        scale = (np.maximum(array.max(), F32(0)) - np.minimum(array.min(), F32(0))) / F32(255)
        zero = np.clip(ROUNDED[rounding](np.float64(-array.min() / scale)), 0, 255)
        codes, ends = ROUNDED[rounding]((array / scale).astype(np.float64)) + zero, (0, 255)
    else:
        codes = ROUNDED[rounding]((array / (np.abs(array).max() / F32(127))).astype(np.float64))
        ends = (format_named(name).qmin, 127)
    buffer = encode(array, name, rounding)

    assert np.array_equal(np.clip(codes, *ends).astype(np.int64) & 255, buffer.data.view(np.uint8))
