"""The Numba twins of the C library: every function here has a C function that returns the same bits."""

import embinit._kernels.jit  # noqa: F401 (before any other import of Numba: it says what keeps Numba from starting)
