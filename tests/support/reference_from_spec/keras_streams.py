"""17. The keras dialects."""

import math
from collections.abc import Iterator
from itertools import count, islice

import numpy as np

from support.reference_from_spec.generators import Mt19937, philox_block
from support.reference_from_spec.jax_streams import Jax
from support.reference_from_spec.libm import cosf_double, logf_double, sinf_double
from support.reference_from_spec.notation import F, bits, root
from support.reference_from_spec.pytorch import Torch


def seeds_of(seed: int) -> Iterator[int]:
    """Yield the elements of Python's random.Random(seed)."""
    generator = Mt19937.by_array(seed)
    while True:
        r = generator.word() >> 2
        if r < 10**9:
            yield 1 + r


class OnTorch:
    def __init__(self, s: int) -> None:
        self.draws = Torch(Mt19937(s))

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        return [self.draws.unit() * F(high - low) + F(low) for _ in range(n)]

    def normal(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        return self.draws.normal(mean, stddev, n)

    def truncated(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        four = self.draws.normal(0, 1, 4 * n)
        groups = [four[i : i + 4] for i in range(0, 4 * n, 4)]
        z = [next((each for each in group if abs(each) < 2), group[0]) for group in groups]
        return [each * F(stddev) + F(mean) for each in z]


class OnTensorFlow:
    def __init__(self, s: int) -> None:
        m = philox_block(0x3EC8F720 | 0x02461E29 << 32, s % (2**31 - 2))
        self.key, self.counter = m[0] | m[1] << 32, m[2] << 64 | m[3] << 96

    def units(self, further: int = 0) -> Iterator[np.float32]:
        for counter in count(self.counter + further):
            for word in philox_block(self.key, counter % 2**128):
                yield F(word & 0x7FFFFF) * F(2.0**-23)

    def z(self, further: int = 0) -> Iterator[np.float32]:
        units = self.units(further)
        for u1, u2 in zip(units, units, strict=False):
            radius = root(F(-2) * logf_double(max(u1, F(1e-7))))
            angle = F(6.283185307179586 * float(u2))
            yield sinf_double(angle) * radius
            yield cosf_double(angle) * radius

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        return [u * (F(high) - F(low)) + F(low) for u in islice(self.units(), n)]

    def normal(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        return [z * F(stddev) + F(mean) for z in islice(self.z(), n)]

    def truncated(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        values = []
        for j in range(-(-n // 4)):
            inside = (z for z in self.z(256 * j) if abs(z) < 2)
            values += [z * F(stddev) + F(mean) for z in islice(inside, 4)]
        return values[:n]


class OnJax:
    def __init__(self, s: int) -> None:
        self.draws = Jax("jax", (s, 0))

    def uniform(self, low: float, high: float, n: int) -> list[np.float32]:
        return [self.draws.uniform(low, high) for _ in range(n)]

    def normal(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        return [self.draws.scaled_normal(F(stddev)) + F(mean) for _ in range(n)]

    def truncated(self, mean: float, stddev: float, n: int) -> list[np.float32]:
        return [self.draws.truncated(-2, 2) * F(stddev) + F(mean) for _ in range(n)]


BACKENDS = {"keras-torch": OnTorch, "keras-tensorflow": OnTensorFlow, "keras-jax": OnJax}
CONSTANTS = {"zeros", "ones", "constant"}


def fill(backend: type, s: int, initializer: dict, fan_in: int, fan_out: int, n: int) -> list[np.float32]:
    draws = backend(s)
    match initializer:
        case {"name": "random_uniform", **of}:
            return draws.uniform(of.get("minval", -0.05), of.get("maxval", 0.05), n)
        case {"name": "uniform", **of}:
            return draws.uniform(of.get("low", -0.05), of.get("high", 0.05), n)
        case {"name": "random_normal" | "normal", **of}:
            return draws.normal(of.get("mean", 0.0), of.get("stddev", 0.05), n)
        case {"name": "truncated_normal", **of}:
            return draws.truncated(of.get("mean", 0.0), of.get("stddev", 0.05), n)
        case {"name": "variance_scaling", **of}:
            fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
            v = of.get("scale", 1) / max(1, fans[of.get("mode", "fan_in")])
            match of.get("distribution", "truncated_normal"):
                case "uniform":
                    return draws.uniform(-math.sqrt(3 * v), math.sqrt(3 * v), n)
                case "untruncated_normal":
                    return draws.normal(0.0, math.sqrt(v), n)
            return draws.truncated(0.0, math.sqrt(v) / 0.87962566103423978, n)
    scheme, kind = initializer["name"].split("_")
    scale, mode = {"glorot": (1, "fan_avg"), "he": (2, "fan_in"), "lecun": (1, "fan_in")}[scheme]
    kind = "truncated_normal" if kind == "normal" else kind
    made = {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": kind}
    return fill(backend, s, made, fan_in, fan_out, n)


def init_keras(dialect: str, seed: int, layers: list[dict]) -> list[list[int]]:
    """Return the bits of all buffers of layers, which are tables of a model file."""
    seeds = seeds_of(seed)
    buffers = []
    for layer in layers:
        if layer["type"] == "Linear":
            fan_in, fan_out = layer["in_features"], layer["out_features"]
            n, out = fan_in * fan_out, fan_out
        else:
            into, out, k, g = (layer[key] for key in ("in_channels", "out_channels", "kernel_size", "groups"))
            n = k * into // g * out
            fan_in, fan_out = k * into // g, k * out
            if layer["type"] == "ConvTranspose1d":
                fan_in, fan_out = k * out, k * into
            elif g == into == out and g > 1:
                fan_in, fan_out = k * out, k
        parts = [(layer.get("weight_init", {"name": "glorot_uniform"}), fan_in, fan_out, n)]
        if layer["bias"] or "bias_init" in layer:
            parts.append((layer.get("bias_init", {"name": "zeros"}), out, out, out))
        for i, (initializer, into, outof, size) in enumerate(parts):
            if initializer["name"] in CONSTANTS:
                value = {"zeros": 0, "ones": 1}.get(initializer["name"], initializer.get("value", 0))
                values = [F(value)] * size
            else:
                s = initializer["seed"] if "seed" in initializer else next(seeds)
                values = fill(BACKENDS[dialect], s, initializer, into, outof, size)
            if i == 0 or layer["bias"]:
                buffers.append([bits(value) for value in values])
    return buffers
