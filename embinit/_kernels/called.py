"""Words from outside the kernels: from a function whose address and position are the state.

The state is uint32[4], low halves first: the address of a C function `int fill(uint64_t position, uint32_t *words,
int64_t count)`, which writes the words from a position of the stream on and returns 0, and the number of words drawn so
far. So a kernel that goes back to a state draws the same words again.
"""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import inlined, primitive
from embinit.errors import NoWordsError


def _llvm() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def call(_typing_context: Any, _address: Any, _position: Any, _pointer: Any, _count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = [context.get_value_type(kind) for kind in signature.args[1:]]
            function = ir.FunctionType(ir.IntType(32), kinds)
            return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])

        return types.int32(types.uint64, types.uint64, types.uint64, types.int64), generate

    return call


@primitive(_llvm)
def _call(address: np.uint64, position: np.uint64, pointer: np.uint64, count: np.int64) -> int:
    """Return what the function at an address returns for a position, a pointer to words and their number."""
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64)(int(address))
    return int(function(int(position), int(pointer), int(count)))


@inlined
def called(state: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Fill out with the next words."""
    address = np.uint64(state[0]) | np.uint64(state[1]) << np.uint64(32)
    position = np.uint64(state[2]) | np.uint64(state[3]) << np.uint64(32)
    if _call(address, position, np.uint64(out.ctypes.data), np.int64(out.size)):
        raise NoWordsError("the bit generator gave no words")
    position += np.uint64(out.size)
    state[2] = np.uint32(position)
    state[3] = np.uint32(position >> np.uint64(32))


@inlined
def called_next(state: NDArray[np.uint32]) -> np.uint32:
    """Draw one word."""
    word = np.empty(1, np.uint32)
    called(state, word)
    return np.uint32(word[0])
