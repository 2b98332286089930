"""6. The portable dialects."""

import csv
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from support.reference_from_spec.generators import Pcg32
from support.reference_from_spec.notation import UNIT, F, fl
from support.reference_from_spec.odt import OneWord

with (Path(__file__).parents[3] / "SPEC_normal.csv").open(newline="") as file:
    TABLE = [[int(row[name], 16) for name in ("c0", "c1", "c2", "c3")] for row in csv.DictReader(file)]

CUT = 195422145


def portable_quantile(v: int, word: int) -> int:
    o = 32 - v.bit_length()
    x = v << o
    c0, c1, c2, c3 = TABLE[4 * o + ((x >> 29) & 3)]
    s = ~(x << 3) % 2**32
    r = c2 + (c3 * s >> 32)
    r = c1 + (r * s >> 32)
    r = c0 + (r * s >> 32)
    z = (r + 8) >> 4
    return -z if word >> 31 else z


def portable_normal_code(word: int) -> int:
    return portable_quantile(2 * (word % 2**31) + 1, word)


def portable_truncated_code(word: int) -> int:
    v = CUT + ((2 * (word % 2**31) + 1) * (2**32 - CUT) >> 32)
    z = portable_quantile(v, word)
    return max(-2 * 2**24, min(z, 2 * 2**24))


class Portable(OneWord):
    def __init__(self, generator: Pcg32) -> None:
        self.generator = generator

    def elements(self, code: Callable, spread: np.float32, place: np.float32, n: int) -> list[np.float32]:
        scale = spread * UNIT if spread else F(0)
        offset = round(Fraction(float(place)) / Fraction(float(scale))) if spread else 0
        assert abs(offset) <= 2**31 - 2**27
        return [fl(Fraction(code(word) + offset)) * scale for word in (self.generator.word() for _ in range(n))]

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[np.float32]:
        return self.elements(lambda word: word >> 8, high - low, low, n)

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return self.elements(portable_normal_code, stddev, mean, n)

    def truncated_normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return self.elements(portable_truncated_code, stddev, mean, n)


def portable_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make float32 parameters; an initializer is as in odt_distribution, or ("default",)."""
    name, *parameters = initializer
    if name in {"constant", "uniform", "normal", "truncated_normal"}:
        return (name, *map(F, parameters))
    if name == "default":
        bound = F(math.sqrt(3) * math.sqrt((1 / 3) / fan_in))
        return "uniform", -bound, bound
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
    else:
        kind, gain = parameters
        scale, mode = 1, "fan_in" if name == "kaiming" else "fan_avg"
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    stddev = gain * math.sqrt(scale / n)
    if kind == "uniform":
        bound = F(math.sqrt(3) * stddev)
        return "uniform", -bound, bound
    if kind == "truncated_normal":
        return "truncated_normal", F(0), F(stddev / 0.87962566103423978)
    return "normal", F(0), F(stddev)


def half_away(value: Fraction) -> int:
    return math.floor(abs(value) + Fraction(1, 2)) * (-1 if value < 0 else 1)


class PortableInt:
    """Draws codes of a format q<m>.<n>."""

    def __init__(self, generator: Pcg32, m: int, n: int) -> None:
        self.generator = generator
        self.qmin, self.qmax = -(2 ** (m + n - 1)), 2 ** (m + n - 1) - 1
        self.wide = m + n > 16
        self.n = n

    def code(self, x: np.float32) -> int:
        return half_away(Fraction(float(x)) * 2**self.n)

    def saturated(self, code: int) -> int:
        return max(self.qmin, min(code, self.qmax))

    def constant(self, value: np.float32, n: int) -> list[int]:
        return [self.saturated(self.code(value))] * n

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[int]:
        assert low == -high
        bound = min(self.code(abs(high)), self.qmax)
        span = 2 * bound + 1
        words = (self.generator.word() for _ in range(n))
        return [(word * span >> 32 if self.wide else (word >> 16) * span >> 16) - bound for word in words]

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        return self.around(portable_normal_code, mean, stddev, n)

    def truncated_normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        return self.around(portable_truncated_code, mean, stddev, n)

    def around(self, z: Callable, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        middle = min(self.code(mean), 2**31 - 1)
        unit = Fraction(float(stddev)) * Fraction(2) ** (self.n - 24)
        return [self.saturated(middle + half_away(z(self.generator.word()) * unit)) for _ in range(n)]
