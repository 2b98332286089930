"""Derives the table of the portable normal, the one in embinit/_kernels/normal_table.py and embinit_scaled.c.

It approximates f(p) = -quantile(p), 0 < p < 1/2. Octave L has p in [2^-(L+2), 2^-(L+1)), in four segments of equal
width; in each a cubic in s, the distance from the upper end of the segment in units of its width, through the Chebyshev
nodes. Coefficients are in units of 2^-28 and not negative, so that unsigned arithmetic will do.

Needs mpmath. Prints rows of four words, lowest power first; `--error` prints the largest error of z.
"""

import sys
from collections.abc import Iterator

from mpmath import cos, erfinv, mp, mpf, pi, polyval, sqrt

mp.dps = 40
OCTAVES, SEGMENTS, UNIT = 32, 4, mpf(2) ** 28


def quantile(p: mpf) -> mpf:
    """Return z with P(Z > z) = p."""
    return sqrt(2) * erfinv(1 - 2 * p)


def ends(octave: int, segment: int) -> tuple[mpf, mpf]:
    """Return the p of a segment's lower and upper end."""
    base = mpf(2) ** -(octave + 2)
    return base * (1 + mpf(segment) / SEGMENTS), base * (1 + mpf(segment + 1) / SEGMENTS)


def cubic(octave: int, segment: int) -> list[mpf]:
    """Return the coefficients, lowest first, of the interpolating cubic; next to p = 1/2 the quantile is odd in s."""
    low, high = ends(octave, segment)
    powers = (1, 3) if high == mpf(1) / 2 else (0, 1, 2, 3)
    n = len(powers)
    nodes = [(1 + cos((2 * k + 1) * pi / (2 * n))) / 2 for k in range(n)]
    rows = mp.matrix([[s**power for power in powers] for s in nodes])
    solved = mp.lu_solve(rows, mp.matrix([quantile(high - s * (high - low)) for s in nodes]))
    return [solved[powers.index(power)] if power in powers else mpf(0) for power in range(4)]


def row(octave: int, segment: int) -> tuple[int, ...]:
    """Return the row of a segment."""
    return tuple(int(mp.nint(c * UNIT)) for c in cubic(octave, segment))


def table() -> Iterator[tuple[int, ...]]:
    """Yield the rows of the table, octave by octave."""
    for octave in range(OCTAVES):
        for segment in range(SEGMENTS):
            yield row(octave, segment)


def largest_error() -> mpf:
    """Return the largest |z - table's z| at 33 points of every segment."""
    worst = mpf(0)
    for index, words in enumerate(table()):
        low, high = ends(*divmod(index, SEGMENTS))
        for k in range(33):
            s = mpf(k) / 32
            p = high - s * (high - low)
            exact = quantile(p) if p < mpf(1) / 2 else mpf(0)
            worst = max(worst, abs(polyval(list(reversed(words)), s) / UNIT - exact))
    return worst


if __name__ == "__main__":
    if "--error" in sys.argv:
        print(mp.nstr(largest_error(), 4))
    else:
        for words in table():
            print(", ".join(f"0x{word:08x}" for word in words))
