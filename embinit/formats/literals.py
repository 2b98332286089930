"""Literals: float32 values that went through fewer digits on their way to memory, such as those of a printed table."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError, shown

F32 = NDArray[np.float32]

#: 24 significant bits times the 28 of 5^12 are exact in float64, so rounding to decimals gives what printf prints.
MAX_DECIMALS = 12
_PRINTED = re.compile(r"%\.(\d{1,2})([fge])")


def through(form: str, values: F32) -> F32:
    """Return the values that are read back after values were written in a form.

    >>> through("%.2f", np.float32([0.12345])).tolist()
    [0.11999999731779099]
    """
    if form in _NARROW:
        return _NARROW[form](values)
    digits, kind = printed(form)
    return {"f": _fixed, "g": _significant, "e": _scientific}[kind](values, digits)


def printed(form: str) -> tuple[int, str]:
    """Return the digits and the kind of a form, "f", "g" or "e"; raise EmbinitError if literals cannot have it."""
    found = _PRINTED.fullmatch(form) if isinstance(form, str) else None
    if isinstance(form, str) and form in _NARROW:
        return 0, ""
    if found is None or int(found[1]) > MAX_DECIMALS or (int(found[1]) == 0 and found[2] == "g"):
        raise EmbinitError(
            f'literals must be a form of printf such as "%.6f", with at most {MAX_DECIMALS} digits, or '
            f"{', '.join(_NARROW)}, got {shown(form)}"
        )
    return int(found[1]), found[2]


def _half(values: F32) -> F32:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def _brain(values: F32) -> F32:
    bits = values.view(np.uint32)
    nearest = np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    return (bits + nearest & np.uint32(0xFFFF0000)).view(np.float32)


def _upper_half(values: F32) -> F32:
    return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


_NARROW: dict[str, Callable[[F32], F32]] = {
    "float16": _half, "bfloat16": _brain, "bfloat16_truncated": _upper_half,
}  # fmt: skip


def _fixed(values: F32, decimals: int) -> F32:
    return (np.rint(values.astype(np.float64) * 10.0**decimals) / 10.0**decimals).astype(np.float32)


def _significant(values: F32, digits: int) -> F32:
    wide = np.abs(values.astype(np.float64))
    written, rest = np.copy(values), wide > 0
    for decimals in range(MAX_DECIMALS + 1):
        decade = (wide >= 10.0 ** (digits - 1 - decimals)) & (wide < 10.0 ** (digits - decimals))
        written[decade] = _fixed(values[decade], decimals)
        rest &= ~decade
    written[rest] = [float(f"{value:.{digits}g}") for value in values[rest].tolist()]
    return written


def _scientific(values: F32, digits: int) -> F32:
    return _significant(values, digits + 1)
