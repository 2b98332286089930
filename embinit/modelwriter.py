"""The model file, written: the tables of a model, from which `modelfile` reads the same model again."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from embinit.dialects import DIALECTS, Dialect
from embinit.dialects.programs import program_names
from embinit.errors import EmbinitError
from embinit.formats.element_order import ElementOrder
from embinit.formats.quantizer import Quantizer
from embinit.initializers import Initializer, Named, Seeded, Sliced
from embinit.layers import Layer
from embinit.model import Description
from embinit.toml import document

#: Parameters that frameworks give other names than the initializer has.
_OTHER_NAMES = {
    "low": ("min", "minval"),
    "high": ("max", "maxval", "scale"),
}
#: Keras' name of a normal distribution that is not truncated.
_UNTRUNCATED = {"normal": "untruncated_normal"}


def text_of(model: Description) -> str:
    """Return the text of a model file from which `modelfile` reads the same model again."""
    return document(tables_of(model))


def tables_of(model: Description) -> dict[str, Any]:
    """Return the tables of a model file: [model], [dialect] if the model's dialect is a file of its own, and [[layer]].

    Raises EmbinitError if the dialect is neither known by its name nor declared in a file.
    """
    dialect = model.conventions
    declared = _declared(dialect)
    head: dict[str, Any] = {"name": model.name}
    head |= {} if declared else {"dialect": dialect.name}
    head |= {"target": model.target, "seed": model.seed}
    for field in fields(Description):
        if field.init and field.name not in (*head, "layers", "dialect") and not _is_default(model, field):
            head[field.name] = getattr(model, field.name)
    layers = [_layer(layer, dialect) for layer in model.layers]
    return {"model": head, **({"dialect": declared} if declared else {}), "layer": layers}


def _declared(dialect: Dialect) -> Mapping[str, Any]:
    """Return the [dialect] table that a dialect needs, an empty one if its name is enough."""
    shipped = dialect.name in program_names() and DIALECTS[dialect.name] == dialect
    description = getattr(dialect, "description", None)
    if description is not None and not shipped:
        tables: Mapping[str, Any] = description.tables
        return tables
    if DIALECTS.get(dialect.name) is not dialect:
        raise EmbinitError(
            f"dialect {dialect.name} is declared in Python, and a model file can only name it: register it with "
            "embinit.register_dialect"
        )
    return {}


def _layer(layer: Layer, dialect: Dialect) -> dict[str, Any]:
    """Return the table of a layer: its name and type, and every key that differs from its default."""
    table: dict[str, Any] = {"name": layer.name, "type": layer.type}
    for field in _own_first(type(layer)):
        if field.name not in ("name", "kind") and not _is_default(layer, field):
            table[field.name] = _said(getattr(layer, field.name), dialect)
    weight = table.get("weight_init")
    if isinstance(weight, str) and inspect.signature(dialect.named[weight]).parameters:
        table["weight_init"] = {"name": weight}  # a name alone takes keys of the layer, such as groups, for its own
    return table


def _own_first(cls: type) -> Iterator[Field[Any]]:
    """Yield the fields of a layer class, those of the class itself before those of its bases."""
    every = {field.name: field for field in fields(cls)}
    for each in cls.__mro__:
        for name in inspect.get_annotations(each):
            if name in every:
                yield every.pop(name)


def _is_default(held: object, field: "Field[Any]") -> bool:
    return field.default is not MISSING and _same(getattr(held, field.name), field.default)


def _said(value: Any, dialect: Dialect) -> Any:
    """Return the value of a layer's key in the form that a model file has for it."""
    if isinstance(value, Initializer):
        return spelled(dialect, value)
    if isinstance(value, Quantizer | ElementOrder):
        return value.told
    if isinstance(value, Sliced):
        slices = {f"{start}:{stop}": held for start, stop, held in value.slices}
        if value.initializer is None:
            return {"slices": slices}
        drawn = spelled(dialect, value.initializer)
        table = drawn if isinstance(drawn, dict) else {"name": drawn}
        return {**({"initializer": "default"} if table == {"name": "default"} else table), "slices": slices}
    if isinstance(value, tuple) and value and all(_is_pair(each) for each in value):
        return {part: _said(held, dialect) for part, held in value}
    return value


def _is_pair(value: object) -> bool:
    """Whether a value is one entry of a table, which layers keep as a tuple."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str)


# ---- Initializers ----


def spelled(dialect: Dialect, initializer: Initializer) -> str | dict[str, Any]:
    """Return an initializer as a model file of a dialect writes it: a name, or a table with its parameters.

    >>> from embinit.dialects import dialect_named
    >>> from embinit.initializers import normal
    >>> spelled(dialect_named("gomlx"), normal(0.0, 0.5))
    {'name': 'random_normal', 'stddev': 0.5}
    """
    return by_own_name(dialect, initializer) or _by_its_fields(initializer, dialect)


def by_own_name(dialect: Dialect, initializer: Initializer) -> str | dict[str, Any] | None:
    """Return an initializer as a model file writes it by a name of the dialect itself; None if it has no such name.

    >>> from embinit.dialects import dialect_named
    >>> from embinit.initializers import normal
    >>> by_own_name(dialect_named("gomlx"), normal(0.25, 0.5))
    {'name': 'normal', 'mean': 0.25, 'stddev': 0.5}
    """
    for name, factory in dialect.named.items():
        if _same(_built(factory, {}), initializer):
            return name
    fitting = [
        {"name": name, **parameters}
        for name, parameters in _candidates(dialect, initializer)
        if _same(_built(dialect.named[name], parameters), initializer)
    ]
    if fitting:
        return min(fitting, key=len)
    if isinstance(initializer, Named):  # the default of a dialect file, which only that name says
        return {"name": initializer.name}
    return None


def _candidates(dialect: Dialect, initializer: Initializer) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names of a dialect's initializers with the parameters that each would need, without those that have their
    defaults.
    """
    held = _parameters(initializer)
    for name, factory in dialect.named.items():
        accepted = inspect.signature(factory).parameters
        if isinstance(initializer, Named):
            held = dict(zip(accepted, initializer.parameters, strict=False)) if name == initializer.name else {}
        given = {key: held[key] for key in accepted if key in held}
        for parameters in (given, {**given, **{k: _UNTRUNCATED[v] for k, v in given.items() if v in _UNTRUNCATED}}):
            defaults = {key for key, value in parameters.items() if _same(value, accepted[key].default)}
            yield name, {key: value for key, value in parameters.items() if key not in defaults}


def _parameters(initializer: Initializer) -> dict[str, Any]:
    """Return the parameters of an initializer, each by all names that dialects have for it."""
    if isinstance(initializer, Seeded):
        return {**_parameters(initializer.initializer), "seed": initializer.seed}
    held = {field.name: getattr(initializer, field.name) for field in fields(initializer)}  # type: ignore[arg-type]
    for name, others in _OTHER_NAMES.items():
        held |= dict.fromkeys(others, held[name]) if name in held else {}
    if held.get("axes"):
        held |= dict(zip(("in_axis", "out_axis"), held["axes"], strict=True))
    return {name: value for name, value in held.items() if value is not None}


def _same(value: object, other: object) -> bool:
    """Whether two values have the same type and are equal, including the signs of zeros."""
    return type(value) is type(other) and value == other and repr(value) == repr(other)


def _built(factory: Any, parameters: dict[str, Any]) -> Initializer | None:
    """Return what a factory builds; None if it has other parameters, or refuses these."""
    try:
        built: Initializer = factory(**parameters)
    except (TypeError, EmbinitError):
        return None
    return built


def _by_its_fields(initializer: Initializer, dialect: Dialect) -> dict[str, Any]:
    """Return an initializer under the name of its class, which every dialect understands."""
    assert is_dataclass(initializer)
    held = {field.name: getattr(initializer, field.name) for field in fields(initializer)}
    return {"name": type(initializer).__name__} | {
        key: spelled(dialect, value) if isinstance(value, Initializer) else value
        for key, value in held.items()
        if value is not None
    }
