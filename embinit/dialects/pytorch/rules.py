"""PyTorch's rules for what a tensor holds: seeds, gains, fans, bounds, and the parameters of each layer in order.
Bounds are Python floats, computed in PyTorch's order of operations; `uniform_` and `normal_` round them to float32.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from embinit.bitgen.mt19937 import MT19937
from embinit.distributions import (
    FLOAT32_MAX,
    Constant,
    Distribution,
    Normal,
    PaddedNormal,
    Shaped,
    TruncNormal,
    Uniform,
    check_finite,
)
from embinit.errors import EmbinitError, check_known, shown
from embinit.initializers import BY_NAME, Initializer, Mode, VarianceScaling
from embinit.layers import LSTM, Cell, Conv1d, Conv2d, Conv3d, Embedding, Layer, Parameter, Recurrent
from embinit.samplers.pytorch import truncation

#: How many rounds a truncated normal may take.
MOST_ROUNDS = 10_000
#: What torch.manual_seed takes; a negative seed means itself plus 2^64.
SEEDS = range(-(2**63), 2**64)


def seeded(seed: int) -> MT19937:
    """Return the generator after torch.manual_seed(seed); only the seed's low 32 bits count.

    >>> seeded(-1) == seeded(2**32 - 1) == seeded(2**64 - 1)
    True
    """
    if not isinstance(seed, int | np.integer) or not SEEDS[0] <= seed <= SEEDS[-1]:
        raise EmbinitError(f"seed must be an integer from -2^63 to 2^64 - 1, got {shown(seed)}")
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
    """Return (fan_in, fan_out) of a weight as it is stored; for a transposed convolution they are swapped.

    >>> fans((8, 4, 3))
    (12, 24)
    """
    if len(shape) < 2:
        raise EmbinitError(f"a weight must have at least two axes to have fans, got shape {shape}")
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


KERNELS = {1: Conv1d.kernel_axes, 2: Conv2d.kernel_axes, 3: Conv3d.kernel_axes}
LAYOUTS = {
    "Linear": ("out", "in"),
    **{f"Conv{n}d": ("out", "in", *axes) for n, axes in KERNELS.items()},
    **{f"ConvTranspose{n}d": ("in", "out", *axes) for n, axes in KERNELS.items()},
}


def shape_fans(initializer: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a tensor. One without two axes has none, and only initializers that scale variance
    need them.
    """
    return fans(shape) if len(shape) >= 2 or isinstance(initializer, VarianceScaling) else (1, 1)


#: kaiming_uniform_(a=sqrt(5)): the weight of Linear and of every convolution.
DEFAULT_WEIGHT = VarianceScaling(1.0, "fan_in", "uniform", gain=calculate_gain("leaky_relu", math.sqrt(5)))
#: Their bias: U(-L, L) with L = 1 / sqrt(fan_in), computed without a gain, which might give another float.
DEFAULT_BIAS = VarianceScaling(1 / 3, "fan_in", "uniform")


def kaiming_uniform(
    gain: float | None = None, mode: Mode = "fan_in", nonlinearity: str | None = None, a: float | None = None
) -> Initializer:
    """Return U(-L, L) with L = gain * sqrt(3 / fan), where gain is given or that of a nonlinearity with negative slope
    a.

    >>> kaiming_uniform(nonlinearity="tanh").gain, kaiming_uniform(a=math.sqrt(5)) == DEFAULT_WEIGHT
    (1.6666666666666667, True)
    """
    return VarianceScaling(1.0, mode, "uniform", _gain(gain, nonlinearity, a))


def kaiming_normal(
    gain: float | None = None, mode: Mode = "fan_in", nonlinearity: str | None = None, a: float | None = None
) -> Initializer:
    """Return N(0, gain^2 / fan), where gain is given or that of a nonlinearity with negative slope a.

    >>> kaiming_normal(mode="fan_out", nonlinearity="relu").gain
    1.4142135623730951
    """
    return VarianceScaling(1.0, mode, "normal", _gain(gain, nonlinearity, a))


def _gain(gain: float | None, nonlinearity: str | None, a: float | None) -> float:
    """Return a gain or, like kaiming_*_, that of a nonlinearity: leaky_relu with slope 0 by default."""
    if gain is None:
        slope = 0.0 if a is None else check_finite("a", a)
        return calculate_gain("leaky_relu" if nonlinearity is None else nonlinearity, slope)
    if nonlinearity is not None or a is not None:
        raise EmbinitError(
            f"gain = {shown(gain)} must not be combined with nonlinearity or a, which give a gain too: keep one"
        )
    return gain


#: The initializers of a model file: those of torch.nn.init, under their names without the underscore.
NAMED: Mapping[str, Callable[..., Initializer]] = {
    **BY_NAME,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
}


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what torch.nn.init passes to uniform_, normal_ or fill_ for a tensor with these fans.

    >>> distribution(DEFAULT_WEIGHT, 3, 4)
    Uniform(low=-0.5773502691896257, high=0.5773502691896257)
    """
    match initializer:
        case Constant() | Shaped():
            return initializer
        case TruncNormal():
            return drawable(initializer)
        case Uniform(low, high):
            return between(low, high)
        case Normal(_, stddev):
            if stddev < 0:
                raise EmbinitError(f"stddev must not be negative in PyTorch, got {shown(stddev)}")
            return initializer
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(f"PyTorch has no {initializer}: use constant, uniform, normal or trunc_normal")
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
    """Return a uniform distribution, or raise EmbinitError if uniform_ would refuse it."""
    if not (low <= high and float(high) - float(low) <= FLOAT32_MAX):
        raise EmbinitError(
            f"low must not exceed high, and high - low must be a float32 number, in PyTorch, got {shown(low)} and "
            f"{shown(high)}"
        )
    return Uniform(low, high)


def drawable(initializer: TruncNormal) -> TruncNormal:
    """Return a truncated normal distribution, or raise EmbinitError if drawing it would take forever, as in PyTorch."""
    how = truncation(initializer)
    if not how.redraws:
        between(initializer.low, initializer.high)
    if not how.redraws and rounds(initializer, how.peak) > MOST_ROUNDS:
        raise EmbinitError(
            f"{initializer} takes more than {MOST_ROUNDS} rounds: low and high must be closer to each other, or to mean"
        )
    return initializer


def rounds(initializer: TruncNormal, peak: float) -> float:
    """Return roughly how many uniform values trunc_normal_ draws for each value that it keeps.

    The range may be wider than the density; Mills' ratio gives the width of a tail. And after rounding to float32, the
    density may be small at every value that there is.

    >>> rounds(TruncNormal(0.0, 1.0, 2.0, 3.0), -2.0), rounds(TruncNormal(0.0, 1.0, 2.0, 1e6), -2.0) > 1e6
    (2.414213562373095, True)
    """
    mean, stddev, low, high = initializer.mean, initializer.stddev, initializer.low, initializer.high
    away = max(low - mean, mean - high, 0.0) / stddev
    tail = stddev * 2 / (away + math.sqrt(away * away + 4))
    places = np.array([low, high, max(low, min(mean, high))], np.float32)
    with np.errstate(all="ignore"):
        deviations = (places - np.float32(mean)) / np.float32(stddev)
        density = float(np.max(deviations * deviations * np.float32(-0.5) - np.float32(peak)))
    return max(1.0, (high - low) / tail) * math.exp(min(700.0, max(0.0, -density)))


def inverse_root(fan: int) -> Uniform:
    """Return U(-L, L) with L = 1 / sqrt(fan).

    >>> inverse_root(4)
    Uniform(low=-0.5, high=0.5)
    """
    bound = 1 / math.sqrt(fan)
    return Uniform(-bound, bound)


# ---- Layers with initial values of their own ----


def embedding(layer: Layer) -> tuple[Parameter, ...]:
    """Return the parameter of Embedding, its table."""
    assert isinstance(layer, Embedding)
    shape, row = (layer.num_embeddings, layer.embedding_dim), layer.padding_idx
    table = Normal(0.0, 1.0) if row is None else PaddedNormal(0.0, 1.0, row % shape[0], shape=shape)
    return (Parameter("weight", ("index", "feature"), shape, table),)


def cell(layer: Layer) -> tuple[Parameter, ...]:
    """Return the parameters of RNNCell, GRUCell and LSTMCell."""
    assert isinstance(layer, Cell)
    return _gates(layer, layer.input_size, layer.hidden_size, "")


def recurrent(layer: Layer) -> Iterator[Parameter]:
    """Yield the parameters of RNN, GRU and LSTM: cell after cell, forward before backward."""
    assert isinstance(layer, Recurrent)
    projected = layer.proj_size if isinstance(layer, LSTM) else 0
    state = projected or layer.hidden_size
    directions = ("", "_reverse") if layer.bidirectional else ("",)
    for i in range(layer.num_layers):
        inputs = layer.input_size if i == 0 else state * len(directions)
        for direction in directions:
            yield from _gates(layer, inputs, state, f"_l{i}{direction}", projected)


def _gates(layer: Cell, inputs: int, state: int, suffix: str, projected: int = 0) -> tuple[Parameter, ...]:
    """Return the parameters of one cell, all uniform within 1 / sqrt(hidden_size)."""
    rows = ("gate", layer.gates * layer.hidden_size)
    named: dict[str, dict[str, int]] = {
        "weight_ih": dict([rows, ("input", inputs)]),
        "weight_hh": dict([rows, ("state", state)]),
        **({"bias_ih": dict([rows]), "bias_hh": dict([rows])} if layer.bias else {}),
        **({"weight_hr": {"state": projected, "hidden": layer.hidden_size}} if projected else {}),
    }
    bound = inverse_root(layer.hidden_size)
    return tuple(Parameter(part + suffix, tuple(axes), tuple(axes.values()), bound) for part, axes in named.items())


#: The functions that list the parameters of those layers; `layers` adds its own, and those of users.
LAYERS: dict[str, Callable[[Layer], Iterable[Parameter]]] = {
    **dict.fromkeys(("Embedding", "EmbeddingBag"), embedding),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), recurrent),
    **dict.fromkeys(("RNNCell", "GRUCell", "LSTMCell"), cell),
}
