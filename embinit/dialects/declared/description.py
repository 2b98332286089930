"""What a dialect file says, read and checked key by key: expressions are text here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Scope = Literal["model", "layer", "tensor"]
Spare = Literal["kept", "tensor", "call"]


@dataclass(frozen=True)
class Stream:
    """Where words come from: a kind of generator with its parameters, how it is seeded, and where it starts again.
    seed: the state, as one expression or as statements. parameters: the keys that belong to this kind only.
    """

    kind: str
    parameters: Mapping[str, Any]
    seed: str | tuple[str, ...] = "seed"
    output: str | None = None
    word_bits: int | None = None
    scope: Scope = "model"
    warmup: int = 0


@dataclass(frozen=True)
class Values:
    """How words become a unit value and a uniform value; type is the type of a buffer's elements."""

    words: tuple[str, ...] = ("word",)
    unit: str | None = None
    uniform: str | None = None
    type: Literal["float", "double"] = "float"


@dataclass(frozen=True)
class NormalTransform:
    """How unit values become normal ones.

    names: computed per draw, in order. retry: the condition under which the units in redraw are drawn again, tested
    after retry_after. values: z, and then the spare value. unit, unit_words: the unit value, if it is not that of
    [dialect.values]. block: how many elements take their units together, element i with the one half a block after it;
    a tensor with fewer elements is drawn by `fewer`.
    """

    words: tuple[str, ...]
    values: tuple[str, ...]
    result: str | None
    names: Mapping[str, str]
    unit: str | None = None
    retry: str | None = None
    retry_after: str = ""
    redraw: tuple[str, ...] = ()
    spare: Spare = "kept"
    unit_words: tuple[str, ...] | None = None
    block: int = 1
    fewer: "NormalTransform | None" = None


@dataclass(frozen=True)
class Rule:
    """An initializer: names computed per tensor, in order, and one way to compute elements.

    way: the keys and expressions of "constant", "value", "low" and "high", or "mean" and "stddev". parameters: what a
    model file may give, as a name, a C type and a default. bias: the rule for the bias of such a weight.
    """

    way: Mapping[str, str]
    names: Mapping[str, str]
    words: tuple[str, ...] | None = None
    parameters: tuple[tuple[str, str, float | None], ...] = ()
    bias: str | None = None


@dataclass(frozen=True)
class LayerRule:
    """What a layer holds.

    weight, draws: the axes of its weight, the slowest first, in memory and in the order of the draws. order: which part
    is drawn first. interleave: "out" if bias and rows take turns. initializer: the default of this type of layer.
    """

    weight: tuple[str, ...]
    fan_in: str
    fan_out: str
    order: tuple[str, ...] = ("weight", "bias")
    draws: tuple[str, ...] = ()
    interleave: Literal["none", "out"] = "none"
    initializer: str = "default"


@dataclass(frozen=True)
class BiasRule:
    """The bias: its initializer (None for the weight's), its size, and whether it is drawn after all weights."""

    initializer: str | None = None
    size: str = "out"
    drawn: Literal["in order", "last"] = "in order"


@dataclass(frozen=True)
class Description:
    """A whole dialect file.

    before: the default of a layer that comes right before one of these types. rehearsal: which layers are drawn once
    before all others, and those values are dropped. source: the file, for messages. tables: what the file says, with
    the keys of the dialect that it is based on.
    """

    name: str
    summary: str
    stream: Stream
    values: Values
    normal: NormalTransform | None
    initializers: Mapping[str, Rule]
    bias: BiasRule
    layers: Mapping[str, LayerRule]
    before: Mapping[str, str]
    rehearsal: Literal["none", "all", "all but last"]
    source: str
    tables: Mapping[str, Any]


@dataclass(frozen=True)
class Where:
    """A place in a dialect file, for messages: `acme.toml: dialect.values.unit`."""

    source: str
    path: tuple[str, ...] = ("dialect",)

    def __truediv__(self, key: str) -> "Where":
        return Where(self.source, (*self.path, key))

    @property
    def key(self) -> str:
        """The place within the file."""
        return ".".join(self.path)

    def __str__(self) -> str:
        return f"{self.source}: {self.key}"
