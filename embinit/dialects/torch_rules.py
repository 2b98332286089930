"""PyTorch's rules for what a tensor holds: seeds, gains, fans, bounds, and the parameters of each layer in their order.

Bounds are Python floats, computed in PyTorch's order of operations; `uniform_` and `normal_` round them to float32.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.mt19937 import MT19937
from embinit.errors import EmbinitError, check_known
from embinit.initializers import FLOAT32_MAX, Constant, Distribution, Initializer, Normal, Uniform, VarianceScaling

#: What torch.manual_seed takes; a negative seed stands for itself plus 2^64.
SEEDS = range(-(2**63), 2**64)


def seeded(seed: int) -> MT19937:
    """Return the generator after torch.manual_seed(seed), of which only the low 32 bits count.

    >>> seeded(-1) == seeded(2**32 - 1) == seeded(2**64 - 1)
    True
    """
    if not isinstance(seed, int | np.integer) or not SEEDS[0] <= seed <= SEEDS[-1]:
        raise EmbinitError(f"seed must be an integer from -2^63 to 2^64 - 1, got {seed!r}")
    return MT19937(int(seed) & 0xFFFFFFFF)


# ---- torch.nn.init ----

_UNIT_GAIN = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain of a nonlinearity; param is the negative slope of leaky_relu, 0.01 by default.

    >>> calculate_gain("leaky_relu", math.sqrt(5))
    0.5773502691896257
    """
    slope = 0.01 if param is None else param
    gains = dict.fromkeys(_UNIT_GAIN, 1.0) | {
        "tanh": 5.0 / 3,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1 + slope**2)),
        "selu": 0.75,
    }
    check_known("nonlinearity", nonlinearity, gains)
    return gains[nonlinearity]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight as stored: of a transposed convolution they are those of the other side.

    >>> fans((8, 4, 3))
    (12, 24)
    """
    if len(shape) < 2:
        raise EmbinitError(f"a weight must have at least two axes to have fans, got shape {shape}")
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


LAYOUTS = {
    "Linear": ("out", "in"),
    "Conv1d": ("out", "in", "kernel"),
    "ConvTranspose1d": ("in", "out", "kernel"),
}


def layer_fans(layer_type: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a layer's weight from the sizes of its axes.

    >>> layer_fans("ConvTranspose1d", {"in": 8, "out": 4, "kernel": 3, "groups": 2})
    (12, 24)
    """
    return fans(tuple(sizes[axis] for axis in LAYOUTS[layer_type]))


#: kaiming_uniform_(a=sqrt(5)): the weight of Linear and of every convolution.
DEFAULT_WEIGHT = VarianceScaling(1.0, "fan_in", "uniform", gain=calculate_gain("leaky_relu", math.sqrt(5)))
#: Their bias, U(-L, L) with L = 1 / sqrt(fan_in) and not by way of a gain, which may give another float.
DEFAULT_BIAS = VarianceScaling(1 / 3, "fan_in", "uniform")


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what torch.nn.init hands to uniform_, normal_ or fill_ for a tensor with these fans.

    >>> distribution(DEFAULT_WEIGHT, 3, 4)
    Uniform(low=-0.5773502691896257, high=0.5773502691896257)
    """
    match initializer:
        case Constant():
            return initializer
        case Uniform(low, high):
            return between(low, high)
        case Normal(_, stddev):
            if stddev < 0:
                raise EmbinitError(f"stddev must not be negative in PyTorch, got {stddev!r}")
            return initializer
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(f"PyTorch has no {initializer}: use constant, uniform or normal")
    if initializer == DEFAULT_BIAS:
        return inverse_root(fan_in)
    gain = initializer.gain * math.sqrt(initializer.scale)
    if initializer.mode == "fan_avg":
        stddev = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    else:
        stddev = gain / math.sqrt(fan_in if initializer.mode == "fan_in" else fan_out)
    match initializer.distribution:
        case "uniform":
            bound = math.sqrt(3.0) * stddev
            return between(-bound, bound)
        case "normal":
            return distribution(Normal(0.0, stddev), fan_in, fan_out)
    raise EmbinitError("PyTorch has no scheme with a truncated normal: use kaiming_normal or xavier_normal")


def between(low: float, high: float) -> Uniform:
    """Return a uniform distribution that uniform_ does not refuse."""
    if not (low <= high and float(high) - float(low) <= FLOAT32_MAX):
        raise EmbinitError(f"low must not exceed high, nor high - low float32, in PyTorch, got {low!r} and {high!r}")
    return Uniform(low, high)


def inverse_root(fan: int) -> Uniform:
    """Return U(-L, L) with L = 1 / sqrt(fan).

    >>> inverse_root(4)
    Uniform(low=-0.5, high=0.5)
    """
    bound = 1 / math.sqrt(fan)
    return Uniform(-bound, bound)


def normal_draws(n: int, pending: bool) -> tuple[int, bool]:
    """Return the words that normal_ takes for n elements, and whether a value is pending afterwards.

    >>> normal_draws(3, pending=False), normal_draws(3, pending=True), normal_draws(17, pending=True)
    ((8, True), (4, False), (33, True))
    """
    if n >= 16:
        return n + (16 if n % 16 else 0), pending
    pairs = (n - pending + 1) // 2
    return 4 * pairs, (n - pending) % 2 == 1


def truncation(mean: float, stddev: float, low: float, high: float) -> tuple[bool, float]:
    """Return how trunc_normal_ fills: whether by normals drawn again, and the peak of the logarithm of the density.

    It draws normals again where more than 0.3 of them lie between low and high, and refuses uniform values elsewhere.

    >>> truncation(0.0, 0.02, -2.0, 2.0), truncation(0.0, 1.0, 0.9, 1.1)
    ((True, -0.0), (False, -0.405))
    """

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    mass = below((high - mean) / stddev) - below((low - mean) / stddev)
    mode = max(low, min(mean, high))
    return mass > 0.3, -0.5 * ((mode - mean) / stddev) ** 2


def sparse_zeros(sparsity: float, rows: int) -> int:
    """Return how many elements of each column sparse_ sets to 0.

    >>> sparse_zeros(0.1, 12)
    2
    """
    return math.ceil(sparsity * rows)


def eye(out: NDArray[np.float32]) -> None:
    """Fill a two-dimensional array as eye_ does: 1 on the diagonal, 0 elsewhere."""
    if out.ndim != 2:
        raise EmbinitError(f"eye needs two axes, got shape {out.shape}")
    out[...] = np.eye(*out.shape, dtype=np.float32)


def dirac(out: NDArray[np.float32], groups: int = 1) -> None:
    """Fill the weight of a convolution as dirac_ does: in each group, output i passes on input i."""
    if not 3 <= out.ndim <= 5 or out.shape[0] % groups:
        raise EmbinitError(f"dirac needs 3 to 5 axes, the first a multiple of groups = {groups}, got shape {out.shape}")
    out[...] = 0
    centre = tuple(size // 2 for size in out.shape[2:])
    per_group = out.shape[0] // groups
    for channel in range(out.shape[0]):
        if channel % per_group < out.shape[1]:
            out[(channel, channel % per_group, *centre)] = 1


# ---- Layers ----


@dataclass(frozen=True)
class Parameter:
    """One parameter of a layer; zero_row is set to 0 once the tensor is filled."""

    name: str
    shape: tuple[int, ...]
    distribution: Distribution
    zero_row: int | None = None


Parameters = tuple[Parameter, ...]


def drawn(shape: tuple[int, ...], outputs: int, bias: bool) -> Parameters:
    """Return weight and bias of Linear and of every convolution, whose bias has one element an output."""
    weight = Parameter("weight", shape, distribution(DEFAULT_WEIGHT, *fans(shape)))
    return (weight, Parameter("bias", (outputs,), distribution(DEFAULT_BIAS, *fans(shape)))) if bias else (weight,)


def linear(in_features: int, out_features: int, *, bias: bool = True) -> Parameters:
    """Return the parameters of Linear.

    >>> [(p.name, p.shape) for p in linear(3, 4)]
    [('weight', (4, 3)), ('bias', (4,))]
    """
    return drawn((out_features, in_features), out_features, bias)


Kernel = int | tuple[int, ...]


def kernel_axes(kernel_size: Kernel, dimensions: int) -> tuple[int, ...]:
    """Return the sizes of a kernel's axes: one number stands for all of them."""
    return (kernel_size,) * dimensions if isinstance(kernel_size, int) else tuple(kernel_size)


def convolution(
    dimensions: int, in_channels: int, out_channels: int, kernel_size: Kernel, *, groups: int = 1, bias: bool = True
) -> Parameters:
    """Return the parameters of Conv1d, Conv2d or Conv3d.

    >>> [p.shape for p in convolution(2, 4, 8, 3, groups=2)]
    [(8, 2, 3, 3), (8,)]
    """
    return drawn((out_channels, in_channels // groups, *kernel_axes(kernel_size, dimensions)), out_channels, bias)


def transposed_convolution(
    dimensions: int, in_channels: int, out_channels: int, kernel_size: Kernel, *, groups: int = 1, bias: bool = True
) -> Parameters:
    """Return the parameters of ConvTranspose1d, ConvTranspose2d or ConvTranspose3d.

    >>> [p.shape for p in transposed_convolution(1, 4, 8, 3, groups=2)]
    [(4, 4, 3), (8,)]
    """
    return drawn((in_channels, out_channels // groups, *kernel_axes(kernel_size, dimensions)), out_channels, bias)


def embedding(num_embeddings: int, embedding_dim: int, *, padding_idx: int | None = None) -> Parameters:
    """Return the parameter of Embedding.

    >>> embedding(10, 4)[0].distribution
    Normal(mean=0.0, stddev=1.0)
    """
    return (Parameter("weight", (num_embeddings, embedding_dim), Normal(0.0, 1.0), padding_idx),)


def recurrent(
    gates: int,
    input_size: int,
    hidden_size: int,
    *,
    num_layers: int = 1,
    bias: bool = True,
    bidirectional: bool = False,
    proj_size: int = 0,
) -> Parameters:
    """Return the parameters of RNN (1 gate), GRU (3) or LSTM (4): per layer those of each direction.

    >>> [p.name for p in recurrent(1, 2, 3, num_layers=2, bias=False)]
    ['weight_ih_l0', 'weight_hh_l0', 'weight_ih_l1', 'weight_hh_l1']
    """
    directions = ("", "_reverse") if bidirectional else ("",)
    rows, state = gates * hidden_size, proj_size or hidden_size
    bound = inverse_root(hidden_size)
    parameters: list[Parameter] = []
    for layer in range(num_layers):
        inputs = input_size if layer == 0 else state * len(directions)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, state)}
        if bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if proj_size:
            shapes["weight_hr"] = (proj_size, hidden_size)
        for direction in directions:
            parameters += [Parameter(f"{part}_l{layer}{direction}", shape, bound) for part, shape in shapes.items()]
    return tuple(parameters)


def cell(gates: int, input_size: int, hidden_size: int, *, bias: bool = True) -> Parameters:
    """Return the parameters of RNNCell (1 gate), GRUCell (3) or LSTMCell (4).

    >>> [p.name for p in cell(3, 2, 4)]
    ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
    """
    parameters = recurrent(gates, input_size, hidden_size, bias=bias)
    return tuple(Parameter(p.name.removesuffix("_l0"), p.shape, p.distribution) for p in parameters)


def norm(shape: int | tuple[int, ...], *, bias: bool = True) -> Parameters:
    """Return the parameters of a normalization layer: ones and zeros, without a draw.

    >>> [str(p.distribution) for p in norm(3)]
    ['constant(1)', 'constant(0)']
    """
    axes = (shape,) if isinstance(shape, int) else tuple(shape)
    weight = Parameter("weight", axes, Constant(1.0))
    return (weight, Parameter("bias", axes, Constant(0.0))) if bias else (weight,)


def group_norm(_num_groups: int, num_channels: int) -> Parameters:
    """Return the parameters of GroupNorm."""
    return norm(num_channels)


#: What reset_parameters fills of a layer, in its order, from the arguments of its constructor that matter.
PARAMETERS: Mapping[str, Callable[..., Parameters]] = {
    "Linear": linear,
    **{f"Conv{n}d": partial(convolution, n) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": partial(transposed_convolution, n) for n in (1, 2, 3)},
    "Embedding": embedding,
    **{f"{name}{what}": partial(rule, gates)
       for name, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)) for what, rule in (("", recurrent), ("Cell", cell))},
    **{f"BatchNorm{n}d": norm for n in (1, 2, 3)},
    "LayerNorm": norm,
    "GroupNorm": group_norm,
}  # fmt: skip
