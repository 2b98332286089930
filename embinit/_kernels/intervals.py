"""numpy's shuffle, from an array of words of 32 bits."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.jit import kernel


@kernel
def by_mask(words: NDArray[np.uint32], order: NDArray[np.int64], i: int) -> tuple[int, int]:
    """Swap element i with one of 0 to i, and so on down to i = 1; return the next i and how many words were drawn.

    The low bits of a word, as many as i has, name the other element; if they exceed i, the next word does. The i that
    is returned is 0 when the shuffle is done; otherwise the words have ended, and it goes on from that i with more.
    """
    used = 0
    for word in words:
        if i < 1:
            break
        used += 1
        mask = np.uint32(i)
        for shift in (1, 2, 4, 8, 16):
            mask |= np.uint32(mask >> np.uint32(shift))
        j = np.int64(np.uint32(word & mask))
        if j <= i:
            order[i], order[j] = order[j], order[i]
            i -= 1
    return i, used
