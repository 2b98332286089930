"""Fused multiply-add of whole arrays."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32, fma64
from embinit._kernels.jit import either_way, either_way_by, independent


@either_way
def fma32_array(
    a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Fill out with a * b + c, each rounded once."""
    for i in independent(out.size):
        out[i] = fma32(a[i], b[i], c[i])


@either_way_by(lambda *given: 16 * given[-1].size)
def fma64_array(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Fill out with a * b + c, each rounded once."""
    for i in independent(out.size):
        out[i] = fma64(a[i], b[i], c[i])
