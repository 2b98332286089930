"""Description: layers, dialect, target and seed as pure data, validated when it is built."""

import math
import sys
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from embinit.bitgen import BitGenerator
from embinit.departures import check_parts, departing, draw_order, overwritten, restarts
from embinit.dialects import DIALECTS, Dialect, dialect_named, naming, parameters_of
from embinit.dialects.seeds import picked
from embinit.distributions import Constant, Distribution, frozen
from embinit.errors import EmbinitError, check_known, is_int, shown
from embinit.formats.storage import Storage
from embinit.identifiers import check_identifier
from embinit.layer_storage import storage_of
from embinit.layers import Layer, Norm, Parameter, Stored, check_count, check_names
from embinit.targets import Build, build_of

if TYPE_CHECKING:
    from embinit.samplers.codes import Codes

DEFAULT_MEMORY_LIMIT = 2**30
#: The most buffers that a model may have, so that the memory of its plan is bounded.
MAX_BUFFERS = 2**14


@dataclass(frozen=True, kw_only=True)
class Tensor(Parameter):
    """One buffer: a parameter, the layer that it belongs to, what is drawn for it, and how it is stored.

    codes: how a device without floats draws the distribution, as integers.
    """

    layer: Layer
    distribution: Distribution
    storage: Storage
    codes: "Codes | None" = None

    @cached_property
    def name(self) -> str:
        """The buffer's name, `<layer>.<part>`."""
        return f"{self.layer.name}.{self.part}"

    @property
    def place(self) -> str:
        """The layer and its part, as error messages name a buffer."""
        return f"layer {self.layer.name!r}: {self.part}"

    @property
    def identifier(self) -> str:
        """The buffer's name in C, `<layer>_<part>`."""
        return self.name.replace(".", "_")

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def format(self) -> str:
        """The name of the buffer's format."""
        return self.storage.format

    @property
    def bytes(self) -> int:
        """How many bytes its payload takes in the device's memory."""
        return self.storage.nbytes(self.shape)

    @property
    def store_draws(self) -> int:
        """How many words stochastic rounding draws for it."""
        return 0 if self.same_as else self.storage.draws(self.shape)

    @property
    def rounded_at_once(self) -> bool:
        """Whether its values are rounded as soon as they are drawn, as in a norm's factory, not after all are drawn."""
        return isinstance(self.layer, Norm) and self.store_draws > 0


@dataclass(frozen=True)
class Description:
    """What a model file says: layers in construction order, dialect, target and seed.

    state: the generator's state where the device begins, instead of what the seed makes. skip_words: how many words it
    drops then. order: layers or buffers in the order of their draws, if that is not the order of the file.
    """

    name: str
    layers: Sequence[Layer]
    seed: int
    dialect: str | Dialect = "odt"
    target: str = "host"
    multiply_add: str | None = None
    libm: str | None = None
    rand: str | None = None
    memory_limit: int = DEFAULT_MEMORY_LIMIT
    state: Any = None
    skip_words: int = 0
    order: Sequence[str] | None = None
    jit: bool = False
    libc: str | None = None
    #: Whether the operating system picked the seed, because the given one asks for that.
    seed_picked: bool = field(init=False, repr=False, compare=False)
    #: What decides bits in the device's build: the target's, unless the model says otherwise.
    build: Build = field(init=False, repr=False, compare=False)
    #: The generator of the device where it begins, before any words are skipped; to draw from it, take a copy.
    start: BitGenerator = field(init=False, repr=False, compare=False)
    tensors: tuple[Tensor, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_identifier("model name", self.name)
        dialect = self.conventions
        if DIALECTS.get(dialect.name) == dialect:
            object.__setattr__(self, "dialect", dialect.name)
        self._take_seed(dialect, self.seed)
        parts = self.multiply_add, self.libm, self.rand, self.jit, self.libc
        object.__setattr__(self, "build", build_of(self.target, *parts))
        object.__setattr__(self, "target", self.build.target)
        dialect.check_build(self.build)
        object.__setattr__(self, "start", self.begin(self.seed))
        dialect.check_words(self.start)
        check_count("skip_words", self.skip_words)
        if self.order is not None:
            object.__setattr__(self, "order", frozen(self.order))
            check_names("order", self.order)
        if dialect.keys_each and (self.skip_words or self.state is not None):
            told = "skip_words" if self.skip_words else "state"
            raise EmbinitError(f"{told} has no place in dialect {dialect}: each parameter starts with a key of its own")
        self._check_memory_limit()
        layers = tuple(self.layers) if isinstance(self.layers, Iterable) else (self.layers,)
        if not layers:
            raise EmbinitError("a model must have at least one layer, got none")
        if not all(isinstance(layer, Layer) for layer in layers):
            raise EmbinitError(
                f"layers must be layers such as Linear(in_features=2, out_features=1), got {shown(self.layers)}"
            )
        named = [
            layer if layer.name else replace(layer, name=f"{layer.type.lower()}{i}") for i, layer in enumerate(layers)
        ]
        object.__setattr__(self, "layers", tuple(named))
        seen: set[str] = set()
        for layer in named:
            if layer.name in seen:
                raise EmbinitError(f"layer {layer.name!r}: its name must be unique, and an earlier layer has it")
            seen.add(layer.name)
        object.__setattr__(self, "tensors", self._checked_tensors())

    @cached_property
    def conventions(self) -> Dialect:
        """The dialect itself, where `dialect` may be its name."""
        return dialect_named(self.dialect)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "conventions"}  # found again by its name

    def _take_seed(self, dialect: Dialect, seed: int) -> None:
        dialect.check_seed(seed)
        object.__setattr__(self, "seed_picked", seed == dialect.no_seed)
        object.__setattr__(self, "seed", picked(dialect.seeds, seed) if self.seed_picked else seed)

    def begin(self, seed: int) -> BitGenerator:
        """Return the generator of the device right after it is seeded, or in the model's `state` if it has one.

        Parameters
        ----------
        seed
            What the device seeds with.

        Raises
        ------
        EmbinitError
            If the state is no state of the dialect's generator, or the seed is not the model's.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> embinit.Model("tiny", [fc], seed=1, state=0xDEADBEEF).begin(1).state == 0xDEADBEEF
        True
        """
        bitgen = self.conventions.start(seed, self.build.rand)
        if self.state is None:
            return bitgen
        if seed != self.seed:
            raise EmbinitError(f"seed must be {self.seed}, as state replaces what another one would do, got {seed}")
        what, seeded = f"state of {bitgen.label}", bitgen.state
        try:
            bitgen.state = frozen(self.state)
        except EmbinitError as error:
            raise EmbinitError(f"{what}: {error}") from None
        except (TypeError, ValueError):
            raise EmbinitError(f"{what} must have the form of {shown(seeded)}, got {shown(self.state)}") from None
        return bitgen

    def as_json(self) -> dict[str, Any]:
        """Return what identifies the model as plain values, as reports and manifests carry it.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> embinit.Model("tiny", [fc], seed=42).as_json()["layers"]
        [{'name': 'fc', 'type': 'Linear'}]
        """
        build: dict[str, Any] = {
            "target": self.target,
            "multiply_add": self.build.multiply_add,
            "libm": self.build.libm,
        }
        if self.conventions.rand:
            build["rand"] = self.build.rand
        if self.libc is not None:
            build["libc"] = self.libc
        if self.build.jit:
            build["jit"] = True
        layers = [{"name": layer.name, "type": layer.type} for layer in self.layers]
        return {"name": self.name, "dialect": str(self.dialect), **build, "seed": self.seed, "layers": layers}

    def _check_memory_limit(self) -> None:
        limit = self.memory_limit
        if not is_int(limit) or not 1 <= limit <= sys.maxsize:
            raise EmbinitError(f"memory_limit must be a number of bytes from 1 to {sys.maxsize}, got {shown(limit)}")

    def _checked_tensors(self) -> tuple[Tensor, ...]:
        """Return the buffers, or raise EmbinitError for one that is too large or cannot be filled and stored."""
        dialect, tensors, total = self.conventions, list[Tensor](), 0
        for layer, parameter in parameters_of(dialect, dialect.made(self.layers, self.order)):
            with naming(layer):
                parameter = departing(dialect, layer, parameter)
                storage = storage_of(layer, parameter, dialect)
                total += storage.nbytes(parameter.shape)
                self._check_memory(f"{layer.name}.{parameter.part}", total, len(tensors))
                tensors.append(_tensor(dialect, self.build, layer, parameter, storage))
        if dialect.numbers_layers:
            places = {layer.name: i for i, layer in enumerate(self.layers)}
            tensors.sort(key=lambda tensor: places[tensor.layer.name])
        return self._ordered(_with_copies(self.layers, tensors))

    def _ordered(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the buffers with the order of their draws, as the layers and the model give it."""
        names = [(tensor.layer.name, tensor.part) for tensor in tensors]
        held: dict[str, list[str]] = {}
        for name, part in names:
            held.setdefault(name, []).append(part)
        check_parts(self.layers, held)
        _check_arranged(tensors)
        drawn, lost = overwritten(self.conventions, self.build, self.layers, draw_order(self.layers, names, self.order))
        ranks = {name: i for i, name in enumerate(drawn)} if drawn != names else dict.fromkeys(names, 0)
        firsts = {layer: (layer, part) for layer, part in reversed(drawn)}
        numbers = {name: i for i, name in enumerate(held)}
        found = {}
        for i, (place, tensor) in enumerate(zip(names, tensors, strict=True)):
            changes: dict[str, Any] = {"rank": ranks[place]}
            layer = tensor.layer
            if isinstance(layer, Stored):
                seed = restarts(layer, firsts[layer.name][1]).get(tensor.part)
                if seed is not None:
                    changes["restart"] = tensor.order.restart or (numbers[layer.name], i)
                if seed is not None and seed is not True:
                    with naming(layer):
                        self.conventions.check_seed(seed)
                    changes["seed"] = seed
                changes["skip"] = layer.skip_words if firsts[layer.name] == place else 0
            if place in lost or any(getattr(tensor.order, key) != value for key, value in changes.items()):
                order = replace(tensor.order, **changes)
                tensor = replace(tensor, order=order, lost=(*lost.get(place, ()), *tensor.lost))
            found[place] = tensor
        before = set[str]()
        for tensor in (found[place] for place in drawn):
            before.add(tensor.name)
            if tensor.same_as and tensor.same_as not in before:
                raise EmbinitError(f"{tensor.place}: it is a copy of {tensor.same_as}, which is drawn later")
        return tuple(found.values())

    def _check_memory(self, name: str, total: int, before: int) -> None:
        if total > self.memory_limit:
            raise EmbinitError(
                f"the buffers up to {name} take {total} bytes, more than memory_limit = {self.memory_limit}; "
                "raise memory_limit in [model] if that is meant"
            )
        if before == MAX_BUFFERS:
            raise EmbinitError(
                f"a model must have at most {MAX_BUFFERS} buffers, which bounds the memory of its plan; "
                f"{name} is one too many"
            )


def reseeded(model: Description, seed: int) -> Description:
    """Return a model with another seed, in less time than it takes to build one, because the buffers are the same.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> other = reseeded(embinit.Model("tiny", [fc], seed=1), 7)
    >>> other == embinit.Model("tiny", [fc], seed=7)
    True
    """
    other = copy(model)
    other._take_seed(model.conventions, seed)
    object.__setattr__(other, "start", other.begin(other.seed))
    return other


def _tensor(dialect: Dialect, build: Build, layer: Layer, parameter: Parameter, storage: Storage) -> Tensor:
    """Return the buffer of a layer's parameter, or raise EmbinitError if sampler or format cannot draw or store it."""
    try:
        distribution = dialect.distribution_on(build, parameter.initializer, parameter.fan_in, parameter.fan_out)
        dialect.sampler.check(distribution)
        if storage.draws(parameter.shape):
            dialect.check_stochastic()
        codes = dialect.codes and dialect.codes(distribution, storage)
        if codes is None:
            storage.check_values(distribution, parameter.shape)
        _check_slices(dialect, parameter, storage, codes)
    except EmbinitError as error:
        raise EmbinitError(f"{parameter.part}: {error}") from None
    same_as = parameter.same_as and f"{layer.name}.{parameter.same_as}"
    given = {**vars(parameter), "same_as": same_as}
    return Tensor(**given, layer=layer, distribution=distribution, storage=storage, codes=codes)


def _check_slices(dialect: Dialect, parameter: Parameter, storage: Storage, codes: "Codes | None") -> None:
    """Raise EmbinitError if a buffer cannot hold the values to which slices of it are set."""
    if codes is not None and parameter.slices:
        raise EmbinitError(f"slices must be left out: dialect {dialect} draws codes, which have no values to set")
    for *_, value in parameter.slices:
        storage.check_values(Constant(value), parameter.shape)


def _with_copies(layers: Sequence[Layer], tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the buffers of a model; those of a layer that is the same as another one are copies."""
    held = _by_layer(tensors)
    for place, layer in enumerate(layers):
        if isinstance(layer, Stored) and layer.same_as is not None:
            with naming(layer):
                check_known("same_as", layer.same_as, [earlier.name for earlier in layers[:place]])
                held[layer.name] = _copies(layer.same_as, held.get(layer.name, []), held.get(layer.same_as, []))
    named = {tensor.name: tensor for each in held.values() for tensor in each}
    return tuple(named[tensor.name] for tensor in tensors)


def _by_layer(tensors: Iterable[Tensor]) -> dict[str, list[Tensor]]:
    """Return the buffers of each layer that has any, by its name."""
    held: dict[str, list[Tensor]] = {}
    for tensor in tensors:
        held.setdefault(tensor.layer.name, []).append(tensor)
    return held


def _copies(original: str, tensors: Sequence[Tensor], originals: Sequence[Tensor]) -> list[Tensor]:
    """Return the buffers of a layer as copies of those of the layer that it is the same as."""
    ours, theirs = ([(each.part, each.shape, each.storage) for each in held] for held in (tensors, originals))
    if ours != theirs:
        raise EmbinitError(f"it must have the parts, shapes and formats of {original!r} to be the same layer")
    return [
        replace(tensor, same_as=first.same_as or first.name, lost=())
        for tensor, first in zip(tensors, originals, strict=True)
    ]


def _check_arranged(tensors: Sequence[Tensor]) -> None:
    """Raise EmbinitError if a layer asks for an arrangement of memory that none of its buffers can have."""
    for mine in _by_layer(tensors).values():
        told = mine[0].layer
        for key, without in (("nibble_order", "codes that share bytes"), ("row_stride", "rows")):
            values = {getattr(each.storage.arrangement, key) for each in mine}
            if isinstance(told, Stored) and getattr(told, key) not in values:
                raise EmbinitError(f"layer {told.name!r}: {key} needs a buffer with {without}, and it has none")
        if isinstance(told, Stored) and told.literals not in {each.storage.literals for each in mine}:
            raise EmbinitError(f"layer {told.name!r}: literals needs a buffer in float32, and it has none")
