"""embinit's own conventions, for firmware that can choose: the same bits on every device, normal values included."""

import math

import numpy as np

from embinit.bitgen import Pcg32
from embinit.dialects.base import Dialect
from embinit.dialects.odt import LAYOUTS, fans
from embinit.distributions import Broadcast, Constant, Distribution, Normal, TruncatedNormal, Uniform, f32
from embinit.errors import EmbinitError
from embinit.initializers import TRUNCATED_STDDEV, Initializer, VarianceScaling
from embinit.samplers import ScaledInteger


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return bounds and deviations computed in float64 and rounded to float32 once."""
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Uniform(low, high):
            return Uniform(f32(low), f32(high))
        case Normal(mean, stddev):
            return Normal(f32(mean), f32(stddev))
        case TruncatedNormal(mean, stddev):
            return TruncatedNormal(f32(mean), f32(stddev))
        case Broadcast(base):
            return Broadcast(np.asarray(base, np.float32).tolist())
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(f"dialect portable has no {initializer}: use constant, uniform, normal or truncated_normal")
    n = initializer.fan(fan_in, fan_out)
    stddev = initializer.gain * math.sqrt(initializer.scale / n)
    if initializer.distribution == "uniform":
        limit = f32(math.sqrt(3.0) * stddev)
        return Uniform(-limit, limit)
    if initializer.distribution == "normal":
        return Normal(0.0, f32(stddev))
    return TruncatedNormal(0.0, f32(stddev / TRUNCATED_STDDEV))


#: PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
DEFAULT = VarianceScaling(1 / 3, "fan_in", "uniform")

PORTABLE = Dialect(
    name="portable",
    summary="embinit's own: integers times a scale, the same bits on every device under every compiler flag",
    seeds=range(2**32),
    seeded=lambda seed: Pcg32(seed),
    sampler=ScaledInteger(),
    weight=DEFAULT,
    bias=DEFAULT,
    layouts=LAYOUTS,
    fans=fans,
    distribution=distribution,
)
