"""The arrays of a layer that grows, and their variance."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Weights:
    """What a layer holds when it grows: weight and bias, and the statistics of the batch norm after it.

    Parameters
    ----------
    weight
        The weight: float32, of any rank from 2 up.
    bias
        The bias, one float32 per output, or None.
    out_axis, in_axis
        Which axes of the weight count outputs and inputs.
    running_mean, running_var
        What a batch norm after the layer has seen, one float32 per output, or None.

    Examples
    --------
    >>> layer = Weights(np.zeros((2, 3, 5), np.float32))
    >>> layer.outputs, layer.inputs, layer.receptive
    (2, 3, 5)
    """

    weight: Floats
    bias: Floats | None = None
    out_axis: int = 0
    in_axis: int = 1
    running_mean: Floats | None = None
    running_var: Floats | None = None

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return int(self.weight.shape[self.out_axis])

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return int(self.weight.shape[self.in_axis])

    @property
    def receptive(self) -> int:
        """The receptive field: the product of the kernel's axes."""
        return math.prod(n for axis, n in enumerate(self.weight.shape) if axis not in (self.out_axis, self.in_axis))

    def rescaled(self, factor: np.float32) -> "Weights":
        """Return the layer with its outputs scaled by a factor, the batch norm's statistics included.

        Parameters
        ----------
        factor
            What every output is multiplied by.

        Examples
        --------
        >>> Weights(np.ones((1, 2), np.float32)).rescaled(np.float32(0.5)).weight.tolist()
        [[0.5, 0.5]]
        """
        return replace(
            self,
            weight=self.weight * factor,
            bias=None if self.bias is None else self.bias * factor,
            running_mean=None if self.running_mean is None else self.running_mean * factor,
            running_var=None if self.running_var is None else self.running_var * (factor * factor),
        )


def variance(values: Floats) -> float:
    """Return the unbiased variance in float64, summed in the order of memory, as a device sums it.

    Parameters
    ----------
    values
        float32 values of any shape; fewer than 2 have variance 0.

    Raises
    ------
    EmbinitError
        If a value is not finite.

    Examples
    --------
    >>> variance(np.array([[1, 2], [3, 4]], np.float32))
    1.6666666666666667
    """
    flat = values.ravel().astype(np.float64)
    if flat.size < 2:
        return 0.0
    deviations = flat - np.add.accumulate(flat)[-1] / flat.size
    found = float(np.add.accumulate(deviations * deviations)[-1] / (flat.size - 1))
    if not math.isfinite(found):
        raise EmbinitError(f"values that grow must be finite, got a variance of {found}")
    return found
