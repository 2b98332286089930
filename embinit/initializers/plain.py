"""Initializers that do not look at fans: each is a distribution as it is."""

from embinit.distributions import Constant, Dirac, Eye, Normal, Sparse, TruncatedNormal, TruncNormal, Uniform
from embinit.initializers.records import Initializer


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
