"""Initializers that scale variance with the fans: each named scheme is one line over `VarianceScaling`."""

import math

from embinit.initializers.records import DistributionName, Initializer, Mode, VarianceScaling


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
