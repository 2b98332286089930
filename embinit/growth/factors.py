"""Variance transfer: by which factors existing weights are rescaled before a layer grows."""

import math

import numpy as np

from embinit.distributions import check_finite
from embinit.errors import EmbinitError, check_known, shown
from embinit.growth.weights import Floats, Weights, variance
from embinit.layers import check_size

STRATEGIES = ("default_vt", "vt_constraint_old_shape", "vt_constraint_new_shape")


def factors(
    first: Weights, second: Weights, extension: int, strategy: str | None, gain: float = 1.0
) -> tuple[np.float32, np.float32]:
    """Return alpha and beta, by which a strategy rescales first and second before their hidden neurons grow.

    Parameters
    ----------
    first, second
        The layers before they grow.
    extension
        How many neurons will be added.
    strategy
        As in `grow`; None gives 1 and 1.
    gain
        The vt_constraint strategies aim at variance gain^2 / fan_in.

    Raises
    ------
    EmbinitError
        If the strategy is unknown, extension or gain is not positive, or a factor is not a finite float32 number.

    Examples
    --------
    >>> w = np.array([[1, -1], [-1, 1]], np.float32)
    >>> factors(Weights(w), Weights(w), 2, "default_vt")
    (np.float32(1.0), np.float32(0.70710677))
    >>> factors(Weights(w), Weights(w), 2, "vt_constraint_new_shape")
    (np.float32(0.61237246), np.float32(0.4330127))
    """
    check_size("extension", extension)
    if strategy is not None:
        check_known("strategy", strategy, STRATEGIES)
    check_finite("gain", gain)
    if gain <= 0 or (gain != 1 and strategy not in STRATEGIES[1:]):
        raise EmbinitError(f"gain must be positive, and 1 for strategy {strategy}, got {shown(gain)}")
    if strategy is None or first.outputs == 0:
        return np.float32(1), np.float32(1)
    old, new = (n * second.receptive for n in (second.inputs, second.inputs + extension))
    if strategy == "default_vt":
        return np.float32(1), np.float32(math.sqrt(old / new))
    fan_in = old if strategy == "vt_constraint_old_shape" else new
    first_fan_in = first.inputs * first.receptive
    return _to_variance(gain, first_fan_in, first.weight), _to_variance(gain, fan_in, second.weight)


def _to_variance(gain: float, fan_in: int, weight: Floats) -> np.float32:
    """Return the factor that brings weights to variance gain^2 / fan_in; 1 if their variance is 0."""
    found = variance(weight)
    factor = math.sqrt(gain * gain / (fan_in * found)) if found else 1.0
    check_finite("a factor of growth", factor)
    return np.float32(factor)
