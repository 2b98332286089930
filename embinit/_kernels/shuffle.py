"""Permutations from a stream of words."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import Apart, kernel
from embinit._kernels.stream import Words, next_word


@kernel
def fisher_yates(kind: Apart, state: Words, order: NDArray[np.int64]) -> int:
    """Shuffle order (int64) from its end to its start without modulo bias; return the number of words drawn.

    A word is drawn again while it lies in the last, incomplete run of i + 1 values below 2^32 - 1.
    """
    top = np.uint32(0xFFFFFFFF)
    drawn = 0
    for i in range(order.size - 1, 0, -1):
        choices = np.uint32(i + 1)
        limit = top - top % choices
        word = next_word(kind, state)
        drawn += 1
        while word >= limit:
            word = next_word(kind, state)
            drawn += 1
        j = word % choices
        order[i], order[j] = order[j], order[i]
    return drawn
