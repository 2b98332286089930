"""Fused multiply-add for kernels: ``a * b + c`` with a single rounding."""

from typing import Any

from numba.core import types
from numba.extending import intrinsic


def _llvm_fma(scalar: Any, *operands: Any) -> Any:
    """Return the signature and the code of ``llvm.fma``, or None (a typing error) where an operand is not a `scalar`.

    Converting the operand instead would round twice without a word.
    """
    if any(operand != scalar for operand in operands):
        return None

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return scalar(scalar, scalar, scalar), generate


@intrinsic
def fma32(_typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return float32 ``a * b + c`` of three float32, rounded once."""
    return _llvm_fma(types.float32, a, b, c)


@intrinsic
def fma64(_typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return float64 ``a * b + c`` of three float64, rounded once."""
    return _llvm_fma(types.float64, a, b, c)
