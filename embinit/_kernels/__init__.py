"""The kernels, which Numba compiles, and NumPy runs where there is little to do. Those that draw and encode are twins
of C functions that give the same bits.

The others have no twin, because no device does what they do: moving MT19937 over any distance, the statistics of
buffers, and those fills of PyTorch that need double precision, extra memory or a number of words that depends on the
words.
"""
