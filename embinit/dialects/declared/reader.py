"""Dialect files: from TOML to a Description, in which every key is known, typed and within its limits."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from embinit.dialects.declared import tables
from embinit.dialects.declared.description import (
    BiasRule,
    Description,
    LayerRule,
    NormalTransform,
    Rule,
    Spare,
    Stream,
    Values,
    Where,
)
from embinit.dialects.declared.kinds import EVERYWHERE, INTEGERS, KINDS
from embinit.dialects.declared.tables import Check, Table, expression, identifier, integer, one_of, several, text
from embinit.errors import EmbinitError, check_known, listed, nearest, shown
from embinit.layers import DRAW_FREE, WITH_PARAMETERS, Convolution, Linear

TYPES = (*INTEGERS, "float", "double")
#: Names that a file cannot use for anything that values depend on.
RESERVED = EVERYWHERE | {"word", "unit", "low", "high", "mean", "stddev", "z", "fan_in", "fan_out"}
#: Names that model files give to initializers in every dialect.
BUILT_IN = ("zeros", "ones", "constant", "uniform", "normal")
#: The keys of an initializer that say how elements are computed, and which of them belong together.
WAYS = (("constant",), ("value",), ("low", "high"), ("mean", "stddev"))
MAX_WARMUP = 10**6

KEYS = {
    "dialect": (
        "name", "summary", "based_on", "rehearsal", "generator", "values", "normal", "initializers", "before", "bias",
        "layers",
    ),
    "generator": ("kind", "seed", "word_bits", "scope", "warmup"),
    "values": ("words", "unit", "uniform", "type"),
    "normal": (
        "words", "unit", "unit_words", "values", "result", "retry", "retry_after", "redraw", "spare", "block", "fewer",
    ),
    "initializer": ("words", "parameters", "bias", *(key for way in WAYS for key in way)),
    "bias": ("initializer", "size", "drawn"),
    "layer": ("weight", "fan_in", "fan_out", "order", "draws", "interleave", "initializer"),
}  # fmt: skip


_NONE: Mapping[str, Any] = {}
#: Returns the tables of a dialect that a file may be based on.
Bases = Callable[[str], Mapping[str, Any]]


def parse_file(path: str | Path) -> tuple[dict[str, Any], str]:
    """Return the [dialect] table of a dialect file, and the name that messages give the file."""
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EmbinitError(f"{path}: cannot be read: {reason}") from None
    return parse_text(content, str(path)), str(path)


def parse_text(content: str, source: str) -> dict[str, Any]:
    """Return the [dialect] table of the text of a dialect file."""
    try:
        found = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise EmbinitError(f"{source}: is not TOML: {error}") from None
    if list(found) != ["dialect"]:
        got = listed(f"[{key}]" for key in found) or "nothing"
        raise EmbinitError(f"{source}: must have one table, [dialect], and tables within it, got {got}")
    if not isinstance(found["dialect"], dict):
        raise EmbinitError(f"{source}: dialect must be a table, got {shown(found['dialect'])}")
    return dict(found["dialect"])


def read(values: Mapping[str, Any], source: str, default_name: str, bases: Bases) -> Description:
    """Return the description of a [dialect] table; the dialect that it is based on provides the keys that it lacks."""
    where = Where(source)
    table = Table(where, values, KEYS["dialect"])
    name = table.take("name", _name, default_name)
    base = table.take("based_on", text, "")
    if base:
        try:
            values = merged(bases(base), values)
        except EmbinitError as error:
            raise EmbinitError(f"{where / 'based_on'}: {error}") from None
        table = Table(where, values, KEYS["dialect"])
    initializers = {
        key: _rule(Table(where / "initializers" / key, rule), key)
        for key, rule in table.take("initializers", _mapping, _NONE).items()
    }
    known = (*BUILT_IN, *(key for key in initializers if key not in BUILT_IN))
    description = Description(
        name=name,
        summary=table.take("summary", text, f"declared in {Path(source).name}"),
        stream=stream_of(where / "generator", table.need("generator", _mapping)),
        values=_values(Table(where / "values", table.take("values", _mapping, _NONE), KEYS["values"])),
        normal=_normal(Table(where / "normal", table.values["normal"])) if "normal" in table.values else None,
        initializers=initializers,
        bias=_bias(Table(where / "bias", table.take("bias", _mapping, _NONE), KEYS["bias"]), known),
        layers=_layers(where / "layers", table.need("layers", _mapping), known),
        before=_before(where / "before", table.take("before", _mapping, _NONE), known),
        rehearsal=table.take("rehearsal", one_of("none", "all", "all but last"), "none"),
        source=source,
        tables={key: value for key, value in values.items() if key != "based_on"} | {"name": name},
    )
    for key, rule in initializers.items():
        if rule.bias is not None:
            check_known(str(where / "initializers" / key / "bias"), rule.bias, known)
    _check_ways(description)
    return description


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of base with the keys of own laid over them, table by table. A generator of another kind
    replaces base's except for the scope, and an initializer's other way of computing elements replaces base's.
    """
    result = dict(base)
    for key, value in own.items():
        under = result.get(key)
        if not isinstance(value, Mapping) or not isinstance(under, Mapping):
            result[key] = value
        elif key == "generator" and value.get("kind", under.get("kind")) != under.get("kind"):
            result[key] = {k: under[k] for k in ("scope",) if k in under} | dict(value)
        elif key == "initializers":
            result[key] = dict(under) | {k: _merged_rule(under.get(k), rule) for k, rule in value.items()}
        else:
            result[key] = merged(under, value)
    return result


def _merged_rule(base: Any, own: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return own
    ways = [way for way in WAYS if any(key in own for key in way)]
    dropped = {key for way in WAYS if ways and way not in ways for key in way}
    return {key: value for key, value in base.items() if key not in dropped} | dict(own)


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise EmbinitError(f"{what} must be a table, got {shown(value)}")
    return value


def _name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9._+-]{0,63}", value, re.ASCII):
        allowed = "a letter, then at most 63 letters, digits, '.', '_', '+' and '-'"
        raise EmbinitError(f"{what} must be {allowed}, got {shown(value)}")
    return value


def stream_of(where: Where, values: Mapping[str, Any]) -> Stream:
    """Return what a [dialect.generator] table says."""
    kind = Table(where, values).need("kind", one_of(*KINDS))
    own = KINDS[kind]
    table = Table(where, values, (*KEYS["generator"], *own.keys))
    parameters = {
        key: table.take(key, check, own.defaults[key]) if key in own.defaults else table.need(key, check)
        for key, check in own.keys.items()
    }
    seed = table.need("seed", several(expression)) if own.by_statements else table.take("seed", expression, "seed")
    own.settle(where, parameters)
    return Stream(
        kind=kind,
        parameters={key: value for key, value in parameters.items() if key != "output"},
        seed=seed,
        output=parameters.get("output"),
        word_bits=table.take("word_bits", integer(1, 64), None),
        scope=table.take("scope", one_of("model", "layer", "tensor"), "model"),
        warmup=table.take("warmup", integer(0, MAX_WARMUP), 0),
    )


def _values(table: Table) -> Values:
    return Values(
        words=_own_names(table, table.take("words", tables.names, ("word",)), {"word"}),
        unit=table.take("unit", expression, None),
        uniform=table.take("uniform", expression, None),
        type=table.take("type", one_of("float", "double"), "float"),
    )


def _own_names(
    table: Table, names: tuple[str, ...], allowed: set[str] | frozenset[str] = frozenset()
) -> tuple[str, ...]:
    for name in names:
        if name in RESERVED - allowed:
            raise EmbinitError(
                f"{table.where / 'words'}: {shown(name)} has a meaning of its own and cannot name a word"
            )
    return names


def _normal(table: Table) -> NormalTransform:
    words = _own_names(table, table.need("words", tables.names))
    values = table.need("values", several(expression, 1, 2))
    retry = table.take("retry", expression, None)
    after = table.take("retry_after", one_of(*words), words[-1])
    redraw = table.take("redraw", tables.names, words[: words.index(after) + 1])
    spare: Spare = table.take("spare", one_of("kept", "tensor", "call"), "kept")
    result = table.take("result", expression, None)
    unit = table.take("unit", expression, None)
    for key in ("retry_after", "redraw"):
        if retry is None and key in table.values:
            raise EmbinitError(f"{table.where / key}: says what happens on a retry, and there is no key 'retry'")
    for name in redraw:
        check_known(str(table.where / "redraw"), name, words)
        if retry is not None and words.index(name) > words.index(after):
            raise EmbinitError(
                f"{table.where / 'redraw'}: {shown(name)} is drawn only after {after}, when retry is tested"
            )
    if "spare" in table.values and len(values) == 1:
        raise EmbinitError(f"{table.where / 'spare'}: needs two values, the second of which is spare, got one")
    unit_words = table.take("unit_words", tables.names, None)
    if unit_words is not None and unit is None:
        raise EmbinitError(f"{table.where / 'unit_words'}: are the words of a unit, and there is no key 'unit'")
    _own_names(table, unit_words or (), {"word"})
    block = table.take("block", _block, 1)
    fewer = _normal(Table(table.where / "fewer", table.need("fewer", _mapping))) if "fewer" in table.values else None
    if (block == 1) != (fewer is None):
        raise EmbinitError(f"{table.where}: block and fewer go together: fewer is the normal of tensors below a block")
    if block > 1 and (retry is not None or len(words) != 2 or len(values) != 2 or "spare" in table.values):
        raise EmbinitError(f"{table.where / 'block'}: needs two words and two values, without retry and spare")
    names = table.names(KEYS["normal"], RESERVED | set(words))
    _check_used(table, KEYS["normal"], names, (*values, retry or ""))
    return NormalTransform(words, values, result, names, unit, retry, after, redraw, spare, unit_words, block, fewer)


def _block(what: str, value: Any) -> int:
    if integer(2, 2**16)(what, value) % 2:
        raise EmbinitError(f"{what} must be even, as elements are drawn in pairs, got {value}")
    return int(value)


def _rule(table: Table, name: str) -> Rule:
    if not re.fullmatch(r"[A-Za-z]\w{0,39}", name, re.ASCII):
        raise EmbinitError(f"{table.where}: must be named by a letter, then letters, digits and _, at most 40")
    given = [way for way in WAYS if any(key in table.values for key in way)]
    if len(given) != 1:
        ways = "; ".join(" and ".join(way) for way in WAYS)
        got = listed(key for way in given for key in way if key in table.values) or "none"
        raise EmbinitError(f"{table.where}: must have one of {ways}; got {got}")
    way = {key: table.need(key, expression) for key in given[0]}
    words = table.take("words", tables.names, None)
    if words is not None:
        _own_names(table, words, {"word"})
        if "value" not in way:
            raise EmbinitError(f"{table.where / 'words'}: belongs to a value, got {listed(way)}")
    bias = table.take("bias", text, None)
    parameters = table.take("parameters", several(_parameter), ())
    own = {name for name, _, _ in parameters}
    if {"word", "unit", "z"} & own:
        raise EmbinitError(f"{table.where / 'parameters'}: word, unit and z are drawn, and cannot be parameters")
    names = table.names(KEYS["initializer"], RESERVED | own | set(words or ()))
    _check_used(table, KEYS["initializer"], names, tuple(way.values()))
    return Rule(way, names, words, parameters, bias)


def _parameter(what: str, value: Any) -> tuple[str, str, float | None]:
    """Return the name, the type and the default of a parameter such as "float scale = 6"."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    found = re.fullmatch(rf"\s*(float|double)\s+(\w+)\s*(?:=\s*({number})\s*)?", text(what, value), re.ASCII)
    if not found:
        raise EmbinitError(
            f'{what} must be a parameter such as "float scale" or "float scale = 6.0", got {shown(value)}'
        )
    identifier(what, found[2])
    return found[2], found[1], None if found[3] is None else float(found[3])


def _check_used(table: Table, keys: tuple[str, ...], names: Mapping[str, str], uses: tuple[str, ...]) -> None:
    """Raise EmbinitError for a name that nothing uses and that is almost a key: it is a misspelled key."""
    everything = " ".join((*names.values(), *uses))
    for name in names:
        meant = nearest(name, keys)
        if meant and not re.search(rf"\b{name}\b", everything):
            raise EmbinitError(f"{table.where} has no key {shown(name)}, and nothing uses such a name{meant}")


def _bias(table: Table, known: tuple[str, ...]) -> BiasRule:
    return BiasRule(
        initializer=table.take("initializer", one_of(*known), None),
        size=table.take("size", expression, "out"),
        drawn=table.take("drawn", one_of("in order", "last"), "in order"),
    )


def axes_of(layer_type: str) -> tuple[str, ...]:
    """Return the axes of a layer's weight, by their names in a dialect file.

    >>> axes_of("Conv2d")
    ('out', 'in', 'kernel_height', 'kernel_width')
    """
    cls = WITH_PARAMETERS[layer_type]
    kernel = cls.kernel_axes if issubclass(cls, Convolution) else ()
    return ("out", "in", *(axis if axis == "kernel" else f"kernel_{axis}" for axis in kernel))


def layer_types() -> tuple[str, ...]:
    """Return the types of layers that a file may declare."""
    return tuple(name for name, cls in WITH_PARAMETERS.items() if issubclass(cls, Convolution | Linear))


def _layers(where: Where, values: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, LayerRule]:
    if not values:
        raise EmbinitError(f"{where}: must have a table for each layer that the dialect has, got none")
    for name in values:
        try:
            check_known("a layer", name, layer_types())
        except EmbinitError as error:
            raise EmbinitError(f"{where}: {error}") from None
    return {name: _layer(Table(where / name, rule, KEYS["layer"]), name, known) for name, rule in values.items()}


def _layer(table: Table, name: str, known: tuple[str, ...]) -> LayerRule:
    axes = axes_of(name)

    def permuted(what: str, value: Any) -> tuple[str, ...]:
        found = tables.names(what, value)
        if sorted(found) != sorted(axes):
            raise EmbinitError(f"{what} must name each of {listed(axes)} once, got {listed(found)}")
        return found

    weight = table.need("weight", _axes(permuted))
    order = table.take("order", several(one_of("weight", "bias"), 2, 2), ("weight", "bias"))
    if order[0] == order[1]:
        raise EmbinitError(f"{table.where / 'order'}: must name weight and bias once each, got {listed(order)}")
    draws = table.take("draws", _axes(permuted), ())
    interleave: Literal["none", "out"] = table.take("interleave", one_of("none", "out"), "none")
    if interleave == "out" and draws and draws[0] != "out":
        raise EmbinitError(f'{table.where / "draws"}: must begin with out where interleave is "out", got {draws[0]}')
    return LayerRule(
        weight=weight,
        fan_in=table.need("fan_in", expression),
        fan_out=table.need("fan_out", expression),
        order=order,
        draws=draws,
        interleave=interleave,
        initializer=table.take("initializer", one_of("default", *known), "default"),
    )


def _axes(check: Check[tuple[str, ...]]) -> Check[tuple[str, ...]]:
    def checked(what: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(axis, str) for axis in value):
            raise EmbinitError(f'{what} must be a list of axes such as ["out", "in"], got {shown(value)}')
        return check(what, value)

    return checked


def _before(where: Where, values: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, str]:
    for layer_type, initializer in values.items():
        try:
            check_known("a layer", layer_type, (*WITH_PARAMETERS, *DRAW_FREE))
            check_known("its initializer", initializer, known)
        except EmbinitError as error:
            raise EmbinitError(f"{where}: {error}") from None
    return dict(values)


def _check_ways(description: Description) -> None:
    """Raise EmbinitError if an initializer computes elements in a way for which the dialect has no rule."""
    where = Where(description.source)
    for name, rule in description.initializers.items():
        if "low" in rule.way and description.values.uniform is None:
            raise EmbinitError(
                f"{where / 'initializers' / name}: low and high need the key 'uniform' of {(where / 'values').key}"
            )
        if "mean" in rule.way and (description.normal is None or description.normal.result is None):
            raise EmbinitError(
                f"{where / 'initializers' / name}: mean and stddev need the key 'result' of {(where / 'normal').key}"
            )
