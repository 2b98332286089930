"""15. The jax and flax dialects."""

import hashlib
import math
from decimal import Decimal, localcontext

import numpy as np

from support.reference_from_spec.generators import threefry
from support.reference_from_spec.notation import F, bits, fma, from_bits, root, separate

Key = tuple[int, int]


def floats(text: str) -> list[np.float32]:
    return [from_bits(int(word, 16)) for word in text.split()]


A = floats("32f16588 34b84b36 b66c7357 b6935ac1 396532db baa45408 bb88e4ef 3e7c8f63 3fc02e2f")
B = floats("b951f09b 38d3b56b 3ab0dc72 bb70bde7 3bbc127b bbf9c5d7 3c1aa57e 3f8036db 40354f7e")
N = floats("383de04b 3eff40c5 40d284fa 41ef4b9c 4273cc76 426473ad 41a05101")
D = floats("3f800000 417101ad 42a6185b 435dc32d 439a8ca3 43586d8a 42707982")
K = [
    floats(text) for text in ("3d9021bb bdebd1b8 3def251a", "bdfe5d4f 3e11e9bf be2aae50", "3e4cceac be7ffffc 3eaaaaaa")
]
P = floats("39702d51 3b5f5da2 3d50b6eb 3e3da740 3f906eba")
Q = floats("b3fd3906 37c588df 3a856d28 3c6687d4 3de34c21 3efeb44a 3f800000")
(ROOT2, HALF_ROOT, BELOW_1, SMALL, EDGE, TRUNCATED, LN2_HIGH, LN2_LOW, ROOT_HALF) = floats(
    "3fb504f3 3f3504f3 bf7fffff 3ed413cd 407547cb 3f612f26 3f318000 b95e8083 3f3504f3"
)


def horner(coefficients: list, x: np.float32, ma) -> np.float32:
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = ma(value, x, coefficient)
    return value


def key_of(seed: int) -> Key:
    return 0, seed % 2**32


def fold_in(key: Key, d: int) -> Key:
    return threefry(*key, 0, d)


class Jax:
    def __init__(self, dialect: str, key: Key, jit: bool = False) -> None:
        self.key, self.jit, self.i = key, jit, 0
        self.ma = separate if "nofma" in dialect else fma
        self.before = dialect.endswith("0.6")

    def word(self) -> int:
        x, y = threefry(*self.key, self.i >> 32, self.i % 2**32)
        self.i += 1
        return x ^ y

    def f(self) -> np.float32:
        return from_bits(self.word() >> 9 | 0x3F800000) - F(1)

    def log(self, x: np.float32) -> np.float32:
        ma = self.ma
        mantissa, exponent = math.frexp(float(x))
        m, e = F(mantissa), F(exponent)
        if m < ROOT_HALF:
            s, e = (m - F(1)) + m, e - F(1)
        else:
            s = m - F(1)
        z = s * s
        s3 = z * s
        a, b, c = (horner(k, s, ma) for k in K)
        b = ma(a, s3, b)
        c = ma(b, s3, c)
        y = ma(c, s3, e * LN2_LOW)
        h = ma(F(-0.5), z, s)
        return ma(e, LN2_HIGH, h + y)

    def log1p(self, t: np.float32) -> np.float32:
        if abs(t) >= SMALL:
            return self.log(t + F(1))
        z = t * t
        r = horner(N, t, self.ma) / horner(D, t, self.ma)
        s = t * z
        q = fma(s, r, -(z * F(0.5))) if self.before else self.ma(F(-0.5), z, s * r)
        return t + q

    def e(self, x: np.float32) -> np.float32:
        if abs(x) == 1:
            return F(math.copysign(math.inf, x))
        w = -self.log1p(-(x * x))
        v, c = (w - F(2.5), A) if w < 5 else (root(w) - F(3), B)
        return x * horner(c, v, self.ma)

    def uniform(self, low: float, high: float) -> np.float32:
        return max(F(low), self.ma(self.f(), F(high) - F(low), F(low)))

    def inverse(self) -> np.float32:
        return self.e(fma(self.f(), F(2), BELOW_1))

    def scaled_normal(self, stddev: np.float32) -> np.float32:
        if self.jit:
            return self.inverse() * (ROOT2 * stddev)
        return (ROOT2 * self.inverse()) * stddev

    def r(self, bound: np.float32) -> np.float32:
        if self.jit:
            return F(erf(float(bound / F(math.sqrt(2)))))
        x = min(max(bound * HALF_ROOT, -EDGE), EDGE)
        z = x * x
        return (x * horner(P, z, fma)) / horner(Q, z, fma)

    def truncated(self, lower: float, upper: float) -> np.float32:
        low, high = F(lower), F(upper)
        a, b = self.r(low), self.r(high)
        u = max(a, self.ma(self.f(), b - a, a))
        z = ROOT2 * self.e(u)
        return min(max(z, np.nextafter(low, F(math.inf))), np.nextafter(high, F(-math.inf)))

    def fill(self, initializer: dict, shape: tuple[int, ...]) -> list[np.float32]:
        return [self.element(initializer, shape) for _ in range(math.prod(shape))]

    def element(self, initializer: dict, shape: tuple[int, ...]) -> np.float32:
        match initializer:
            case {"name": "zeros"}:
                return F(0)
            case {"name": "ones"}:
                return F(1)
            case {"name": "constant", "value": value}:
                return F(value)
            case {"name": "uniform", **of}:
                return self.f() * F(of.get("scale", 0.01))
            case {"name": "normal", **of}:
                return self.scaled_normal(F(of.get("stddev", 0.01)))
            case {"name": "truncated_normal", **of}:
                return self.truncated(of.get("lower", -2), of.get("upper", 2)) * F(of.get("stddev", 0.01))
            case {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": kind, **of}:
                into, out = (shape[of.get(axis, default)] for axis, default in (("in_axis", -2), ("out_axis", -1)))
                whole = math.prod(shape)
                fan_in, fan_out = into * whole / (into * out), out * whole / (into * out)
                n = {
                    "fan_in": fan_in,
                    "fan_out": fan_out,
                    "fan_avg": (fan_in + fan_out) / 2,
                    "fan_geo_avg": math.sqrt(fan_in * fan_out),
                }[mode]
                v = F(scale / n)
                if kind == "uniform":
                    return (F(2) * self.f() - F(1)) * root(F(3) * v)
                if kind == "normal":
                    return self.scaled_normal(root(v))
                return self.truncated(-2, 2) * (root(v) / TRUNCATED)
        scheme, kind = initializer["name"].split("_")
        scale, mode = {
            "glorot": (1, "fan_avg"),
            "xavier": (1, "fan_avg"),
            "he": (2, "fan_in"),
            "kaiming": (2, "fan_in"),
            "lecun": (1, "fan_in"),
        }[scheme]
        kind = "truncated_normal" if kind == "normal" else kind
        made = initializer | {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": kind}
        return self.element(made, shape)


def erf(x: float) -> float:
    """Return erf to more than a float32's precision, by its series."""
    with localcontext() as context:
        context.prec = 60
        square, term, total, k = Decimal(x) ** 2, Decimal(x), Decimal(x), 0
        while abs(term) > Decimal(10) ** -40:
            k += 1
            term *= -square / k
            total += term / (2 * k + 1)
        return float(total * 2 / Decimal("3.14159265358979323846264338327950288419716939937510582").sqrt())


def parameter_key(dialect: str, seed: int, calls: int, name: str, part: int) -> Key:
    if "linen" in dialect:
        digest = hashlib.sha1(name.encode() + bytes([part])).digest()
        return fold_in(key_of(seed), int.from_bytes(digest[:4], "big"))
    return fold_in(key_of(seed), calls)


def init_flax(dialect: str, seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    buffers = []
    for layer in layers:
        if layer["type"] == "Linear":
            shape = layer["in_features"], layer["out_features"]
        else:
            shape = layer["kernel_size"], layer["in_channels"] // layer["groups"], layer["out_channels"]
        parts = [(layer.get("weight_init", {"name": "lecun_normal"}), shape)]
        if layer["bias"]:
            parts.append((layer.get("bias_init", {"name": "zeros"}), shape[-1:]))
        for part, (initializer, size) in enumerate(parts, 1):
            draws = Jax(dialect, parameter_key(dialect, seed, len(buffers), layer["name"], part))
            buffers.append([bits(value) for value in draws.fill(initializer, size)])
    return buffers
