"""GoMLX's conventions (v0.20), on our generators (SPEC.md, section "gomlx")."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from embinit.dialects.kaun import AXES, LAYOUTS, fans_by_axes
from embinit.dialects.portable import PORTABLE
from embinit.distributions import Broadcast, Constant, Normal, Uniform
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, VarianceScaling, constant, normal, ones, uniform, zeros


def random_uniform(min: float, max: float) -> Initializer:  # noqa: A002 (GoMLX's words)
    """Return U(min, max)."""
    return Uniform(min, max)


def random_normal(stddev: float) -> Initializer:
    """Return N(0, stddev^2)."""
    return Normal(0.0, stddev)


def glorot_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(3 / ((fan_in + fan_out) / 2))."""
    return VarianceScaling(1.0, "fan_avg", "uniform")


def xavier_uniform() -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / (fan_in + fan_out)), which is Glorot's."""
    return VarianceScaling(1.0, "fan_avg", "uniform")


def xavier_normal() -> Initializer:
    """Return N(0, 2 / (fan_in + fan_out)), not truncated."""
    return VarianceScaling(1.0, "fan_avg", "normal")


def he() -> Initializer:
    """Return N(0, 2 / fan_in), not truncated."""
    return VarianceScaling(2.0, "fan_in", "normal")


def broadcast_tensor_to_shape(base: Any) -> Initializer:
    """Return base (a number or nested lists) repeated over the axes that a tensor has before base's."""
    return Broadcast(base)


def shape_fans(_: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape, from its last two axes; each is at least 1.

    >>> shape_fans(he(), (7, 3, 5))
    (21, 35)
    """
    fan_in, fan_out = fans_by_axes(shape, *AXES)
    return max(1, fan_in), max(1, fan_out)


def by_shape(initializer: Initializer, shape: tuple[int, ...]) -> Initializer:
    """Return zeros for scaled variance up to rank 1, and a base as it is if its shape ends the tensor's."""
    if isinstance(initializer, VarianceScaling) and len(shape) <= 1:
        return Constant(0.0)
    if not isinstance(initializer, Broadcast):
        return initializer
    base = initializer.shape
    if base != shape[len(shape) - len(base) :] or len(base) > len(shape):
        raise EmbinitError(f"base must have a shape that ends {list(shape)}, the tensor's, got {list(base)}")
    return initializer if base else Constant(initializer.base)


NAMED: dict[str, Callable[..., Initializer]] = {
    "zero": zeros,
    "one": ones,
    "random_uniform": random_uniform,
    "random_normal": random_normal,
    "glorot_uniform": glorot_uniform,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he": he,
    "broadcast_tensor_to_shape": broadcast_tensor_to_shape,
    # Names that all dialects share.
    "zeros": zeros,
    "ones": ones,
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
}

GOMLX = replace(
    PORTABLE,
    name="gomlx",
    summary="GoMLX (Go): channels last, He weights, biases by the weight's initializer; numbers as in portable",
    weight=he(),
    bias=None,
    layouts=LAYOUTS,
    fans=None,
    named=NAMED,
    by_shape=by_shape,
    shape_fans=shape_fans,
    no_seed=0,
    own=(Broadcast,),
)
