"""Kaun's conventions (raven's neural networks in OCaml), on our generators (SPEC.md, section "kaun")."""

import math
from dataclasses import replace

from embinit.dialects.portable import PORTABLE
from embinit.distributions import Constant, Normal, Uniform, check_finite
from embinit.errors import EmbinitError, shown
from embinit.initializers import DistributionName, Initializer, Mode, VarianceScaling, constant, ones, zeros

#: Channels last: the transpose of PyTorch's layouts.
LAYOUTS = {
    "Linear": ("in", "out"),
    "Conv1d": ("kernel", "in", "out"),
    "ConvTranspose1d": ("kernel", "in", "out"),
}
AXES = (-2, -1)


def uniform(scale: float = 0.01) -> Initializer:
    """Return U(0, scale)."""
    return Uniform(0.0, _not_negative("scale", scale))


def normal(stddev: float = 0.01) -> Initializer:
    """Return N(0, stddev^2)."""
    return Normal(0.0, _not_negative("stddev", stddev))


def variance_scaling(
    scale: float, mode: Mode, distribution: DistributionName, in_axis: int = AXES[0], out_axis: int = AXES[1]
) -> Initializer:
    """Return mean 0 and variance scale / n, where n is fan_in, fan_out or their average, of the tensor's shape."""
    return VarianceScaling(scale, mode, distribution, axes=(in_axis, out_axis))


def glorot_uniform(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / (fan_in + fan_out))."""
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis)


def glorot_normal(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return N(0, 2 / (fan_in + fan_out)), truncated."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis)


def he_uniform(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return U(-L, L) with L = sqrt(6 / fan_in)."""
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis)


def he_normal(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return N(0, 2 / fan_in), truncated."""
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis)


def lecun_uniform(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return U(-L, L) with L = sqrt(3 / fan_in)."""
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis)


def lecun_normal(in_axis: int = AXES[0], out_axis: int = AXES[1]) -> Initializer:
    """Return N(0, 1 / fan_in), truncated."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis)


def fans_by_axes(shape: tuple[int, ...], in_axis: int, out_axis: int) -> tuple[int, int]:
    """Return (fan_in, fan_out): the size of each axis times the receptive field, the product of all other axes.

    >>> fans_by_axes((5, 9, 16), -2, -1)
    (45, 80)
    """
    rank = len(shape)
    if rank < 2:
        return math.prod(shape), math.prod(shape)
    ends = [_axis("in_axis", in_axis, rank), _axis("out_axis", out_axis, rank)]
    receptive = math.prod(size for axis, size in enumerate(shape) if axis not in ends)
    return shape[ends[0]] * receptive, shape[ends[1]] * receptive


def shape_fans(initializer: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape by the initializer's axes; one that scales variance needs positive fans."""
    if not isinstance(initializer, VarianceScaling):
        return fans_by_axes(shape, *AXES)
    fan_in, fan_out = fans_by_axes(shape, *(initializer.axes or AXES))
    if {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": fan_in + fan_out}[initializer.mode] <= 0:
        got = f"fan_in {fan_in}, fan_out {fan_out}"
        raise EmbinitError(f"the {initializer.mode} of a tensor must be positive, got {got} for shape {list(shape)}")
    return fan_in, fan_out


def _axis(what: str, axis: int, rank: int) -> int:
    """Return an axis counted from the start."""
    if not -rank <= axis < rank:
        raise EmbinitError(f"{what} must be from {-rank} to {rank - 1} for a tensor of rank {rank}, got {axis}")
    return axis % rank


def _not_negative(what: str, value: float) -> float:
    number = check_finite(what, value)
    if number < 0:
        raise EmbinitError(f"{what} must not be negative, got {shown(value)}")
    return number


NAMED = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, variance_scaling, glorot_uniform, glorot_normal, he_uniform, he_normal,
        lecun_uniform, lecun_normal,
    )
} | {
    "xavier_uniform": glorot_uniform,
    "xavier_normal": glorot_normal,
    "kaiming_uniform": he_uniform,
    "kaiming_normal": he_normal,
}  # fmt: skip

KAUN = replace(
    PORTABLE,
    name="kaun",
    summary="Kaun (OCaml): channels last, Glorot uniform weights, zero biases; numbers as in portable",
    weight=glorot_uniform(),
    bias=Constant(0.0),
    layouts=LAYOUTS,
    fans=None,
    named=NAMED,
    shape_fans=shape_fans,
    names_axes=True,
)
