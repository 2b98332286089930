"""Initializers as data: `variance_scaling` is the one truth, the named schemes are one line over it.

An initializer says what a tensor should hold; a dialect turns it, with the fans of the tensor, into a distribution with
exact float32 parameters. The simple ones (Constant, Uniform, Normal) are distributions already. Those of PyTorch that
look at the shape of their tensor are Shaped.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

from embinit.errors import EmbinitError, check_known, shown

Mode = Literal["fan_in", "fan_out", "fan_avg"]
DistributionName = Literal["uniform", "normal", "truncated_normal"]


FLOAT32_MAX = (2 - 2**-23) * 2.0**127
#: The most elements along an axis.
MAX_SIZE = 2**31 - 1


def check_finite(what: str, value: object) -> float:
    """Return a real number, of whatever type, as a float; one that float32 cannot hold, rounded, is an error."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not abs(number) <= FLOAT32_MAX:
        raise EmbinitError(f"{what} must be a finite float32 number, got {shown(value)}")
    return number


def set_finite(initializer: object, *names: str) -> None:
    """Make floats of parameters of a frozen initializer, each a finite float32 when rounded."""
    for name in names:
        object.__setattr__(initializer, name, check_finite(name, getattr(initializer, name)))


def frozen(value: Any, levels: int = 64) -> Any:
    """Return lists and arrays, nested ones too, as tuples: nobody can change those later. No array has more levels.

    >>> frozen([[1, 2], np.array([3, 4])])
    ((1, 2), (3, 4))
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not levels:
        return value
    return tuple(frozen(each, levels - 1) for each in value)


@dataclass(frozen=True)
class Finite:
    """Parameters that float32 can hold, rounded."""

    def __post_init__(self) -> None:
        set_finite(self, *(parameter.name for parameter in fields(self)))


@dataclass(frozen=True)
class Constant(Finite):
    """Every element is one value; no draw."""

    value: float

    def __str__(self) -> str:
        return f"constant({self.value:g})"


@dataclass(frozen=True)
class Uniform(Finite):
    """Uniform between low and high; low may be the larger one, as after a negative gain."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"uniform({self.low:.9g}, {self.high:.9g})"


@dataclass(frozen=True)
class Normal(Finite):
    """Normal with a mean and a standard deviation."""

    mean: float
    stddev: float

    def __str__(self) -> str:
        return f"normal({self.mean:.9g}, {self.stddev:.9g})"


@dataclass(frozen=True)
class TruncatedNormal(Finite):
    """mean + stddev * z, where z is a standard normal truncated to [-2, 2]: its variance is 0.774 stddev^2."""

    mean: float
    stddev: float

    def __str__(self) -> str:
        return f"truncated_normal({self.mean:.9g}, {self.stddev:.9g})"


@dataclass(frozen=True)
class TruncNormal(Finite):
    """Normal, drawn anew where it lies outside low to high, as torch.nn.init.trunc_normal_ of PyTorch 2.12 does."""

    mean: float
    stddev: float
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.float32(self.stddev) > 0:
            raise EmbinitError(
                f"stddev must be positive in float32 to be cut at low and high, got {shown(self.stddev)}"
            )
        if not self.low <= self.high:
            raise EmbinitError(f"low must not exceed high, got {shown(self.low)} and {shown(self.high)}")

    def __str__(self) -> str:
        return f"trunc_normal({self.mean:.9g}, {self.stddev:.9g}, {self.low:.9g}, {self.high:.9g})"


@dataclass(frozen=True)
class Shaped:
    """What depends on the shape of its tensor, which a dialect adds to it; None before."""

    shape: tuple[int, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", frozen(self.shape))


@dataclass(frozen=True)
class Sparse(Shaped):
    """Normal with mean 0, and then 0 in a fraction of each column, the sparsity; which rows are drawn for each."""

    sparsity: float
    stddev: float

    def __post_init__(self) -> None:
        super().__post_init__()
        set_finite(self, "sparsity", "stddev")
        if not 0 <= self.sparsity <= 1:
            raise EmbinitError(f"sparsity must be from 0 to 1, got {shown(self.sparsity)}")
        if self.stddev < 0:
            raise EmbinitError(f"stddev must not be negative, got {shown(self.stddev)}")
        _check_matrix(self)

    def __str__(self) -> str:
        return f"sparse({self.sparsity:.9g}, {self.stddev:.9g})"


@dataclass(frozen=True)
class Eye(Shaped):
    """1 on the diagonal of a matrix and 0 elsewhere; no draw."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_matrix(self)

    def __str__(self) -> str:
        return "eye"


@dataclass(frozen=True)
class Dirac(Shaped):
    """The weight of a convolution that passes on, in each of its groups, input i as output i; no draw."""

    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.groups, bool) or not isinstance(self.groups, int) or self.groups < 1:
            raise EmbinitError(f"groups must be a positive integer, got {shown(self.groups)}")
        if self.shape is not None and (not 3 <= len(self.shape) <= 5 or self.shape[0] % self.groups):
            needed = f"3 to 5 axes, the first a multiple of groups = {self.groups}"
            raise EmbinitError(f"{self} needs a tensor of {needed}, got shape {list(self.shape)}")

    def __str__(self) -> str:
        return f"dirac({self.groups})"


@dataclass(frozen=True)
class PaddedNormal(Shaped):
    """Normal, and then 0 in the row padding_idx, as of an embedding."""

    mean: float
    stddev: float
    padding_idx: int

    def __post_init__(self) -> None:
        super().__post_init__()
        set_finite(self, "mean", "stddev")
        _check_matrix(self)
        rows = MAX_SIZE if self.shape is None else self.shape[0]
        row = self.padding_idx
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < rows:
            raise EmbinitError(f"padding_idx must be an integer from 0 to {rows - 1}, got {shown(row)}")

    def __str__(self) -> str:
        return f"normal({self.mean:.9g}, {self.stddev:.9g}), 0 in row {self.padding_idx}"


def _check_matrix(initializer: Shaped) -> None:
    if initializer.shape is not None and len(initializer.shape) != 2:
        raise EmbinitError(f"{initializer} needs a tensor of two axes, got shape {list(initializer.shape)}")


@dataclass(frozen=True)
class Broadcast:
    """The values of base, nested tuples of one shape, repeated over the axes that a tensor has before it; no draw."""

    base: Any

    def __post_init__(self) -> None:
        try:
            base = np.asarray(self.base)
        except (ValueError, OverflowError):
            base = np.empty(0)
        if base.dtype.kind not in "iuf" or not base.size:
            raise EmbinitError(
                f"base must be a number or nested lists of numbers with one shape, got {shown(self.base)}"
            )
        for value in base.ravel():
            check_finite("base", value.item())
        object.__setattr__(self, "base", frozen(base.tolist()))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of base: () for a number."""
        return np.shape(self.base)

    def __str__(self) -> str:
        return f"broadcast({list(self.shape)})"


@dataclass(frozen=True)
class VarianceScaling:
    """Zero mean and variance gain^2 * scale / n, where n is the fan that mode names.

    axes: the in and the out axis of the tensor, negative ones from its end, where a dialect reads fans off shapes.
    """

    scale: float
    mode: Mode
    distribution: DistributionName
    gain: float = 1.0
    axes: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        set_finite(self, "scale", "gain")
        object.__setattr__(self, "axes", frozen(self.axes))
        if self.scale < 0:
            raise EmbinitError(f"scale must not be negative, got {shown(self.scale)}")
        check_known("mode", self.mode, get_args(Mode))
        check_known("distribution", self.distribution, get_args(DistributionName))
        if self.axes is not None and (not isinstance(self.axes, tuple) or len(self.axes) != 2):
            raise EmbinitError(f"axes must be in_axis and out_axis, got {shown(self.axes)}")
        for what, axis in zip(("in_axis", "out_axis"), self.axes or (), strict=False):
            if isinstance(axis, bool) or not isinstance(axis, int):
                raise EmbinitError(f"{what} must be an integer, got {shown(axis)}")

    def __str__(self) -> str:
        axes = ", in_axis={}, out_axis={}".format(*self.axes) if self.axes else ""
        return f"variance_scaling({self.scale:g}, {self.mode}, {self.distribution}, gain={self.gain:.9g}{axes})"


@dataclass(frozen=True)
class Named:
    """An initializer that a dialect file declares, with the values of its parameters in the order of the file."""

    name: str
    parameters: tuple[float, ...] = ()

    def __str__(self) -> str:
        values = ", ".join(f"{value:.9g}" for value in self.parameters)
        return f"{self.name}({values})" if values else self.name


class Declared(ABC):
    """A distribution that a dialect file declares; see embinit.dialects.declared."""

    #: How elements come about: "constant", "uniform", "normal" or "value".
    kind: str

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return its parameters as plain values."""


Distribution = Constant | Broadcast | Uniform | Normal | TruncatedNormal | TruncNormal | Shaped | Declared
Initializer = Distribution | VarianceScaling | Named

#: The standard deviation of a standard normal truncated to [-2, 2].
TRUNCATED_STDDEV = 0.87962566103423978


def constant(value: float) -> Initializer:
    """Every element is value, rounded to float32.

    >>> constant(0.5)
    Constant(value=0.5)
    """
    return Constant(value)


def zeros() -> Initializer:
    """Every element is 0.

    >>> zeros()
    Constant(value=0.0)
    """
    return Constant(0.0)


def ones() -> Initializer:
    """Every element is 1.

    >>> ones()
    Constant(value=1.0)
    """
    return Constant(1.0)


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """Draw from U(low, high), whatever the fans.

    >>> uniform(-0.1, 0.1)
    Uniform(low=-0.1, high=0.1)
    """
    return Uniform(low, high)


def normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """Draw from N(mean, stddev^2), whatever the fans.

    >>> normal(0.0, 0.02)
    Normal(mean=0.0, stddev=0.02)
    """
    return Normal(mean, stddev)


def truncated_normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """Draw mean + stddev * z, z standard normal truncated to [-2, 2], whatever the fans.

    >>> truncated_normal(0.0, 0.02)
    TruncatedNormal(mean=0.0, stddev=0.02)
    """
    return TruncatedNormal(mean, stddev)


def trunc_normal(mean: float = 0.0, stddev: float = 1.0, low: float = -2.0, high: float = 2.0) -> Initializer:
    """Draw from N(mean, stddev^2) anew until a value lies from low to high, as PyTorch does; dialect torch has it.

    >>> trunc_normal(stddev=0.02)
    TruncNormal(mean=0.0, stddev=0.02, low=-2.0, high=2.0)
    """
    return TruncNormal(mean, stddev, low, high)


def sparse(sparsity: float, stddev: float = 0.01) -> Initializer:
    """Draw a matrix from N(0, stddev^2) and set a fraction of each column to 0, as PyTorch does; dialect torch has it.

    >>> print(sparse(0.9))
    sparse(0.9, 0.01)
    """
    return Sparse(sparsity, stddev)


def eye() -> Initializer:
    """Give a matrix 1 on its diagonal and 0 elsewhere; dialect torch has it.

    >>> print(eye())
    eye
    """
    return Eye()


def dirac(groups: int = 1) -> Initializer:
    """Let a convolution pass its inputs on, in each of its groups; dialect torch has it.

    >>> print(dirac(groups=2))
    dirac(2)
    """
    return Dirac(groups)


def variance_scaling(
    scale: float = 1.0, mode: Mode = "fan_in", distribution: DistributionName = "truncated_normal", gain: float = 1.0
) -> Initializer:
    """Zero mean, variance gain^2 * scale / n with n = fan_in, fan_out or their average.

    >>> variance_scaling(2.0, "fan_in", "uniform") == he_uniform()
    True
    """
    return VarianceScaling(scale, mode, distribution, gain)


def kaiming_uniform(gain: float = math.sqrt(2.0), mode: Mode = "fan_in") -> Initializer:
    """U(-L, L) with L = gain * sqrt(3 / fan): He et al., 2015, in PyTorch's words.

    >>> kaiming_uniform(gain=1.0)
    VarianceScaling(scale=1.0, mode='fan_in', distribution='uniform', gain=1.0, axes=None)
    """
    return VarianceScaling(1.0, mode, "uniform", gain)


def kaiming_normal(gain: float = math.sqrt(2.0), mode: Mode = "fan_in") -> Initializer:
    """N(0, gain^2 / fan): He et al., 2015, in PyTorch's words.

    >>> kaiming_normal(gain=1.0).distribution
    'normal'
    """
    return VarianceScaling(1.0, mode, "normal", gain)


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """U(-L, L) with L = gain * sqrt(6 / (fan_in + fan_out)): Glorot and Bengio, 2010.

    >>> xavier_uniform().mode
    'fan_avg'
    """
    return VarianceScaling(1.0, "fan_avg", "uniform", gain)


def xavier_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain^2 * 2 / (fan_in + fan_out)): Glorot and Bengio, 2010.

    >>> xavier_normal(gain=2.0).gain
    2.0
    """
    return VarianceScaling(1.0, "fan_avg", "normal", gain)


def glorot_uniform() -> Initializer:
    """Xavier uniform with gain 1, under its other name.

    >>> glorot_uniform() == xavier_uniform()
    True
    """
    return VarianceScaling(1.0, "fan_avg", "uniform")


def glorot_normal() -> Initializer:
    """N(0, 2 / (fan_in + fan_out)) truncated at two standard deviations and rescaled, as in Keras, JAX and Kaun.

    >>> glorot_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(1.0, "fan_avg", "truncated_normal")


def he_uniform() -> Initializer:
    """U(-L, L) with L = sqrt(6 / fan_in): He et al., 2015.

    >>> he_uniform().scale
    2.0
    """
    return VarianceScaling(2.0, "fan_in", "uniform")


def he_normal() -> Initializer:
    """N(0, 2 / fan_in) truncated at two standard deviations and rescaled, as in Keras, JAX and Kaun.

    >>> he_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(2.0, "fan_in", "truncated_normal")


def lecun_uniform() -> Initializer:
    """U(-L, L) with L = sqrt(3 / fan_in): LeCun et al., 1998.

    >>> lecun_uniform() == kaiming_uniform(gain=1.0)
    True
    """
    return VarianceScaling(1.0, "fan_in", "uniform")


def lecun_normal() -> Initializer:
    """N(0, 1 / fan_in) truncated at two standard deviations and rescaled, as in Keras, JAX and Kaun.

    >>> lecun_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(1.0, "fan_in", "truncated_normal")


#: Names that frameworks have and that no dialect can: why, and what to use instead.
WITHOUT_BITS = dict.fromkeys(
    ("orthogonal", "orthogonal_", "delta_orthogonal", "Orthogonal"),
    "orthogonal has no bits of its own: a framework takes the QR decomposition of the LAPACK that it was built with; "
    "use xavier_uniform, xavier_normal or kaiming_normal",
)

#: The names a model file may write as weight_init, beside "default".
BY_NAME = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, truncated_normal, variance_scaling, kaiming_uniform, kaiming_normal,
        xavier_uniform, xavier_normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform,
        lecun_normal, trunc_normal, sparse, eye, dirac,
    )
}  # fmt: skip
