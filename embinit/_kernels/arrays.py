"""Copies of arrays as loops: Numba's own copy takes seconds to compile, mostly for the text of an error."""

from typing import Any

from numpy.typing import NDArray

from embinit._kernels.jit import independent, inlined


@inlined
def copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Write source to the start of target."""
    for i in independent(source.size):
        target[i] = source[i]
