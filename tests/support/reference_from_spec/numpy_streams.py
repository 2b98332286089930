"""16. The numpy dialects."""

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from support.reference_from_spec.generators import Mt19937, pcg64
from support.reference_from_spec.libm_doubles import log_double
from support.reference_from_spec.libm_doubles import log_fdlibm as log
from support.reference_from_spec.notation import F, bits

R = 3.6541528853610088


def nearest(name: str, x: float) -> float:
    """Return ln or exp of a float64, rounded to nearest."""
    with localcontext() as context:
        context.prec = 40
        return float(getattr(Decimal(x), name)())


@cache
def ziggurat(b: int) -> tuple[list, list, list]:
    """Return X, F and K, X times 2^-B."""
    a = float.fromhex("0x1.43016a5a4372ep-8")
    x, f = [0.0] * 256, [0.0] * 256
    x[255] = R
    for i in range(255, 0, -1):
        if i < 255:
            x[i] = math.sqrt(-2 * nearest("ln", a / x[i + 1] + f[i + 1]))
        f[i] = nearest("exp", -0.5 * x[i] * x[i])
        if i == 38:
            f[i] = math.nextafter(f[i], 1)
    x[0] = a / f[255]
    f[0] = 1.0
    k = [round(x[255] / x[0] * 2**b), 0, *(round(x[i - 1] / x[i] * 2**b) for i in range(2, 256))]
    scaled = [math.ldexp(each, -b) for each in x]
    return ([F(each) for each in scaled], [F(each) for each in f], k) if b == 23 else (scaled, f, k)


class Numpy:
    def __init__(self, seed: int, children: tuple[int, ...] = ()) -> None:
        self.words = pcg64(seed, children=children)
        self.kept: int | None = None

    def draw32(self) -> int:
        if self.kept is None:
            word = next(self.words)
            self.kept = word >> 32
            return word & 0xFFFFFFFF
        word, self.kept = self.kept, None
        return word

    def unit(self) -> float:
        return (next(self.words) >> 11) * 2.0**-53

    def unit32(self) -> np.float32:
        return F(self.draw32() >> 8) * F(2.0**-24)

    def z(self) -> float:
        x, f, table = ziggurat(52)
        while True:
            w = next(self.words)
            i, k = w & 255, (w >> 9) % 2**52
            z = -(k * x[i]) if w & 256 else k * x[i]
            if k < table[i]:
                return z
            if i:
                if log((f[i - 1] - f[i]) * self.unit() + f[i]) < -0.5 * z * z:
                    return z
                continue
            while True:
                tail = -0.27366123732975828 * log(1 - self.unit())
                y = -log(1 - self.unit())
                if y + y > tail * tail:
                    return -(R + tail) if k & 256 else R + tail

    def z32(self) -> np.float32:
        x, f, table = ziggurat(23)
        while True:
            w = self.draw32()
            i, k = w & 255, (w >> 9) % 2**23
            z = F(k) * x[i]
            z = -z if w & 256 else z
            if k < table[i]:
                return z
            if i:
                y = (f[i - 1] - f[i]) * self.unit32() + f[i]
                if log(float(y)) < -0.5 * float(z) * float(z):
                    return z
                continue
            while True:
                tail = F(-0.27366123732975828) * np.log1p(-self.unit32())
                y = -np.log1p(-self.unit32())
                if y + y > tail * tail:
                    return -(F(R) + tail) if k & 256 else F(R) + tail

    def fill(self, initializer: dict, n: int) -> list[np.float32]:
        match initializer["name"]:
            case "zeros":
                return [F(0)] * n
            case "random":
                return [self.unit32() for _ in range(n)]
            case "standard_normal":
                return [self.z32() for _ in range(n)]
            case "uniform":
                low, high = initializer.get("low", 0.0), initializer.get("high", 1.0)
                return [F(low + (high - low) * self.unit()) for _ in range(n)]
            case "normal":
                mean, stddev = initializer.get("mean", 0.0), initializer.get("stddev", 1.0)
                return [F(mean + stddev * self.z()) for _ in range(n)]
        raise ValueError(initializer)

    def bernoulli(self, p: float, n: int) -> list[bool]:
        return [self.unit() < p for _ in range(n)]

    def shuffle(self, items: list) -> None:
        for i in range(len(items) - 1, 0, -1):
            j = i + 1
            while j > i:
                j = self.draw32() % 2 ** i.bit_length()
            items[i], items[j] = items[j], items[i]


class NumpyLegacy(Numpy):
    def __init__(self, seed: int) -> None:
        self.generator = Mt19937(seed)
        self.spare: float | None = None

    def draw32(self) -> int:
        return self.generator.word()

    def unit(self) -> float:
        a, b = self.draw32(), self.draw32()
        return ((a >> 5) * 2**26 + (b >> 6)) * 2.0**-53

    def z(self) -> float:
        if self.spare is not None:
            z, self.spare = self.spare, None
            return z
        r2 = 0.0
        while not 0 < r2 < 1:
            x1 = 2 * self.unit() - 1
            x2 = 2 * self.unit() - 1
            r2 = x1 * x1 + x2 * x2
        f = math.sqrt((-2 * log_double(r2)) / r2)
        self.spare = f * x1
        return f * x2

    def fill(self, initializer: dict, n: int) -> list[np.float32]:
        other = {"rand": "uniform", "random": "uniform", "randn": "normal", "standard_normal": "normal"}
        name = initializer["name"]
        return super().fill(initializer | {"name": other.get(name, name)}, n)


def init_numpy(dialect: str, seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    draws = NumpyLegacy(seed) if dialect == "numpy-legacy" else Numpy(seed)
    buffers = []
    for layer in layers:
        if layer["type"] == "Linear":
            out, row = layer["out_features"], layer["in_features"]
        else:
            out, row = layer["out_channels"], layer["in_channels"] // layer["groups"] * layer["kernel_size"]
        buffers.append(draws.fill(layer["weight_init"], out * row))
        if layer["bias"]:
            buffers.append(draws.fill(layer.get("bias_init", {"name": "zeros"}), out))
    return [[bits(value) for value in buffer] for buffer in buffers]
