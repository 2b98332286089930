"""7. The torch dialects."""

import math

import numpy as np

from support.reference_from_spec.generators import Mt19937
from support.reference_from_spec.libm import HALF, ONE, cosf_double, logf_double, sinf_double
from support.reference_from_spec.notation import UNIT, F, bits, fma, fma64, from_bits, hexfloat, root, separate

LOG = [
    hexfloat(text)
    for text in """
    0x1.204376p-4 -0x1.d7a37p-4 0x1.de4a34p-4 -0x1.fcba9ep-4 0x1.23d37ep-3 -0x1.555cap-3 0x1.999d58p-3 -0x1.fffff8p-3
    0x1.555554p-2""".split()
]


def torch_log(x: np.float32) -> np.float32:
    e = (bits(x) >> 23) - 126
    t = from_bits((bits(x) & 0x7FFFFF) | 0x3F000000)
    if t < hexfloat("0x1.6a09e6p-1"):
        e -= 1
        t = t + t
    t = t - ONE
    e = F(e)
    y = LOG[0]
    for coefficient in LOG[1:]:
        y = fma(y, t, coefficient)
    z = t * t
    y = fma(y * t, z, e * hexfloat("-0x1.bd0106p-13"))
    y = fma(-z, HALF, y)
    return fma(e, hexfloat("0x1.63p-1"), t + y)


def torch_sin_cos(d: np.float32) -> tuple[np.float32, np.float32]:
    """Return sine and cosine of d turns."""
    x = hexfloat("0x1.921fb6p+2") * d
    k = (int(x * hexfloat("0x1.45f306p+0")) + 1) & ~1
    r = fma(F(k), hexfloat("-0x1.92p-1"), x)
    r = fma(F(k), hexfloat("-0x1.fb4p-13"), r)
    r = fma(F(k), hexfloat("-0x1.4442d2p-25"), r)
    z = r * r
    c = fma(hexfloat("0x1.99eb9cp-16"), z, hexfloat("-0x1.6c0c34p-10"))
    c = fma(c, z, hexfloat("0x1.55554ap-5"))
    c = fma(z, c * z, -(HALF * z)) + ONE
    s = fma(hexfloat("-0x1.9943f2p-13"), z, hexfloat("0x1.11073cp-7"))
    s = fma(s, z, hexfloat("-0x1.555546p-3"))
    s = fma(r, s * z, r) + F(0)
    if k & 2:
        s, c = c, s
    return -s if k & 4 else s, -c if (k + 2) & 4 else c


class Torch:
    """Draws as PyTorch does; fused in `torch`, not in `torch-nofma`."""

    def __init__(self, generator: Mt19937, fused: bool = True) -> None:
        self.generator = generator
        self.fused = fused
        self.pending = None

    def unit(self) -> np.float32:
        return F(self.generator.word() & 0xFFFFFF) * UNIT

    def unit53(self) -> float:
        high = self.generator.word()
        return (high * 2**32 + self.generator.word()) % 2**53 * 2.0**-53

    def uniform(self, a: float, b: float, n: int) -> list[np.float32]:
        low, high = F(a), F(b)
        w = high - low
        values = [(fma if self.fused else separate)(self.unit(), w, low) for _ in range(n)]
        return [low if value == high else value for value in values]

    def normal(self, mean: float, std: float, n: int) -> list[np.float32]:
        if n < 16:
            return [self.small_normal_value(mean, std) for _ in range(n)]
        units = [self.unit() for _ in range(n)]
        values = []
        for start in range(0, n - 15, 16):
            values += self.block(units[start : start + 16], F(mean), F(std))
        if n % 16:
            values = values[: n - 16] + self.block([self.unit() for _ in range(16)], F(mean), F(std))
        return values

    def block(self, d: list[np.float32], mean: np.float32, std: np.float32) -> list[np.float32]:
        cosines, sines = [], []
        for j in range(8):
            if self.fused:
                radius = root(F(-2) * torch_log(ONE - d[j]))
                sine, cosine = torch_sin_cos(d[j + 8])
                cosines.append(fma(radius * cosine, std, mean))
                sines.append(fma(radius * sine, std, mean))
            else:
                radius = root(F(-2) * logf_double(ONE - d[j]))
                angle = F(float(d[j + 8]) * 6.283185307179586)
                cosines.append(fma(radius * cosf_double(angle), std, mean))
                sines.append(fma(radius * sinf_double(angle), std, mean))
        return cosines + sines

    def small_normal_value(self, mean: float, std: float) -> np.float32:
        if self.pending is None:
            a, b = self.unit53(), self.unit53()
            r = math.sqrt(-2 * math.log1p(-b))
            t = 6.283185307179586 * a
            z, self.pending = r * math.cos(t), r * math.sin(t)
        else:
            z, self.pending = self.pending, None
        return F(fma64(z, std, mean) if self.fused else z * std + mean)

    def bernoulli(self, p: float, n: int) -> list[bool]:
        return [self.unit53() < p for _ in range(n)]

    def shuffle(self, items: list) -> None:
        n = len(items)
        for i in range(n - 1):
            j = i + self.generator.word() % (n - i)
            items[i], items[j] = items[j], items[i]


def torch_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make float64 parameters; an initializer is as in odt_distribution, or ("default",) or ("bias",)."""
    name, *parameters = initializer
    if name == "constant":
        return name, F(parameters[0])
    if name in {"uniform", "normal"}:
        return initializer
    if name == "default":
        name, parameters = "kaiming", ["uniform", math.sqrt(2 / (1 + math.sqrt(5) * math.sqrt(5)))]
    if name == "bias":
        return "uniform", -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in)
    mode = "fan_in"
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
        name = "xavier" if mode == "fan_avg" else "kaiming"
        gain *= math.sqrt(scale)
    else:
        kind, gain = parameters
    if name == "kaiming":
        s = gain / math.sqrt(fan_out if mode == "fan_out" else fan_in)
    else:
        s = gain * math.sqrt(2 / (fan_in + fan_out))
    return ("uniform", -math.sqrt(3) * s, math.sqrt(3) * s) if kind == "uniform" else ("normal", 0.0, s)
