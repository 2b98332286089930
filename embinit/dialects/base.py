"""What a dialect declares: a framework's conventions as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from embinit.bitgen import BitGenerator
from embinit.initializers import Distribution, Initializer


@dataclass(frozen=True)
class UniformRule:
    """How a word becomes a uniform value: k = (word >> shift) & 0xffffff, then low + width * k * 2^-24."""

    shift: int


@dataclass(frozen=True)
class NormalRule:
    """How uniform values become a normal one by Box-Muller, the cosine kept and the sine dropped.

    deviation_first: stddev multiplies the radius before the cosine does, which rounds differently from after.
    """

    deviation_first: bool


@dataclass(frozen=True)
class Dialect:
    """A framework's conventions: generator, seed rule, word to float32, initializers, layouts, fans."""

    name: str
    summary: str
    seeds: range
    seeded: Callable[[int], BitGenerator]
    uniform: UniformRule
    normal: NormalRule
    weight: Initializer
    bias: Initializer
    layouts: Mapping[str, tuple[str, ...]]
    fans: Callable[[str, Mapping[str, int]], tuple[int, int]]
    #: The initializer of a layer's weight, from what its model file says.
    layer_weight: Callable[[Initializer], Initializer]
    #: An initializer and the fans of its tensor -> a distribution whose parameters are exact float32 values.
    distribution: Callable[[Initializer, int, int], Distribution]
