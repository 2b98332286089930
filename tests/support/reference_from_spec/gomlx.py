"""9. The gomlx dialects."""

import math

import numpy as np

from support.reference_from_spec.generators import M64, philox_block
from support.reference_from_spec.libm import cosf_double
from support.reference_from_spec.libm_doubles import L1, L2, L3, L4, L5, L6, L7
from support.reference_from_spec.notation import F, bits, fma, root, separate

M31 = 2**31 - 1
COOKED = {
    331: 0xF11BFBB3BA3E0841,
    332: 0x3B7FC3AD0D1CD36B,
    333: 0xBFB2F4D968B759C3,
    604: 0x74535A96CC7ADFD7,
    605: 0x7E57A19B735EF03B,
    606: 0x39A00A3A31C025C6,
}


def state_of(seed: int) -> list[int]:
    s = seed % M31 or 89482311

    def x(n: int) -> int:
        return pow(48271, n, M31) * s % M31

    def e(i: int) -> int:
        return (x(21 + 3 * i) << 40 ^ x(22 + 3 * i) << 20 ^ x(23 + 3 * i) ^ COOKED[i]) & M64

    return [(e(333 - k) + e(606 - k)) & M64 for k in range(3)]


def reversed_bytes(x: int) -> int:
    return int.from_bytes(x.to_bytes(8, "big"), "little")


class GoWords:
    MULTIPLIER = 2549297995355413924 * 2**64 + 4865540595714422341
    INCREMENT = 6364136223846793005 * 2**64 + 1442695040888963407

    def __init__(self, seed: int) -> None:
        self.state = state_of(seed)

    def call(self, n: int) -> list[int]:
        s = self.state[0] << 64 | self.state[1]
        words = []
        for _ in range(-(-n // 2)):
            s = (s * self.MULTIPLIER + self.INCREMENT) % 2**128
            h, low = s >> 64, s & M64
            h ^= h >> 32
            h = h * 0xDA942042E4DD58B5 & M64
            h ^= h >> 48
            h = h * (low | 1) & M64
            words += [h & 0xFFFFFFFF, h >> 32]
        self.state[:2] = reversed_bytes(s >> 64), reversed_bytes(s & M64)
        return words[:n]


class XlaWords:
    def __init__(self, seed: int) -> None:
        self.key, low, high = state_of(seed)
        self.counter = low | high << 64

    def call(self, n: int) -> list[int]:
        words = []
        for _ in range(-(-n // 4)):
            words += philox_block(self.key, self.counter)
            self.counter = (self.counter + 1) % 2**128
        return words[:n]


LG = L1, L2, L3, L4, L5, L6, L7
S = [
    -1.66666666666666307295e-1,
    8.33333333332211858878e-3,
    -1.98412698295895385996e-4,
    2.75573136213857245213e-6,
    -2.50507477628578072866e-8,
    1.58962301576546568060e-10,
]
T = [
    4.16666666666665929218e-2,
    -1.38888888888730564116e-3,
    2.48015872888517045348e-5,
    -2.75573141792967388112e-7,
    2.08757008419747316778e-9,
    -1.13585365213876817300e-11,
]


def horner(coefficients: list[float], x: float) -> float:
    """Evaluate from the highest power down; coefficients are from the lowest."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def log_go(v: np.float32) -> np.float32:
    m, k = math.frexp(float(v))
    if m < 0.70710678118654752440:
        m, k = 2 * m, k - 1
    f = m - 1
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    r = s2 * horner(LG[0::2], s4) + s4 * horner(LG[1::2], s4)
    h = 0.5 * f * f
    return F(k * 6.93147180369123816490e-01 - ((h - (s * (h + r) + k * 1.90821492927058770002e-10)) - f))


def cos_go(v: np.float32) -> np.float32:
    x = float(v)
    j = int(x * 1.2732395447351628)
    j += j % 2
    z = ((x - j * 7.85398125648498535156e-1) - j * 3.77489470793079817668e-8) - j * 2.69515142907905952645e-15
    q = z * z
    y = z + z * q * horner(S, q) if j in {2, 6} else 1 - 0.5 * q + q * q * horner(T, q)
    return F(-y if j in {2, 4} else y)


P = [
    F(text)
    for text in """
    7.0376836292e-2 -1.1514610310e-1 1.1676998740e-1 -1.2420140846e-1 1.4249322787e-1 -1.6668057665e-1 2.0000714765e-1
    -2.4999993993e-1 3.3333331174e-1""".split()
]


def log_xla(x: np.float32, ma) -> np.float32:
    if x < F(2.0**-126):
        return F(-math.inf)
    mantissa, exponent = math.frexp(float(x))
    m, e = F(mantissa), F(exponent)
    t = m - F(1)
    if m < F(0.70710678118654752440):
        t, e = t + m, e - F(1)
    x2 = t * t
    x3 = x2 * t
    y, y1, y2 = (ma(ma(P[i], t, P[i + 1]), t, P[i + 2]) for i in (0, 3, 6))
    y = ma(ma(y, x3, y1), x3, y2)
    y = ma(y, x3, F(-2.12194440e-4) * e)
    return ((t - x2 * F(0.5)) + y) + F(0.693359375) * e


def unit(word: int) -> np.float32:
    return min(F(word) * F(2.0**-32), F(1 - 2.0**-24))


class Gomlx:
    def __init__(self, dialect: str, seed: int) -> None:
        self.words = XlaWords(seed) if "xla" in dialect else GoWords(seed)
        self.ma = fma if dialect == "gomlx-xla" else separate
        self.log = (lambda x: log_xla(x, self.ma)) if "xla" in dialect else log_go
        self.cos = cosf_double if "xla" in dialect else cos_go

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        w = F(high - low)
        return [self.ma(unit(word), w, F(low)) for word in self.words.call(n)]

    def normal(self, stddev: float, n: int) -> list[np.float32]:
        first = [unit(word) for word in self.words.call(n)]
        second = [unit(word) for word in self.words.call(n)]
        return [self.z(u1, u2) * F(stddev) for u1, u2 in zip(first, second, strict=True)]

    def z(self, u1: np.float32, u2: np.float32) -> np.float32:
        radius = root(F(-2) * self.log(max(u1, F(2.0**-149))))
        return radius * self.cos(u2 * F(2 * math.pi))

    def fill(self, initializer: dict, shape: tuple[int, ...]) -> list[np.float32]:
        n = math.prod(shape)
        match initializer:
            case {"name": "zero" | "zeros"}:
                return [F(0)] * n
            case {"name": "one" | "ones"}:
                return [F(1)] * n
            case {"name": "constant", "value": value}:
                return [F(value)] * n
            case {"name": "uniform", "low": low, "high": high} | {"name": "random_uniform", "min": low, "max": high}:
                return self.uniform(low, high, n)
            case {"name": "normal" | "random_normal", "stddev": stddev}:
                return self.normal(stddev, n)
            case {"name": "broadcast_tensor_to_shape", "base": base}:
                base = np.ravel(base).tolist()
                return [F(base[i % len(base)]) for i in range(n)]
        if len(shape) < 2:
            return [F(0)] * n
        p = math.prod(shape[:-2])
        fan_in, fan_out = shape[-2] * p, shape[-1] * p
        match initializer["name"]:
            case "glorot_uniform" | "xavier_uniform":
                limit = math.sqrt(6 / max(1, fan_in + fan_out))
                return self.uniform(-limit, limit, n)
            case "xavier_normal":
                return self.normal(math.sqrt(2 / max(1, fan_in + fan_out)), n)
            case "he":
                return self.normal(math.sqrt(2 / max(1, fan_in)), n)
        raise ValueError(initializer)


def init_gomlx(dialect: str, seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    draws = Gomlx(dialect, seed)
    buffers = []
    for layer in layers:
        if layer["type"] == "Linear":
            shape = layer["in_features"], layer["out_features"]
        else:
            shape = layer["kernel_size"], layer["in_channels"], layer["out_channels"]
        initializer = layer.get("weight_init", {"name": "he"})
        buffers.append(draws.fill(initializer, shape))
        if layer["bias"]:
            buffers.append(draws.fill(layer.get("bias_init", initializer), shape[-1:]))
    return [[bits(value) for value in buffer] for buffer in buffers]
