"""Kaun's conventions (raven's neural networks in OCaml), today's and those of 1.0.0 alpha3 (SPEC.md, section kaun)."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from embinit.bitgen import BitGenerator, KaunAlpha3Scope, KaunScope
from embinit.bitgen.kaun import INTEGERS, Key
from embinit.dialects.base import Dialect
from embinit.dialects.keys import Keys
from embinit.dialects.seeds import allowed
from embinit.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform, check_finite, f32
from embinit.errors import EmbinitError, shown
from embinit.initializers import (
    TRUNCATED_STDDEV,
    DistributionName,
    Initializer,
    Mode,
    VarianceScaling,
    constant,
    ones,
    zeros,
)
from embinit.layers import Convolution, Embedding, Layer, Parameter, Weighted
from embinit.samplers import Kaun

AXES = (-2, -1)
LINEAR, CONVOLUTION = ("in", "out"), ("out", "in")


# ---- Initializers ----


def uniform(scale: float) -> Initializer:
    """Return U(0, scale)."""
    return Uniform(0.0, _not_negative("scale", scale))


def normal(stddev: float) -> Initializer:
    """Return N(0, stddev^2)."""
    return Normal(0.0, _not_negative("stddev", stddev))


def truncated_normal() -> Initializer:
    """Return Nx's truncated_normal from -2 to 2."""
    return TruncatedNormal(0.0, 1.0)


def variance_scaling(scale: float, mode: Mode, distribution: DistributionName) -> Initializer:
    """Return a distribution of mean 0 and variance scale / n, where n is fan_in, fan_out or their average."""
    return VarianceScaling(scale, mode, distribution)


def glorot_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / (fan_in + fan_out))."""
    return variance_scaling(1.0, "fan_avg", "uniform")


def glorot_normal() -> Initializer:
    """Return N(0, 2 / (fan_in + fan_out)), truncated."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal")


def he_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / fan_in)."""
    return variance_scaling(2.0, "fan_in", "uniform")


def he_normal() -> Initializer:
    """Return N(0, 2 / fan_in), truncated."""
    return variance_scaling(2.0, "fan_in", "truncated_normal")


def lecun_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(3 / fan_in)."""
    return variance_scaling(1.0, "fan_in", "uniform")


def lecun_normal() -> Initializer:
    """Return N(0, 1 / fan_in), truncated."""
    return variance_scaling(1.0, "fan_in", "truncated_normal")


def _not_negative(what: str, value: float) -> float:
    number = check_finite(what, value)
    if number < 0:
        raise EmbinitError(f"{what} must not be negative, got {shown(value)}")
    return number


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what Kaun draws. Parameters are rounded to float32, except the bounds of uniform values: the sampler
    rounds the lower one and their difference.
    """
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Uniform():
            return initializer
        case Normal(mean, stddev):
            return Normal(f32(mean), f32(stddev))
        case TruncatedNormal(mean, stddev):
            return TruncatedNormal(f32(mean), f32(stddev))
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(f"dialect kaun has no {initializer}: use constant, uniform, normal or variance_scaling")
    n = initializer.fan(fan_in, fan_out)
    if initializer.distribution == "uniform":
        limit = initializer.gain * math.sqrt(3.0 * (initializer.scale / n))
        return Uniform(-limit, limit)
    stddev = initializer.gain * math.sqrt(initializer.scale / n)
    if initializer.distribution == "normal":
        return Normal(0.0, f32(stddev))
    return TruncatedNormal(0.0, f32(stddev / TRUNCATED_STDDEV))


NAMED: dict[str, Callable[..., Initializer]] = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, truncated_normal, variance_scaling, glorot_uniform, glorot_normal,
        he_uniform, he_normal, lecun_uniform, lecun_normal,
    )
}  # fmt: skip


# ---- Layers ----


def fans(_: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the fans that a layer passes to its initializers.

    >>> fans("Linear", {"in": 3, "out": 5}), fans("Conv2d", {"in": 3, "out": 5, "height": 2, "width": 2, "groups": 1})
    ((3, 5), (12, 20))
    """
    receptive = math.prod(size for axis, size in sizes.items() if axis not in ("in", "out", "groups"))
    return sizes["in"] * receptive, sizes["out"] * receptive


def _embedding(stddev: float) -> Callable[[Layer], Iterable[Parameter]]:
    """Return the function that lists the parameter of Embedding, its table."""

    def parameters(layer: Layer) -> tuple[Parameter, ...]:
        assert isinstance(layer, Embedding)
        if layer.padding_idx is not None:
            raise EmbinitError("an Embedding of Kaun has no padding_idx: set the row yourself, or use dialect torch")
        shape = layer.num_embeddings, layer.embedding_dim
        return (Parameter("weight", ("index", "feature"), shape, Normal(0.0, f32(stddev))),)

    return parameters


class KaunDialect(Dialect):
    """A dialect of Kaun, whose layers have no groups."""

    def parameters(self, layer: Layer) -> Iterable[Parameter]:
        """Return what a layer holds, in the order in which it is filled."""
        if isinstance(layer, Convolution) and layer.groups > 1:
            raise EmbinitError(f"groups must be 1: a {layer.type} of Kaun has none, got {layer.groups}")
        return super().parameters(layer)


def _keys(scope: type[KaunScope | KaunAlpha3Scope]) -> Keys:
    """Return the key rules of a scope."""

    def folded(key: Key, data: int) -> Key:
        if data not in INTEGERS:
            raise EmbinitError(f"data must be {allowed(INTEGERS)}, which an int of OCaml holds, got {shown(data)}")
        return scope.folded(key, data)

    return Keys(scope, scope.split, folded)


KAUN = KaunDialect(
    name="kaun",
    summary="Kaun (OCaml, raven from 2026-07-17): a key for each tensor, Glorot uniform weights, zero biases",
    seeds=INTEGERS,
    seeded=KaunScope.seeded,
    sampler=Kaun(KaunScope),
    weight=glorot_uniform(),
    bias=Constant(0.0),
    layouts={"Linear": LINEAR, "Conv2d": (*CONVOLUTION, "height", "width")},
    fans=fans,
    distribution=distribution,
    named=NAMED,
    layers={"Embedding": _embedding(1.0)},
    keys=_keys(KaunScope),
)


# ---- 1.0.0 alpha3 ----


def fans_by_axes(shape: tuple[int, ...], in_axis: int, out_axis: int) -> tuple[int, int]:
    """Return (fan_in, fan_out): the size of each axis times the receptive field, the product of all other axes.

    >>> fans_by_axes((5, 9, 16), -2, -1)
    (45, 80)
    """
    rank = len(shape)
    if rank < 2:
        return math.prod(shape), math.prod(shape)
    ends = [_axis("in_axis", in_axis, rank), _axis("out_axis", out_axis, rank)]
    receptive = math.prod(size for axis, size in enumerate(shape) if axis not in ends)
    return shape[ends[0]] * receptive, shape[ends[1]] * receptive


def shape_fans(initializer: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape by the initializer's axes; the fan that its mode names must be positive."""
    if not isinstance(initializer, VarianceScaling):
        return fans_by_axes(shape, *AXES)
    fan_in, fan_out = fans_by_axes(shape, *(initializer.axes or AXES))
    if initializer.fan(fan_in, fan_out) <= 0:
        got = f"fan_in {fan_in}, fan_out {fan_out}"
        raise EmbinitError(f"the {initializer.mode} of a tensor must be positive, got {got} for shape {list(shape)}")
    return fan_in, fan_out


def _axis(what: str, axis: int, rank: int) -> int:
    """Return an axis counted from the start."""
    if not -rank <= axis < rank:
        raise EmbinitError(f"{what} must be from {-rank} to {rank - 1} for a tensor of rank {rank}, got {axis}")
    return axis % rank


def _by_axes(scaled: Callable[..., Initializer]) -> Callable[..., Initializer]:
    """Return the factory of an initializer that takes the axes of inputs and outputs."""

    def factory(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
        initializer = scaled()
        assert isinstance(initializer, VarianceScaling)
        return replace(initializer, axes=(in_axis, out_axis))

    return factory


def _variance_scaling(
    scale: float, mode: Mode, distribution: DistributionName, in_axis: int = AXES[0], out_axis: int = AXES[1]
) -> Initializer:
    return VarianceScaling(scale, mode, distribution, axes=(in_axis, out_axis))


def _uniform(scale: float = 0.01) -> Initializer:
    return uniform(scale)


def _normal(stddev: float = 0.01) -> Initializer:
    return normal(stddev)


#: The initializer of a convolution's weight, glorot_uniform with the fans of its first two axes.
CONVOLVED = VarianceScaling(1.0, "fan_avg", "uniform", axes=(1, 0))
SCALED = (glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal)
ALPHA3_NAMED = NAMED | {
    "uniform": _uniform,
    "normal": _normal,
    "variance_scaling": _variance_scaling,
    **{factory.__name__: _by_axes(factory) for factory in SCALED},
}


class KaunAlpha3Dialect(KaunDialect):
    """A model is a Layer.sequential: it takes a key for each of its layers first, and each has a scope of its own."""

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold, in the order in which it is filled; an error names its layer."""
        numbers, begun = {id(layer): i for i, layer in enumerate(layers)}, -1
        for layer, parameter in super().parameters_of_all(layers):
            number = numbers[id(layer)]
            starts = number != begun
            begun = number
            order = replace(parameter.order, restart=(number, 0)) if starts else parameter.order
            yield layer, replace(parameter, order=order)

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:  # noqa: ARG002 (the layer's)
        """Return the scope of a layer."""
        scope = KaunAlpha3Scope.seeded(seed)
        scope.advance(layer)
        return KaunAlpha3Scope(scope.taken())

    def _weighted(self, layer: Weighted) -> tuple[Parameter, ...]:
        """Return a weight and a bias, each with the fans of its own shape."""
        convolution = isinstance(layer, Convolution)
        if convolution and (layer.weight_init or layer.bias_init):
            raise EmbinitError(
                f"a {layer.type} of Kaun 1.0.0 alpha3 takes no initializer: its weight is glorot_uniform"
            )
        if not layer.bias:
            raise EmbinitError(f"a {layer.type} of Kaun 1.0.0 alpha3 always has a bias: leave bias out")
        weight = CONVOLVED if convolution else layer.weight_init or self.weight
        axes = self.layouts[layer.type]
        return (
            self._parameter("weight", axes, tuple(layer.sizes[axis] for axis in axes), weight),
            self._parameter("bias", ("out",), (layer.outputs,), layer.bias_init or Constant(0.0)),
        )

    def _parameter(self, part: str, axes: tuple[str, ...], shape: tuple[int, ...], given: Initializer) -> Parameter:
        initializer, fan_in, fan_out = self.meaning(given, shape, None)
        return Parameter(part, axes, shape, initializer, fan_in, fan_out)


KAUN_ALPHA3 = KaunAlpha3Dialect(
    name="kaun-alpha3",
    summary="Kaun 1.0.0 alpha3 (raven from 2026-02-26): hashed keys, a scope for each layer of a sequential model",
    seeds=INTEGERS,
    seeded=KaunAlpha3Scope.seeded,
    sampler=Kaun(KaunAlpha3Scope),
    weight=glorot_uniform(),
    bias=Constant(0.0),
    layouts={**KAUN.layouts, "Conv1d": (*CONVOLUTION, "kernel")},
    distribution=distribution,
    named=ALPHA3_NAMED,
    shape_fans=shape_fans,
    names_axes=True,
    layers={"Embedding": _embedding(0.02)},
    keys=_keys(KaunAlpha3Scope),
)
