"""Initializers as data: what a tensor should hold, before its fans are known."""

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from embinit.distributions import Distribution, check_finite, frozen, set_finite
from embinit.errors import EmbinitError, check_known, is_int, shown

#: The standard deviation of a standard normal truncated to [-2, 2].
TRUNCATED_STDDEV = 0.87962566103423978

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
            if not is_int(axis):
                raise EmbinitError(f"{what} must be an integer, got {shown(axis)}")

    def fan(self, fan_in: float, fan_out: float) -> float:
        """Return n, the fan that the mode names, from both fans of a tensor.

        Parameters
        ----------
        fan_in, fan_out
            How many inputs and outputs the tensor counts.

        Examples
        --------
        >>> VarianceScaling(1.0, "fan_avg", "uniform").fan(3, 4)
        3.5
        """
        match self.mode:
            case "fan_in":
                return fan_in
            case "fan_out":
                return fan_out
            case "fan_avg":
                return (fan_in + fan_out) / 2
            case "fan_geo_avg":
                return float((fan_in * fan_out) ** 0.5)
        assert_never(self.mode)

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
    >>> from embinit.distributions import Uniform
    >>> print(Seeded(Uniform(-0.5, 0.5), 7))
    uniform(-0.5, 0.5) of seed 7
    """

    initializer: "Initializer"
    seed: int

    def __post_init__(self) -> None:
        if not is_int(self.seed) or not 0 <= self.seed < 2**32:
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
        First index along the first axis, index after the last, and value, of each slice, in the order in which they
        are set. One that is set again between the same indices is left out.

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
        last = {(start, stop): i for i, (start, stop, _) in enumerate(self.slices)}
        kept = tuple(tuple(each) for i, each in enumerate(self.slices) if last[each[0], each[1]] == i)
        object.__setattr__(self, "slices", kept)
