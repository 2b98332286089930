"""C's division of integers for kernels, which rounds towards 0 where Python's rounds down."""

from typing import Any

import numpy as np

from embinit._kernels.jit import primitive


def _llvm() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def quotient(_typing_context: Any, a: Any, b: Any) -> Any:
        if a != b or a not in types.integer_domain:
            return None

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            dividend, divisor = arguments
            one = divisor.type(1)
            by_zero = builder.icmp_unsigned("==", divisor, divisor.type(0))
            if not a.signed:
                return builder.udiv(dividend, builder.select(by_zero, one, divisor))
            negates = builder.icmp_signed("==", divisor, divisor.type(-1))
            safe = builder.select(builder.or_(by_zero, negates), one, divisor)
            return builder.select(negates, builder.neg(dividend), builder.sdiv(dividend, safe))

        return a(a, b), generate

    return quotient


@primitive(_llvm)
def quotient(a: Any, b: Any) -> Any:
    """Return a / b of two integers of one type, rounded towards 0. Where C defines no quotient, for b = 0 and for the
    lowest value divided by -1, it is a.
    """
    divisor = np.where(b == 0, np.ones_like(b), b)
    with np.errstate(over="ignore"):
        return np.floor_divide(a - np.fmod(a, divisor), divisor)
