"""Values that are an integer times a scale: no libm, no float addition, one word of the stream each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import Apart, either_way, independent, inlined, primitive
from embinit._kernels.normal_table import CUBICS
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill, state_size

UNIFORM, NORMAL, TRUNCATED_NORMAL = 0, 1, 2

_C0, _C1, _C2, _C3 = (np.ascontiguousarray(column) for column in CUBICS.T)
#: 2^33 times the probability that a standard normal value is above 2.
_BEYOND_TWO = np.uint32(195422145)
_TWO = np.int32(2 << 24)


def _llvm() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def leading_zeros(_typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.ctlz(arguments[0], context.get_constant(types.boolean, True))

        return types.uint32(x), generate

    return leading_zeros


@primitive(_llvm)
def _leading_zeros(x: np.uint32) -> np.uint32:
    """Return the number of zeros above the highest 1 of a uint32 that is not 0: a float64 has it as its exponent."""
    return np.uint32(32) - np.uint32(np.frexp(np.float64(x))[1])


@inlined
def _magnitude(v: np.uint32) -> np.int32:
    """Return |z| in units of 2^-24, where P(|Z| > |z|) = v * 2^-32 and v is odd."""
    octave = _leading_zeros(v)
    v = np.uint32(v << octave)
    segment = np.uint32(np.uint32(octave << np.uint32(2)) | np.uint32(np.uint32(v >> np.uint32(29)) & np.uint32(3)))
    s = np.uint64(np.uint32(~np.uint32(v << np.uint32(3))))
    z = np.uint64(_C2[segment]) + (np.uint64(_C3[segment]) * s >> np.uint64(32))
    z = np.uint64(_C1[segment]) + (z * s >> np.uint64(32))
    z = np.uint64(_C0[segment]) + (z * s >> np.uint64(32))
    return np.int32((z + np.uint64(8)) >> np.uint64(4))


@inlined
def normal_code(word: np.uint32) -> np.int32:
    """Return z of a standard normal in units of 2^-24."""
    z = _magnitude(np.uint32(np.uint32(word << np.uint32(1)) | np.uint32(1)))
    return np.int32(-z) if word >> np.uint32(31) else z


@inlined
def truncated_normal_code(word: np.uint32) -> np.int32:
    """Return z of a standard normal truncated to [-2, 2] in units of 2^-24."""
    odd = np.uint64(np.uint32(np.uint32(word << np.uint32(1)) | np.uint32(1)))
    span = np.uint64(np.uint32(np.uint32(0) - _BEYOND_TWO))
    z = min(_magnitude(np.uint32(_BEYOND_TWO + np.uint32(odd * span >> np.uint64(32)))), _TWO)
    return np.int32(-z) if word >> np.uint32(31) else z


@either_way
def scaled(kind: Apart, state: Words, distribution: Apart, offset: int, scale: float, out: NDArray[np.float32]) -> None:
    """Fill out with float32(code + offset) * scale, with the codes of a distribution: UNIFORM, NORMAL or
    TRUNCATED_NORMAL. offset is an int32, scale a float32. If state holds several generators, each fills an equal part
    of out.
    """
    size = state_size(kind)
    part = out.size // (state.size // size)
    for i in range(state.size // size):
        one, filled = state[i * size : (i + 1) * size], out[i * part : (i + 1) * part]
        _from_blocks(kind, one, distribution, np.int32(offset), np.float32(scale), filled)


@inlined
def _from_blocks(
    kind: Apart, state: Words, distribution: Apart, offset: np.int32, scale: np.float32, out: NDArray[np.float32]
) -> None:
    """Fill out from one generator."""
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        if distribution == UNIFORM:
            for i in independent(count):
                filled[i] = np.float32(np.int32(np.int32(drawn[i] >> np.uint32(8)) + offset)) * scale
        elif distribution == NORMAL:
            for i in independent(count):
                filled[i] = np.float32(np.int32(normal_code(drawn[i]) + offset)) * scale
        elif distribution == TRUNCATED_NORMAL:
            for i in independent(count):
                filled[i] = np.float32(np.int32(truncated_normal_code(drawn[i]) + offset)) * scale
        else:
            raise ValueError("no code is of this distribution")
