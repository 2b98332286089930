"""The dialect of a file: what its layers hold, in which order, and what is drawn for them."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from embinit.bitgen import BitGenerator
from embinit.dialects.base import Dialect, naming
from embinit.dialects.declared.description import Description, LayerRule, Where
from embinit.dialects.declared.recipe import UINT32
from embinit.dialects.declared.sampler import DeclaredSampler, Wanted
from embinit.dialects.declared.stream import Generators
from embinit.distributions import Constant, Distribution, Normal, Uniform, check_finite
from embinit.errors import EmbinitError, listed, shown
from embinit.expressions import Arithmetic, Input, define, program_of
from embinit.initializers import BY_NAME, Initializer, Named
from embinit.layers import Convolution, Layer, Norm, Order, Parameter, Stored, Weighted

DEFAULT = Named("default")


@dataclass(frozen=True, eq=False, kw_only=True)
class DeclaredDialect(Dialect):
    """A dialect that a file declares: its description, and the generators that it seeds."""

    description: Description = field(repr=False)
    generators: Generators = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeclaredDialect) and self.description.tables == other.description.tables

    def __hash__(self) -> int:
        return hash(self.name)

    def start(self, seed: int, rand: str, layer: int = 0, tensor: int = 0) -> BitGenerator:
        """Return the generator of a program right after it seeds, for a layer and a tensor if these matter."""
        return self.generators.start(seed, rand, layer, tensor)

    @property
    def c_seed(self) -> str:
        """The type of the seed in generated C, even if the state is wider."""
        return "uint32_t"

    @property
    def restarts(self) -> bool:  # type: ignore[override]
        """Whether each tensor starts the stream again."""
        return self.description.stream.scope == "tensor"

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:
        """Return the generator where the stream starts again, for a layer and a tensor."""
        return self.start(seed, rand, layer, tensor)

    def check_stochastic(self) -> None:
        """Raise EmbinitError if stochastic rounding cannot draw from the stream: it takes one of 32-bit words."""
        bits, scope = self.generators.fixed_bits, self.description.stream.scope
        if bits != 32 or scope != "model":
            what = f'one per {scope} (scope = "{scope}")' if bits == 32 else "words of another width"
            raise EmbinitError(
                f"rounding stochastic draws words of 32 bits from one stream, and dialect {self.name} has {what}: "
                "take another rounding"
            )

    def default(self) -> Initializer:
        """Return the initializer called default, which a file may lack."""
        return self.named_initializer("default")

    def needs_fans(self, initializer: Initializer) -> bool:
        """Whether what an initializer draws depends on the fans of its tensor."""
        rule = self.description.initializers.get(initializer.name) if isinstance(initializer, Named) else None
        return rule is not None and "fan_" in " ".join((*rule.names.values(), *rule.way.values()))

    def has(self, layer_type: str) -> bool:
        """Whether the file says what a layer that draws holds."""
        return layer_type in self.description.layers

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold, in the order in which it is filled; an error names its layer."""
        rehearsed = {"none": 0, "all": len(layers), "all but last": len(layers) - 1}[self.description.rehearsal]
        stored = [layer for layer in layers if isinstance(layer, Stored)]
        found = []
        for i, layer in enumerate(layers):
            with naming(layer):
                after = layers[i + 1] if i + 1 < len(layers) else None
                found += [(layer, each, i < rehearsed) for each in self._parameters(layer, after)]
        if self.description.bias.drawn == "last":
            found.sort(key=lambda each: each[1].part == "bias" and not isinstance(each[0], Norm))
        scope, begun = self.description.stream.scope, set[str]()
        for tensor, (layer, parameter, again) in enumerate(found):
            starts = scope == "tensor" or (scope == "layer" and layer.name not in begun)
            begun.add(layer.name)
            restart = (stored.index(layer), tensor) if starts else None  # type: ignore[arg-type]
            order = replace(parameter.order, restart=restart, rehearsed=again)
            yield layer, Parameter(**{**vars(parameter), "order": order})

    def _parameters(self, layer: Layer, after: Layer | None) -> tuple[Parameter, ...]:
        if isinstance(layer, Norm):
            return layer.parameters
        if not isinstance(layer, Weighted):
            return ()
        rule = self.description.layers[layer.type]
        sizes = _sizes(layer)
        shape = tuple(sizes[axis] for axis in rule.weight)
        names = _in_one_group(layer, sizes)
        fan_in, fan_out = (self._size(getattr(rule, key), layer, key, names) for key in ("fan_in", "fan_out"))
        given = self._given(layer, after, rule)
        order = _order(rule)
        weight = Parameter("weight", rule.weight, shape, given, fan_in, fan_out, order=Order(order))
        if not layer.bias:
            return (weight,)
        length = self._bias_size(layer, sizes)
        axes = ("out",) if self.description.bias.size == "out" else ("bias",)
        bias = Parameter("bias", axes, (length,), self._bias(layer, given), fan_in, fan_out)
        if rule.interleave == "out":
            turns = sizes["out"]
            if length != turns:
                raise EmbinitError(f"its bias of {length} cannot take turns with the {turns} outputs of its weight")
            weight = Parameter(**{**vars(weight), "order": Order(order, turns)})
            bias = Parameter(**{**vars(bias), "order": Order(None, turns)})
        parts = {"weight": weight, "bias": bias}
        return parts[rule.order[0]], parts[rule.order[1]]

    def _size(self, text: str, layer: Layer, key: str, names: Mapping[str, int]) -> int:
        where = str(Where(self.description.source) / "layers" / layer.type / key)
        return _computed(text, where, names)

    def _bias_size(self, layer: Weighted, sizes: Mapping[str, int]) -> int:
        where = str(Where(self.description.source) / "bias" / "size")
        size = _computed(self.description.bias.size, where, {**sizes, "out": layer.outputs})
        if size < 1:
            raise EmbinitError(f"{where}: must be at least 1, got {size}")
        return size

    def _given(self, layer: Weighted, after: Layer | None, rule: LayerRule) -> Initializer:
        if layer.weight_init is not None:
            return layer.weight_init
        name = rule.initializer
        if after is not None and after.type in self.description.before:
            name = self.description.before[after.type]
        return self.named_initializer(name)

    def named_initializer(self, name: str) -> Initializer:
        """Return an initializer without parameters of its own, by its name in the file."""
        if name == "default" and "default" not in self.description.initializers:
            raise EmbinitError(f"dialect {self.name} has no default: weight_init must be one of {listed(self.named)}")
        return DEFAULT if name == "default" else self.named[name]()

    def _bias(self, layer: Weighted, weight: Initializer) -> Initializer:
        if layer.bias_init is not None:
            return layer.bias_init
        name, rules = self.description.bias.initializer, self.description.initializers
        own = weight.name if isinstance(weight, Named) else "uniform" if isinstance(weight, Uniform) else "normal"
        if own in rules and rules[own].bias is not None:
            name = rules[own].bias
            if name == own:
                return weight
        return weight if name is None else self.named_initializer(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return dialect_of, (self.description,)


def dialect_of(description: Description) -> DeclaredDialect:
    """Return the dialect of a description, or raise EmbinitError if one of its expressions is wrong."""
    _check(description)
    where = Where(description.source)
    generators = Generators(description.stream, where / "generator")
    sampler = DeclaredSampler(description, generators)
    probe = "newlib" if generators.fixed_bits is None else ""
    built_in = [
        name
        for name, given in (
            ("uniform", description.values.uniform),
            ("normal", description.normal and description.normal.result),
        )
        if given
    ]
    for name in (*description.initializers, *(name for name in built_in if name not in description.initializers)):
        sampler.recipe(name, probe)
    named: dict[str, Callable[..., Initializer]] = {name: BY_NAME[name] for name in ("zeros", "ones", "constant")}
    for name in built_in:
        named[name] = BY_NAME[name]
    for name, rule in description.initializers.items():
        named[name] = factory(name, rule.parameters)
    named.pop("default", None)
    return DeclaredDialect(
        name=description.name,
        summary=description.summary,
        seeds=generators.seeds,
        seeded=partial(generators.start, rand="newlib"),
        sampler=sampler,
        weight=DEFAULT,
        bias=None,
        layouts={name: rule.weight for name, rule in description.layers.items()},
        distribution=partial(distribution, description),
        named=named,
        rand=description.stream.kind == "rand",
        element="float64" if description.values.type == "double" else "float32",
        description=description,
        generators=generators,
    )


def distribution(description: Description, initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what is drawn for an initializer of a tensor with these fans, before the build is known."""
    match initializer:
        case Constant(value):
            return Constant(float(value) if description.values.type == "double" else float(np.float32(value)))
        case Uniform(low, high) if "uniform" in description.initializers or description.values.uniform:
            return Wanted("uniform", fan_in, fan_out, (float(low), float(high)))
        case Normal(mean, stddev) if description.normal is not None and description.normal.result is not None:
            _check_mean(description, mean)
            return Wanted("normal", fan_in, fan_out, (float(mean), float(stddev)))
        case Named(name, given) if name in description.initializers:
            return Wanted(name, fan_in, fan_out, given)
    names = ("zeros", "ones", "constant", *description.initializers)
    raise EmbinitError(f"dialect {description.name} has no {initializer}; it has {listed(names)}")


def _check_mean(description: Description, mean: float) -> None:
    assert description.normal is not None
    if mean != 0 and "mean" not in (description.normal.result or ""):
        raise EmbinitError(f"the normal of dialect {description.name} has no mean: it must be 0, got {shown(mean)}")


def factory(name: str, parameters: tuple[tuple[str, str, float | None], ...]) -> Callable[..., Initializer]:
    """Return the function that builds an initializer from the parameters in a model file."""

    def build(**given: float) -> Initializer:
        values = [given.get(each, default) for each, _, default in parameters]
        for (each, *_), value in zip(parameters, values, strict=True):
            check_finite(each, value)
        return Named(name, tuple(float(value) for value in values if value is not None))

    build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                each, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if default is None else default
            )
            for each, _, default in parameters
        ]
    )
    return build


def _sizes(layer: Weighted) -> dict[str, int]:
    """Return the sizes of a weight's axes, by their names in a dialect file, and the size of the whole kernel."""
    kernel = layer.kernel_axes if isinstance(layer, Convolution) else ()
    named = {
        axis if axis in ("out", "in", "kernel") else f"kernel_{axis}": layer.sizes[axis]
        for axis in ("out", "in", *kernel)
    }
    return {**named, "kernel": math.prod(layer.sizes[axis] for axis in kernel)}


def _in_one_group(layer: Weighted, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return sizes with the inputs and the outputs of one group."""
    if not isinstance(layer, Convolution):
        return dict(sizes)
    axis = "in" if layer.transposed else "out"
    return {**sizes, axis: sizes[axis] // layer.groups}


def _computed(text: str, where: str, names: Mapping[str, int]) -> int:
    program = program_of(
        [define("size", text, where)], {name: Input(UINT32, "tensor") for name in names}, {"size": UINT32}
    )
    if program.types["size"].floating:
        raise EmbinitError(f"{where}: must be an integer, got a {program.types['size']}")
    return int(program.compile(Arithmetic()).bind(**names).scalar("size"))


def _order(rule: LayerRule) -> tuple[int, ...] | None:
    """Return the axes along which a weight is drawn, the slowest first; None if that is the order of memory."""
    draws = rule.draws or rule.weight
    if rule.interleave == "out" and not rule.draws:
        draws = ("out", *(axis for axis in rule.weight if axis != "out"))
    axes = tuple(rule.weight.index(axis) for axis in draws)
    return None if axes == tuple(range(len(axes))) else axes


def _check(description: Description) -> None:
    """Raise EmbinitError if keys of a file contradict each other."""
    where = Where(description.source)
    interleaved = [name for name, rule in description.layers.items() if rule.interleave == "out"]
    if interleaved:
        place = where / "layers" / interleaved[0] / "interleave"
        if description.stream.scope == "tensor":
            raise EmbinitError(f'{place}: bias and rows in turn cannot each start the stream, as scope = "tensor" says')
        if description.bias.drawn == "last":
            raise EmbinitError(f'{place}: bias and rows in turn cannot wait, as drawn = "last" of the bias says')
        if description.normal and len(description.normal.values) == 2 and description.normal.spare == "tensor":
            raise EmbinitError(
                f'{place}: says that tensors take turns, and spare = "tensor" needs one to end: use "kept" or "call"'
            )
    if description.bias.drawn == "last" and description.stream.scope == "layer":
        raise EmbinitError(
            f'{where / "bias" / "drawn"}: biases that wait for all weights are of no layer\'s stream (scope = "layer")'
        )
    for name, rule in description.layers.items():
        sizes = dict.fromkeys((*rule.weight, "kernel"), 1)
        for key in ("fan_in", "fan_out"):
            _computed(getattr(rule, key), str(where / "layers" / name / key), sizes)
