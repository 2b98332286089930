"""4. The odt dialects.

Distributions, as initializers make them and dialects draw them: ("constant", value), ("uniform", low, high), ("normal",
mean, stddev), ("truncated_normal", mean, stddev).
"""

import math

import numpy as np

from support.reference_from_spec.generators import Pcg32, Xorshift32
from support.reference_from_spec.libm import LIBM, TARGETS, TWO
from support.reference_from_spec.notation import UNIT, F, root


class OneWord:
    """What the odt dialects and the portable one draw alike: a bit and an order."""

    generator: "Xorshift32 | Pcg32"

    def unit(self) -> np.float32:
        return F(self.generator.word() >> 8) * UNIT

    def bernoulli(self, p: float, n: int) -> list[bool]:
        return [bool(self.unit() < F(p)) for _ in range(n)]

    def shuffle(self, items: list) -> None:
        for i in range(len(items) - 1, 0, -1):
            limit = 0xFFFFFFFF - 0xFFFFFFFF % (i + 1)
            word = self.generator.word()
            while word >= limit:
                word = self.generator.word()
            j = word % (i + 1)
            items[i], items[j] = items[j], items[i]


class Odt(OneWord):
    """Draws as OnDeviceTraining does on one target."""

    def __init__(self, generator: Xorshift32, target: str, deviation: str = "first") -> None:
        self.generator = generator
        self.multiply_add, libm = TARGETS[target]
        self.logf, self.cosf = LIBM[libm]
        self.deviation = deviation

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[np.float32]:
        w = high - low
        return [self.multiply_add(self.unit(), w, low) for _ in range(n)]

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return [self.normal_value(mean, stddev) for _ in range(n)]

    def normal_value(self, mean: np.float32, stddev: np.float32) -> np.float32:
        u1 = self.unit()
        u2 = self.unit()
        while u1 <= UNIT:
            u1 = self.unit()
        radius = root(F(-2) * self.logf(u1))
        c = self.cosf(F(6.2831855) * u2)
        if self.deviation == "first":
            return self.multiply_add(stddev * radius, c, mean)
        return self.multiply_add(stddev, radius * c, mean)


def odt_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make the float32 parameters of an initializer of a layer: ("constant", value), ("uniform", low, high), ("normal",
    mean, stddev), ("kaiming" or "xavier", "uniform" or "normal", gain), ("variance_scaling", scale, mode, kind, gain).
    """
    name, *parameters = initializer
    if name in {"constant", "uniform", "normal"}:
        return (name, *map(F, parameters))
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
        name = "xavier" if mode == "fan_avg" else "kaiming"
    else:
        kind, gain = parameters
        scale, mode = 1, "fan_in"
    gain = F((gain or (1.41421356237 if name == "kaiming" else 1)) * math.sqrt(scale))
    if name == "kaiming":
        n = F(fan_out if mode == "fan_out" else fan_in)
        uniform, normal = gain * root(F(3) / n), gain / root(n)
    else:
        n = F(fan_in + fan_out)
        uniform, normal = gain * root(F(6) / n), gain * root(TWO / n)
    return ("uniform", -uniform, uniform) if kind == "uniform" else ("normal", F(0), normal)
