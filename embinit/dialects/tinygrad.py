"""tinygrad's conventions: the layers of tinygrad.nn after Tensor.manual_seed(seed), on the CPU."""

import math
from collections.abc import Callable, Iterator
from typing import NoReturn

from embinit.bitgen.key_streams import TinygradKeys
from embinit.dialects.base import Dialect
from embinit.dialects.seeds import Integers
from embinit.distributions import Constant, Distribution, Uniform, check_finite, f32
from embinit.errors import EmbinitError, shown
from embinit.initializers import Initializer, Named, constant, ones, zeros
from embinit.layers import Conv1d, Conv2d, Conv3d, Convolution, Embedding, Layer, Parameter, Weighted
from embinit.samplers import Tinygrad

DEFAULT = Named("default")


# ---- Initializers ----


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """Return Tensor.uniform(low=low, high=high)."""
    if check_finite("low", low) >= check_finite("high", high):
        raise EmbinitError(f"low must be less than high in tinygrad, got {shown(low)} and {shown(high)}")
    return Uniform(low, high)


def glorot_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / (n + m)): n is the first axis, and m the product of the others."""
    return Named("glorot_uniform")


def kaiming_uniform(a: float = 0.01) -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / (1 + a^2) / m): m is the product of all axes but the first."""
    return Named("kaiming_uniform", (check_finite("a", a),))


def normal(mean: float = 0.0, std: float = 1.0) -> NoReturn:  # noqa: ARG001 (what tinygrad takes)
    """Raise EmbinitError: normal values are not known."""
    raise EmbinitError(
        "tinygrad's normal values are not known here, because its compiler decides how their log and cos round: take "
        "uniform, glorot_uniform or kaiming_uniform"
    )


def kaiming_normal(a: float = 0.01) -> NoReturn:  # noqa: ARG001 (what tinygrad takes)
    """Raise EmbinitError: normal values are not known."""
    normal()


NAMED: dict[str, Callable[..., Initializer]] = {
    factory.__name__: factory
    for factory in (zeros, ones, constant, uniform, glorot_uniform, kaiming_uniform, normal, kaiming_normal)
}


def bounded(initializer: Initializer, shape: tuple[int, ...]) -> Initializer:
    """Return the uniform initializer with the bounds that a shape gives; one without such bounds is returned as it is.

    >>> bounded(kaiming_uniform(1.0), (5, 3, 1))
    Uniform(low=-1.0, high=1.0)
    """
    if not isinstance(initializer, Named):
        return initializer
    first, rest = (shape[0] if shape else 1), math.prod(shape[1:])
    if 0 in shape:
        raise EmbinitError(f"tinygrad divides by the sizes of axes: none may be 0, got shape {list(shape)}")
    match initializer:
        case Named("default"):
            limit = 1 / math.sqrt(rest)
        case Named("glorot_uniform"):
            limit = (6 / (first + rest)) ** 0.5
        case Named("kaiming_uniform", (a,)):
            limit = (6 / (1 + a**2) / rest) ** 0.5
        case _:
            raise EmbinitError(f"tinygrad has no {initializer}")
    return Uniform(-limit, limit)


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:  # noqa: ARG001 (shapes decide)
    """Return what is drawn; the sampler rounds the bounds."""
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Uniform():
            return initializer
    raise EmbinitError(f"tinygrad has no {initializer} here: use constant, uniform, glorot_uniform or kaiming_uniform")


# ---- Layers ----


def embedding(layer: Layer) -> tuple[Parameter, ...]:
    """Return the table of an embedding, glorot_uniform."""
    assert isinstance(layer, Embedding)
    if layer.padding_idx is not None:
        raise EmbinitError(f"tinygrad's Embedding has no padding_idx, got {layer.padding_idx}: leave it out")
    shape = layer.num_embeddings, layer.embedding_dim
    return (Parameter("weight", ("row", "column"), shape, bounded(glorot_uniform(), shape)),)


class TinygradDialect(Dialect):
    """Weights and biases with the bound 1 / sqrt(n), where n counts the inputs of all groups.

    A transposed convolution draws the weight of the convolution that it is derived from first, then its bias, then its
    own weight.
    """

    def _weighted(self, layer: Weighted) -> tuple[Parameter, ...]:
        return tuple(self._in_order(layer))

    def _in_order(self, layer: Weighted) -> Iterator[Parameter]:
        axes = self.layouts[layer.type]
        shape = tuple(layer.sizes[axis] for axis in axes)
        inputs, kernel = math.prod(shape[1:]), 1
        if isinstance(layer, Convolution):
            kernel = math.prod(shape[2:])
            inputs = layer.in_channels * kernel
        default = Uniform(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs))
        weight = Parameter("weight", axes, shape, self._given(layer.weight_init, shape, default))
        length = (layer.outputs,)
        bias = Parameter("bias", ("out",), length, self._given(layer.bias_init, length, default))
        if isinstance(layer, Convolution) and layer.transposed:
            lost = (default, layer.out_channels * (layer.in_channels // layer.groups) * kernel)
            first, second = (bias, weight) if layer.bias else (weight, None)
            yield Parameter(**{**vars(first), "lost": (lost,)})
            if second is not None:
                yield second
            return
        yield weight
        if layer.bias:
            yield bias

    def _given(self, initializer: Initializer | None, shape: tuple[int, ...], default: Initializer) -> Initializer:
        return default if initializer is None else self.meaning(initializer, shape, None)[0]


_OUT_FIRST = {"Linear": ("out", "in"), **{k.__name__: ("out", "in", *k.kernel_axes) for k in (Conv1d, Conv2d, Conv3d)}}
_IN_FIRST = {f"ConvTranspose{n}d": ("in", "out", *k.kernel_axes) for n, k in ((1, Conv1d), (2, Conv2d), (3, Conv3d))}

TINYGRAD = TinygradDialect(
    name="tinygrad",
    summary="tinygrad 0.14 after Tensor.manual_seed(seed), on the CPU of x86-64 with FMA",
    seeds=Integers(),
    seeded=TinygradKeys,
    sampler=Tinygrad(),
    weight=DEFAULT,
    bias=None,
    layouts={**_OUT_FIRST, **_IN_FIRST},
    distribution=distribution,
    named=NAMED,
    by_shape=bounded,
    layers={"Embedding": embedding},
    seeds_count_modulo_2_32=True,
)
