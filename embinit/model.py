"""Model: layers, dialect, target and seed, validated when built; and its TOML form."""

import inspect
import math
import secrets
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from embinit.dialects import Dialect, dialect_named, naming
from embinit.errors import EmbinitError, check_known, listed, nearest
from embinit.formats import format_named
from embinit.formats.storage import Storage
from embinit.identifiers import check_identifier
from embinit.initializers import Initializer
from embinit.layers import DrawFree, Layer, Norm, Parameter, Stored, Weighted, layer_class
from embinit.targets import LIBMS, MULTIPLY_ADDS, target_named

if TYPE_CHECKING:
    from torch.nn import Module

    from embinit.many import Client
    from embinit.plan import Plan
    from embinit.store import Buffer

DEFAULT_MEMORY_LIMIT = 2**30


@dataclass(frozen=True, kw_only=True)
class Tensor(Parameter):
    """One buffer: a parameter, the layer that it belongs to, and how it is held."""

    layer: Layer
    storage: Storage

    @property
    def name(self) -> str:
        """The buffer's name, `<layer>.<part>`."""
        return f"{self.layer.name}.{self.part}"

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def stored_at_once(self) -> bool:
        """Whether the buffer is rounded as soon as it is filled, as norms are, and not after all are filled."""
        return isinstance(self.layer, Norm)


@dataclass(frozen=True)
class Model:
    """A network as its device initializes it; everything is checked here, and an error names layer, rule and value.

    Parameters: name, a C identifier; layers in construction order; dialect and target by name; seed, in the dialect's
    range; multiply_add, "separate" or "fused", and libm, "double", "fdlibm" or "fdlibm-fused", for a build that differs
    from the target's; memory_limit, the bytes that all buffers together may take.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> model = embinit.Model("tiny", [fc], dialect="odt", target="cortex-m4f", seed=42)
    >>> {name: values.tolist() for name, values in model.init().items()}
    {'fc.weight': [[-0.7033677697181702, 0.2267153114080429]], 'fc.bias': [-0.550189733505249]}
    """

    name: str
    layers: Sequence[Layer]
    seed: int
    dialect: str | Dialect = "odt"
    target: str = "host"
    multiply_add: str | None = None
    libm: str | None = None
    memory_limit: int = DEFAULT_MEMORY_LIMIT
    #: Whether the seed was picked by the operating system, because the one given asks for that.
    seed_picked: bool = field(init=False, repr=False, compare=False)
    tensors: tuple[Tensor, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_identifier("model name", self.name)
        dialect, _ = dialect_named(self.dialect), target_named(self.target)
        check_seed(dialect, self.seed)
        object.__setattr__(self, "seed_picked", self.seed == dialect.no_seed)
        if self.seed_picked:
            object.__setattr__(self, "seed", secrets.choice(dialect.seeds[1:]))
        if self.multiply_add is not None:
            check_known("multiply_add", self.multiply_add, MULTIPLY_ADDS)
        if self.libm is not None:
            check_known("libm", self.libm, LIBMS)
        if not self.layers:
            raise EmbinitError("a model must have at least one layer, got none")
        if not all(isinstance(layer, Layer) for layer in self.layers):
            raise EmbinitError(
                f"layers must be layers such as Linear(in_features=2, out_features=1), got {self.layers!r}"
            )
        named = [
            layer if layer.name else replace(layer, name=f"{layer.type.lower()}{i}")
            for i, layer in enumerate(self.layers)
        ]
        object.__setattr__(self, "layers", tuple(named))
        seen: set[str] = set()
        for layer in named:
            if layer.name in seen:
                raise EmbinitError(f"layer {layer.name!r}: its name must be unique, and an earlier layer has it")
            seen.add(layer.name)
        object.__setattr__(self, "tensors", tuple(self._tensor(*each) for each in dialect.tensors(named)))
        self._check_codes()
        self._check_memory()

    @classmethod
    def from_torch(cls, module: "Module", seed: int, name: str = "module", **keys: Any) -> "Model":
        """Return the model of a torch.nn.Module; see embinit.torch.model_of (extra `torch`)."""
        from embinit.torch import model_of

        return model_of(module, seed, name, **keys)

    @property
    def arithmetic(self) -> str:
        """What the device makes of a multiply-add: "separate" or "fused"."""
        return self.multiply_add or target_named(self.target).multiply_add

    @property
    def libm_class(self) -> str:
        """Which logf and cosf the device has: "double", "fdlibm" or "fdlibm-fused"."""
        return self.libm or target_named(self.target).libm

    def as_json(self) -> dict[str, Any]:
        """Return what identifies the model as plain values."""
        build = {"target": self.target, "multiply_add": self.arithmetic, "libm": self.libm_class}
        layers = [{"name": layer.name, "type": layer.type} for layer in self.layers]
        return {"name": self.name, "dialect": str(self.dialect), **build, "seed": self.seed, "layers": layers}

    def plan(self) -> "Plan":
        """Return the plan: one row per buffer, printable."""
        return self._plan

    @cached_property
    def _plan(self) -> "Plan":
        from embinit.plan import plan

        return plan(self)

    def init(self, out: Mapping[str, NDArray[Any]] | None = None) -> dict[str, NDArray[Any]]:
        """Return what the device's init code draws for each buffer, by buffer name: float32 values.

        A buffer of float32 holds just that; `stored` rounds to other formats. In dialect portable-int they are codes.

        out: arrays to fill instead of new ones, by buffer name, as an earlier call returned them.
        """
        from embinit.fill import fill

        return fill(self.plan(), out).arrays

    def stored(self) -> "dict[str, Buffer]":
        """Return what the device's init code leaves in each buffer, in its format: codes, scales, zero points.

        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1, weight_format="q7")
        >>> embinit.Model("tiny", [fc], seed=42).stored()["fc.weight"].data.tolist()
        [[-90, 29]]
        """
        from embinit.fill import fill
        from embinit.store import store

        return store(fill(self.plan())).buffers

    def init_many(
        self,
        seeds: Iterable[int],
        statistics: bool = False,
        client: "Client | None" = None,
        progress: bool = False,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each seed with what `init` returns for it, or with statistics; see embinit.many.init_many."""
        from embinit.many import init_many

        return init_many(self, seeds, statistics, client, progress)

    def _tensor(self, layer: Layer, parameter: Parameter) -> Tensor:
        dialect = dialect_named(self.dialect)
        with naming(layer):
            dialect.distribution(parameter.initializer, parameter.fan_in, parameter.fan_out)
            return Tensor(**vars(parameter), layer=layer, storage=_storage(layer, parameter, dialect))

    def _check_codes(self) -> None:
        dialect = dialect_named(self.dialect)
        if dialect.codes is None:
            return
        for tensor in self.tensors:
            distribution = dialect.distribution(tensor.initializer, tensor.fan_in, tensor.fan_out)
            try:
                dialect.codes(distribution, tensor.storage)
            except EmbinitError as error:
                raise EmbinitError(f"layer {tensor.layer.name!r}: {tensor.part}: {error}") from None

    def _check_memory(self) -> None:
        if isinstance(self.memory_limit, bool) or not isinstance(self.memory_limit, int) or self.memory_limit < 1:
            raise EmbinitError(f"memory_limit must be a positive number of bytes, got {self.memory_limit!r}")
        total = 0
        for tensor in self.tensors:
            total += tensor.storage.nbytes(tensor.size)
            if total > self.memory_limit:
                raise EmbinitError(
                    f"layer {tensor.layer.name!r}: the buffers up to {tensor.name} take {total} bytes, more than "
                    f"memory_limit = {self.memory_limit}; raise memory_limit in [model] if that is meant"
                )


def _storage(layer: Layer, parameter: Parameter, dialect: Dialect) -> Storage:
    """Return how a layer holds a parameter."""
    assert isinstance(layer, Stored)
    weight = parameter.part.startswith("weight")
    name = layer.weight_format if weight else layer.bias_format
    if name == "float32":
        name = dialect.element
    elif "float64" in (name, dialect.element) and name != dialect.element:
        what = "weight_format" if weight else "bias_format"
        raise EmbinitError(f"{what} must be {dialect.element}, which dialect {dialect} draws, got {name!r}")
    group_size, out_axis = None, None
    if isinstance(layer, Weighted) and weight:
        group_size = layer.group_size
        channels = layer.per_channel and format_named(name).grouping == "channels"
        out_axis = parameter.axes.index("out") if channels else None
    storage = Storage(name, layer.rounding, group_size, out_axis)
    try:
        storage.check(parameter.shape)
    except EmbinitError as error:
        raise EmbinitError(f"{parameter.part}: {error}") from None
    return storage


def check_seed(dialect: Dialect, seed: object) -> None:
    """Raise EmbinitError unless a dialect takes the seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed not in dialect.seeds:
        allowed = f"an integer from {dialect.seeds[0]} to {dialect.seeds[-1]}"
        raise EmbinitError(f"seed must be {allowed} in dialect {dialect.name}, got {seed!r}")


def load(path: str | Path, **overrides: Any) -> Model:
    """Read a model file (TOML) and build its Model; keyword arguments replace keys of its [model] table.

    Raises EmbinitError, with the file's name, for anything that is not a valid model.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EmbinitError(f"{path}: cannot be read: {reason}") from None
    try:
        return from_tables(tomllib.loads(text), overrides)
    except tomllib.TOMLDecodeError as error:
        raise EmbinitError(f"{path}: is not TOML: {error}") from None
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None


def from_tables(tables: Mapping[str, Any], overrides: Mapping[str, Any]) -> Model:
    """Build a Model from the tables of a model file."""
    _check_keys("a model file", tables, ["model", "layer"], ["model"])
    if not tables.get("layer"):
        raise EmbinitError("a model file needs at least one [[layer]] table, got none")
    head, layers = tables["model"], tables["layer"]
    if not isinstance(head, dict) or not isinstance(layers, list) or not all(isinstance(x, dict) for x in layers):
        raise EmbinitError("a model file must have one [model] table and [[layer]] tables")
    known = [f.name for f in fields(Model) if f.init and f.name != "layers"]
    _check_keys("[model]", head, known, ["name", "dialect", "seed"])
    values = {**head, **overrides}
    dialect = dialect_named(values["dialect"])
    return Model(layers=[_layer(table, i, dialect) for i, table in enumerate(layers)], **values)


def _layer(table: Mapping[str, Any], position: int, dialect: Dialect) -> Layer:
    """Build a Layer from one [[layer]] table; position counts from 0 and names a nameless layer in errors."""
    keys = dict(table)
    label = repr(keys["name"]) if "name" in keys else f"number {position + 1}"
    try:
        layer_type = keys.pop("type", None)
        cls = layer_class(layer_type)
        keys.setdefault("name", f"{layer_type.lower()}{position}")
        known = [f.name for f in fields(cls) if f.name != "kind"]
        if issubclass(cls, Weighted):
            keys = _with_initializer(keys, dialect.named, known)
        required = [f.name for f in fields(cls) if f.default is MISSING and f.name != "kind"]
        _check_keys(f"{layer_type}", keys, known + sorted(cls.without_effect), required)
        keys = {key: value for key, value in keys.items() if key in known}
        return cls(**keys, kind=layer_type) if issubclass(cls, DrawFree) else cls(**keys)
    except EmbinitError as error:
        text = str(error)
        raise EmbinitError(text if text.startswith("layer ") else f"layer {label}: {text}") from None


def _with_initializer(
    keys: dict[str, Any], named: Mapping[str, Callable[..., Initializer]], of_layer: Sequence[str]
) -> dict[str, Any]:
    """Replace weight_init and its parameters, which are keys of the same table, by an Initializer.

    A key of the layer, such as groups, is also that parameter of the initializer.
    """
    name = keys.pop("weight_init", "default")
    known = sorted({key for factory in named.values() for key in inspect.signature(factory).parameters})
    parameters = {key: keys.pop(key) for key in known if key in keys and key not in of_layer}
    if name == "default":
        # OnDeviceTraining's factories take a gain with every scheme, and ignore it with this one.
        _check_keys('weight_init "default"', parameters, [key for key in known if key == "gain"], [])
        return keys
    check_known("weight_init", name, ["default", *named])
    accepted = inspect.signature(named[name]).parameters
    required = [p.name for p in accepted.values() if p.default is p.empty]
    parameters |= {key: keys[key] for key in of_layer if key in keys and key in accepted}
    _check_keys(f'weight_init "{name}"', parameters, list(accepted), required)
    return {**keys, "weight_init": named[name](**parameters)}


def _check_keys(where: str, table: Mapping[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    """Raise EmbinitError for the first key that is unknown or missing."""
    for key in table:
        if key not in known:
            raise EmbinitError(
                f"{where} has no key {key!r}; its keys are {listed(known) or 'none'}{nearest(key, known)}"
            )
    for key in required:
        if key not in table:
            raise EmbinitError(f"{where} needs the key {key!r}, which is missing")
