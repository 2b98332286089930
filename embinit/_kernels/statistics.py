"""Five numbers that describe what a buffer holds."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import kernel

#: How many sums are kept side by side, for vectors: the order of additions does not depend on the machine.
LANES = 64


@kernel
def statistics(values: NDArray[np.float32], out: NDArray[np.float64]) -> None:
    """Write minimum, maximum, mean, standard deviation and number of zeros of each row of values (float32) to out."""
    low, high = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    total, squares, zeros = np.empty(LANES), np.empty(LANES), np.empty(LANES, np.int32)
    for row in range(values.shape[0]):
        x = values[row]
        for j in range(LANES):
            low[j], high[j], total[j], squares[j], zeros[j] = x[0], x[0], 0.0, 0.0, 0
        for start in range(0, x.size, LANES):
            part = x[start : start + LANES]
            for j in range(part.size):
                value = part[j]
                wide = np.float64(value)
                low[j] = value if value < low[j] else low[j]
                high[j] = value if value > high[j] else high[j]
                total[j] += wide
                squares[j] += wide * wide
                zeros[j] += np.int32(value == 0)
        for j in range(1, LANES):
            low[0] = low[j] if low[j] < low[0] else low[0]
            high[0] = high[j] if high[j] > high[0] else high[0]
            total[0], squares[0], zeros[0] = total[0] + total[j], squares[0] + squares[j], zeros[0] + zeros[j]
        mean = total[0] / x.size
        variance = squares[0] / x.size - mean * mean
        out[row, 0], out[row, 1], out[row, 2] = low[0], high[0], mean
        out[row, 3], out[row, 4] = np.sqrt(0.0 if variance < 0 else variance), zeros[0]
