"""GoMLX's own bits, on its Go backend and on XLA (SPEC.md, section "gomlx")."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from embinit.bitgen.gomlx import SEEDS, GoMlxPcg, GoMlxPhilox
from embinit.dialects.base import Dialect
from embinit.distributions import Broadcast, Constant, Distribution, Normal, Uniform, f32
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, VarianceScaling, constant, normal, ones, uniform, zeros
from embinit.layers import Convolution, Layer, Parameter
from embinit.samplers import GoMlx

#: Channels last, as layers.Convolution has them by default.
LAYOUTS = {
    "Linear": ("in", "out"),
    "Conv1d": ("kernel", "in", "out"),
    "Conv2d": ("height", "width", "in", "out"),
    "Conv3d": ("depth", "height", "width", "in", "out"),
}


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
    """Return the fans of a shape: its last two axes, each times the product of all others.

    >>> shape_fans(he(), (7, 3, 5)), shape_fans(he(), (5,)), shape_fans(he(), ())
    ((21, 35), (0, 0), (1, 1))
    """
    if len(shape) < 2:
        return (0, 0) if shape else (1, 1)
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def by_shape(initializer: Initializer, shape: tuple[int, ...]) -> Initializer:
    """Return what an initializer means for a tensor: scaled variance gives zeros up to rank 1, and a scalar base is a
    constant. The shape of a base must be a suffix of the tensor's.
    """
    if isinstance(initializer, VarianceScaling) and len(shape) <= 1:
        return Constant(0.0)
    if not isinstance(initializer, Broadcast):
        return initializer
    base = initializer.shape
    if base != shape[len(shape) - len(base) :] or len(base) > len(shape):
        raise EmbinitError(f"the shape of base must be a suffix of the tensor's, {list(shape)}, got {list(base)}")
    return initializer if base else Constant(initializer.base)


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what GoMLX draws: its constants are computed in float64, and rounded where they enter the graph."""
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Broadcast(base):
            return Broadcast(np.asarray(base, np.float32).tolist())
        case Uniform() | Normal():
            return initializer
        case VarianceScaling(scale, _, "uniform" | "normal" as shape, gain):
            fan = initializer.fan(fan_in, fan_out)
            if shape == "normal":
                return Normal(0.0, gain * math.sqrt(scale / max(1, fan)))
            limit = gain * math.sqrt(3.0 * scale / max(1, fan))
            return Uniform(-limit, limit)
    raise EmbinitError(f"GoMLX has no {initializer}: use he, glorot_uniform, xavier_normal, random_uniform or _normal")


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


@dataclass(frozen=True, eq=False, kw_only=True)
class GoMlxDialect(Dialect):
    """A version of GoMLX on one of its backends."""

    def default(self) -> Initializer:
        """Return the default initializer, or raise EmbinitError if it has no bits of its own."""
        return self.layer_weight(self.weight)

    def check_stochastic(self) -> None:
        """Raise EmbinitError: each tensor is a call of its own, and no call of GoMLX rounds."""
        raise EmbinitError(
            f"rounding stochastic draws words, and dialect {self.name} has none for it: take another rounding"
        )

    def parameters(self, layer: Layer) -> Iterable[Parameter]:
        """Return what a layer holds; a convolution in groups is an error, as it is in GoMLX."""
        if isinstance(layer, Convolution) and layer.groups != 1:
            raise EmbinitError(
                f"groups must be 1 in dialect {self.name}, got {layer.groups}: GoMLX's kernel keeps all "
                f"{layer.in_channels} input channels, and its convolution then refuses the input"
            )
        return super().parameters(layer)


#: GoMLX 0.20's default initializer.
CLOCK = Uniform(-0.05, 0.05)


def not_by_clock(initializer: Initializer) -> Initializer:
    """Raise EmbinitError for an initializer whose seed is the clock's."""
    if initializer is CLOCK:
        raise EmbinitError(
            "GoMLX 0.20 seeds its default initializer, U(-0.05, 0.05), from the clock for each variable: name another, "
            'such as weight_init = "he"'
        )
    return initializer


GOMLX = GoMlxDialect(
    name="gomlx",
    summary="GoMLX from v0.21 on its Go backend (PCG-DXSM), channels last, He weights",
    seeds=SEEDS,
    seeded=GoMlxPcg,
    sampler=GoMlx(block=GoMlxPcg.block, math="go"),
    weight=he(),
    bias=None,
    layouts=LAYOUTS,
    distribution=distribution,
    named=NAMED,
    by_shape=by_shape,
    shape_fans=shape_fans,
    own=(Broadcast,),
)

GOMLX_020 = replace(
    GOMLX,
    name="gomlx-0.20",
    summary="GoMLX up to v0.20.1 on its Go backend (PCG-DXSM): the stream starts again with every initialization graph",
    weight=CLOCK,
    layer_weight=not_by_clock,
    no_seed=0,
)

GOMLX_XLA = replace(
    GOMLX,
    name="gomlx-xla",
    summary="GoMLX from v0.21 on XLA (Philox), on a CPU that fuses multiply-adds; math of jaxlib 0.10.2",
    seeded=GoMlxPhilox,
    sampler=GoMlx(block=GoMlxPhilox.block, math="xla"),
)

GOMLX_XLA_NOFMA = replace(
    GOMLX_XLA,
    name="gomlx-xla-nofma",
    summary="GoMLX from v0.21 on XLA (Philox), on a CPU that does not fuse multiply-adds",
    sampler=GoMlx(block=GoMlxPhilox.block, math="xla-nofma"),
)
