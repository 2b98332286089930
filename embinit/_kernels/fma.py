"""Fused multiply-add for kernels: `a * b + c` with a single rounding, even if the CPU has no such instruction."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from embinit._kernels.jit import Apart, inlined, primitive


def _llvm(name: str) -> Callable[[], Any]:
    """Return the function that makes `llvm.fma` of one type. An operand of another type is a typing error, because
    converting it would round twice.
    """

    def made() -> Any:
        from numba.core import types
        from numba.extending import intrinsic

        scalar = getattr(types, name)

        @intrinsic
        def fma(_typing_context: Any, a: Any, b: Any, c: Any) -> Any:
            if not a == b == c == scalar:
                return None

            def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                return builder.fma(*arguments)

            return scalar(scalar, scalar, scalar), generate

        return fma

    return made


@primitive(_llvm("float32"))
def fma32(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """Return a * b + c, also of float32 arrays, by float64 arithmetic with one rounding to odd.

    The product of two float32 is exact in float64: 48 bits, from 2^-298 to 2^256. Its sum with c is rounded, and the
    error of that is known exactly (Knuth's two-sum, in which nothing overflows). Where there is an error, the sum is
    made odd: the last bit of its float64 says that something is left, and on which side. Rounding to odd in 53 bits and
    then to nearest in 24 bits or, for subnormal results, fewer gives what one rounding does, because 53 >= 24 + 2
    (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008). A sum without an error, infinity and
    NaN stay as they are.
    """
    product = np.float64(a) * np.float64(b)
    addend = np.float64(c)
    nearest = product + addend
    back = nearest - product
    error: Any = (product - (nearest - back)) + (addend - back)
    bits = np.asarray(nearest).view(np.int64)
    # Towards zero if the error has the other sign, then odd: what is left lies between two neighbours.
    inexact: Any = (error != 0) & np.isfinite(nearest)
    down = inexact & ((error > 0) != (nearest > 0))
    odd = (bits - down) | inexact
    rounded: Any = np.asarray(odd.view(np.float64), np.float32)[()]
    return rounded  # type: ignore[no-any-return]


@inlined
def multiply_add32(a: np.float32, b: np.float32, c: np.float32, fused: Apart) -> np.float32:
    """Return a * b + c, rounded once if a build fuses both, else twice."""
    return fma32(a, b, c) if fused else np.float32(np.float32(a * b) + c)


def _exact_fma(a: float, b: float, c: float) -> float:
    """Return a * b + c of floats, rounded once; zeros, infinities and NaN are as in two operations."""
    if not math.isfinite(a) or not math.isfinite(b):
        return a * b + c
    if not math.isfinite(c):
        return c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


_FMA64 = np.vectorize(_exact_fma, otypes=[np.float64])


@primitive(_llvm("float64"))
def fma64(a: float, b: float, c: float) -> np.float64:
    """Return a * b + c, also of float64 arrays: NumPy has no wider type, so fractions are computed."""
    return _FMA64(a, b, c)[()]  # type: ignore[no-any-return]


def _either() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def fmuladd(_typing_context: Any, a: Any, b: Any, c: Any) -> Any:
        if not a == b == c == types.float64:
            return None

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            double = ir.DoubleType()
            kind = ir.FunctionType(double, [double] * 3)
            return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [double], kind), arguments)

        return types.float64(types.float64, types.float64, types.float64), generate

    return fmuladd


@primitive(_either)
def multiply_add64(a: float, b: float, c: float) -> np.float64:
    """Return a * b + c, rounded once or twice, whichever is quicker on the CPU: for results that are the same either
    way.
    """
    return a * b + c  # type: ignore[return-value]
