"""Normal codes of fixed-point buffers in integers alone: one word and two multiplications each, no float."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import Apart, either_way, independent
from embinit._kernels.scaled import normal_code, truncated_normal_code
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill


@either_way
def normal_codes(
    kind: Apart, state: Words, truncated: Apart, mean: np.int64, multiplier: np.int64, shift: np.int64,
    out: NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill out with mean + z * multiplier * 2^-shift, the product rounded half away from zero; z in units of 2^-24."""
    words, half = new_words(), np.int64(1) << (shift - np.int64(1))
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        for i in independent(count):
            z = truncated_normal_code(drawn[i]) if truncated else normal_code(drawn[i])
            product = np.int64(z) * multiplier
            steps = (abs(product) + half) >> shift
            filled[i] = mean - steps if product < 0 else mean + steps
