"""The tables of numpy's standard_normal, the ziggurat of Marsaglia and Tsang (2000) with 256 strips.

Strip 255 is the lowest above the base, and reaches to R; each strip has the area AREA. As NumPy's, the tables are
computed in double, from the lowest strip up, with exp and log rounded to nearest.
"""

from decimal import Context, Decimal
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Where the tail begins, and the area of a strip: r f(r) and the tail's, where f(x) = exp(-x^2 / 2).
R, AREA = 3.6541528853610088, float.fromhex("0x1.43016a5a4372ep-8")
STRIPS = 256
#: The strip whose exp lies 0.498 of the last place above a double; NumPy's was rounded up.
ROUNDED_UP = 38
_PRECISE = Context(prec=50)


class Tables(NamedTuple):
    """limit: below this integer a strip's value lies under the curve. width: what the integer is multiplied by.
    height: of the curve at the end of the strip.
    """

    limit: NDArray[np.uint64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]


def _exp(x: float) -> float:
    return float(_PRECISE.exp(Decimal(x)))


def _log(x: float) -> float:
    return float(_PRECISE.ln(Decimal(x)))


@lru_cache
def edges() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each strip ends, and how high the curve is there; strip 0 is the base, as wide as its area needs.

    >>> x, height = edges()
    >>> float(x[0]), float(x[1]), float(height[255])
    (3.910757959524912, 0.21524189598488003, 0.001260285930498598)
    """
    x, height = np.empty(STRIPS), np.empty(STRIPS)
    x[-1], height[-1] = R, _exp(-0.5 * R * R)
    for i in range(STRIPS - 2, 0, -1):
        x[i] = edge = sqrt(-2.0 * _log(float(AREA / x[i + 1] + height[i + 1])))
        height[i] = _exp(-0.5 * edge * edge)
        if i == ROUNDED_UP:
            height[i] = np.nextafter(height[i], 1.0)
    x[0], height[0] = AREA / height[-1], 1.0
    return x, height


@lru_cache
def tables(bits: int) -> Tables:
    """Return the tables for integers of 52 bits, or of 23 in single precision.

    >>> tables(52).limit[:3].tolist(), tables(23).limit[:3].tolist()
    ([4208095142473578, 0, 3387314423973544], [7838188, 0, 6309365])
    """
    x, height = edges()
    limit = np.zeros(STRIPS, np.uint64)
    limit[0] = round(x[-1] / x[0] * 2.0**bits)
    limit[2:] = [round(ratio * 2.0**bits) for ratio in (x[1:-1] / x[2:]).tolist()]
    return Tables(limit, x * 2.0**-bits, height)
