"""The slow oracle of the buffer formats: codes, scales and bytes from float32 bits, in Python ints and Fractions.

Every format rounds half away from zero or, given a generator, stochastically with one draw per rounding.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from support.reference import (
    SIGN,
    Generator,
    add,
    div,
    f32,
    is_finite,
    is_nan,
    mul,
    odt_float,
    order,
    round_f32,
    sub,
    value,
)

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


class Quantized(NamedTuple):
    """Codes in storage order, one scale (float32 bits) per group, zero points of asymmetric formats, codes clipped."""

    codes: list[int]
    scales: list[int]
    zero_points: list[int]
    clipped: int


# Rounding and saturation


def half_away(x: Fraction) -> int:
    magnitude = (2 * abs(x.numerator) + x.denominator) // (2 * x.denominator)
    return -magnitude if x < 0 else magnitude


def extended(x: int) -> Fraction:
    """Exact value; an infinity counts as 2^128 with its sign, beyond every float32."""
    return value(x) if is_finite(x) else Fraction(-(2**128) if x & SIGN else 2**128)


def jittered(x: int, generator: Generator | None) -> int:
    """SR_HALF_AWAY's argument, fl(fl(x + u) - 0.5) with one draw u; x itself without a generator."""
    return x if generator is None else sub(add(x, odt_float(generator)), f32("0.5"))


def rounded(x: int, generator: Generator | None) -> int:
    """A finite float32 rounded to an integer."""
    return half_away(value(jittered(x, generator)))


def clamp(code: int, low: int, high: int) -> int:
    return max(low, min(code, high))


def saturated(codes: Iterable[int], low: int, high: int) -> tuple[list[int], int]:
    """Codes clamped to [low, high], and how many that changed."""
    given = list(codes)
    kept = [clamp(code, low, high) for code in given]
    return kept, sum(a != b for a, b in zip(given, kept, strict=True))


def require_finite(values: list[int]) -> None:
    if not all(map(is_finite, values)):
        raise ValueError("this format takes finite values")


def grouped(values: list[int], size: int | None) -> list[list[int]]:
    """Runs of `size` values in storage order; one run of them all for None."""
    size = size or len(values)
    return [values[i : i + size] for i in range(0, len(values), size)]


# Packing


def pack(codes: Sequence[int], bits: int) -> bytes:
    """Little-endian bit stream: bit j of code i is bit i*bits + j of one long integer."""
    stream: int = sum((code % 2**bits) << i * bits for i, code in enumerate(codes))
    return stream.to_bytes((len(codes) * bits + 7) // 8, "little")


def unpack(data: bytes, n: int, bits: int, signed: bool) -> list[int]:
    stream = int.from_bytes(data, "little")
    codes = [stream >> i * bits & 2**bits - 1 for i in range(n)]
    return [code - 2**bits if signed and code >= 2 ** (bits - 1) else code for code in codes]


# OnDeviceTraining's SYM, SYM_INT32 and ASYM

CASTS = {  # what the recorded builds make of (NaN, too large, too small) in a cast to int32, which C leaves undefined
    "x86": (INT32_MIN, INT32_MIN, INT32_MIN),
    "arm": (0, INT32_MAX, INT32_MIN),
    "armv6-m": (INT32_MAX, INT32_MAX, INT32_MIN),
}


def to_int32(x: int, generator: Generator | None, cast: str) -> int:
    """A float32 rounded and cast to int32 as C code does, NaN, infinities and all."""
    x = jittered(x, generator)
    nan, too_large, too_small = CASTS[cast]
    if is_nan(x):
        return nan
    code = half_away(extended(x))
    return too_large if code > INT32_MAX else too_small if code < INT32_MIN else code


def absmax(values: list[int]) -> int:
    """Largest magnitude by scan: a NaN is passed over, unless it is the first."""
    magnitudes = [x & ~SIGN for x in values]
    return magnitudes[0] if is_nan(magnitudes[0]) else max(x for x in magnitudes if not is_nan(x))


def extremes(values: list[int]) -> tuple[int, int]:
    """Smallest and largest value by scan: a NaN is passed over, unless it is the first."""
    numbers = values[:1] + [x for x in values[1:] if not is_nan(x)]
    return (values[0], values[0]) if is_nan(values[0]) else (min(numbers, key=order), max(numbers, key=order))


def sym(
    values: list[int], bits: int, generator: Generator | None = None, group_size: int | None = None, cast: str = "arm"
) -> Quantized:
    """SYM_INT32, and SYM before it is packed: scale = absmax / qMax, or 1; all scales stand before the first code."""
    if bits not in range(32):
        raise ValueError(f"SYM_INT32 takes widths up to 31, got {bits}")
    half = Fraction(2) ** (bits - 1)
    qmax = round_f32(half - 1)  # 2^(bits - 1) from 26 bits on, and -1/2 for none
    groups = grouped(values, group_size)
    scales = [div(absmax(group), qmax) if absmax(group) else f32(1) for group in groups]
    codes = [to_int32(div(x, s), generator, cast) for group, s in zip(groups, scales, strict=True) for x in group]
    codes, clipped = saturated(codes, math.trunc(-half), math.trunc(value(qmax)))
    return Quantized(codes, scales, [], clipped)


def sym_payload(quantized: Quantized, bits: int) -> bytes:
    """SYM's bytes; ValueError where the firmware exits: no bits, or a code that its width cannot hold."""
    if not bits or max(quantized.codes) >= 2 ** (bits - 1):
        raise ValueError(f"SYM codes must fit in {bits} bits, got {max(quantized.codes)}")
    return pack(quantized.codes, bits)


def sym_dequantized(quantized: Quantized) -> list[int]:
    size = len(quantized.codes) // len(quantized.scales)
    return [mul(f32(code), quantized.scales[i // size]) for i, code in enumerate(quantized.codes)]


def asym(values: list[int], bits: int, generator: Generator | None = None, cast: str = "arm") -> Quantized:
    """ASYM: the zero point, min / scale, is rounded before the elements; ValueError where the firmware exits."""
    if bits not in range(1, 31):
        raise ValueError(f"ASYM takes widths 1 to 30, got {bits}")
    low, high = extremes(values)
    scale = div(sub(high, low), f32(2**bits - 1))
    if order(low) == order(high):
        scale = low & ~SIGN or f32(1)
    zero_point = rounded(div(low, scale), generator)
    if not INT32_MIN <= zero_point <= INT32_MAX:
        raise ValueError(f"ASYM's zero point must fit in int32, got {zero_point}")
    codes = [to_int32(sub(div(x, scale), f32(zero_point)), generator, cast) for x in values]
    codes, clipped = saturated(codes, 0, 2**bits - 1)
    return Quantized(codes, [scale], [zero_point], clipped)


def asym_dequantized(quantized: Quantized) -> list[int]:
    (scale,), (zero_point,) = quantized.scales, quantized.zero_points
    return [mul(add(f32(code), f32(zero_point)), scale) for code in quantized.codes]


# The later code-domain asymmetric format and block floating point


def affine(
    values: list[int], bits: int, generator: Generator | None = None, group_size: int | None = None
) -> Quantized:
    """affine<bits>: the range is widened to hold zero; all zero points are rounded before the first code."""
    require_finite(values)
    qmax, groups, scales, zero_points = 2**bits - 1, grouped(values, group_size), [], []
    for group in groups:
        low, high = min([*group, 0], key=order), max([*group, 0], key=order)
        scale = div(sub(high, low), f32(qmax)) if order(low) != order(high) else f32(1)
        scales.append(scale)
        zero_points.append(clamp(rounded(div(low ^ SIGN, scale), generator), 0, qmax))
    grids = zip(groups, scales, zero_points, strict=True)
    codes = [rounded(div(x, scale), generator) + zero_point for group, scale, zero_point in grids for x in group]
    codes, clipped = saturated(codes, 0, qmax)
    return Quantized(codes, scales, zero_points, clipped)


def affine_dequantized(quantized: Quantized) -> list[int]:
    size = len(quantized.codes) // len(quantized.scales)
    return [
        mul(f32(code - quantized.zero_points[i // size]), quantized.scales[i // size])
        for i, code in enumerate(quantized.codes)
    ]


def bfp_exponent(largest: int, qmax: int, exponent_bits: int) -> int:
    """Biased exponent byte of a group: the least E with fl(absmax / qmax) <= 2^E, clamped; 0 counts as 2^0."""
    bias = 2 ** (exponent_bits - 1) - 1
    quotient = value(div(largest, f32(qmax)))
    exponent = quotient.numerator.bit_length() - quotient.denominator.bit_length() if quotient else 0
    if quotient > Fraction(2) ** exponent:
        exponent += 1
    return clamp(exponent + bias, 0, min(2**exponent_bits - 1, bias + 127))


def bfp(
    values: list[int],
    mantissa_bits: int,
    exponent_bits: int,
    generator: Generator | None = None,
    group_size: int | None = None,
) -> tuple[list[int], list[int], int]:
    """bfp<m>e<e>: mantissas, one exponent byte per group, and how many mantissas were clipped."""
    require_finite(values)
    half, bias = 2 ** (mantissa_bits - 1), 2 ** (exponent_bits - 1) - 1
    groups = grouped(values, group_size)
    exponents = [bfp_exponent(absmax(group), half - 1, exponent_bits) for group in groups]
    mantissas, clipped = [], 0
    for group, stored in zip(groups, exponents, strict=True):
        for x in group:
            scaled = div(x, f32(Fraction(2) ** (stored - bias)))
            limited = min(max(scaled, f32(-half), key=order), f32(half - 1), key=order)
            mantissa = rounded(limited, generator)
            mantissas.append(clamp(mantissa, -half, half - 1))
            clipped += limited != scaled or mantissa != mantissas[-1]
    return mantissas, exponents, clipped


def bfp_dequantized(mantissas: list[int], exponents: list[int], exponent_bits: int) -> list[int]:
    size, bias = len(mantissas) // len(exponents), 2 ** (exponent_bits - 1) - 1
    return [round_f32(m * Fraction(2) ** (exponents[i // size] - bias)) for i, m in enumerate(mantissas)]


# Fixed point and the int8 / int4 of CMSIS-NN and TFLite

ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "half_away": half_away,
    "half_even": round,
    "truncate": math.trunc,
    "floor": math.floor,
}


def qformat(
    values: list[int], int_bits: int, frac_bits: int, rounding: str = "half_away", generator: Generator | None = None
) -> tuple[list[int], int]:
    """q<int_bits>.<frac_bits>: codes and how many saturated; stochastic with a generator, whatever `rounding` says."""
    if any(map(is_nan, values)):
        raise ValueError("fixed point has no code for NaN")
    half = 2 ** (int_bits + frac_bits - 1)

    def code(x: int) -> int:
        if generator is not None:
            return half_away(extended(jittered(mul(x, f32(2**frac_bits)), generator)))
        return ROUNDINGS[rounding](extended(x) * 2**frac_bits)

    return saturated(map(code, values), -half, half - 1)


def symmetric_int(
    values: list[int],
    bits: int,
    shape: Sequence[int] = (),
    axis: int | None = None,
    generator: Generator | None = None,
) -> Quantized:
    """int8 and int4: codes in [-qmax, qmax], one scale absmax / qmax per index of `axis` of a row-major `shape`."""
    require_finite(values)
    qmax, inner = 2 ** (bits - 1) - 1, 1 if axis is None else math.prod(shape[axis + 1 :])
    channels = [0 if axis is None else i // inner % shape[axis] for i in range(len(values))]
    largest = [absmax([x for x, c in zip(values, channels, strict=True) if c == k]) for k in range(max(channels) + 1)]
    scales = [div(x, f32(qmax)) if x else f32(1) for x in largest]
    codes = [rounded(div(x, scales[c]), generator) for x, c in zip(values, channels, strict=True)]
    codes, clipped = saturated(codes, -qmax, qmax)
    return Quantized(codes, scales, [], clipped)


def integer_uniform(draw: int, bound: int, wide: bool = True) -> int:
    """A code in [-bound, bound] without floats: from all 32 bits of a draw, or from its upper 16."""
    span = 2 * bound + 1
    return (draw * span >> 32 if wide else (draw >> 16) * span >> 16) - bound
