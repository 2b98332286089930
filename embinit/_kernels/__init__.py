"""The kernels that Numba compiles: those that draw and encode are twins of C functions, which return the same bits.

The others have no twin, since no device does what they do: moving MT19937 over any distance, the fills of PyTorch that
take double precision, memory of their own or a number of words that depends on them, and the statistics of buffers.
"""

import embinit._kernels.jit  # noqa: F401 (before any other import of Numba: it says what keeps Numba from starting)
