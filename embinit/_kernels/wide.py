"""PCG64 in 128 bits, RUN words at a time that do not depend on each other; a number is its low half, then its high
half. As in affine.py, i steps lead from a state s to s + A_i (next(s) - s); steps holds A_0 to A_RUN.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import either_way, independent, inlined, primitive

U64 = NDArray[np.uint64]

RUN = 256
XSL_RR, DXSM = 0, 1
CHEAP = np.uint64(0xDA942042E4DD58B5)


def _llvm() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def high_product(_typing_context: Any, _a: Any, _b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            wide = ir.IntType(128)
            product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
            return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

        return types.uint64(types.uint64, types.uint64), generate

    return high_product


@primitive(_llvm)
def _high_product(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the high half of the product of two uint64, from the products of their halves of 32 bits."""
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    middle = (a & low) * (b >> shift)
    carried = ((a & low) * (b & low) >> shift) + (middle & low) + (a >> shift) * (b & low)
    return (a >> shift) * (b >> shift) + (middle >> shift) + (carried >> shift)


@inlined
def _sum(low: np.uint64, high: np.uint64, low2: np.uint64, high2: np.uint64) -> tuple[np.uint64, np.uint64]:
    total = low + low2
    return total, high + high2 + np.uint64(total < low)


@inlined
def _product(low: np.uint64, high: np.uint64, low2: np.uint64, high2: np.uint64) -> tuple[np.uint64, np.uint64]:
    top = _high_product(low, low2)
    return low * low2, top + low * high2 + high * low2


@inlined
def _output(kind: int, low: np.uint64, high: np.uint64) -> np.uint64:
    """Return the word of a state."""
    if kind == XSL_RR:
        x, by = high ^ low, high >> np.uint64(58)
        return x >> by | x << (np.uint64(64) - by & np.uint64(63))
    if kind == DXSM:
        high ^= high >> np.uint64(32)
        high *= CHEAP
        high ^= high >> np.uint64(48)
        return high * (low | np.uint64(1))
    raise ValueError("no PCG64 has this output")


@either_way
def pcg64(state: U64, multiplier: U64, steps: U64, kind: int, after: int, out: U64) -> None:
    """Fill out with the next words; after: 1 if a word is made from the state after its step, 0 from the state before
    it. state: the state and the increment, two words each.
    """
    low, high = state[0], state[1]
    for start in range(0, out.size, RUN):
        run = out[start : start + RUN]
        step_low, step_high = _product(low, high, multiplier[0], multiplier[1])
        step_low, step_high = _sum(step_low, step_high, state[2], state[3])
        borrow = np.uint64(step_low < low)
        step_low, step_high = step_low - low, step_high - high - borrow
        for i in independent(run.size):
            at = 2 * (i + after)
            moved_low, moved_high = _product(step_low, step_high, steps[at], steps[at + 1])
            run[i] = _output(kind, *_sum(low, high, moved_low, moved_high))
        at = 2 * run.size
        moved_low, moved_high = _product(step_low, step_high, steps[at], steps[at + 1])
        low, high = _sum(low, high, moved_low, moved_high)
    state[0], state[1] = low, high
