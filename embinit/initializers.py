"""Initializers as data: `variance_scaling` is the one truth, and each named scheme is one line over it.

An initializer says what a tensor should hold. A dialect turns it, with the fans of the tensor, into a distribution with
exact parameters. A distribution is an initializer too.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from embinit.distributions import (
    BoundedNormal,
    Broadcast,
    Constant,
    Dirac,
    Distribution,
    Eye,
    Normal,
    PaddedNormal,
    ScaledUniform,
    SingleNormal,
    SingleUniform,
    Sparse,
    TruncatedNormal,
    TruncNormal,
    Uniform,
    check_finite,
    frozen,
    set_finite,
)
from embinit.errors import EmbinitError, check_known, shown

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
DistributionName = Literal["uniform", "normal", "truncated_normal"]


@dataclass(frozen=True)
class VarianceScaling:
    """Values of mean 0 and variance gain^2 * scale / n, where n is the fan that mode names.

    Parameters
    ----------
    scale
        A number from 0 up.
    mode
        "fan_in", "fan_out", "fan_avg", the average of both, or, in JAX and Flax, "fan_geo_avg", their geometric mean.
    distribution
        "uniform", "normal" or "truncated_normal".
    gain
        What the standard deviation is multiplied by.
    axes
        The in and the out axis of the tensor, negative ones from its end, for dialects that read fans off shapes.

    Raises
    ------
    EmbinitError
        If a number is not a finite float32 number, scale is negative, or a name is unknown.

    Examples
    --------
    >>> print(VarianceScaling(2.0, "fan_in", "uniform"))
    variance_scaling(2, fan_in, uniform, gain=1)
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
    """An initializer that a dialect file declares, with the values of its parameters in the order of the file.

    Parameters
    ----------
    name
        Its name in the file.
    parameters
        The values of its parameters.

    Examples
    --------
    >>> print(Named("scaled", (0.5,)))
    scaled(0.5)
    """

    name: str
    parameters: tuple[float, ...] = ()

    def __str__(self) -> str:
        values = ", ".join(f"{value:.9g}" for value in self.parameters)
        return f"{self.name}({values})" if values else self.name


@dataclass(frozen=True)
class Seeded:
    """An initializer with a seed of its own, as in Keras.

    Parameters
    ----------
    initializer
        What it draws.
    seed
        From 0 to 2^32 - 1.

    Raises
    ------
    EmbinitError
        If seed is out of range.

    Examples
    --------
    >>> print(Seeded(Uniform(-0.5, 0.5), 7))
    uniform(-0.5, 0.5) of seed 7
    """

    initializer: "Initializer"
    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise EmbinitError(f"seed must be an integer from 0 to {2**32 - 1}, got {shown(self.seed)}")

    def __str__(self) -> str:
        return f"{self.initializer} of seed {self.seed}"


Initializer = Distribution | VarianceScaling | Named | Seeded


@dataclass(frozen=True)
class Sliced:
    """What a part holds if slices of it are set after it is drawn, such as the forget gate's biases of an LSTM.

    Parameters
    ----------
    initializer
        What the whole part is drawn from; None for what the dialect gives it.
    slices
        First index along the first axis, index after the last, and value, of each slice.

    Raises
    ------
    EmbinitError
        If a slice is empty or its value is not a finite float32 number.

    Examples
    --------
    >>> Sliced(None, ((4, 8, 1.0),)).slices
    ((4, 8, 1.0),)
    """

    initializer: Initializer | None = None
    slices: tuple[tuple[int, int, float], ...] = ()

    def __post_init__(self) -> None:
        for start, stop, value in self.slices:
            if not 0 <= start < stop:
                raise EmbinitError(f'a slice must be "start:stop" with 0 <= start < stop, got {start}:{stop}')
            check_finite(f"slice {start}:{stop}", value)


#: The standard deviation of a standard normal truncated to [-2, 2].
TRUNCATED_STDDEV = 0.87962566103423978


def constant(value: float) -> Initializer:
    """Return the initializer that sets every element to one value.

    Parameters
    ----------
    value
        The value, which is rounded to float32.

    Raises
    ------
    EmbinitError
        If value is not a finite float32 number.

    Examples
    --------
    >>> constant(0.5)
    Constant(value=0.5)
    """
    return Constant(value)


def zeros() -> Initializer:
    """Return the initializer that sets every element to 0.

    Examples
    --------
    >>> zeros()
    Constant(value=0.0)
    """
    return Constant(0.0)


def ones() -> Initializer:
    """Return the initializer that sets every element to 1.

    Examples
    --------
    >>> ones()
    Constant(value=1.0)
    """
    return Constant(1.0)


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """Return the initializer that draws from U(low, high), whatever the fans.

    Parameters
    ----------
    low, high
        The bounds.

    Raises
    ------
    EmbinitError
        If a bound is not a finite float32 number.

    Examples
    --------
    >>> uniform(-0.1, 0.1)
    Uniform(low=-0.1, high=0.1)
    """
    return Uniform(low, high)


def normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """Return the initializer that draws from N(mean, stddev^2), whatever the fans.

    Parameters
    ----------
    mean, stddev
        The mean and the standard deviation.

    Raises
    ------
    EmbinitError
        If one of them is not a finite float32 number.

    Examples
    --------
    >>> normal(0.0, 0.02)
    Normal(mean=0.0, stddev=0.02)
    """
    return Normal(mean, stddev)


def truncated_normal(mean: float = 0.0, stddev: float = 1.0) -> Initializer:
    """Return the initializer that draws mean + stddev * z, where z is a standard normal truncated to [-2, 2].

    Parameters
    ----------
    mean, stddev
        The mean, and the standard deviation before truncation.

    Raises
    ------
    EmbinitError
        If one of them is not a finite float32 number.

    Examples
    --------
    >>> truncated_normal(0.0, 0.02)
    TruncatedNormal(mean=0.0, stddev=0.02)
    """
    return TruncatedNormal(mean, stddev)


def trunc_normal(mean: float = 0.0, stddev: float = 1.0, low: float = -2.0, high: float = 2.0) -> Initializer:
    """Return PyTorch's truncated normal: values of N(mean, stddev^2), drawn again until they lie from low to high.

    Only dialect torch has it; see torch.nn.init.trunc_normal_.

    Parameters
    ----------
    mean, stddev
        The mean, and the standard deviation before truncation.
    low, high
        The limits.

    Raises
    ------
    EmbinitError
        If a number is not a finite float32 number, stddev is not positive, or low exceeds high.

    Examples
    --------
    >>> trunc_normal(stddev=0.02)
    TruncNormal(mean=0.0, stddev=0.02, low=-2.0, high=2.0)
    """
    return TruncNormal(mean, stddev, low, high)


def sparse(sparsity: float, stddev: float = 0.01) -> Initializer:
    """Return PyTorch's sparse matrix: values of N(0, stddev^2), with a fraction of each column set to 0.

    Only dialect torch has it; see torch.nn.init.sparse_ and Martens, "Deep Learning via Hessian-free Optimization",
    2010.

    Parameters
    ----------
    sparsity
        The fraction of each column that is 0, from 0 to 1.
    stddev
        The standard deviation of the others.

    Raises
    ------
    EmbinitError
        If sparsity is not from 0 to 1, or stddev is negative.

    Examples
    --------
    >>> print(sparse(0.9))
    sparse(0.9, 0.01)
    """
    return Sparse(sparsity, stddev)


def eye() -> Initializer:
    """Return the initializer of an identity matrix: 1 on the diagonal and 0 elsewhere.

    Only dialect torch has it; see torch.nn.init.eye_.

    Examples
    --------
    >>> print(eye())
    eye
    """
    return Eye()


def dirac(groups: int = 1) -> Initializer:
    """Return the initializer of a convolution that passes its inputs on unchanged, in each of its groups.

    Only dialect torch has it; see torch.nn.init.dirac_.

    Parameters
    ----------
    groups
        The number of groups.

    Raises
    ------
    EmbinitError
        If groups is not a positive integer.

    Examples
    --------
    >>> print(dirac(groups=2))
    dirac(2)
    """
    return Dirac(groups)


def variance_scaling(
    scale: float = 1.0, mode: Mode = "fan_in", distribution: DistributionName = "truncated_normal", gain: float = 1.0
) -> Initializer:
    """Return the initializer with mean 0 and variance gain^2 * scale / n, of which all named schemes are cases.

    Parameters
    ----------
    scale
        A number from 0 up.
    mode
        Which fan n is: "fan_in", "fan_out", "fan_avg", the average of both, or, in JAX and Flax, "fan_geo_avg", their
        geometric mean.
    distribution
        "uniform", "normal" or "truncated_normal".
    gain
        What the standard deviation is multiplied by.

    Raises
    ------
    EmbinitError
        If a number is not a finite float32 number, scale is negative, or a name is unknown.

    Examples
    --------
    >>> variance_scaling(2.0, "fan_in", "uniform") == he_uniform()
    True
    """
    return VarianceScaling(scale, mode, distribution, gain)


def kaiming_uniform(gain: float = math.sqrt(2.0), mode: Mode = "fan_in") -> Initializer:
    """Return U(-L, L) with L = gain * sqrt(3 / fan), as PyTorch parametrizes it.

    He et al., "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    gain
        The gain of the nonlinearity after the layer.
    mode
        Which fan: "fan_in", "fan_out" or "fan_avg".

    Raises
    ------
    EmbinitError
        If gain is not a finite float32 number, or mode is unknown.

    Examples
    --------
    >>> kaiming_uniform(gain=1.0)
    VarianceScaling(scale=1.0, mode='fan_in', distribution='uniform', gain=1.0, axes=None)
    """
    return VarianceScaling(1.0, mode, "uniform", gain)


def kaiming_normal(gain: float = math.sqrt(2.0), mode: Mode = "fan_in") -> Initializer:
    """Return N(0, gain^2 / fan), as PyTorch parametrizes it.

    He et al., "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    gain
        The gain of the nonlinearity after the layer.
    mode
        Which fan: "fan_in", "fan_out" or "fan_avg".

    Raises
    ------
    EmbinitError
        If gain is not a finite float32 number, or mode is unknown.

    Examples
    --------
    >>> kaiming_normal(gain=1.0).distribution
    'normal'
    """
    return VarianceScaling(1.0, mode, "normal", gain)


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """Return U(-L, L) with L = gain * sqrt(6 / (fan_in + fan_out)).

    Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010.

    Parameters
    ----------
    gain
        The gain of the nonlinearity after the layer.

    Raises
    ------
    EmbinitError
        If gain is not a finite float32 number.

    Examples
    --------
    >>> xavier_uniform().mode
    'fan_avg'
    """
    return VarianceScaling(1.0, "fan_avg", "uniform", gain)


def xavier_normal(gain: float = 1.0) -> Initializer:
    """Return N(0, gain^2 * 2 / (fan_in + fan_out)).

    Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010.

    Parameters
    ----------
    gain
        The gain of the nonlinearity after the layer.

    Raises
    ------
    EmbinitError
        If gain is not a finite float32 number.

    Examples
    --------
    >>> xavier_normal(gain=2.0).gain
    2.0
    """
    return VarianceScaling(1.0, "fan_avg", "normal", gain)


def glorot_uniform() -> Initializer:
    """Return xavier_uniform with gain 1, under the name that Keras and JAX use.

    Examples
    --------
    >>> glorot_uniform() == xavier_uniform()
    True
    """
    return VarianceScaling(1.0, "fan_avg", "uniform")


def glorot_normal() -> Initializer:
    """Return N(0, 2 / (fan_in + fan_out)), truncated at two standard deviations and rescaled, as in Keras, JAX and
    Kaun.

    Examples
    --------
    >>> glorot_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(1.0, "fan_avg", "truncated_normal")


def he_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / fan_in).

    He et al., "Delving Deep into Rectifiers", 2015.

    Examples
    --------
    >>> he_uniform().scale
    2.0
    """
    return VarianceScaling(2.0, "fan_in", "uniform")


def he_normal() -> Initializer:
    """Return N(0, 2 / fan_in), truncated at two standard deviations and rescaled, as in Keras, JAX and Kaun.

    He et al., "Delving Deep into Rectifiers", 2015.

    Examples
    --------
    >>> he_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(2.0, "fan_in", "truncated_normal")


def lecun_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(3 / fan_in).

    LeCun et al., "Efficient BackProp", 1998.

    Examples
    --------
    >>> lecun_uniform() == kaiming_uniform(gain=1.0)
    True
    """
    return VarianceScaling(1.0, "fan_in", "uniform")


def lecun_normal() -> Initializer:
    """Return N(0, 1 / fan_in), truncated at two standard deviations and rescaled, as in Keras, JAX and Kaun.

    LeCun et al., "Efficient BackProp", 1998.

    Examples
    --------
    >>> lecun_normal().distribution
    'truncated_normal'
    """
    return VarianceScaling(1.0, "fan_in", "truncated_normal")


#: Names that frameworks have and no dialect can have: why, and what to use instead.
WITHOUT_BITS = dict.fromkeys(
    ("orthogonal", "orthogonal_", "delta_orthogonal", "Orthogonal"),
    "orthogonal has no bits of its own: a framework takes the QR decomposition of the LAPACK that it was built with; "
    "use xavier_uniform, xavier_normal or kaiming_normal",
)

#: Initializers under the names of their classes, with their fields as parameters, which every dialect reads: a model
#: that is written has these where a dialect has no name of its own.
BY_CLASS = {
    cls.__name__: cls
    for cls in (
        Constant, Broadcast, Uniform, Normal, TruncatedNormal, ScaledUniform, SingleUniform, SingleNormal,
        BoundedNormal, TruncNormal, Sparse, Eye, Dirac, PaddedNormal, VarianceScaling, Seeded,
    )
}  # fmt: skip

#: The names that a model file may write as weight_init, besides "default".
BY_NAME = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, truncated_normal, variance_scaling, kaiming_uniform, kaiming_normal,
        xavier_uniform, xavier_normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform,
        lecun_normal, trunc_normal, sparse, eye, dirac,
    )
}  # fmt: skip
