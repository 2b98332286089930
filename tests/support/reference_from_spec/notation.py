"""Notation: roundings, fused operations and bits."""

import math
from fractions import Fraction
from functools import cache

import numpy as np

F = np.float32
UNIT = F(2.0**-24)


def fl(value: Fraction) -> np.float32:
    """Round an exact value once to binary32, ties to even. 0 is +0; what underflows to 0 keeps its sign."""
    if value == 0:
        return F(0)
    exponent = magnitude_exponent(abs(value))
    quantum = max(exponent - 23, -149)  # subnormals keep the quantum of the smallest normal numbers
    steps = round(value / power_of_two(quantum))  # round() of a Fraction takes ties to even
    magnitude = math.inf if abs(steps) * power_of_two(quantum) >= 2**128 else math.ldexp(abs(steps), quantum)
    return F(math.copysign(magnitude, value))


def magnitude_exponent(value: Fraction) -> int:
    """Return e with 2^e <= value < 2^(e + 1)."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if power_of_two(exponent) <= value else exponent - 1


@cache
def power_of_two(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def fma(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return a * b + c  # both are exact unless a * b underflows, and then the sum is not 0; this has the zero's sign
    return fl(exact)


def fma64(a: float, b: float, c: float) -> float:
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact) if exact else a * b + c


def separate(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return a * b + c


def bits(x: np.float32) -> int:
    return int(x.view(np.uint32))


def from_bits(u: int) -> np.float32:
    return np.uint32(u).view(F)


def hexfloat(text: str) -> np.float32:
    """Read a constant that is a float32 as written."""
    value = float.fromhex(text)
    assert float(F(value)) == value, text
    return F(value)


def root(x: np.float32) -> np.float32:
    return F(np.sqrt(x))
