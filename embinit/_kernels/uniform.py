"""From words to uniform float32 values, by the rule of each dialect."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.fma import fma32
from embinit._kernels.jit import kernel
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill

#: The bits of a shifted word that become a float32 exactly.
LOW_24 = np.uint32(0xFFFFFF)


@kernel
def uniform(
    kind: int, state: Words, shift: np.uint32, fused: bool, low: np.float32, width: np.float32, out: NDArray[np.float32]
) -> None:
    """Fill out (float32) with low + width * k * 2^-24, k = (word >> shift) & 0xffffff: one word per element.

    The multiply-add rounds once when fused, twice when not; low and width are float32.
    """
    unit = np.float32(2.0**-24)
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        if fused:
            for i in range(count):
                r = np.float32(np.int32((drawn[i] >> shift) & LOW_24)) * unit
                filled[i] = fma32(r, width, low)
        else:
            for i in range(count):
                r = np.float32(np.int32((drawn[i] >> shift) & LOW_24)) * unit
                filled[i] = np.float32(low + np.float32(r * width))


@kernel
def bernoulli(kind: int, state: Words, shift: np.uint32, p: np.float32, out: NDArray[np.bool_]) -> None:
    """Fill out (bool) with k * 2^-24 < p, p float32: one word per element."""
    unit = np.float32(2.0**-24)
    words = new_words()
    for start in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - start)
        refill(kind, state, words, count, start == 0)
        drawn, filled = words[HISTORY : HISTORY + count], out[start : start + count]
        for i in range(count):
            filled[i] = np.float32(np.int32((drawn[i] >> shift) & LOW_24)) * unit < p
