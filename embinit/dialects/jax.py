"""JAX's conventions on the CPU: jax.nn.initializers and jax.random, from jax.random.key(seed)."""

import math
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Threefry2x32
from embinit.bitgen.base import checked_uint
from embinit.bitgen.counters import threefry2x32
from embinit.dialects.base import Dialect
from embinit.dialects.keys import Key, Keys
from embinit.distributions import (
    BoundedNormal,
    Constant,
    Distribution,
    Normal,
    ScaledUniform,
    TruncatedNormal,
    Uniform,
    check_finite,
)
from embinit.errors import EmbinitError
from embinit.initializers import (
    TRUNCATED_STDDEV,
    DistributionName,
    Initializer,
    Mode,
    VarianceScaling,
    constant,
    ones,
    zeros,
)
from embinit.samplers import Jax

F32 = np.float32
AXES = (-2, -1)
#: What jax.random.key takes; only the seed's low 32 bits count.
SEEDS = range(-(2**63), 2**63)


def key_of(seed: int) -> Key:
    """Return jax.random.key(seed) as its two words.

    >>> key_of(-1)
    (0, 4294967295)
    """
    return 0, seed & 0xFFFFFFFF


def keyed(key: Key) -> Threefry2x32:
    """Return the generator of the words that jax.random.bits(key, shape) returns."""
    first, second = key
    return Threefry2x32.keyed((first, second))


def split(key: Key, n: int) -> list[Key]:
    """Return jax.random.split(key, n).

    >>> split((0, 42), 2)
    [(1832780943, 270669613), (64467757, 2916123636)]
    """
    return _numbered(key, np.arange(n, dtype=np.uint32))


def fold_in(key: Key, data: int) -> Key:
    """Return jax.random.fold_in(key, data).

    >>> fold_in((0, 42), 1) == split((0, 42), 2)[1]
    True
    """
    return _numbered(key, np.array([checked_uint("what is folded into a key", data, 32)], np.uint32))[0]


def _numbered(key: Key, numbers: NDArray[np.uint32]) -> list[Key]:
    """Return the keys that a key and numbers make."""
    first, second = key
    words = threefry2x32((first, second), np.zeros_like(numbers), numbers)
    return list(zip(*(each.tolist() for each in words), strict=True))


# ---- jax.nn.initializers ----


def uniform(scale: float = 0.01) -> Initializer:
    """Return scale * U(0, 1)."""
    return ScaledUniform(0.0, scale)


def normal(stddev: float = 0.01) -> Initializer:
    """Return N(0, stddev^2)."""
    return Normal(0.0, stddev)


def truncated_normal(stddev: float = 0.01, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """Return stddev * z, where z is a standard normal truncated to [lower, upper]."""
    return BoundedNormal(stddev, lower, upper)


def variance_scaling(
    scale: float, mode: Mode, distribution: DistributionName, in_axis: int = AXES[0], out_axis: int = AXES[1]
) -> Initializer:
    """Return a distribution of mean 0 and variance scale / n, where n is fan_in, fan_out or an average of them."""
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


NAMED = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, truncated_normal, variance_scaling, glorot_uniform, glorot_normal,
        he_uniform, he_normal, lecun_uniform, lecun_normal,
    )
} | {
    "xavier_uniform": glorot_uniform,
    "xavier_normal": glorot_normal,
    "kaiming_uniform": he_uniform,
    "kaiming_normal": he_normal,
}  # fmt: skip


def shape_fans(initializer: Initializer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans of a shape: the size of each axis times the product of all axes but both.

    >>> shape_fans(lecun_normal(), (3, 3, 2, 4))
    (18, 36)
    """
    if not isinstance(initializer, VarianceScaling):
        return 1, 1
    axes, rank = initializer.axes or AXES, len(shape)
    if rank < 2 and axes[0] == AXES[0]:
        raise EmbinitError(
            f"JAX cannot compute input and output sizes of a {rank}-dimensional weights tensor: it must be at least 2D"
        )
    for what, axis in zip(("in_axis", "out_axis"), axes, strict=True):
        if not -rank <= axis < rank:
            raise EmbinitError(f"{what} must be from {-rank} to {rank - 1} for a tensor of rank {rank}, got {axis}")
    if 0 in shape:
        raise EmbinitError(f"JAX divides by the size of an axis: it must not be 0, got shape {list(shape)}")
    in_size, out_size = (shape[axis] for axis in axes)
    receptive = math.prod(shape) / in_size / out_size
    return cast("tuple[int, int]", tuple(_whole(size * receptive) for size in (in_size, out_size)))


def _whole(fan: float) -> float:
    """Return a fan as an int if it is whole, which it is unless in and out are one axis."""
    return int(fan) if fan == int(fan) else fan


def distribution(initializer: Initializer, fan_in: float, fan_out: float) -> Distribution:
    """Return what jax.random draws for an initializer: parameters that are float32 numbers, with JAX's roundings.

    >>> distribution(lecun_normal(), 3, 4)
    TruncatedNormal(mean=0.0, stddev=0.6563590168952942)
    """
    match initializer:
        case Constant(value):
            return Constant(_f32(value))
        case ScaledUniform(low, high):
            return ScaledUniform(_f32(low), _f32(high))
        case Uniform(low, high):
            return Uniform(_f32(low), _f32(high))
        case Normal(0.0, stddev):
            return Normal(0.0, _f32(stddev))
        case TruncatedNormal(0.0, stddev) | BoundedNormal(stddev, -2.0, 2.0):
            return TruncatedNormal(0.0, _f32(stddev))
        case BoundedNormal(stddev, lower, upper):
            return BoundedNormal(_f32(stddev), _f32(lower), _f32(upper))
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(
            f"JAX has no {initializer}: use constant, uniform, or normal or truncated_normal with a mean of 0"
        )
    variance = F32(initializer.gain**2 * initializer.scale / initializer.fan(fan_in, fan_out))
    if initializer.distribution == "uniform":
        limit = float(np.sqrt(F32(3) * variance))
        return ScaledUniform(-limit, limit)
    stddev = np.sqrt(variance)
    if initializer.distribution == "normal":
        return Normal(0.0, float(stddev))
    return TruncatedNormal(0.0, float(stddev / F32(TRUNCATED_STDDEV)))


def _f32(value: float) -> float:
    return check_finite("a parameter", float(F32(value)))


JAX = Dialect(
    name="jax",
    summary="jax.random and jax.nn.initializers of JAX 0.9.2 and later, on x86-64 with FMA",
    seeds=SEEDS,
    seeded=lambda seed: Threefry2x32(seed),
    sampler=Jax("fused"),
    weight=lecun_normal(),
    bias=Constant(0.0),
    layouts={},
    distribution=distribution,
    named=NAMED,
    shape_fans=shape_fans,
    names_axes=True,
    own=(BoundedNormal, ScaledUniform),
    jit=True,
    keys=Keys(keyed, split, fold_in),
)
JAX_NOFMA = replace(
    JAX,
    name="jax-nofma",
    summary="jax.random and jax.nn.initializers of JAX on x86-64 without FMA",
    sampler=Jax("separate"),
)
JAX_0_6 = replace(
    JAX,
    name="jax-0.6",
    summary="jax.random and jax.nn.initializers of JAX up to 0.6.2, on x86-64 with FMA",
    sampler=Jax("fused-0.6"),
)
