"""Buffers in which each token is an element: integers, decimals, or floats in hexadecimal."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embinit.bundle import Array
from embinit.dump.order import check_order, starts_of
from embinit.dump.rows import Read
from embinit.dump.spelling import DECIMAL, SPELLINGS, Spelling
from embinit.errors import EmbinitError

#: No number, with the bits of its fraction where gdb shows them; infinity.
_NOT_FINITE = r"(?i:nan(?:\(0x[0-9a-f]{1,13}\))?|inf(?:inity)?)"
FLOAT = rf"[+-]?(?:(?:\d{{1,64}}\.\d{{0,64}}|\.\d{{1,64}}|\d{{1,64}})(?:[eE][+-]?\d{{1,4}})?|{_NOT_FINITE})[fF]?"
HEX_FLOAT = (
    r"[+-]?(?:(?i:0x(?:[0-9a-f]{1,16}\.?[0-9a-f]{0,64}|\.[0-9a-f]{1,64})p[+-]?[0-9]{1,5}f?)"
    rf"|{_NOT_FINITE})"
)
#: Tokens that are exact however few digits they have.
_WHOLE = re.compile(rf"[+-]?(?:0(?:\.0?)?|{_NOT_FINITE})[fF]?")
#: By the bytes of a float: how many significant decimal digits tell it from its neighbours, and how to print it.
_DIGITS = {2: 5, 4: 9, 8: 17}
_EXACT = {
    2: 'print them with "%.9g", or their bits with "%04x"',
    4: 'print them with "%.9g", or their bits with "%08x"',
    8: 'print them with "%.17g", or their bits with "%016llx"',
}


def sizes_of(arrays: Sequence[Array]) -> list[int]:
    """Return the bytes of each element."""
    return [array.data.dtype.itemsize for array in arrays for _ in range(array.count)]


def of_integers(values: Sequence[int], arrays: Sequence[Array], spelling: Spelling) -> dict[str, bytes] | None:
    """Return buffers in which each integer is an element: a code, the bits of a float, or a float of integral value."""
    found, at = {}, 0
    for array in arrays:
        part = values[at : at + array.count]
        at += array.count
        dtype, bits = array.data.dtype, 8 * array.data.dtype.itemsize
        if dtype.kind == "f" and spelling.name == DECIMAL:
            exact = 2 << int(np.finfo(dtype).nmant)
            if all(abs(value) < exact for value in part):
                found[array.name] = _in_order(np.array(part, dtype.newbyteorder("<")).tobytes(), array)
                continue
        # %x prints a negative code as an int, which has 32 bits.
        signed = [
            value - (1 << 32) if bits < 32 and 1 << 32 > value >= (1 << 32) - (1 << bits - 1) else value
            for value in part
        ]
        if not all(-(1 << bits - 1) <= value < 1 << bits for value in signed):
            return None
        data = b"".join((value % (1 << bits)).to_bytes(bits // 8, "little") for value in signed)
        found[array.name] = _in_order(data, array)
    return found


def _in_order(data: bytes, array: Array) -> bytes:
    """Return the memory of a buffer from its elements, little endian."""
    big = array.arrangement.byte_order == "big"
    return np.frombuffer(data, array.data.dtype).byteswap().tobytes() if big else data


def of_floats(given: Read, arrays: Sequence[Array], value: Callable[[str], float]) -> dict[str, bytes] | None:
    """Return buffers in which each float is an element."""
    if given.count != sum(array.count for array in arrays):
        return None
    check_order(given, sizes_of(arrays), starts_of(arrays))
    tokens = list(given.tokens)
    if value is from_decimal and all(array.data.dtype.kind == "f" for array in arrays):
        _check_digits(tokens, arrays)
    found, at = {}, 0
    for array in arrays:
        part = tokens[at : at + array.count]
        at += array.count
        values = np.array([value(token) for token in part])
        if array.data.dtype.kind == "f":
            with np.errstate(over="ignore"):
                held = values.astype(array.data.dtype.newbyteorder("<"))
            for i, token in enumerate(part):
                if "(" in token:
                    held.view(f"<u{held.itemsize}")[i] = _nan_bits(token, held.dtype)
            found[array.name] = _in_order(held.tobytes(), array)
        elif np.array_equal(values, np.rint(values)) and array.data.dtype.itemsize < 8:
            integers = of_integers([int(x) for x in values], [array], SPELLINGS[-1])
            if integers is None:
                return None
            found |= integers
        else:
            raise EmbinitError(f"{array.name} holds {array.format} codes, which are integers; got floats")
    return found


def _check_digits(tokens: Sequence[str], arrays: Sequence[Array]) -> None:
    """Raise EmbinitError if decimals have too few digits to distinguish a float from its neighbours. Fewer are enough
    if the printer leaves out zeros, as it does if most decimals are what it prints for the expected values.
    """
    widest = max((array.data.dtype for array in arrays), key=lambda dtype: dtype.itemsize)
    enough, exact = _DIGITS[widest.itemsize], _EXACT[widest.itemsize]
    decimals = max(len(re.split("[eE]", token.rstrip("fF"))[0].partition(".")[2]) for token in tokens)
    digits = max((_significant(token) for token in tokens if not _WHOLE.fullmatch(token)), default=enough)
    expected = [value for array in arrays for value in array.data.reshape(-1)]
    pairs = list(zip(tokens, expected, strict=True))
    whole = sum(token in (f"{value:.{max(enough, 9)}g}", str(value)) for token, value in pairs)
    if digits < enough and 2 * whole < len(tokens):
        raise EmbinitError(
            f"floats are printed with {digits} significant digits, and {enough} tell a {widest.name}: {exact}"
        )
    if any(_rounded(token, value, decimals) for token, value in pairs):
        raise EmbinitError(f"floats are printed with {decimals} decimals, too few for the smallest values: {exact}")


def _rounded(token: str, value: Any, decimals: int) -> bool:
    """Return whether a token of so many decimals is a value's, but reads as another float of its type."""
    plain = token.rstrip("fF").lstrip("+-").replace(".", "", 1).isdigit()
    return (
        plain
        and type(value)(token.rstrip("fF")) != value
        and float(token.rstrip("fF")) == float(f"{value:.{decimals}f}")
    )


def _significant(token: str) -> int:
    mantissa = re.split("[eE]", token.strip("+-").rstrip("fF"))[0]
    return len(mantissa.replace(".", "").lstrip("0")) or 1


def from_decimal(token: str) -> float:
    """Return the number that a decimal spells."""
    token = token.rstrip("fF") if not token.lower().endswith("inf") else token
    return float(token.partition("(")[0])


def from_hex(token: str) -> float:
    """Return the number that a float in hexadecimal, as %a prints it, spells."""
    if "p" not in token.lower():
        return from_decimal(token)
    try:
        return float.fromhex(token.rstrip("fF"))
    except OverflowError:
        return -math.inf if token.startswith("-") else math.inf


def _nan_bits(token: str, dtype: np.dtype[Any]) -> int:
    """Return the bits of a float that gdb shows as -nan(0x400000): no number, with a sign and a fraction."""
    bits, mantissa = 8 * dtype.itemsize, int(np.finfo(dtype).nmant)
    fraction = int(token.partition("(")[2].partition(")")[0], 16)
    exponent = (1 << bits - 1) - (1 << mantissa)
    return (token.startswith("-") << bits - 1) | exponent | (fraction & (1 << mantissa) - 1)


def integral(token: str) -> bool:
    """Whether a token has digits alone."""
    return token.lstrip("+-").isdigit()
