"""What a dialect declares: a framework's conventions as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from embinit.bitgen import BitGenerator
from embinit.initializers import Distribution, Initializer
from embinit.samplers import Sampler


@dataclass(frozen=True)
class Dialect:
    """A framework's conventions: seed rule, sampler, initializers, layouts, fans."""

    name: str
    summary: str
    seeds: range
    seeded: Callable[[int], BitGenerator]
    sampler: Sampler
    weight: Initializer
    bias: Initializer
    layouts: Mapping[str, tuple[str, ...]]
    fans: Callable[[str, Mapping[str, int]], tuple[int, int]]
    #: The initializer of a layer's weight, from what its model file says.
    layer_weight: Callable[[Initializer], Initializer]
    #: An initializer and the fans of its tensor -> a distribution whose parameters are exact float32 values.
    distribution: Callable[[Initializer, int, int], Distribution]
