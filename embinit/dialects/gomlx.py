"""GoMLX's conventions (v0.20), on our generators (SPEC.md, section "gomlx")."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from embinit.dialects.base import refuse_axes
from embinit.dialects.kaun import AXES, LAYOUTS, fans_by_axes
from embinit.dialects.portable import PORTABLE
from embinit.errors import EmbinitError
from embinit.initializers import (
    Broadcast,
    Constant,
    Initializer,
    Normal,
    Uniform,
    VarianceScaling,
    constant,
    normal,
    ones,
    uniform,
    zeros,
)


def random_uniform(min: float, max: float) -> Initializer:  # noqa: A002 (GoMLX's words)
    """U(min, max)."""
    return Uniform(min, max)


def random_normal(stddev: float) -> Initializer:
    """N(0, stddev^2)."""
    return Normal(0.0, stddev)


def glorot_uniform() -> Initializer:
    """U(-L, L) with L = sqrt(3 / ((fan_in + fan_out) / 2))."""
    return VarianceScaling(1.0, "fan_avg", "uniform")


def xavier_uniform() -> Initializer:
    """U(-L, L) with L = sqrt(6 / (fan_in + fan_out)), which is Glorot's."""
    return VarianceScaling(1.0, "fan_avg", "uniform")


def xavier_normal() -> Initializer:
    """N(0, 2 / (fan_in + fan_out)), not truncated."""
    return VarianceScaling(1.0, "fan_avg", "normal")


def he() -> Initializer:
    """N(0, 2 / fan_in), not truncated."""
    return VarianceScaling(2.0, "fan_in", "normal")


def broadcast_tensor_to_shape(base: Any) -> Initializer:
    """Repeat base, a number or nested lists, over the axes that a tensor has before it."""
    return Broadcast(base)


def by_shape(initializer: Initializer, shape: tuple[int, ...]) -> tuple[Initializer, int, int]:
    """Read the fans off a shape, at least 1 each; up to rank 1 scaled variance gives zeros; a base must be a suffix."""
    refuse_axes("gomlx", initializer)
    fan_in, fan_out = (max(1, fan) for fan in fans_by_axes(shape, *AXES))
    if isinstance(initializer, VarianceScaling) and len(shape) <= 1:
        return Constant(0.0), fan_in, fan_out
    if isinstance(initializer, Broadcast):
        base = initializer.shape
        if base != shape[len(shape) - len(base) :] or len(base) > len(shape):
            raise EmbinitError(f"base must have a shape that ends {list(shape)}, the tensor's, got {list(base)}")
        return (initializer if base else Constant(initializer.base)), fan_in, fan_out
    return initializer, fan_in, fan_out


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
    # What model files of every dialect call the same.
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
    no_seed=0,
    own=(Broadcast,),
)
