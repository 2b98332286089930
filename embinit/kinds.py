"""The kinds of streams that kernels can draw from: one list for the kernels and for the host, without Numba."""

#: Generators that every distribution kernel contains.
XORSHIFT32, PCG32, MT19937 = 0, 1, 2
#: Any other generator: its state is the address of a function that gives words, and how many of them have been drawn.
CALLED = 3
