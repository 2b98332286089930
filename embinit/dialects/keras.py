"""Keras' conventions on its backends: the weights of layers made after keras.utils.set_random_seed(seed)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from embinit.bitgen import BitGenerator
from embinit.bitgen.keras import TensorFlowPhilox, ThreefryOfKeras, TorchOfKeras, nth_seed
from embinit.dialects.base import Dialect
from embinit.distributions import FLOAT32_MAX, Constant, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError, check_known, shown
from embinit.initializers import (
    TRUNCATED_STDDEV,
    Initializer,
    Mode,
    Seeded,
    Sliced,
    VarianceScaling,
    ones,
    zeros,
)
from embinit.layers import Convolution, Embedding, Layer, Parameter, Stored, Weighted
from embinit.samplers import KerasJax, KerasTensorFlow, KerasTorch

#: Channels last.
LAYOUTS = {
    "Linear": ("in", "out"),
    "Conv1d": ("kernel", "in", "out"),
    "Conv2d": ("height", "width", "in", "out"),
    "Conv3d": ("depth", "height", "width", "in", "out"),
    "ConvTranspose1d": ("kernel", "out", "in"),
    "ConvTranspose2d": ("height", "width", "out", "in"),
    "ConvTranspose3d": ("depth", "height", "width", "out", "in"),
}
#: Layers with a SeedGenerator, which takes a seed when the layer is made, unless its rate is 0.
SEED_GENERATORS = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
#: The second number of a restart: a seed of the list, or one of the initializer's own.
LISTED, OWN = 0, 1
#: The last seed of the list that C makes: about 36 of its 623 words are drawn again.
C_LISTED = 500

Distributed = Callable[..., Initializer]


def seeded(initializer: Initializer, seed: int | None) -> Initializer:
    """Return an initializer with its own seed, if it has one."""
    return initializer if seed is None else Seeded(initializer, seed)


def constant(value: float = 0.0) -> Initializer:
    """Return the initializer that sets every element to one value."""
    return Constant(value)


def random_uniform(minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> Initializer:
    """Return U(minval, maxval)."""
    return seeded(Uniform(minval, maxval), seed)


def random_normal(mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> Initializer:
    """Return N(mean, stddev^2)."""
    return seeded(Normal(mean, stddev), seed)


def truncated_normal(mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> Initializer:
    """Return mean + stddev * z, where z is a standard normal truncated to [-2, 2]."""
    return seeded(TruncatedNormal(mean, stddev), seed)


def uniform(low: float = -0.05, high: float = 0.05, seed: int | None = None) -> Initializer:
    """Return U(low, high)."""
    return random_uniform(low, high, seed)


def variance_scaling(
    scale: float = 1.0, mode: Mode = "fan_in", distribution: str = "truncated_normal", seed: int | None = None
) -> Initializer:
    """Return a distribution of mean 0 and variance scale / n, where n is fan_in, fan_out or their average."""
    names = {"truncated_normal": "truncated_normal", "untruncated_normal": "normal", "uniform": "uniform"}
    check_known("distribution", distribution, names)
    if not scale > 0:
        raise EmbinitError(f"scale must be positive in Keras, got {shown(scale)}")
    return seeded(VarianceScaling(scale, mode, names[distribution]), seed)  # type: ignore[arg-type]


def _scaling(scale: float, mode: Any, distribution: str) -> Distributed:
    def build(seed: int | None = None) -> Initializer:
        return variance_scaling(scale, mode, distribution, seed)

    return build


NAMED: Mapping[str, Distributed] = {
    "zeros": zeros,
    "ones": ones,
    "constant": constant,
    "random_uniform": random_uniform,
    "random_normal": random_normal,
    "truncated_normal": truncated_normal,
    "uniform": uniform,
    "normal": random_normal,
    **{
        f"{name}_{suffix}": _scaling(scale, mode, drawn)
        for name, scale, mode in (("glorot", 1.0, "fan_avg"), ("he", 2.0, "fan_in"), ("lecun", 1.0, "fan_in"))
        for suffix, drawn in (("uniform", "uniform"), ("normal", "truncated_normal"))
    },
    "variance_scaling": variance_scaling,
}


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what keras.random draws for an initializer; its parameters are doubles.

    >>> distribution(NAMED["glorot_uniform"](), 3, 3)
    Uniform(low=-1.0, high=1.0)
    """
    match initializer:
        case Seeded(inner):
            return distribution(inner, fan_in, fan_out)
        case Uniform(low, high) if abs(high - low) > FLOAT32_MAX:
            raise EmbinitError(f"high - low must be a float32 number, got {shown(low)} and {shown(high)}")
        case Normal(_, stddev) | TruncatedNormal(_, stddev) if stddev < 0:
            raise EmbinitError(f"stddev must not be negative in Keras, got {shown(stddev)}")
        case Constant() | Uniform() | Normal() | TruncatedNormal():
            return initializer
        case VarianceScaling(scale, _, drawn, gain):
            fan = initializer.fan(fan_in, fan_out)
            variance = gain**2 * scale / max(1.0, fan)
            if drawn == "uniform":
                limit = math.sqrt(3.0 * variance)
                return Uniform(-limit, limit)
            if drawn == "normal":
                return Normal(0.0, math.sqrt(variance))
            return TruncatedNormal(0.0, math.sqrt(variance) / TRUNCATED_STDDEV)
    raise EmbinitError(f"Keras has no {initializer}: use random_uniform, random_normal or truncated_normal")


def shape_fans(_: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape, from its last two axes.

    >>> shape_fans(Constant(0.0), (3, 3, 2, 4)), shape_fans(Constant(0.0), (5,))
    ((18, 36), (5, 5))
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


@dataclass(frozen=True, eq=False)
class KerasDialect(Dialect):
    """Keras on a backend: each initializer that draws has a seed, its own or the next of a list, and each tensor starts
    a stream from it.
    """

    restarts: ClassVar[bool] = True
    keys_each: ClassVar[bool] = True
    keys_by = "seeds"
    numbers_layers: ClassVar[bool] = True

    def start(self, seed: int, rand: str) -> BitGenerator:
        """Return the generator of the first tensor."""
        return self.restarted(seed, rand, 0, LISTED)

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:  # noqa: ARG002
        """Return the generator of a tensor: of that number in the list or, if the seed is its own, of that seed."""
        return self.seeded(layer if tensor == OWN else nth_seed(seed, layer))

    def check_c_restart(self, layer: int, tensor: int) -> None:
        """Raise EmbinitError for an initializer so far down the list that its seed takes Python's whole state."""
        if tensor == LISTED and layer > C_LISTED:
            raise EmbinitError(
                f"its initializer takes element {layer} of the list of seeds, and C makes 0 to {C_LISTED}: give it a "
                "seed of its own, or export the values instead (--format npz,h,bin)"
            )

    def restart_of(self, initializer: Initializer, number: int) -> tuple[tuple[int, int] | None, int]:
        """Return where a tensor's stream starts, and the number of the next initializer without a seed."""
        match initializer:
            case Constant():
                return None, number
            case Seeded(_, seed):
                return (seed, OWN), number
        return (number, LISTED), number + 1

    def takes_seed(self, initializer: Initializer) -> bool:
        """Whether an initializer takes a seed of the list."""
        return self.restart_of(initializer, 0)[1] == 1

    def check_stochastic(self) -> None:
        """Raise EmbinitError: there is no one stream."""
        raise EmbinitError(
            f"rounding stochastic draws words from one stream, and dialect {self.name} has one for each tensor: take "
            "another rounding"
        )

    def needs_fans(self, initializer: Initializer) -> bool:
        """Whether what an initializer draws depends on the fans of its tensor."""
        return super().needs_fans(initializer.initializer if isinstance(initializer, Seeded) else initializer)

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold: each initializer that draws takes a number when its layer is made."""
        of_layer: dict[str, list[Parameter]] = {layer.name: [] for layer in layers}
        for layer, parameter in super().parameters_of_all(layers):
            of_layer[layer.name].append(parameter)
        number = 0
        for layer in layers:
            number += layer.type in SEED_GENERATORS
            for parameter in of_layer[layer.name]:
                if getattr(layer, "same_as", None) is None:
                    restart, number = self.restart_of(_told(layer, parameter), number)
                    parameter = replace(parameter, order=replace(parameter.order, restart=restart))
                yield layer, parameter
            if isinstance(layer, Weighted) and not layer.bias and layer.bias_init is not None:
                _, number = self.restart_of(layer.bias_init, number)  # it is made, though nothing is drawn from it

    def _weighted(self, layer: Weighted) -> tuple[Parameter, ...]:
        """Return the weight of a layer and its bias; a layer with a group for each channel is Keras' depthwise one."""
        weight, *biases = super()._weighted(layer)
        bias = [replace(each, fan_in=layer.outputs, fan_out=layer.outputs) for each in biases]
        if not isinstance(layer, Convolution) or layer.groups == 1:
            return weight, *bias
        if layer.transposed:
            raise EmbinitError(f"Keras has no {layer.type} with groups: groups must be 1, got {layer.groups}")
        if layer.type == "Conv3d" or not layer.groups == layer.in_channels == layer.out_channels:
            return weight, *bias
        axes, shape = (*weight.axes[:-2], "out", "multiplier"), (*weight.shape[:-2], layer.out_channels, 1)
        fan_in, fan_out = shape_fans(weight.initializer, shape)
        return replace(weight, axes=axes, shape=shape, fan_in=fan_in, fan_out=fan_out), *bias


def _told(layer: Layer, parameter: Parameter) -> Initializer:
    """Return the initializer that a layer tells for a part by `init`, or else the parameter's."""
    told = layer.told.get(parameter.part) if isinstance(layer, Stored) else None
    given = told.initializer if isinstance(told, Sliced) else told
    return parameter.initializer if given is None else given


def embedding(layer: Layer) -> tuple[Parameter, ...]:
    """Return the parameter of Embedding, its table."""
    assert isinstance(layer, Embedding)
    if layer.padding_idx is not None:
        raise EmbinitError("Keras has no padding_idx: leave it out (mask_zero changes no weight)")
    shape = layer.num_embeddings, layer.embedding_dim
    return (Parameter("weight", ("index", "feature"), shape, Uniform(-0.05, 0.05)),)


def recurrent(layer: Layer) -> tuple[Parameter, ...]:
    """Raise EmbinitError: the recurrent kernel is orthogonal."""
    raise EmbinitError(
        f"the recurrent kernel of Keras' {layer.type} is orthogonal, a QR decomposition by LAPACK, whose bits cannot "
        "be known: load its weights from a file, and leave the layer out"
    )


LAYERS: Mapping[str, Callable[[Layer], tuple[Parameter, ...]]] = {
    "Embedding": embedding,
    **dict.fromkeys(("RNN", "GRU", "LSTM"), recurrent),
}

KERAS_TORCH = KerasDialect(
    name="keras-torch",
    summary="Keras 3 on PyTorch: layers after keras.utils.set_random_seed(seed)",
    seeds=range(2**32),
    seeded=TorchOfKeras,
    sampler=KerasTorch(),
    weight=NAMED["glorot_uniform"](),
    bias=Constant(0.0),
    layouts=LAYOUTS,
    distribution=distribution,
    named=NAMED,
    shape_fans=shape_fans,
    layers=LAYERS,
    own=(Seeded,),
)

KERAS_TENSORFLOW = replace(
    KERAS_TORCH,
    name="keras-tensorflow",
    summary="Keras 3 on TensorFlow: layers after keras.utils.set_random_seed(seed)",
    seeded=TensorFlowPhilox,
    sampler=KerasTensorFlow(),
)

KERAS_JAX = replace(
    KERAS_TORCH,
    name="keras-jax",
    summary="Keras 3 on JAX: layers after keras.utils.set_random_seed(seed)",
    seeded=ThreefryOfKeras,
    sampler=KerasJax(),
)
