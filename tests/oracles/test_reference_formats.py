"""The oracle of the buffer formats: against the recorded bits, and where none exist against NumPy and by hand."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from support import reference as ref
from support import reference_formats as fmt
from support.recorded import FUSED, cases, model_layer, same, words
from support.together import together

Floats = np.ndarray[Any, np.dtype[np.float32]]
CASTS = {"x86": "x86", "x86fma": "x86", "m0": "armv6-m", "m3": "arm"}


def patterns_of(x: Floats) -> list[int]:
    return [int(word) for word in x.astype(np.float32).view(np.uint32)]


def bits_of(*numbers: float) -> list[int]:
    return patterns_of(np.array(numbers, np.float32))


# OnDeviceTraining's quantizers


def quantize(
    values: list[int], target: str, width: int, generator: ref.Generator | None, cast: str = "arm"
) -> dict[str, list[int]]:
    """The outputs of one conversion, named as recorded."""
    if target == "ASYM":
        q = fmt.asym(values, width, generator, cast)
        return {
            "q.data": list(fmt.pack(q.codes, width)),
            "q.scale": q.scales,
            "q.zero_point": q.zero_points,
            "as_int32": [code + q.zero_points[0] for code in q.codes],
            "dequant": fmt.asym_dequantized(q),
        }
    q = fmt.sym(values, width, generator, cast=cast)
    data = list(fmt.sym_payload(q, width)) if target == "SYM" else q.codes
    return {"q.data": data, "q.scale": q.scales, "as_int32": q.codes, "dequant": fmt.sym_dequantized(q)}


@cache
def linear_weights(in_features: int, out_features: int, seed: int, platform: str) -> list[int]:
    layer = {"type": "Linear", "in_features": in_features, "out_features": out_features, "bias": False}
    return ref.odt_layer(layer, ref.odt_seeded(seed), platform in FUSED)["weight"]


def quantizer_input(case: dict[str, Any], platform: str) -> list[int]:
    inputs = case["inputs"]
    if inputs["source"] == "linear_weight":
        return linear_weights(inputs["in_features"], inputs["out_features"], inputs["seed_init"], platform)
    return list(words(case, "input", platform).tolist())


def platforms(case: dict[str, Any]) -> list[str]:
    """One platform of each set that differs in its input or in an output."""
    sets = [v["platforms"] for d in case["outputs"].values() for v in d["variants"] if v["platforms"] != "all"]
    sets += [["x86"], ["x86fma"]] if case["inputs"]["source"] == "linear_weight" else [["x86"]]
    return sorted({first for first, *_ in sets})


@together("case", cases("quant"), ids=lambda case: case["id"])
def test_quantizers(case: dict[str, Any]) -> None:
    inputs = case["inputs"]
    for platform in platforms(case):
        values, cast = quantizer_input(case, platform), CASTS[platform]
        generator = ref.Xorshift32(int(words(case, "state_before", platform)[0]))
        jitter = generator if inputs["rounding"] == "SR_HALF_AWAY" else None
        outputs = quantize(values, inputs["target"], inputs["bits"], jitter, cast)
        outputs |= {"input": values, "state_after": [generator.state]}
        for output in case["outputs"].keys() - {"state_before", "q.shape"}:
            assert same(case, output, platform, outputs[output]), f"{output} on {platform}"


@together("case", [c for c in cases("layers") if "norm_sym" in c["id"]], ids=lambda case: case["id"])
def test_norms_in_integer_storage_draw_for_gamma_then_beta(case: dict[str, Any]) -> None:
    generator, (layer,) = ref.odt_seeded(case["inputs"]["seed"]), case["inputs"]["layers"]
    jitter = generator if layer["storage_rounding"] == "SR_HALF_AWAY" else None
    for name, tensor in ref.odt_layer(layer, generator, fused=False).items():
        q = fmt.sym(tensor, layer["storage_bits"], jitter)
        assert same(case, f"L0.{name}.data", "x86", q.codes)
        assert same(case, f"L0.{name}.scale", "x86", q.scales)
    assert same(case, "state_after", "x86", [generator.state])


@pytest.mark.parametrize(
    "case", [c for c in cases("models") if "requantize_in_place" in c["inputs"]], ids=lambda case: case["id"]
)
@pytest.mark.parametrize("platform", ["x86", "x86fma"])
def test_requantized_models(case: dict[str, Any], platform: str) -> None:
    """The weights of every layer drawn first, then converted in order: weight, bias, next layer."""
    requantize = case["inputs"]["requantize_in_place"]
    layers = [model_layer(layer) for layer in case["inputs"]["layers"]]
    tensors, state = ref.odt_model(layers, case["inputs"]["seed"], platform in FUSED)
    assert same(case, "state_before_requant", platform, [state])
    generator = ref.Xorshift32(state)
    jitter = generator if requantize["rounding"] == "SR_HALF_AWAY" else None
    for name, tensor in tensors.items():
        width = requantize["wbits" if name.endswith("weight") else "bbits"]
        outputs = quantize(tensor, requantize["kind"], width, jitter)
        assert same(case, f"{name}.data", platform, outputs["q.data"]), name
        assert same(case, f"{name}.scale", platform, outputs["q.scale"]), name
    assert same(case, "state_after", platform, [generator.state])


def test_sym_widths_the_firmware_refuses() -> None:
    """From 26 bits on the float32 qMax is 2^(bits - 1): a positive absmax cannot be packed, a negative one can."""
    for width in (26, 31):
        assert len(fmt.sym_payload(fmt.sym(bits_of(0.5, -1.0), width), width)) == (2 * width + 7) // 8
        with pytest.raises(ValueError, match="must fit"):
            fmt.sym_payload(fmt.sym(bits_of(0.5, 1.0), width), width)
    assert fmt.sym_payload(fmt.sym(bits_of(0.5, 1.0), 25), 25)
    with pytest.raises(ValueError, match="up to 31"):
        fmt.sym(bits_of(1.0), 32)


def test_sym_of_no_bits() -> None:
    q = fmt.sym(bits_of(0.25, -1.5, 1.5), 0)
    assert (q.codes, q.scales) == ([0, 0, 0], bits_of(-3.0))
    with pytest.raises(ValueError, match="must fit"):
        fmt.sym_payload(q, 0)


@pytest.mark.parametrize(
    ("numbers", "width"),
    [
        ([np.nan, 1.0], 8),
        ([0.0, -np.inf], 8),
        ([np.inf, np.inf], 8),
        ([1e6, 1e6 + 0.0625], 16),
        ([-1e6, -1e6 - 0.0625], 16),
        ([1e-45, 0.0], 8),
        ([0.0, 1.0], 0),
        ([0.0, 1.0], 31),
    ],
)
def test_asym_refuses_what_the_firmware_refuses(numbers: list[float], width: int) -> None:
    with pytest.raises(ValueError, match=r"ASYM|finite"):
        fmt.asym(bits_of(*numbers), width)


def test_asym_accepts_an_overflowing_range() -> None:
    q = fmt.asym(bits_of(-3e38, 3e38), 8)
    assert (q.codes, q.scales, q.zero_points) == ([0, 0], [ref.INF], [0])


def test_asym_rounds_code_and_zero_point_before_it_adds_them() -> None:
    q = fmt.Quantized([2**24 + 1], bits_of(1.0), [1], 0)
    assert fmt.asym_dequantized(q) == bits_of(2.0**24)


def test_grouped_sym_is_one_grid_per_group_then_the_codes_in_order() -> None:
    values = bits_of(1.0, -0.5, 0.0, 0.0, 2.0, 4.0)
    q = fmt.sym(values, 3, group_size=2)
    assert (q.codes, q.scales) == ([3, -2, 0, 0, 2, 3], bits_of(1 / 3, 1.0, 4 / 3))
    jittered = fmt.sym(values, 3, ref.Xorshift32(9), group_size=2)
    generator = ref.Xorshift32(9)
    assert jittered.codes == [c for i in (0, 2, 4) for c in fmt.sym(values[i : i + 2], 3, generator).codes]


# Packing


@pytest.mark.parametrize("width", [1, 3, 4, 7, 8, 13, 24, 31])
def test_packing_is_the_bit_stream_of_the_specification(width: int) -> None:
    codes = [(0x9E3779B9 * (i + 1) >> 3) % 2**width - 2 ** (width - 1) for i in range(29)]
    data = fmt.pack(codes, width)
    for i, code in enumerate(codes):
        for j in range(width):
            position = i * width + j
            assert data[position // 8] >> position % 8 & 1 == code >> j & 1
    assert len(data) == (29 * width + 7) // 8
    assert int.from_bytes(data, "little") >> 29 * width == 0
    assert fmt.unpack(data, 29, width, signed=True) == codes
    assert fmt.unpack(data, 29, width, signed=False) == [code % 2**width for code in codes]


# The formats without recorded bits, in NumPy's float32 and float64


def sample(n: int, seed: int) -> Floats:
    """Values about one over several binades, with ties, both zeros and a subnormal."""
    drawn = np.random.default_rng(seed).standard_normal(n - 8)
    corners = np.array([0.0, -0.0, 0.5, -0.5, 1.5, -2.5, 1e-41, 0.49999997], np.float32)
    return np.concatenate([drawn * np.exp2(np.arange(n - 8) % 9 - 4), corners]).astype(np.float32)


def numpy_half_away(x: Any) -> Any:
    wide = np.asarray(x, np.float64)
    return np.trunc(wide + np.copysign(0.5, wide)).astype(np.int64)


def numpy_jitter(x: Floats, state: int) -> Floats:
    generator = ref.Xorshift32(state)
    u = np.array([(generator.draw() >> 8) * 2.0**-24 for _ in x], np.float32)
    noisy: Floats = (x + u) - np.float32(0.5)
    return noisy


NUMPY_ROUNDINGS: dict[str, Callable[[Any], Any]] = {
    "half_away": numpy_half_away,
    "half_even": np.rint,
    "truncate": np.trunc,
    "floor": np.floor,
}


@pytest.mark.parametrize("rounding", NUMPY_ROUNDINGS)
@pytest.mark.parametrize(("m", "n"), [(1, 7), (1, 15), (1, 31), (8, 8), (2, 0), (3, 4)])
def test_qformat(rounding: str, m: int, n: int) -> None:
    x = np.concatenate([sample(120, 1), np.array([np.inf, -np.inf, 1.0, -1.0, 3e38], np.float32)])
    scaled = x.astype(np.float64) * 2.0**n
    finite = np.clip(scaled, -(2.0**60), 2.0**60)
    codes = NUMPY_ROUNDINGS[rounding](finite).astype(np.int64)
    kept = np.clip(codes, -(2 ** (m + n - 1)), 2 ** (m + n - 1) - 1)

    assert fmt.qformat(patterns_of(x), m, n, rounding) == (kept.tolist(), int(np.sum(kept != codes)))


def test_qformat_by_hand() -> None:
    ties = bits_of(0.5 / 128, 1.5 / 128, -0.5 / 128, -1.5 / 128, 1.0, -1.0)

    assert fmt.qformat(ties, 1, 7, "half_away") == ([1, 2, -1, -2, 127, -128], 1)
    assert fmt.qformat(ties, 1, 7, "half_even") == ([0, 2, 0, -2, 127, -128], 1)
    assert fmt.qformat(ties, 1, 7, "truncate") == ([0, 1, 0, -1, 127, -128], 1)
    assert fmt.qformat(ties, 1, 7, "floor") == ([0, 1, -1, -2, 127, -128], 1)
    with pytest.raises(ValueError, match="NaN"):
        fmt.qformat([ref.NAN], 1, 7)


@pytest.mark.parametrize(("m", "n"), [(1, 7), (1, 15), (1, 31)])
def test_qformat_stochastic(m: int, n: int) -> None:
    x = sample(120, 2)
    codes = numpy_half_away(numpy_jitter(x * np.float32(2.0**n), 77))
    kept = np.clip(codes, -(2 ** (m + n - 1)), 2 ** (m + n - 1) - 1)

    drawn = fmt.qformat(patterns_of(x), m, n, generator=ref.Xorshift32(77))
    assert drawn == (kept.tolist(), int(np.sum(kept != codes)))


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize(("shape", "axis"), [((6, 4, 5), None), ((6, 4, 5), 0), ((6, 4, 5), 1), ((12, 10), 0)])
@pytest.mark.parametrize("stochastic", [False, True])
def test_symmetric_int(width: int, shape: tuple[int, ...], axis: int | None, stochastic: bool) -> None:
    x = sample(120, 3).reshape(shape)
    x[2] = 0
    qmax = 2 ** (width - 1) - 1
    others = tuple(a for a in range(len(shape)) if a != axis)
    largest = np.max(np.abs(x), axis=others, keepdims=True) if axis is not None else np.max(np.abs(x), keepdims=True)
    scale: Any = np.where(largest == 0, np.float32(1), largest / np.float32(qmax))
    quotients = (x / scale).ravel()
    rounded = numpy_half_away(numpy_jitter(quotients, 3) if stochastic else quotients)
    codes = np.clip(rounded, -qmax, qmax)

    q = fmt.symmetric_int(patterns_of(x.ravel()), width, shape, axis, ref.Xorshift32(3) if stochastic else None)
    assert (q.codes, q.scales) == (codes.tolist(), patterns_of(scale.ravel()))
    assert q.clipped == np.sum(rounded != codes)


@pytest.mark.parametrize("width", [1, 4, 8, 16])
@pytest.mark.parametrize("group_size", [None, 10, 60])
@pytest.mark.parametrize("stochastic", [False, True])
def test_affine(width: int, group_size: int | None, stochastic: bool) -> None:
    x = sample(120, 4)
    x[:10] = np.abs(x[:10]) + 1  # a group far above zero
    x[10:20] = 0
    rows, qmax = x.reshape(-1, group_size or 120), 2**width - 1
    low, high = np.minimum(rows.min(1), np.float32(0)), np.maximum(rows.max(1), np.float32(0))
    span = high - low
    scale: Any = np.where(span == 0, np.float32(1), span / np.float32(qmax))
    middle, quotients = -low / scale, (rows / scale[:, None]).ravel()
    if stochastic:
        noisy = numpy_jitter(np.concatenate([middle, quotients]), 99)
        middle, quotients = noisy[: middle.size], noisy[middle.size :]
    zero_point = np.clip(numpy_half_away(middle), 0, qmax)
    codes = np.clip(numpy_half_away(quotients).reshape(rows.shape) + zero_point[:, None], 0, qmax)
    decoded = (codes - zero_point[:, None]).astype(np.float32) * scale[:, None]

    q = fmt.affine(patterns_of(x), width, ref.Xorshift32(99) if stochastic else None, group_size)
    assert (q.codes, q.scales) == (codes.ravel().tolist(), patterns_of(scale))
    assert q.zero_points == zero_point.tolist()
    assert fmt.affine_dequantized(q) == patterns_of(decoded.ravel())


def test_affine_by_hand() -> None:
    """Zero sits at 2.5 steps of 1, so at code 3, and the top code is clipped."""
    assert fmt.affine(bits_of(-2.5, 0.0, 1.0, 12.5), 4) == ([0, 3, 4, 15], bits_of(1.0), [3], 1)
    assert fmt.affine(bits_of(1.0, 15.0), 4) == ([1, 15], bits_of(1.0), [0], 0)
    assert fmt.affine(bits_of(0.0, 0.0), 4) == ([0, 0], bits_of(1.0), [0], 0)


@pytest.mark.parametrize(("m", "e"), [(4, 4), (8, 8), (8, 2), (12, 5), (2, 3)])
@pytest.mark.parametrize("group_size", [None, 10])
@pytest.mark.parametrize("stochastic", [False, True])
def test_bfp(m: int, e: int, group_size: int | None, stochastic: bool) -> None:
    x = sample(120, 5)
    x[:10] *= np.float32(1e30)
    x[10:20] *= np.float32(1e-30)
    x[20:30] = 0
    rows, half, bias = x.reshape(-1, group_size or 120), 2 ** (m - 1), 2 ** (e - 1) - 1
    fraction, exponent = np.frexp(np.abs(rows).max(1) / np.float32(half - 1))
    exponent = np.where(fraction == 0.5, exponent - 1, exponent)
    stored = np.clip(exponent + bias, 0, min(2**e - 1, bias + 127))
    with np.errstate(over="ignore"):
        scaled = (rows / np.exp2(np.float32(1) * (stored - bias)[:, None]).astype(np.float32)).ravel()
    limited = np.clip(scaled, np.float32(-half), np.float32(half - 1))
    rounded = numpy_half_away(numpy_jitter(limited, 5) if stochastic else limited)
    codes = np.clip(rounded, -half, half - 1)
    decoded = codes.reshape(rows.shape) * np.exp2((stored - bias).astype(np.float64))[:, None]

    mantissas, exponents, clipped = fmt.bfp(patterns_of(x), m, e, ref.Xorshift32(5) if stochastic else None, group_size)
    assert (mantissas, exponents) == (codes.tolist(), stored.tolist())
    assert clipped == np.sum((limited != scaled) | (rounded != codes))
    assert fmt.bfp_dequantized(mantissas, exponents, e) == patterns_of(decoded.ravel())


def test_bfp_by_hand() -> None:
    """absmax 7 with 4-bit mantissas is 7 * 2^0; 7.5 needs 2^1; a group of zeros keeps the bias."""
    assert fmt.bfp(bits_of(7.0, -3.5, 7.5, 1.0, 0.0, 0.0), 4, 4, group_size=2) == ([7, -4, 4, 1, 0, 0], [7, 8, 7], 0)
    with pytest.raises(ValueError, match="finite"):
        fmt.bfp([ref.INF], 4, 4)


def test_bfp_saturates_where_its_exponent_ends() -> None:
    assert fmt.bfp(bits_of(4.8), 2, 2) == ([1], [3], 1)
    assert fmt.bfp(bits_of(3e38), 2, 8) == ([1], [254], 1)


def about_to_draw(word: int) -> ref.Xorshift32:
    generator = ref.Xorshift32(word)
    generator.jump(-1)
    return generator


def test_the_extreme_jitters_stay_in_range() -> None:
    """The largest u lifts qmax to qmax + 1 and u = 0 lowers qmin to qmin - 1, before they are clamped."""
    assert fmt.affine(bits_of(-255.0, 0.0), 8, about_to_draw(0xFFFFFFFF)).zero_points == [255]
    assert fmt.bfp(bits_of(7.0), 4, 4, about_to_draw(0xFFFFFFFF)) == ([7], [7], 1)
    assert fmt.symmetric_int(bits_of(-127.0), 8, generator=about_to_draw(1)) == ([-127], bits_of(1.0), [], 1)
    assert fmt.sym(bits_of(-127.0), 8, about_to_draw(1)) == ([-128], bits_of(1.0), [], 0)


def test_integer_uniform_spans_its_bound() -> None:
    for bound in (0, 1, 100, 32767):
        for wide in (True, False):
            assert fmt.integer_uniform(0, bound, wide) == -bound
            assert fmt.integer_uniform(0xFFFFFFFF, bound, wide) == bound
    assert fmt.integer_uniform(0x80000000, 100) == 0
    assert (
        fmt.integer_uniform(0x12345678, 2**31 - 1) == Fraction(0x12345678 * (2**32 - 1), 2**32).__floor__() - 2**31 + 1
    )
    assert fmt.integer_uniform(0x0020FFFF, 1000) == 1 - 1000  # 1.007 spans from all bits, 0.977 from the upper 16
    assert fmt.integer_uniform(0x0020FFFF, 1000, wide=False) == 0 - 1000
