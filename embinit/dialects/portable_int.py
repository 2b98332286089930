"""The portable dialect for devices without an FPU: fixed-point buffers, drawn as codes in integers alone."""

from dataclasses import replace
from fractions import Fraction

from embinit.dialects.portable import PORTABLE
from embinit.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError, shown
from embinit.formats import format_named
from embinit.formats.qformat import QFormat
from embinit.formats.storage import Storage
from embinit.samplers.codes import Codes, ConstantCode, InCodes, NormalCodes, UniformCodes

#: A product of 51 bits, shifted this far or further, is 0 after rounding.
MAX_SHIFT = 62


def codes(distribution: Distribution, storage: Storage) -> Codes:
    """Return how a buffer draws its codes, or raise EmbinitError if that needs floats.

    >>> from embinit.initializers import Uniform
    >>> str(codes(Uniform(-0.1, 0.1), Storage("q15")))
    'uniform codes(-3277, 3277)'
    """
    format_ = format_named(storage.format)
    if not isinstance(format_, QFormat):
        raise EmbinitError(f"dialect portable-int holds buffers in fixed point, as q<m>.<n>, got {storage.format}")
    if storage.rounding != "half_away":
        raise EmbinitError(
            f"dialect portable-int rounds half_away and draws no words for it, got {shown(storage.rounding)}"
        )
    if storage.quantizer is not None:
        raise EmbinitError(
            f"dialect portable-int draws codes as such, without a quantizer, got {storage.quantizer.says}"
        )
    match distribution:
        case Constant(value):
            return ConstantCode(_code(format_, distribution, value))
        case Uniform(low, high) if low == -high:
            _code(format_, distribution, high)
            return UniformCodes(format_.bound_code(abs(high)), format_.wide)
        case Normal(mean, stddev) | TruncatedNormal(mean, stddev):
            _code(format_, distribution, stddev)
            multiplier, shift = _multiplier_and_shift(format_, stddev)
            truncated = isinstance(distribution, TruncatedNormal)
            return NormalCodes(min(_code(format_, distribution, mean), 2**31 - 1), multiplier, shift, truncated)
    raise EmbinitError(f"dialect portable-int draws uniform values from -bound to bound, got {distribution}")


def _code(format_: QFormat, distribution: Distribution, value: float) -> int:
    """Return the exact value * 2^n, rounded half away from zero; at most one step outside the format's range."""
    steps = Fraction(value) * Fraction(2) ** format_.frac_bits
    if abs(steps) > -format_.qmin:
        largest = -format_.qmin * format_.step
        raise EmbinitError(f"{distribution}: {format_.name} holds -{largest:g} to {largest:g}, got {value:.9g}")
    code = int(abs(steps) + Fraction(1, 2))
    return -code if steps < 0 else code


def _multiplier_and_shift(format_: QFormat, stddev: float) -> tuple[int, int]:
    """Return multiplier and shift: multiplier * 2^-shift is exactly stddev, in steps of the format times 2^-24. A
    deviation so small that every product rounds to 0 keeps its multiplier and gets MAX_SHIFT.
    """
    numerator, denominator = (Fraction(stddev) * Fraction(2) ** (format_.frac_bits - 24)).as_integer_ratio()
    shift = denominator.bit_length() - 1
    if shift < 1:
        numerator, shift = 2 * numerator, shift + 1
    return numerator, min(shift, MAX_SHIFT)


PORTABLE_INT = replace(
    PORTABLE,
    name="portable-int",
    summary="portable without floats: fixed-point buffers, drawn as codes in integers alone",
    sampler=InCodes(),
    codes=codes,
)
