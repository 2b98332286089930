"""The kernels, which Numba compiles, and NumPy runs where there is little to do. Those that draw and encode are twins
of C functions that give the same bits.

The others have no twin, because no device does what they do: moving MT19937 over any distance, searching for seeds,
the statistics of buffers, and those fills of PyTorch and NumPy that need a function of the host's libm, extra memory or
a number of words that depends on the words. `tests/c/test_kernels_and_c.py` lists both, with the reasons.
"""
