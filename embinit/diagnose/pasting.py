"""Pasting: the lines of a model file that say a mistake, and the model of the file with these lines."""

import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from embinit.diagnose.account import Account
from embinit.dialects import Dialect
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, VarianceScaling
from embinit.layers import Layer, Stored, Weighted
from embinit.model import Description, Tensor
from embinit.modelfile import of_parts, with_initializer
from embinit.plan import Row, in_draw_order
from embinit.toml import toml

#: Lines by their table of the model file: [model], [[layer]] for all layers, or [[layer]] and a layer's name.
Lines = Mapping[str, str]
MODEL, LAYERS = "[model]", "[[layer]]"


def of_layer(name: str) -> str:
    """Return the table of one layer."""
    return f"{LAYERS} {name}"


def by_layer(model: Description, texts: Mapping[str, str]) -> Lines:
    """Return the lines of layers, by their names; once for all if all that have a weight say the same."""
    weighted = [layer.name for layer in model.layers if isinstance(layer, Weighted)]
    if list(texts) == weighted and len(set(texts.values())) == 1:
        return {LAYERS: texts[weighted[0]]}
    return {of_layer(name): text for name, text in texts.items()}


def each_layer(model: Description, line: Callable[[list[Tensor]], str | None]) -> Lines:
    """Return the lines that a function says of layers, from the buffers of each; None says nothing."""
    held: dict[str, list[Tensor]] = {}
    for tensor in in_draw_order(model.tensors):
        held.setdefault(tensor.layer.name, []).append(tensor)
    texts = {layer.name: line(held[layer.name]) for layer in model.layers if layer.name in held}
    return by_layer(model, {name: text for name, text in texts.items() if text is not None})


def kind_of(part: str) -> str:
    """Return whose format a part has: that of weights, or of biases."""
    return "bias" if "bias" in part else "weight"


def draws_in(rows: Sequence[Row]) -> Lines:
    """Return the line of a model whose buffers are drawn in the order of rows: layers, where each stays together."""
    layers = list(dict.fromkeys(row.layer.name for row in rows))
    together = [row.name for name in layers for row in rows if row.layer.name == name]
    names = layers if together == [row.name for row in rows] else [row.name for row in rows]
    return {MODEL: f"order = {toml(names)}"}


def initialized(change: Callable[[Account], Account], name: str | None = None) -> Callable[[Description], Lines]:
    """Return what says the lines of a change to initializers or fans: what each weight and bias is drawn from.

    name: what the weights are to be called, where a model file that calls them so has them.
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
                if text is None or row.name in said or not isinstance(row.layer, Weighted):
                    return {}
                said[row.name] = f"{row.part}_init = {text}"
        return {}

    return told


def _by_layer(rows: Mapping[str, Row], said: Mapping[str, str]) -> dict[str, str]:
    """Return what is said of buffers, by their layers."""
    texts = dict[str, str]()
    for name, row in rows.items():
        if name in said:
            texts[row.layer.name] = "\n".join(filter(None, (texts.get(row.layer.name), said[name])))
    return texts


def _initializer(model: Description, row: Row) -> str | None:
    """Return how a model file says what a buffer is drawn from; None where it cannot."""
    dialect = model.conventions
    planned = next(tensor for tensor in model.tensors if tensor.name == row.name)
    if (row.fan_in, row.fan_out) == (planned.fan_in, planned.fan_out):
        for initializer in (row.initializer, *_without_gain(row.initializer)):
            text = named(dialect, initializer)
            drawn = dialect.distribution_on(model.build, initializer, row.fan_in, row.fan_out)
            if text is not None and drawn == row.distribution:
                return text
    return named(dialect, row.distribution)


def _without_gain(initializer: Initializer) -> Iterator[Initializer]:
    """Return initializers without a gain, which some dialects do not have: its square belongs to the scale."""
    if isinstance(initializer, VarianceScaling) and initializer.gain != 1:
        scale = initializer.scale * initializer.gain**2
        for each in (*(float(f"{scale:.{digits}g}") for digits in (4, 7, 9, 12)), scale, *_beside(scale)):
            yield replace(initializer, scale=each, gain=1.0)


def _beside(value: float) -> Iterator[float]:
    for towards in (0.0, math.inf):
        near = math.nextafter(value, towards)
        yield from (near, math.nextafter(near, towards))


def named(dialect: Dialect, initializer: Initializer) -> str | None:
    """Return how a model file of a dialect says an initializer: a name, or a table; None where it cannot."""
    if initializer == dialect.weight:
        return '"default"'
    for name, factory in dialect.named.items():
        if _alike(built(factory), initializer):
            return f'"{name}"'
    assert is_dataclass(initializer)
    parameters = {field.name: getattr(initializer, field.name) for field in fields(initializer)}
    for name in ("variance_scaling", type(initializer).__name__.lower()):
        keys = {key: value for key, value in parameters.items() if value is not None}
        if isinstance(initializer, VarianceScaling) and initializer.gain == 1:
            keys = {key: keys[key] for key in ("scale", "mode", "distribution")}
        if _alike(built(dialect.named.get(name), **keys), initializer):
            return "{ " + ", ".join([f'name = "{name}"', *(f"{key} = {toml(keys[key])}" for key in keys)]) + " }"
    return None


def _alike(made: Initializer | None, initializer: Initializer) -> bool:
    """Return whether initializers are the same, but for the axes that are a dialect's own."""
    if isinstance(made, VarianceScaling) and isinstance(initializer, VarianceScaling):
        return replace(made, axes=initializer.axes) == initializer
    return made == initializer


def built(factory: Callable[..., Initializer] | None, **keys: object) -> Initializer | None:
    """Return what a factory builds from keys; None if it has other keys, or refuses these."""
    try:
        return factory and factory(**keys)
    except (TypeError, EmbinitError):
        return None


def restricted(lines: Lines, model: Description, buffers: Iterable[str]) -> Lines:
    """Return lines that are to hold for some buffers alone: of their layers; a stream changes before the first one."""
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
    """Return the model of a file into which lines of its model and its layers are pasted."""
    changed = replace(model, **tomllib.loads(lines.get(MODEL, "")))
    dialect = changed.conventions
    layers = [_pasted(layer, dialect, lines) for layer in changed.layers]
    return replace(changed, layers=layers)


def _pasted(layer: Layer, dialect: Dialect, lines: Lines) -> Layer:
    known = [field.name for field in fields(layer) if field.init]
    own = tomllib.loads(lines.get(of_layer(layer.name), ""))
    keys: dict[str, Any] = {k: v for k, v in tomllib.loads(lines.get(LAYERS, "")).items() if k in known} | own
    if not isinstance(layer, Stored) or not keys:
        return layer
    if "weight_init" in keys or "bias_init" in keys:
        default = {"weight_init": None} if keys.get("weight_init") == "default" else {}
        keys = {**default, **with_initializer(keys, dialect, known)}
    return replace(layer, **of_parts(keys, dialect))
