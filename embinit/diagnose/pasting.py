"""Pasting: the lines of a model file that reproduce a mistake, and the model of the file with these lines."""

import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from typing import Any

from embinit.diagnose.account import Account
from embinit.dialects import Dialect
from embinit.errors import EmbinitError
from embinit.formats import Quantized, format_named
from embinit.initializers import Initializer, Named, VarianceScaling
from embinit.layers import Layer, Stored, Weighted
from embinit.model import Description, Tensor
from embinit.modelfile import of_parts, with_initializer
from embinit.modelwriter import by_own_name, spelled
from embinit.plan import Row, in_draw_order
from embinit.toml import toml

#: Lines by their table of the model file: [model], [[layer]] for all layers, or [[layer]] and a layer's name.
Lines = Mapping[str, str]
MODEL, LAYERS = "[model]", "[[layer]]"


def of_layer(name: str) -> str:
    """Return the table of one layer."""
    return f"{LAYERS} {name}"


def by_layer(model: Description, texts: Mapping[str, str]) -> Lines:
    """Return the lines of layers, given by their names; one text for all if all layers with a weight have the same."""
    weighted = [layer.name for layer in model.layers if isinstance(layer, Weighted)]
    if list(texts) == weighted and len(set(texts.values())) == 1:
        return {LAYERS: texts[weighted[0]]}
    return {of_layer(name): text for name, text in texts.items()}


def each_layer(model: Description, line: Callable[[list[Tensor]], str | None]) -> Lines:
    """Return the lines of layers that a function returns for the buffers of each, or None for no line."""
    held: dict[str, list[Tensor]] = {}
    for tensor in in_draw_order(model.tensors):
        held.setdefault(tensor.layer.name, []).append(tensor)
    texts = {layer.name: line(held[layer.name]) for layer in model.layers if layer.name in held}
    return by_layer(model, {name: text for name, text in texts.items() if text is not None})


def kind_of(part: str) -> str:
    """Return "bias" or "weight", whichever of bias_format and weight_format is the format of a part."""
    return "bias" if "bias" in part else "weight"


def draws_in(rows: Sequence[Row]) -> Lines:
    """Return the line of a model whose buffers are drawn in the order of rows: an order of layers if the buffers of
    each layer are together, else an order of buffers.
    """
    layers = list(dict.fromkeys(row.layer.name for row in rows))
    together = [row.name for name in layers for row in rows if row.layer.name == name]
    names = layers if together == [row.name for row in rows] else [row.name for row in rows]
    return {MODEL: f"order = {toml(names)}"}


def initialized(change: Callable[[Account], Account], name: str | None = None) -> Callable[[Description], Lines]:
    """Return the function that writes the lines for a change of initializers or fans, which say what each part is drawn
    from.

    name: the initializer of the weights, as TOML, for a model file that then gives the same weights.
    """

    def told(model: Description) -> Lines:
        wanted = {row.name: row for row in change(Account.of(model)).rows}
        said = dict[str, str]()
        for _ in range(3):  # a weight's initializer may be its bias's too, which is then said as well
            lines = by_layer(model, _by_layer(wanted, said))
            try:
                rows = Account.of(pasted(model, lines)).rows
            except EmbinitError:
                return {}
            differing = [wanted[row.name] for row in rows if row.distribution != wanted[row.name].distribution]
            if not differing:
                return lines
            for row in differing:
                text = name if name and row.part == "weight" else _initializer(model, row)
                if row.name in said or not isinstance(row.layer, Weighted):
                    return {}
                said[row.name] = f"{row.part}_init = {text}"
        return {}

    return told


def _by_layer(rows: Mapping[str, Row], said: Mapping[str, str]) -> dict[str, str]:
    """Return the lines about buffers, joined for each layer, by its name."""
    texts = dict[str, str]()
    for name, row in rows.items():
        if name in said:
            texts[row.layer.name] = "\n".join(filter(None, (texts.get(row.layer.name), said[name])))
    return texts


def _initializer(model: Description, row: Row) -> str:
    """Return the TOML for what a buffer is drawn from, with a name of its dialect if there is one."""
    dialect = model.conventions
    planned = next(tensor for tensor in model.tensors if tensor.name == row.name)
    if (row.fan_in, row.fan_out) == (planned.fan_in, planned.fan_out):
        for initializer in (row.initializer, *_without_gain(row.initializer)):
            text = named(dialect, initializer)
            drawn = dialect.distribution_on(model.build, initializer, row.fan_in, row.fan_out)
            if text is not None and drawn == row.distribution:
                return text
    return named(dialect, row.distribution) or toml(spelled(dialect, row.distribution))


def _without_gain(initializer: Initializer) -> Iterator[Initializer]:
    """Yield initializers whose scale includes the square of the gain, for dialects whose initializers have no gain."""
    if isinstance(initializer, VarianceScaling) and initializer.gain != 1:
        scale = initializer.scale * initializer.gain**2
        for each in (*(float(f"{scale:.{digits}g}") for digits in (4, 7, 9, 12)), scale, *_beside(scale)):
            yield replace(initializer, scale=each, gain=1.0)


def _beside(value: float) -> Iterator[float]:
    for towards in (0.0, math.inf):
        near = math.nextafter(value, towards)
        yield from (near, math.nextafter(near, towards))


def named(dialect: Dialect, initializer: Initializer) -> str | None:
    """Return the TOML for an initializer by a name of its dialect; None if the dialect has no name for it. The axes
    that count inputs and outputs are left to the dialect.
    """
    if initializer == dialect.weight:
        return '"default"'
    plain = replace(initializer, axes=None) if isinstance(initializer, VarianceScaling) else initializer
    said = by_own_name(dialect, plain)
    return None if said is None else toml(said)


def built(factory: Callable[..., Initializer] | None, **keys: object) -> Initializer | None:
    """Return what a factory builds from keys; None if it has other keys, or refuses these."""
    try:
        return factory and factory(**keys)
    except (TypeError, EmbinitError):
        return None


def replaced(model: Description, lines: Lines) -> dict[str, list[str]]:
    """Return the keys that must be deleted from each table of the model file, if they are there, before lines are
    pasted: the state of a model that gets a seed; the parameters of a weight_init that is replaced, which are keys of
    the same table unless weight_init is a table; and keys that only a format which is replaced takes.
    """
    found: dict[str, dict[str, None]] = {}
    if model.state is not None and "seed" in tomllib.loads(lines.get(MODEL, "")):
        found[MODEL] = {"state": None}
    for layer in model.layers:
        for table in (LAYERS, of_layer(layer.name)):
            if isinstance(layer, Weighted) and table in lines:
                keys = _replaced(layer, model.conventions, tomllib.loads(lines[table]))
                found.setdefault(table, {}).update(dict.fromkeys(keys))
    return {table: list(keys) for table, keys in found.items() if keys}


def _replaced(layer: Weighted, dialect: Dialect, said: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a layer that cannot stand together with those that are pasted."""
    if "weight_init" in said and layer.weight_init is not None:
        known = {field.name for field in fields(layer)}
        yield from (key for key in _parameters(dialect, layer.weight_init) if key not in known)
    weight, bias = (said.get(key) and format_named(said[key]) for key in ("weight_format", "bias_format"))
    if weight and layer.group_size is not None and weight.grouping != "groups":
        yield "group_size"
    if weight and layer.channel_axis is not None and weight.grouping != "channels":
        yield "channel_axis"
    if bias and layer.input_scale is not None and not (isinstance(bias, Quantized) and bias.of_weight):
        yield "input_scale"


def _parameters(dialect: Dialect, initializer: Initializer) -> Iterator[str]:
    """Yield the keys that a model file of a dialect may have as parameters of an initializer."""
    if isinstance(initializer, Named):
        yield from signature(dialect.named[initializer.name]).parameters
        return
    own = {field.name for field in fields(initializer)}  # type: ignore[arg-type]
    for factory in dialect.named.values():
        parameters = signature(factory).parameters
        needed = {key: 0.5 for key, parameter in parameters.items() if parameter.default is parameter.empty}
        made = built(factory, **needed)
        if own.issuperset(parameters) if made is None else type(made) is type(initializer):
            yield from parameters


def restricted(lines: Lines, model: Description, buffers: Iterable[str]) -> Lines:
    """Return lines with the same effect on some buffers alone: in the tables of their layers, and with a seed or words
    to skip before the first of these. There are none if other lines of [model] are among them.
    """
    names = set(buffers)
    tensors = [tensor for tensor in in_draw_order(model.tensors) if tensor.name in names]
    layers = list(dict.fromkeys(tensor.layer.name for tensor in tensors))
    found = dict[str, str]()
    for table, text in lines.items():
        if table == LAYERS:
            found |= {of_layer(name): text for name in layers}
        elif table == MODEL:
            key, _, value = text.partition(" = ")
            if key not in ("seed", "skip_words") or not layers:
                return {}
            found[of_layer(layers[0])] = f"restart = {value}" if key == "seed" else f"skip_words = {value}"
        elif table.removeprefix(f"{LAYERS} ") in layers:
            found[table] = text
    return found


def pasted(model: Description, lines: Lines) -> Description:
    """Return the model of a file after lines are pasted into its [model] and [[layer]] tables."""
    gone = replaced(model, lines)
    changes = {**dict.fromkeys(gone.get(MODEL, ())), **tomllib.loads(lines.get(MODEL, ""))}
    changed = replace(model, **changes) if changes else model
    if lines.keys() <= {MODEL}:
        return changed
    dialect = changed.conventions
    layers = [_pasted(layer, dialect, lines, gone) for layer in changed.layers]
    return replace(changed, layers=layers)


def _pasted(layer: Layer, dialect: Dialect, lines: Lines, gone: Mapping[str, Sequence[str]]) -> Layer:
    known = {field.name: field.default for field in fields(layer) if field.init}
    tables = LAYERS, of_layer(layer.name)
    deleted = {key: known[key] for table in tables for key in gone.get(table, ()) if key in known}
    every, own = (tomllib.loads(lines.get(table, "")) for table in tables)
    keys: dict[str, Any] = deleted | {key: value for key, value in every.items() if key in known} | own
    if not isinstance(layer, Stored) or not keys:
        return layer
    if "weight_init" in keys or "bias_init" in keys:
        default = {"weight_init": None} if keys.get("weight_init") == "default" else {}
        keys = {**default, **with_initializer(keys, dialect, list(known))}
    return replace(layer, **of_parts(keys, dialect))
