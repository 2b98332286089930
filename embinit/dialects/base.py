"""What a dialect declares: a framework's conventions as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from embinit.bitgen import BitGenerator
from embinit.errors import EmbinitError
from embinit.formats.storage import Storage
from embinit.initializers import BY_NAME, Broadcast, Distribution, Initializer, VarianceScaling
from embinit.samplers import Codes, Sampler


@dataclass(frozen=True)
class Dialect:
    """A framework's conventions: seed rule, sampler, initializers, layouts, fans."""

    name: str
    summary: str
    seeds: range
    seeded: Callable[[int], BitGenerator]
    sampler: Sampler
    weight: Initializer
    #: None where a bias follows the initializer of its weight.
    bias: Initializer | None
    layouts: Mapping[str, tuple[str, ...]]
    #: The fans of a layer; None where `by_shape` says them.
    fans: Callable[[str, Mapping[str, int]], tuple[int, int]] | None
    #: The initializer of a layer's weight, from what its model file says.
    layer_weight: Callable[[Initializer], Initializer]
    #: An initializer and the fans of its tensor -> a distribution whose parameters are exact float32 values.
    distribution: Callable[[Initializer, int, int], Distribution]
    #: The initializers of a model file, beside "default": a name -> what builds one from its parameters.
    named: Mapping[str, Callable[..., Initializer]] = field(default_factory=lambda: BY_NAME)
    #: What an initializer means for a tensor of a shape, and the fans of that tensor, where shapes say them.
    by_shape: Callable[[Initializer, tuple[int, ...]], tuple[Initializer, int, int]] | None = None
    #: The seed that asks for a random one.
    no_seed: int | None = None
    #: Whether creating a layer draws its default values, also where others follow.
    construction_draws: bool = False
    #: Whether an initializer may give all values of a tensor; those without floats are zeros otherwise.
    given_tensors: bool = False
    #: How a buffer draws its codes, where its device has no floats.
    codes: Callable[[Distribution, Storage], Codes] | None = None

    def meaning(
        self, initializer: Initializer, shape: tuple[int, ...], fans: tuple[int, int] | None
    ) -> tuple[Initializer, int, int]:
        """Return what an initializer means for a tensor of a shape, and its fans: the given ones, else the shape's."""
        if isinstance(initializer, Broadcast) and not self.given_tensors:
            raise EmbinitError(f"dialect {self.name} has no {initializer}: use a constant, or dialect gomlx")
        if self.by_shape is not None:
            meant, *own = self.by_shape(initializer, shape)
            fan_in, fan_out = fans or own
            return meant, fan_in, fan_out
        refuse_axes(self.name, initializer)
        return initializer, *(fans or (1, 1))


def refuse_axes(dialect: str, initializer: Initializer) -> None:
    """Raise EmbinitError for an initializer that names axes."""
    if isinstance(initializer, VarianceScaling) and initializer.axes is not None:
        raise EmbinitError(f"dialect {dialect} has no {initializer}: in_axis and out_axis belong to dialect kaun")
