"""MLX's conventions on its CPU backend: the layers of mlx.nn after mx.random.seed(seed), and explicit keys."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from embinit.bitgen.key_streams import Key as TwoWords
from embinit.bitgen.key_streams import MlxKeys
from embinit.dialects.base import Dialect
from embinit.dialects.keys import Key, Keys
from embinit.distributions import Constant, Distribution, Normal, Uniform, f32
from embinit.errors import EmbinitError, shown
from embinit.initializers import (
    Initializer,
    Mode,
    VarianceScaling,
    constant,
    ones,
    zeros,
)
from embinit.initializers import uniform as between
from embinit.layers import Conv1d, Conv2d, Conv3d, Convolution, Embedding, Layer, Parameter, Weighted
from embinit.samplers import Mlx

#: U(-L, L) with L = sqrt(1 / fan_in).
DEFAULT = VarianceScaling(1 / 3, "fan_in", "uniform")


# ---- mlx.nn.init ----


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """Return values from low to high."""
    return between(low, high)


def glorot_uniform(gain: float = 1.0) -> Initializer:
    """Return U(-L, L) with L = gain * sqrt(6 / (fan_in + fan_out))."""
    return VarianceScaling(1.0, "fan_avg", "uniform", gain)


def he_uniform(mode: Mode = "fan_in", gain: float = 1.0) -> Initializer:
    """Return U(-L, L) with L = gain * sqrt(3 / fan)."""
    return VarianceScaling(1.0, _one_fan(mode), "uniform", gain)


def normal(mean: float = 0.0, std: float = 1.0) -> Initializer:
    """Return N(mean, std^2)."""
    return Normal(mean, std)


def glorot_normal(gain: float = 1.0) -> Initializer:
    """Return N(0, s^2) with s = gain * sqrt(2 / (fan_in + fan_out))."""
    return VarianceScaling(1.0, "fan_avg", "normal", gain)


def he_normal(mode: Mode = "fan_in", gain: float = 1.0) -> Initializer:
    """Return N(0, s^2) with s = gain / sqrt(fan)."""
    return VarianceScaling(1.0, _one_fan(mode), "normal", gain)


def _one_fan(mode: Mode) -> Mode:
    if mode not in ("fan_in", "fan_out"):
        raise EmbinitError(f'mode must be "fan_in" or "fan_out" in MLX, got {shown(mode)}')
    return mode


NAMED: dict[str, Callable[..., Initializer]] = {
    factory.__name__: factory
    for factory in (zeros, ones, constant, uniform, glorot_uniform, he_uniform, normal, glorot_normal, he_normal)
}


def shape_fans(initializer: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape: the last axis and the first, times the axes between.

    >>> shape_fans(glorot_uniform(), (9, 3, 2))
    (6, 27)
    """
    needed = isinstance(initializer, VarianceScaling)
    if len(shape) < 2:
        if needed:
            raise EmbinitError(f"MLX needs at least two axes for fans, got shape {list(shape)}")
        return 1, 1
    if needed and 0 in shape:
        raise EmbinitError(f"MLX divides by the sizes of axes: none may be 0, got shape {list(shape)}")
    between_them = math.prod(shape[1:-1])
    return shape[-1] * between_them, shape[0] * between_them


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what is drawn; the sampler rounds the bounds, which are doubles."""
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Uniform() | Normal():
            return initializer
        case VarianceScaling(scale, mode, "uniform" | "normal" as drawn, gain):
            n = initializer.fan(fan_in, fan_out)
            if drawn == "uniform":
                limit = gain * math.sqrt(3.0 * scale / n)
                return Uniform(-limit, limit)
            return Normal(0.0, gain * math.sqrt(scale / n) if mode == "fan_avg" else gain / math.sqrt(n / scale))
    raise EmbinitError(f"MLX has no {initializer} here: use constant, uniform, normal, or glorot's or he's")


# ---- Layers ----


def embedding(layer: Layer) -> tuple[Parameter, ...]:
    """Return the table of an embedding: N(0, 1 / embedding_dim)."""
    assert isinstance(layer, Embedding)
    if layer.padding_idx is not None:
        raise EmbinitError(f"MLX's Embedding has no padding_idx, got {layer.padding_idx}: leave it out")
    shape = layer.num_embeddings, layer.embedding_dim
    return (Parameter("weight", ("row", "column"), shape, Normal(0.0, math.sqrt(1 / layer.embedding_dim))),)


class MlxDialect(Dialect):
    """Channels last; a Linear draws its bias as its weight by default, and a convolution's is zeros."""

    def _weighted(self, layer: Weighted) -> tuple[Parameter, ...]:
        convolution = isinstance(layer, Convolution)
        if isinstance(layer, Convolution) and layer.groups > 1 and (layer.transposed or layer.type == "Conv3d"):
            raise EmbinitError(f"groups must be 1: a {layer.type} of MLX has none, got {layer.groups}")
        if layer.bias and layer.bias_init is not None:
            shape_fans(layer.bias_init, (layer.outputs,))
        bias = layer.bias_init or (Constant(0.0) if convolution else DEFAULT)
        return super()._weighted(replace(layer, bias_init=bias))


_CONVOLUTIONS = {
    f"{name}{n}d": ("out", *kind.kernel_axes, "in")
    for name in ("Conv", "ConvTranspose")
    for n, kind in ((1, Conv1d), (2, Conv2d), (3, Conv3d))
}


def _words(key: Key) -> TwoWords:
    return cast("TwoWords", key)


MLX = MlxDialect(
    name="mlx",
    summary="MLX 0.32 after mx.random.seed(seed), on its CPU backend",
    seeds=range(2**64),
    seeded=MlxKeys.seeded,
    sampler=Mlx(),
    weight=DEFAULT,
    bias=None,
    layouts={"Linear": ("out", "in"), **_CONVOLUTIONS},
    distribution=distribution,
    named=NAMED,
    shape_fans=shape_fans,
    layers={"Embedding": embedding},
    keys=Keys(lambda key: MlxKeys.explicit(_words(key)), lambda key, n: MlxKeys.split(_words(key), n)),
)
