"""Distributions as data: what a buffer's values are drawn from, with the parameters that the dialect computed.

Distributions of PyTorch's that depend on the shape of their tensor are Shaped; a dialect adds the shape.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Real
from typing import Any

import numpy as np

from embinit.errors import EmbinitError, is_int, shown

FLOAT32_MAX = (2 - 2**-23) * 2.0**127
#: The most elements that an axis may have.
MAX_SIZE = 2**31 - 1


def f32(value: float) -> float:
    """Return a number rounded to float32."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def check_finite(what: str, value: object) -> float:
    """Return a real number of any type as a float, or raise EmbinitError if it is out of float32's range."""
    try:
        if type(value) is float:  # which most are; to ask whether they are Real takes long
            number = value
        else:
            number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not abs(number) <= FLOAT32_MAX:
        raise EmbinitError(f"{what} must be a finite float32 number, got {shown(value)}")
    return number


def set_finite(initializer: object, *names: str) -> None:
    """Turn parameters of a frozen initializer into floats, each in float32's range."""
    for name in names:
        object.__setattr__(initializer, name, check_finite(name, getattr(initializer, name)))


def frozen(value: Any, levels: int = 64) -> Any:
    """Return a value with all lists and arrays in it as tuples, which nobody can change later. levels: how deep to go.

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
    """A distribution whose parameters are all in float32's range."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        set_finite(self, *_parameters(kind))


@cache
def _parameters(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a distribution's parameters; a model may have thousands of one kind."""
    return tuple(parameter.name for parameter in fields(kind))


@dataclass(frozen=True)
class Constant(Finite):
    """The same value for every element; nothing is drawn."""

    value: float

    def __str__(self) -> str:
        return f"constant({self.value:g})"


@dataclass(frozen=True)
class Uniform(Finite):
    """Uniform between low and high; low may be the larger one, as with a negative gain."""

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
class ScaledUniform(Uniform):
    """high * u, rounded once, where u is uniform from 0 to 1 or, unless low is 0, from -1 to 1: low is 0 or -high."""

    @property
    def centered(self) -> bool:
        """Whether u is from -1 to 1. The low bound of a centered distribution of width 0 is -0."""
        return math.copysign(1.0, self.low) != 1.0 or self.low != 0


@dataclass(frozen=True)
class BoundedNormal(Finite):
    """stddev * z, where z is a standard normal truncated to [lower, upper], as JAX truncates it."""

    stddev: float
    lower: float
    upper: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lower < self.upper:
            raise EmbinitError(f"lower must be below upper, got {shown(self.lower)} and {shown(self.upper)}")

    def __str__(self) -> str:
        return f"truncated_normal({self.stddev:.9g}, lower={self.lower:.9g}, upper={self.upper:.9g})"


@dataclass(frozen=True)
class SingleUniform:
    """Uniform from 0 to 1, drawn in single precision: numpy's rng.random(n, dtype=np.float32)."""

    def __str__(self) -> str:
        return "random"


@dataclass(frozen=True)
class SingleNormal:
    """Standard normal, drawn in single precision: numpy's rng.standard_normal(n, dtype=np.float32)."""

    def __str__(self) -> str:
        return "standard_normal"


@dataclass(frozen=True)
class TruncNormal(Finite):
    """Normal, drawn again until it lies between low and high, as torch.nn.init.trunc_normal_ of PyTorch 2.12 does."""

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
    """A distribution that depends on the shape of its tensor; None until a dialect adds it."""

    shape: tuple[int, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", frozen(self.shape))


@dataclass(frozen=True)
class Sparse(Shaped):
    """Normal with mean 0, then 0 in a fraction of each column, the sparsity; which rows these are is drawn too."""

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
    """1 on the diagonal of a matrix and 0 elsewhere; nothing is drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_matrix(self)

    def __str__(self) -> str:
        return "eye"


@dataclass(frozen=True)
class Dirac(Shaped):
    """The weight of a convolution that, in each of its groups, passes input i on as output i; nothing is drawn."""

    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_int(self.groups) or self.groups < 1:
            raise EmbinitError(f"groups must be a positive integer, got {shown(self.groups)}")
        if self.shape is not None and (not 3 <= len(self.shape) <= 5 or self.shape[0] % self.groups):
            needed = f"3 to 5 axes, the first a multiple of groups = {self.groups}"
            raise EmbinitError(f"{self} needs a tensor of {needed}, got shape {list(self.shape)}")

    def __str__(self) -> str:
        return f"dirac({self.groups})"


@dataclass(frozen=True)
class PaddedNormal(Shaped):
    """Normal, then 0 in the row padding_idx, as in an embedding."""

    mean: float
    stddev: float
    padding_idx: int

    def __post_init__(self) -> None:
        super().__post_init__()
        set_finite(self, "mean", "stddev")
        _check_matrix(self)
        rows = MAX_SIZE if self.shape is None else self.shape[0]
        row = self.padding_idx
        if not is_int(row) or not 0 <= row < rows:
            raise EmbinitError(f"padding_idx must be an integer from 0 to {rows - 1}, got {shown(row)}")

    def __str__(self) -> str:
        return f"normal({self.mean:.9g}, {self.stddev:.9g}), 0 in row {self.padding_idx}"


def _check_matrix(initializer: Shaped) -> None:
    if initializer.shape is not None and len(initializer.shape) != 2:
        raise EmbinitError(f"{initializer} needs a tensor of two axes, got shape {list(initializer.shape)}")


@dataclass(frozen=True)
class Broadcast:
    """The values of base (nested tuples), repeated over the axes that a tensor has before base's; nothing is drawn."""

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


class Declared(ABC):
    """A distribution that a dialect file declares; see embinit.dialects.declared."""

    #: How elements are computed: "constant", "uniform", "normal" or "value".
    kind: str
    #: The median of its elements.
    middle: float = 0.0
    #: The lowest and the highest value that an element may have, and whether it may be NaN.
    limits: tuple[float, float, bool] = (-math.inf, math.inf, True)

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return its parameters as plain values."""


Distribution = (
    Constant
    | Broadcast
    | Uniform
    | Normal
    | TruncatedNormal
    | SingleUniform
    | SingleNormal
    | BoundedNormal
    | TruncNormal
    | Shaped
    | Declared
)
