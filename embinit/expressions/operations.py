"""Operations: what each one computes, on NumPy arrays, and the operands for which C defines no result."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.expressions import libm
from embinit.expressions.types import FLOAT, CType

Array = NDArray[Any]

#: How C, and Python, write operations of two operands: arithmetic, shifts and comparisons.
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|", "xor": "^"}
SHIFTS = {"shl": "<<", "shr": ">>"}
COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}

COMPARISONS: dict[str, Callable[..., Array]] = {
    "lt": np.less,
    "gt": np.greater,
    "le": np.less_equal,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_BINARY: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shl": np.left_shift,
    "shr": np.right_shift,
}


def _rounded(x: Array) -> Array:
    """Return x rounded to an integer, halves away from 0."""
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(x.dtype.type(1), x), whole)


_EXACT: dict[str, Callable[..., Array]] = {
    "sqrtf": np.sqrt,
    "sqrt": np.sqrt,
    "fabsf": np.abs,
    "fabs": np.abs,
    "fminf": np.fmin,
    "fmaxf": np.fmax,
    "floorf": np.floor,
    "ceilf": np.ceil,
    "truncf": np.trunc,
    "fmin": np.fmin,
    "fmax": np.fmax,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "roundf": _rounded,
    "round": _rounded,
    "fmodf": np.fmod,
    "fmod": np.fmod,
    "ldexpf": np.ldexp,
    "ldexp": np.ldexp,
}


def apply(op: str, ctype: CType, data: Any, args: Sequence[Array]) -> Array:
    """Return the result of an operation, as an array of its type. Where C defines none, it is arbitrary: callers find
    these elements by `check`, and silence NumPy's warnings.
    """
    if op in _BINARY:
        if op in ("shl", "shr"):
            args = (args[0], args[1].astype(args[0].dtype))
        return _BINARY[op](*args)
    if op in COMPARISONS:
        return COMPARISONS[op](*args).astype(np.int32)
    if op == "select":
        return np.where(args[0] != 0, args[1], args[2])
    if op == "cast":
        return _converted(args[0], ctype)
    return _OTHER[op](ctype, data, *args)


def _converted(x: Array, ctype: CType) -> Array:
    if x.dtype.kind == "f" and not ctype.floating:
        # Convert through the widest type of the same sign: a fraction above -1 becomes an unsigned 0.
        return x.astype(np.int64 if ctype.signed or ctype.bits < 64 else np.uint64).astype(ctype.dtype)
    return x.astype(ctype.dtype)


def _div(ctype: CType, _data: Any, a: Array, b: Array) -> Array:
    if ctype.floating:
        return np.divide(a, b)
    b = np.where(b == 0, b.dtype.type(1), b)
    return np.floor_divide(a - np.fmod(a, b), b) if ctype.signed else np.floor_divide(a, b)


def _rem(_ctype: CType, _data: Any, a: Array, b: Array) -> Array:
    remainder: Array = np.fmod(a, np.where(b == 0, b.dtype.type(1), b))
    return remainder


def _call(_ctype: CType, data: Any, *args: Array) -> Array:
    name, libm_class, _ = data
    if name == "fmaf":
        return libm.fmaf(libm_class, *args)
    return _EXACT[name](*args) if name in _EXACT else libm.evaluate(name, libm_class, args[0])


def _fma(ctype: CType, data: Any, a: Array, b: Array, c: Array) -> Array:
    negate_product, negate_addend = data
    return libm.fma(ctype is FLOAT, -a if negate_product else a, b, -c if negate_addend else c)


def _truth(x: Array) -> Any:
    return x != 0


_OTHER: dict[str, Callable[..., Array]] = {
    "div": _div,
    "rem": _rem,
    "neg": lambda _ctype, _data, a: np.negative(a),
    "not": lambda _ctype, _data, a: np.invert(a),
    "lnot": lambda _ctype, _data, a: (a == 0).astype(np.int32),
    "land": lambda _ctype, _data, a, b: (_truth(a) & _truth(b)).astype(np.int32),
    "lor": lambda _ctype, _data, a, b: (_truth(a) | _truth(b)).astype(np.int32),
    "call": _call,
    "fma": _fma,
}


# ---- Where C defines no result ----

Check = tuple[Callable[..., Array], str]


def check(op: str, ctype: CType, data: Any, args: Sequence[Any], least: int, most: int) -> Check | None:
    """Return a test for operands for which C defines no result, and the rule that they break; None if there are none.

    args: nodes or types, which say the range of an integer operand. least, most: the range of the exact result.
    """
    if op in ("add", "sub", "mul", "neg") and not ctype.floating and ctype.signed:
        overflows = least < ctype.low or most > ctype.high
        return (_OVERFLOW[op], f"the result does not fit into {ctype}: signed overflow") if overflows else None
    if op in ("shl", "shr"):
        outside = args[1].low < 0 or args[1].high >= ctype.bits
        rule = f"{ctype} is shifted by 0 to {ctype.bits - 1}"
        return (lambda _a, b: (b < 0) | (b >= ctype.bits), rule) if outside else None
    if op in ("div", "rem") and not ctype.floating:
        return _division(ctype, args)
    if op == "cast" and args[0].ctype.floating and not ctype.floating:
        low, high = float(ctype.low), float(ctype.high + 1)
        return (lambda x: ~((np.trunc(x) >= low) & (x < high)), f"the value does not fit into {ctype}")
    if op == "call" and data[0] in ("ldexpf", "ldexp"):
        return (_is_scaled_far, f"{data[0]} is known for powers below {FARTHEST} and results that are not subnormal")
    if op == "call" and data[0] in ("fminf", "fmaxf", "fmin", "fmax"):
        return (_zeros_of_two_signs, f"{data[0]} of 0.0 and -0.0 may be either")
    return libm.check(data[0]) if op == "call" else None


def _division(ctype: CType, args: Sequence[Any]) -> Check | None:
    a, b = args
    overflows = ctype.signed and a.low == ctype.low and b.low <= -1 <= b.high
    if not b.low <= 0 <= b.high and not overflows:
        return None
    lowest = np.array(ctype.low, ctype.dtype)
    return (
        lambda x, y: (y == 0) | ((x == lowest) & (y == -1)) if ctype.signed else y == 0,
        "division by 0, or of the lowest value by -1" if overflows else "division by 0",
    )


def _zeros_of_two_signs(a: Array, b: Array) -> Any:
    return (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))


#: From this power on, newlib's ldexp adds exponents that overflow.
FARTHEST = 5000


def _is_scaled_far(x: Array, power: Array) -> Any:
    subnormal = (x != 0) & (np.abs(np.ldexp(x, power)) < np.finfo(x.dtype).smallest_normal)
    return subnormal | (np.abs(power.astype(np.int64)) >= FARTHEST)


def _add_overflows(a: Array, b: Array) -> Any:
    total = a + b
    return ((a ^ total) & (b ^ total)) < 0


def _sub_overflows(a: Array, b: Array) -> Any:
    difference = a - b
    return ((a ^ b) & (a ^ difference)) < 0


def _mul_overflows(a: Array, b: Array) -> Any:
    # Overflow changes the product by a multiple of 2^bits, far more than float64 loses.
    exact = a.astype(np.float64) * b.astype(np.float64)
    return np.abs(exact - (a * b).astype(np.float64)) > 2.0 ** (8 * a.dtype.itemsize - 2)


def _neg_overflows(a: Array) -> Any:
    return a == np.iinfo(a.dtype).min


_OVERFLOW: dict[str, Callable[..., Array]] = {
    "add": _add_overflows,
    "sub": _sub_overflows,
    "mul": _mul_overflows,
    "neg": _neg_overflows,
}
