"""Formats of deployed kernels beside NumPy and exact fractions, and models in them beside their C."""

from fractions import Fraction

import numpy as np
import pytest

import embinit
from embinit import ConvTranspose1d, EmbinitError, Linear, device
from embinit.bundle import gather
from embinit.formats import format_named
from embinit.verify import verify

F32 = np.float32


def values(n=400, low=-3.0, high=1.7, seed=4):
    return np.random.default_rng(seed).uniform(low, high, n).astype(F32)


def half_away(x):
    return np.copysign(np.floor(np.abs(x.astype(np.float64)) + 0.5), x)


# ---- int<b> by other counts of steps, and per channel ----


@pytest.mark.parametrize("steps", ["127.5", "128", "32767.5", "32768", "7.5", "8"])
def test_counts_of_steps(steps):
    bits = {1: 4, 2: 4, 3: 8, 5: 16}[len(steps.split(".")[0])] if steps != "7.5" else 4
    v = values()
    buffer = embinit.encode(v, f"int{bits}/{steps}")
    scale = np.abs(v).max() / F32(steps)
    half = 2 ** (bits - 1)

    assert buffer.scale == scale
    expected = half_away(v / scale).clip(-half, half - 1)
    assert np.array_equal(buffer.decode(), (expected.astype(F32) * scale))
    assert buffer.clipped == np.count_nonzero(half_away(v / scale) != expected)
    assert expected.min() == -half or steps.endswith(".5")


def test_int16_has_a_scale_for_each_channel():
    v = values().reshape(5, 80)
    buffer = embinit.encode(v, "int16", channel_axis=0)
    scales = np.abs(v).max(axis=1) / F32(32767)

    assert np.array_equal(buffer.scale, scales)
    assert np.array_equal(buffer.data, half_away(v / scales[:, None]))
    assert (format_named("int16").qmin, format_named("int16").qmax) == (-32767, 32767)


# ---- affine_int<b> ----


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize(("low", "high"), [(-0.7, 0.2), (0.1, 0.9), (-3.0, -1.0)])
def test_signed_affine_codes_are_half_the_range_less(bits, low, high):
    v = values(100, low, high)
    unsigned, signed = (embinit.encode(v, f"{name}{bits}", group_size=25) for name in ("affine", "affine_int"))
    half = 2 ** (bits - 1)

    assert np.array_equal(signed.scale, unsigned.scale)
    assert np.array_equal(signed.zero_point, unsigned.zero_point.astype(int) - half)
    assert np.array_equal(signed.decode(), unsigned.decode())
    if bits != 4:
        assert signed.data.dtype == f"i{bits // 8}"
        payload = np.frombuffer(unsigned.data.tobytes(), f"<u{bits // 8}")
        assert np.array_equal(signed.data.reshape(-1), payload.astype(int) - half)


def test_onnx_runtimes_rule_for_int8():
    """scale = (max - min) / 255, zero point = round(-128 - min / scale), codes = round(v / scale) + zero point."""
    v = values()
    low, high = min(v.min(), F32(0)), max(v.max(), F32(0))
    scale = (high - low) / F32(255)
    zero_point = np.rint(F32(-128) - low / scale)
    buffer = embinit.encode(v, "affine_int8", "half_even")

    assert buffer.zero_point == zero_point
    assert np.array_equal(buffer.data, (np.rint(v / scale) + zero_point).clip(-128, 127))


# ---- Fixed point ----


@pytest.mark.parametrize(
    ("name", "bits", "n", "size"),
    [("q8.0", 8, 0, 50.0), ("q10.-2", 8, -2, 400.0), ("q-1.9", 8, 9, 0.2), ("q0.8", 8, 8, 0.6),
     ("q-20.36", 16, 36, 2e-7), ("q48.-32", 16, -32, 1e14), ("q-48.64", 16, 64, 1e-15), ("q40.-8", 32, -8, 1e12)],
)  # fmt: skip
def test_any_number_of_fraction_bits(name, bits, n, size):
    v = values(200, -size, size)
    buffer = embinit.encode(v, name)
    limit = 2 ** (bits - 1)
    exact = [Fraction(float(x)) * Fraction(2) ** n for x in v]
    codes = [max(-limit, min(limit - 1, int(x + Fraction(1 if x >= 0 else -1, 2)))) for x in exact]

    assert buffer.data.tolist() == codes
    assert buffer.data.dtype == f"i{bits // 8}"
    assert [Fraction(float(x)) for x in buffer.decode()] == [
        Fraction(float(F32(float(Fraction(code) / Fraction(2) ** n)))) for code in codes
    ]


@pytest.mark.parametrize(("m", "n"), [(8, 0), (10, -2), (-1, 9), (0, 8)])
def test_fraction_bits_beside_apytypes(m, n):
    apytypes = pytest.importorskip("apytypes")
    v = values(100, -(2.0 ** (m - 1)) * 1.2, 2.0 ** (m - 1) * 1.2)
    wide = apytypes.APyFixedArray.from_float(v.astype(np.float64), int_bits=64, frac_bits=80)
    cast = wide.cast(m, n, apytypes.QuantizationMode.RND_INF, apytypes.OverflowMode.SAT)

    assert np.array_equal(embinit.encode(v, f"q{m}.{n}").decode(), cast.to_numpy().astype(F32))


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize(("size", "n"), [(0.4, 1), (0.5, 1), (0.51, 0), (1.0, 0), (3.0, -2), (1e-4, 13), (300.0, -9)])
def test_fraction_bits_that_the_values_choose(bits, size, n):
    """The rule of Arm's tools: frac_bits = b - 1 - ceil(log2(absmax))."""
    v = np.append(values(50, -0.3, 0.3) * F32(size), F32(-size))
    buffer = embinit.encode(v, f"q{bits}/auto")

    assert float(buffer.scale[0]) == 2.0 ** -(bits - 1 + n)
    assert np.array_equal(buffer.data, embinit.encode(v, f"q{bits - (bits - 1 + n)}.{bits - 1 + n}").data)


def test_zeros_and_errors():
    assert embinit.encode(np.zeros(3, F32), "q8/auto").scale == 1
    assert embinit.encode(F32([1.0]), "q8/auto").clipped == 1
    for name in ("q8/7", "int8/126", "affine_int7", "q40.2", "q-40.80", "int12"):
        with pytest.raises(EmbinitError):
            format_named(name)
    with pytest.raises(EmbinitError, match="int8/128 has no code for nan"):
        embinit.encode(F32([np.nan]), "int8/128")


# ---- The device ----

NAMES = ("int16", "int8/127.5", "int8/128", "int4/7.5", "int4/8", "int16/32767.5", "int16/32768", "affine_int8",
         "affine_int4", "affine_int16", "q8/auto", "q16/auto", "q32/auto", "q8.0", "q10.-2", "q-1.9", "q0.8",
         "q-40.64")  # fmt: skip


@pytest.mark.device
@pytest.mark.parametrize(("target", "rounding"), [("cortex-m0", "stochastic"), ("cortex-m4f", None)])
def test_models_agree_with_their_c(target, rounding):
    wide = embinit.initializers.uniform(-40.0, 100.0)
    layers = [
        Linear(name=f"fc{i}", in_features=9, out_features=4, weight_format=name, bias_format=name, rounding=rounding,
               weight_init=wide)
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    layers += [
        Linear(in_features=8, out_features=3, weight_format="affine_int8", group_size=8, rounding=rounding),
        ConvTranspose1d(
            in_channels=4, out_channels=6, kernel_size=3, groups=2, weight_format="int16", rounding=rounding
        ),
    ]
    bundle = gather(embinit.Model("m", layers, seed=7, target=target).plan())

    assert verify(bundle, device.run(bundle), target).agrees
