"""Fused multiply-add for kernels: `a * b + c` with a single rounding, even if the CPU has no such instruction."""

from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import intrinsic


def _fma(scalar: Any) -> Callable[..., Any]:
    """Return `llvm.fma` on one type. An operand of another type is a typing error, because converting it would round
    twice.
    """

    @intrinsic
    def fma(_typing_context: Any, a: Any, b: Any, c: Any) -> Any:
        if not a == b == c == scalar:
            return None

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fma(*arguments)

        return scalar(scalar, scalar, scalar), generate

    return fma


fma32 = _fma(types.float32)
fma64 = _fma(types.float64)
