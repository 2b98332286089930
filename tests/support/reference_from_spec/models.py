"""Models: what `init` draws of a list of layers."""

import math

from support.reference_from_spec.generators import Mt19937, Pcg32, Xorshift32
from support.reference_from_spec.notation import bits
from support.reference_from_spec.odt import Odt, odt_distribution
from support.reference_from_spec.portable import Portable, portable_distribution
from support.reference_from_spec.pytorch import Torch, torch_distribution


def layout(dialect: str, kind: str, sizes: dict) -> tuple[tuple[int, ...], int, int, int]:
    """Return the weight's shape, fan_in, fan_out, and the length of the bias."""
    if kind == "Linear":
        shape = sizes["out_features"], sizes["in_features"]
        return shape, shape[1], shape[0], shape[0]
    out, into, k, groups = (sizes[key] for key in ("out_channels", "in_channels", "kernel_size", "groups"))
    shape = (out, into // groups, k) if kind == "Conv1d" else (into, out // groups, k)
    if dialect.startswith("torch"):
        return shape, shape[1] * k, shape[0] * k, out
    if kind == "Conv1d":
        return shape, into // groups * k, out // groups * k, out
    return shape, out // groups * k, into * k, out


def dialect_of(name: str, target: str, seed: int) -> tuple:
    """Return how the dialect draws, its parameters, and the default weight and bias."""
    if name == "portable":
        return Portable(Pcg32(seed)), portable_distribution, ("default",), ("default",)
    if name.startswith("torch"):
        torch = Torch(Mt19937(seed % 2**32), name == "torch")
        return torch, torch_distribution, ("default",), ("bias",)
    zero, deviation, gain = {
        "odt": (0xFFFFFFFF, "first", 0.57735026919),
        "odt-2026-06": (0xFFFFFFFF, "last", 0.57735026919),
        "odt-2026-04": (1, "last", 1.41421356237),
    }[name]
    weight = ("kaiming", "uniform", gain)
    bias = ("constant", 0) if name == "odt-2026-04" else weight
    return Odt(Xorshift32(seed or zero), target, deviation), odt_distribution, weight, bias


def init(dialect: str, target: str, seed: int, layers: list[tuple]) -> list[list[int]]:
    """Return the bits of all buffers. A layer is (kind, sizes, has a bias, initializer of its weight or None)."""
    draws, distribution, default_weight, default_bias = dialect_of(dialect, target, seed)
    buffers = []
    for kind, sizes, has_bias, weight in layers:
        if kind in {"LayerNorm", "GroupNorm"}:
            n = math.prod(sizes["normalized_shape"]) if kind == "LayerNorm" else sizes["num_channels"]
            buffers += [[0x3F800000] * n, [0] * n]
            continue
        shape, fan_in, fan_out, out = layout(dialect, kind, sizes)
        parts = [(weight or default_weight, math.prod(shape))] + [(default_bias, out)] * has_bias
        for initializer, n in parts:
            name, *parameters = distribution(initializer, fan_in, fan_out)
            values = parameters * n if name == "constant" else getattr(draws, name)(*parameters, n)
            buffers.append([bits(value) for value in values])
    return buffers
