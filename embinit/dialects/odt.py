"""OnDeviceTraining's conventions in its three eras (SPEC.md, section "odt")."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from embinit.bitgen import Xorshift32
from embinit.dialects.base import Dialect
from embinit.distributions import Constant, Distribution, Normal, Uniform, f32
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, VarianceScaling
from embinit.samplers import MultiplyAdd

#: PyTorch's default layer initialization, kaiming_uniform with a = sqrt(5), has this gain: sqrt(1/3).
DEFAULT = VarianceScaling(1.0, "fan_in", "uniform", gain=0.57735026919)
#: What a layer's gain 0 means.
SCHEME_GAIN = {"fan_in": 1.41421356237, "fan_out": 1.41421356237, "fan_avg": 1.0}

LAYOUTS = {
    "Linear": ("out", "in"),
    "Conv1d": ("out", "in", "kernel"),
    "ConvTranspose1d": ("in", "out", "kernel"),
}


def fans(layer_type: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return (fan_in, fan_out); a transposed convolution takes its fan_in from the output side, as in PyTorch."""
    kernel = sizes.get("kernel", 1)
    if layer_type == "ConvTranspose1d":
        return sizes["out"] * kernel, sizes["in"] * kernel
    return sizes["in"] * kernel, sizes["out"] * kernel // sizes.get("groups", 1)


def layer_weight(initializer: Initializer) -> Initializer:
    """Return a layer's initializer, in which a gain that is 0 or -0 as a float32 means the scheme's own gain."""
    if isinstance(initializer, VarianceScaling) and f32(initializer.gain) == 0:
        return replace(initializer, gain=SCHEME_GAIN[initializer.mode])
    return initializer


def no_choice(initializer: Initializer) -> Initializer:
    """Raise EmbinitError for initializers that layer factories before 2026-06-26 did not offer."""
    if initializer != EARLY_WEIGHT:
        raise EmbinitError('weight_init must be "default" in dialect odt-2026-04: its layer factories give no choice')
    return initializer


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what src/arithmetic/Distributions.c computes in float32, with one rounding per operation."""
    match initializer:
        case Constant(value):
            return Constant(f32(value))
        case Uniform(low, high):
            return Uniform(f32(low), f32(high))
        case Normal(mean, stddev):
            return Normal(f32(mean), f32(stddev))
    if not isinstance(initializer, VarianceScaling):
        raise EmbinitError(f"OnDeviceTraining has no {initializer}: use constant, uniform or normal")
    if initializer.distribution == "truncated_normal":
        raise EmbinitError("OnDeviceTraining has no truncated normal: use kaiming_normal or xavier_normal")
    with np.errstate(over="ignore"):
        gain = np.float32(initializer.gain * math.sqrt(initializer.scale))
        halves = 2.0 if initializer.mode == "fan_avg" else 1.0
        fan = np.float32({"fan_in": fan_in, "fan_out": fan_out, "fan_avg": fan_in + fan_out}[initializer.mode])
        if initializer.distribution == "uniform":
            limit = float(gain * np.sqrt(np.float32(3.0 * halves) / fan))
            return Uniform(-limit, limit)
        if initializer.mode == "fan_avg":
            return Normal(0.0, float(gain * np.sqrt(np.float32(2.0) / fan)))
        return Normal(0.0, float(gain / np.sqrt(fan)))


ODT = Dialect(
    name="odt",
    summary="OnDeviceTraining from 2026-07-13",
    seeds=range(2**32),
    seeded=lambda seed: Xorshift32(seed or 0xFFFFFFFF),
    sampler=MultiplyAdd(deviation_first=True),
    weight=DEFAULT,
    bias=DEFAULT,
    layouts=LAYOUTS,
    fans=fans,
    layer_weight=layer_weight,
    distribution=distribution,
)

ODT_2026_06 = replace(
    ODT,
    name="odt-2026-06",
    summary="OnDeviceTraining from 2026-06-26, before the normal distribution changed",
    sampler=MultiplyAdd(deviation_first=False),
)

EARLY_WEIGHT = VarianceScaling(1.0, "fan_in", "uniform", gain=1.41421356237)
ODT_2026_04 = replace(
    ODT_2026_06,
    name="odt-2026-04",
    summary="OnDeviceTraining before 2026-04-27: seed 0 becomes 1, He weights without a choice, zero biases",
    seeded=lambda seed: Xorshift32(seed or 1),
    weight=EARLY_WEIGHT,
    bias=Constant(0.0),
    layer_weight=no_choice,
)
