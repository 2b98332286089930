"""The Numba twins of the C library: every function here has a C function that returns the same bits."""
