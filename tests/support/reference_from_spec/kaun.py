"""8. The kaun dialects."""

import math

import numpy as np

from support.reference_from_spec.generators import threefry
from support.reference_from_spec.libm import LIBM, TARGETS
from support.reference_from_spec.notation import F, bits, hexfloat, root

M32 = 0xFFFFFFFF
Key = tuple[int, ...]


def h(x: int) -> int:
    x &= M32
    x ^= x >> 16
    x = x * 0x85EBCA6B & M32
    x ^= x >> 13
    x = x * 0xC2B2AE35 & M32
    return (x ^ x >> 16) & 0x7FFFFFFF


class Keys:
    """Keys of two words."""

    normal_takes = 1

    def key(self, seed: int) -> Key:
        return seed >> 32 & M32, seed & M32

    def fold_in(self, k: Key, d: int) -> Key:
        return threefry(*k, d >> 32 & M32, d & M32)

    def block(self, k: Key, i: int) -> tuple[int, int]:
        return threefry(*k, 2 * i, 2 * i + 1)

    def of_normal(self, scope: Key, t: int) -> list[Key]:
        k = self.fold_in(scope, t)
        return [threefry(*k, 2 * i, 2 * i + 1) for i in range(2)]


class HashedKeys(Keys):
    """Keys of one word of 31 bits, those of kaun-alpha3."""

    normal_takes = 2

    def key(self, seed: int) -> Key:
        return (abs(seed) & 0x7FFFFFFF,)

    def fold_in(self, k: Key, d: int) -> Key:
        return (h(k[0] ^ d),)

    def block(self, k: Key, i: int) -> tuple[int, int]:
        return threefry(*self.fold_in(k, 2 * i), *self.fold_in(k, 2 * i + 1), 2 * i, 2 * i + 1)

    def of_normal(self, scope: Key, t: int) -> list[Key]:
        return [self.fold_in(scope, t), self.fold_in(scope, t + 1)]


class Kaun:
    def __init__(self, keys: Keys, scope: Key, target: str) -> None:
        self.keys, self.scope, self.taken = keys, scope, 0
        self.logf, self.cosf = LIBM[TARGETS[target][1]]

    def units(self, key: Key, n: int) -> list[np.float32]:
        words = [word for i in range(-(-n // 2)) for word in self.keys.block(key, i)][:n]
        signed = (word - 2**32 if word >> 31 else word for word in words)
        return [(F(s) + F(2.0**31)) * F(2.0**-32) for s in signed]

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        units = self.units(self.keys.fold_in(self.scope, self.taken), n)
        self.taken += 1
        return [u * F(high - low) + F(low) for u in units]

    def z(self, n: int) -> list[np.float32]:
        first, second = (self.units(key, n) for key in self.keys.of_normal(self.scope, self.taken))
        self.taken += self.keys.normal_takes
        least = hexfloat("0x1.ad7f2ap-24")
        return [
            self.cosf(u1 * hexfloat("0x1.921fb6p+2")) * root(F(-2) * self.logf(max(F(1) - u2, least)))
            for u1, u2 in zip(first, second, strict=True)
        ]

    def normal(self, stddev: float, n: int) -> list[np.float32]:
        return [z * F(stddev) for z in self.z(n)]

    def truncated_normal(self, factor: float, n: int) -> list[np.float32]:
        values = self.z(n)
        while any(abs(t) > 2 for t in values):
            values = [new if abs(t) > 2 else t for t, new in zip(values, self.z(n), strict=True)]
        return [t * F(factor) for t in values]

    def fill(self, initializer: dict, fan_in: int, fan_out: int, n: int) -> list[np.float32]:
        match initializer:
            case {"name": "zeros"}:
                return [F(0)] * n
            case {"name": "ones"}:
                return [F(1)] * n
            case {"name": "constant", "value": value}:
                return [F(value)] * n
            case {"name": "uniform", **parameters}:
                return self.uniform(0, parameters.get("scale", 0.01), n)
            case {"name": "normal", **parameters}:
                return self.normal(parameters.get("stddev", 0.01), n)
            case {"name": "truncated_normal"}:
                return self.truncated_normal(1, n)
            case {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": kind}:
                fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
                if kind == "uniform":
                    limit = math.sqrt(3 * (scale / fan))
                    return self.uniform(-limit, limit, n)
                stddev = math.sqrt(scale / fan)
                if kind == "normal":
                    return self.normal(stddev, n)
                return self.truncated_normal(stddev / 0.87962566103423978, n)
        scheme, kind = initializer["name"].split("_")
        scale, mode = {"glorot": (1, "fan_avg"), "he": (2, "fan_in"), "lecun": (1, "fan_in")}[scheme]
        kind = "truncated_normal" if kind == "normal" else kind
        scaled = {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": kind}
        return self.fill(scaled, fan_in, fan_out, n)


def fans_of_shape(shape: tuple[int, ...], initializer: dict) -> tuple[int, int]:
    """Return the fans of kaun-alpha3."""
    if len(shape) == 1:
        return shape[0], shape[0]
    axes = [initializer.get(key, default) % len(shape) for key, default in (("in_axis", -2), ("out_axis", -1))]
    field = math.prod(size for axis, size in enumerate(shape) if axis not in axes)
    return shape[axes[0]] * field, shape[axes[1]] * field


def init_kaun(dialect: str, target: str, seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    keys = HashedKeys() if dialect == "kaun-alpha3" else Keys()
    whole = Kaun(keys, keys.key(seed), target)
    buffers = []
    for i, layer in enumerate(layers):
        draws, by_shape = whole, dialect == "kaun-alpha3"
        if by_shape:
            draws = Kaun(keys, keys.fold_in(keys.key(seed), i), target)
        if layer["type"] == "Linear":
            fan_in, fan_out = layer["in_features"], layer["out_features"]
            n, out = fan_in * fan_out, fan_out
        else:
            k = math.prod(np.atleast_1d(layer["kernel_size"]).tolist())
            out = layer["out_channels"]
            fan_in, fan_out = layer["in_channels"] * k, out * k
            n = out * fan_in
        weight = layer.get("weight_init", {"name": "glorot_uniform"})
        if by_shape and layer["type"] == "Linear":
            fan_in, fan_out = fans_of_shape((fan_in, fan_out), weight)
        buffers.append(draws.fill(weight, fan_in, fan_out, n))
        if layer.get("bias", True):
            bias = layer.get("bias_init", {"name": "zeros"})
            buffers.append(draws.fill(bias, *(fans_of_shape((out,), bias) if by_shape else (fan_in, fan_out)), out))
    return [[bits(value) for value in buffer] for buffer in buffers]
