"""18. The tinygrad and mlx dialects."""

import math

import numpy as np

from support.reference_from_spec.generators import threefry
from support.reference_from_spec.libm import logf_double
from support.reference_from_spec.notation import F, bits, fma, hexfloat

M32 = 2**32


def words_of(key: tuple[int, int], n: int, is_mlx: bool) -> list[int]:
    h = n - n // 2
    words = [0] * (2 * h)
    for i in range(h):
        other = 0 if is_mlx and i + h >= n else i + h
        words[i], words[i + h] = threefry(*key, i, other)
    return words[:n]


class Tinygrad:
    def __init__(self, seed: int) -> None:
        self.seed, self.drawn = seed % M32, 0

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        key = threefry(0x14B81119, self.seed, self.drawn % M32, self.drawn // M32)
        self.drawn += n
        units = [F(word >> 9) * F(2.0**-23) for word in words_of(key, n, is_mlx=False)]
        return [fma(u, F(high - low), F(low)) for u in units]

    def fill(self, initializer: dict, shape: tuple[int, ...]) -> list[np.float32]:
        n, p = math.prod(shape), math.prod(shape[1:])
        match initializer:
            case {"name": "uniform", "low": low, "high": high}:
                return self.uniform(low, high, n)
            case {"name": "glorot_uniform"}:
                limit = (6 / (shape[0] + p)) ** 0.5
            case {"name": "kaiming_uniform", **of}:
                limit = (6 / (1 + of.get("a", 0.01) ** 2) / p) ** 0.5
            case {"name": "bound", "of": limit}:
                pass
            case {"name": "zeros"}:
                return [F(0)] * n
        return self.uniform(-limit, limit, n)


def sizes_of(layer: dict) -> tuple[int, int, int, int]:
    if layer["type"] == "Linear":
        return layer["out_features"], layer["in_features"], 1, 1
    return tuple(layer[key] for key in ("out_channels", "in_channels", "kernel_size", "groups"))


def init_tinygrad(seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    draws = Tinygrad(seed)
    buffers = []
    for layer in layers:
        out, into, k, g = sizes_of(layer)
        transposed = layer["type"] == "ConvTranspose1d"
        shape = (into, out // g, k) if transposed else (out, into // g, k)
        shape = shape[:2] if layer["type"] == "Linear" else shape
        default = {"name": "bound", "of": 1 / math.sqrt(into * k)}
        if transposed:
            draws.fill(default, (out * (into // g) * k,))
        parts = [(layer.get("weight_init", default), shape)]
        if layer["bias"]:
            parts.append((layer.get("bias_init", default), (out,)))
        buffers += [draws.fill(*part) for part in (reversed(parts) if transposed else parts)]
    return [[bits(value) for value in buffer] for buffer in buffers]


TAIL = [
    hexfloat(text)
    for text in """
    0x1.4deb44p-32 0x1.f7c9aep-26 0x1.47e512p-20 0x1.dca7dep-16 0x1.9cab92p-12 0x1.8cc0dep-9 0x1.3ca920p-8
    -0x1.0eff66p-2 0x1.ae16a4p-1""".split()
]
BODY = [
    hexfloat(text)
    for text in """
    0x1.75c000p-28 0x1.33b402p-23 0x1.499232p-20 0x1.e52cd2p-24 -0x1.d70bd0p-15 -0x1.35be90p-13 0x1.2f6400p-9
    0x1.7a1e50p-7 -0x1.db2aeep-3 0x1.c5bf88p-1""".split()
]


class Mlx:
    def __init__(self, seed: int) -> None:
        self.key = seed >> 32, seed % M32

    def split(self, n: int) -> list[tuple[int, int]]:
        words = words_of(self.key, 2 * n, is_mlx=True)
        return list(zip(words[::2], words[1::2], strict=True))

    def units(self, n: int) -> list[np.float32]:
        self.key, key = self.split(2)
        return [min(F(word) * F(2.0**-32), F(1 - 2.0**-24)) for word in words_of(key, n, is_mlx=True)]

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        return [u * (F(high) - F(low)) + F(low) for u in self.units(n)]

    def normal(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        values = []
        for u in self.units(n):
            a = F(2) * u - F(1 - 2.0**-24)
            t = logf_double(fma(a, -a, F(1)))
            p, *rest = TAIL if abs(t) > F(6.125) else BODY
            for coefficient in rest:
                p = fma(p, t, coefficient)
            z = (a * p) * (F(math.sqrt(2)) * F(stddev))
            values.append(z + F(mean) if mean else z)
        return values

    def fill(self, initializer: dict, shape: tuple[int, ...]) -> list[np.float32]:
        n, between = math.prod(shape), math.prod(shape[1:-1])
        fan_in, fan_out = shape[-1] * between, shape[0] * between
        gain = initializer.get("gain", 1)
        fan = fan_out if initializer.get("mode") == "fan_out" else fan_in
        match initializer:
            case {"name": "zeros"}:
                return [F(0)] * n
            case {"name": "uniform", "low": low, "high": high}:
                return self.uniform(low, high, n)
            case {"name": "normal", "mean": mean, "std": stddev}:
                return self.normal(mean, stddev, n)
            case {"name": "bound", "of": limit}:
                return self.uniform(-limit, limit, n)
            case {"name": "glorot_uniform"}:
                limit = gain * math.sqrt(6 / (fan_in + fan_out))
                return self.uniform(-limit, limit, n)
            case {"name": "he_uniform"}:
                limit = gain * math.sqrt(3 / fan)
                return self.uniform(-limit, limit, n)
            case {"name": "glorot_normal"}:
                return self.normal(0, gain * math.sqrt(2 / (fan_in + fan_out)), n)
            case {"name": "he_normal"}:
                return self.normal(0, gain / math.sqrt(fan), n)
        raise ValueError(initializer)


def init_mlx(seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    draws = Mlx(seed)
    buffers = []
    for layer in layers:
        out, into, k, g = sizes_of(layer)
        shape = (out, into) if layer["type"] == "Linear" else (out, k, into // g)
        default = {"name": "bound", "of": math.sqrt(1 / (into // g * k))}
        buffers.append(draws.fill(layer.get("weight_init", default), shape))
        if layer["bias"]:
            other = default if layer["type"] == "Linear" else {"name": "zeros"}
            buffers.append(draws.fill(layer.get("bias_init", other), (out,)))
    return [[bits(value) for value in buffer] for buffer in buffers]
