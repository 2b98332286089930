"""What a dialect declares: a framework's conventions as data."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from embinit.bitgen.base import BitGenerator
from embinit.dialects.keys import Keys
from embinit.dialects.seeds import Seeds, allowed, c_type
from embinit.distributions import (
    BoundedNormal,
    Broadcast,
    Dirac,
    Distribution,
    Eye,
    ScaledUniform,
    Shaped,
    Sparse,
    TruncNormal,
)
from embinit.errors import EmbinitError, check_keys, check_known, is_int, listed, shown
from embinit.formats.storage import Storage
from embinit.initializers import BY_CLASS, BY_NAME, WITHOUT_BITS, Initializer, Seeded, VarianceScaling
from embinit.layers.base import Layer, Norm, Parameter, Stored
from embinit.layers.weighted import Convolution, Weighted
from embinit.samplers.base import Sampler
from embinit.targets import Build, Target, target_named

if TYPE_CHECKING:
    from embinit.samplers.codes import Codes

#: Initializers that only some dialects have, and what to write in the others.
INSTEAD = {
    Seeded: "an initializer's own seed belongs to dialects keras",
    Broadcast: "use a constant, or dialect gomlx",
    ScaledUniform: "use uniform, or dialects jax and flax",
    BoundedNormal: "use truncated_normal with bounds -2 and 2, or dialects jax and flax",
    TruncNormal: "use normal (in portable also truncated_normal), or dialect torch",
    Sparse: "use normal, or dialect torch",
    Eye: "use uniform or normal, or dialect torch",
    Dirac: "use uniform or normal, or dialect torch",
}


@contextmanager
def naming(layer: Layer) -> Iterator[None]:
    """Put a layer's name in front of the message of an error that is raised within."""
    try:
        yield
    except EmbinitError as error:
        raise EmbinitError(f"layer {layer.name!r}: {error}") from None


@dataclass(frozen=True, eq=False)
class Dialect:
    """A framework's conventions: seed rule, sampler, initializers, layouts, fans."""

    name: str
    summary: str
    seeds: Seeds
    seeded: Callable[[int], BitGenerator]
    sampler: Sampler
    weight: Initializer
    #: None if a bias has the initializer of its weight.
    bias: Initializer | None
    layouts: Mapping[str, tuple[str, ...]]
    #: An initializer and the fans of its tensor -> a distribution whose parameters are exact float32 values.
    distribution: Callable[[Initializer, int, int], Distribution]
    #: The fans of a layer, by its type and sizes; None if `shape_fans` gives them.
    fans: Callable[[str, Mapping[str, int]], tuple[int, int]] | None = None
    #: The initializer of a layer's weight, from the one in the model file.
    layer_weight: Callable[[Initializer], Initializer] = lambda initializer: initializer
    #: Whether it draws from rand() of the target's C library, seeded with srand(seed); `seeded` is not used then.
    rand: bool = False
    #: The initializers of a model file besides "default": a name -> the function that builds one from its parameters.
    named: Mapping[str, Callable[..., Initializer]] = field(default_factory=lambda: BY_NAME)
    #: What an initializer means for a tensor of a shape.
    by_shape: Callable[[Initializer, tuple[int, ...]], Initializer] = lambda initializer, _: initializer
    #: The fans of a tensor of a shape, if shapes decide them.
    shape_fans: Callable[[Initializer, tuple[int, ...]], tuple[int, int]] | None = None
    #: Whether an initializer may name the axes that count inputs and outputs.
    names_axes: bool = False
    #: The seed that asks for a random one.
    no_seed: int | None = None
    #: Whether creating a layer draws its default values, even if others replace them.
    construction_draws: bool = False
    #: Which initializers of INSTEAD the dialect has.
    own: tuple[type[Initializer], ...] = ()
    #: Layers that belong to this framework: a type -> the function that lists a layer's parameters in order.
    layers: Mapping[str, Callable[[Layer], Iterable[Parameter]]] = field(default_factory=dict)
    #: How a buffer draws its codes if its device has no floats.
    codes: "Callable[[Distribution, Storage], Codes] | None" = None
    #: How keys are split and folded, if its streams have keys.
    keys: Keys | None = None
    #: Whether seeds that are equal modulo 2^32 start the same stream.
    seeds_count_modulo_2_32: bool = False
    #: Whether its initializers are those of jax.nn.initializers, which may run under jax.jit.
    jit: bool = False
    #: The type of an element before it is stored: "float32" or "float64", which is then also the default format.
    element: str = "float32"

    #: Whether a layer may say the path of its module.
    has_paths: ClassVar[bool] = False
    #: Whether each buffer starts with a key of its own, which `restarted` makes.
    keys_each: ClassVar[bool] = False
    #: What the keys are made from, so that a dump may tell them: "calls" of a root key's stream, "paths" of modules, or
    #: "seeds", a list of them; None for anything else.
    keys_by: ClassVar[Literal["calls", "paths", "seeds"] | None] = None
    #: Whether each tensor starts the stream again.
    restarts: ClassVar[bool] = False
    #: Whether layers take keys or seeds in the order in which they are made, which the order of a model may tell.
    numbers_layers: ClassVar[bool] = False

    def start(self, seed: int, rand: str) -> BitGenerator:
        """Return the generator of a program right after it seeds, whose C library has that rand()."""
        if self.rand:
            from embinit.bitgen.rand import RANDS

            bitgen: BitGenerator = RANDS[rand](seed)
            return bitgen
        found = self.seeded(seed)
        if isinstance(found, BitGenerator):
            return found
        from embinit.bitgen.outside import Outside

        return Outside(found)

    def distribution_on(self, build: Build, initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
        """Return what a device of that build draws for an initializer of a tensor with these fans."""
        return self.sampler.bound(self.distribution(initializer, fan_in, fan_out), build)

    def check_build(self, build: Build) -> None:
        """Raise EmbinitError if the dialect's values cannot be computed on a build."""
        try:
            self.sampler.check_multiply_add(build.multiply_add)
        except EmbinitError as error:
            raise EmbinitError(f"dialect {self.name}: {error}") from None
        if self.sampler.in_c:
            self._check_sizes_in_c(target_named(build.target))
        if build.jit and not self.jit:
            raise EmbinitError(f"jit must be false in dialect {self.name}: it is jax.jit, of dialects jax and flax")

    def _check_sizes_in_c(self, target: Target) -> None:
        if (target.int_bits, target.double_bits) != (32, 64):
            raise EmbinitError(
                f"dialect {self.name} computes with an int of 32 bits and a double of 64, got target {target.name}, "
                f"where they have {target.int_bits} and {target.double_bits}: choose another target"
            )

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError if the dialect cannot read the words of a generator."""
        if bitgen.block > 1 and type(bitgen).align is BitGenerator.align:
            raise EmbinitError(
                f"dialect {self.name}: {bitgen.label} has blocks of {bitgen.block} words, and must say in align() how "
                "the rest of one is dropped, since each tensor begins with a new one; without block it begins anywhere"
            )
        try:
            self.sampler.check_words(bitgen)
        except EmbinitError as error:
            raise EmbinitError(f"dialect {self.name}: {error}") from None

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:  # noqa: ARG002 (for those that do)
        """Return the generator where the stream starts again, for the numbers of a layer and a tensor."""
        return self.start(seed, rand)

    def check_c_restart(self, layer: int, tensor: int) -> None:
        """Raise EmbinitError if no C starts the stream again for these numbers."""

    def restart_of(self, initializer: Initializer, number: int) -> tuple[tuple[int, int] | None, int]:  # noqa: ARG002
        """Return where the stream starts again for a tensor by itself, if it does, and the number of the next one."""
        return ((0, number) if self.restarts else None), number + 1

    @cached_property
    def counts_tensors(self) -> bool:
        """Whether the stream may start again for a tensor by itself, so that `restart_of` has to be asked."""
        return self.restarts or type(self).restart_of is not Dialect.restart_of

    def check_stochastic(self) -> None:
        """Raise EmbinitError if stochastic rounding cannot draw from the dialect's stream."""
        if self.restarts:
            raise EmbinitError(
                f"rounding stochastic draws words from one stream, and dialect {self.name} has one for each tensor: "
                "take another rounding"
            )
        if self.sampler.word_bits not in (None, 32):
            raise EmbinitError(
                f"rounding stochastic draws words of 32 bits, and those of dialect {self.name} have "
                f"{self.sampler.word_bits}: take another rounding"
            )

    def check_seed(self, seed: object) -> None:
        """Raise EmbinitError if the dialect does not take the seed."""
        if not is_int(seed) or seed not in self.seeds:
            raise EmbinitError(f"seed must be {allowed(self.seeds)} in dialect {self.name}, got {shown(seed)}")

    @property
    def c_seed(self) -> str:
        """The type of the seed in generated C."""
        return "uint32_t" if self.seeds_count_modulo_2_32 else c_type(self.seeds)

    def key_rules(self, what: str) -> Keys:
        """Return the dialect's key rules, or raise EmbinitError if it has none."""
        if self.keys is None:
            raise EmbinitError(
                f"dialect {self.name} has no keys, and so no {what}: all arrays come from one stream; for another "
                "stream, call Generator.seeded with another seed"
            )
        return self.keys

    def initializer(self, given: Any) -> Initializer:
        """Return the initializer that a name, or a table {name, parameters} of a model file, means here."""
        if isinstance(given, Initializer):
            return given
        table = {"name": given} if isinstance(given, str) else given
        if not isinstance(table, Mapping) or "name" not in table:
            raise EmbinitError(f"an initializer must be a name or a table with the key 'name', got {shown(given)}")
        name, parameters = table["name"], {key: value for key, value in table.items() if key != "name"}
        if name == "default" and not parameters:
            return self.default()
        if isinstance(name, str) and name in WITHOUT_BITS and name not in self.named:
            raise EmbinitError(WITHOUT_BITS[name])
        factories: Mapping[Any, Callable[..., Initializer]] = self.named
        if name not in factories and isinstance(name, str) and name in BY_CLASS:
            factories = BY_CLASS
            if "initializer" in parameters:
                parameters["initializer"] = self.initializer(parameters["initializer"])
        check_known("initializer", name, ["default", *factories])
        accepted = signature(factories[name]).parameters if name in factories else {}
        required = [key for key, parameter in accepted.items() if parameter.default is parameter.empty]
        check_keys(f"initializer {shown(name)}", parameters, accepted, required)
        return factories[name](**parameters)

    def default(self) -> Initializer:
        """Return the initializer of a layer whose model file names none."""
        return self.weight

    def needs_fans(self, initializer: Initializer) -> bool:
        """Whether what an initializer draws depends on the fans of its tensor."""
        return isinstance(initializer, VarianceScaling)

    def meaning(
        self, initializer: Initializer, shape: tuple[int, ...], fans: tuple[int, int] | None
    ) -> tuple[Initializer, int, int]:
        """Return what an initializer means for a tensor of a shape, and the fans: the given ones, else the shape's."""
        if type(initializer) in INSTEAD and not isinstance(initializer, self.own):
            raise EmbinitError(f"dialect {self.name} has no {initializer}: {INSTEAD[type(initializer)]}")
        if isinstance(initializer, Seeded):
            inner, fan_in, fan_out = self.meaning(initializer.initializer, shape, fans)
            return replace(initializer, initializer=inner), fan_in, fan_out
        if isinstance(initializer, VarianceScaling):
            if initializer.axes is not None and not self.names_axes:
                belongs = "in_axis and out_axis belong to dialects jax, flax and kaun-alpha3"
                raise EmbinitError(f"dialect {self.name} has no {initializer}: {belongs}")
            if initializer.mode == "fan_geo_avg" and not self.jit:
                raise EmbinitError(f"dialect {self.name} has no {initializer}: fan_geo_avg belongs to jax and flax")
        if isinstance(initializer, Shaped):
            initializer = replace(initializer, shape=shape)
        if fans is None:
            fans = (1, 1) if self.shape_fans is None else self.shape_fans(initializer, shape)
        return self.by_shape(initializer, shape), *fans

    def __str__(self) -> str:
        return self.name

    def made(self, layers: Sequence[Layer], order: Sequence[str] | None) -> list[Layer]:
        """Return layers in the order in which they are made. order: the names of layers or buffers that come first."""
        if not self.numbers_layers or order is None:
            return list(layers)
        ranks = {name.split(".")[0]: -i for i, name in enumerate(reversed(order), 1)}
        return sorted(layers, key=lambda layer: ranks.get(layer.name, 0))

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold, in the order in which it is filled; an error names its layer."""
        number = 0
        for place, layer in enumerate(layers):
            with naming(layer):
                for parameter in self.parameters(layer):
                    if self.restarts and parameter.order.restart is None:
                        order = replace(parameter.order, restart=(place, number))
                        yield layer, replace(parameter, order=order)
                    else:
                        yield layer, parameter
                    number += 1

    def has(self, layer_type: str) -> bool:
        """Whether the dialect knows the parameters of layers of a type."""
        return layer_type in self.layouts or layer_type in self.layers

    def parameters(self, layer: Layer) -> Iterable[Parameter]:
        """Return what a layer holds, in the order in which it is filled; if there is much of it, as an iterator."""
        if isinstance(layer, Norm):
            return layer.parameters
        if not isinstance(layer, Stored):
            return ()
        if not isinstance(layer, Weighted):
            return self.layers[layer.type](layer)
        self._check_layout(layer)
        return self._weighted(layer)

    def _check_layout(self, layer: Weighted) -> None:
        """Raise EmbinitError if the layout of a layer's weight is no order of its axes."""
        told, axes = self.layouts.get(layer.type, ()), [axis for axis in layer.sizes if axis != "groups"]
        if sorted(told) != sorted(axes):
            what = f"dialect {self.name}: the layout of {layer.type}"
            raise EmbinitError(f"{what} must be an order of {listed(axes)}, got {listed(told)}")

    def _weighted(self, layer: Weighted) -> tuple[Parameter, ...]:
        """Return the weight of a layer and, unless it has none, its bias."""
        axes, sizes = self.layouts[layer.type], layer.sizes
        shape = tuple(sizes[axis] for axis in axes)
        given = self.layer_weight(self.weight if layer.weight_init is None else layer.weight_init)
        fans = self.fans and self.fans(layer.type, _Sizes(self.name, layer))
        initializer, fan_in, fan_out = self.meaning(given, shape, fans)
        weight = Parameter("weight", axes, shape, initializer, fan_in, fan_out)
        if not layer.bias:
            return (weight,)
        bias = layer.bias_init or self.bias or given
        initializer, *_ = self.meaning(bias, (layer.outputs,), (weight.fan_in, weight.fan_out))
        return weight, Parameter("bias", ("out",), (layer.outputs,), initializer, fan_in, fan_out)


class _Sizes(dict[str, int]):
    """The sizes of a layer, for fans; asking for an axis that the layer's kernel does not have is an error."""

    def __init__(self, dialect: str, layer: Weighted) -> None:
        super().__init__(layer.sizes)
        self._dialect, self._layer = dialect, layer

    def get(self, axis: str, default: Any = None) -> Any:
        self._check(axis)
        return super().get(axis, default)

    def __missing__(self, axis: str) -> int:
        self._check(axis)
        raise KeyError(axis)

    def __contains__(self, axis: object) -> bool:
        self._check(axis)
        return super().__contains__(axis)

    def _check(self, axis: object) -> None:
        if axis not in self.keys() and isinstance(self._layer, Convolution):
            raise EmbinitError(
                f"the fans of dialect {self._dialect} are read off the axis {axis}, and a {self._layer.type} has "
                f"{listed(self._layer.kernel_axes)}: give the dialect fans for it"
            )
