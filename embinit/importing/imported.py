"""Imported: the model that a source makes in a dialect, and what became of each of its layers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from embinit.api import Model
from embinit.diagnose.origin import Origin, compared, origin
from embinit.dialects import DIALECTS, Dialect, dialect_named
from embinit.dialects.keras import KerasDialect
from embinit.errors import EmbinitError, listed
from embinit.identifiers import check_identifier, identifier_of
from embinit.importing.found import Content, Found, Quantized, Unknown, Weight
from embinit.importing.programs import is_program
from embinit.importing.sources import read_source
from embinit.layers import DrawFree, Layer, Stored, Weighted
from embinit.model import DEFAULT_MEMORY_LIMIT
from embinit.text import table


@dataclass(frozen=True)
class Imported:
    """A model, and where its layers come from.

    framework: whose dialects may have drawn its weights. paths: the layers' paths in the source, by their names.
    skipped: what holds weights and was left out. notes: what a reader should know. weights: tensors of the source by
    the names of buffers, with the names of their axes.
    """

    source: str
    kind: str
    framework: str
    model: Model
    paths: Mapping[str, str]
    skipped: tuple[Unknown, ...]
    notes: tuple[str, ...]
    weights: Mapping[str, tuple[Weight, tuple[str, ...]]]

    def __str__(self) -> str:
        held: dict[str, list[str]] = {}
        for tensor in self.model.tensors:
            sizes = ", ".join(f"{axis} {size}" for axis, size in zip(tensor.axes, tensor.shape, strict=True))
            text = f"{tensor.part} [{sizes}]" + ("" if tensor.format == "float32" else f" {tensor.format}")
            held.setdefault(tensor.layer.name, []).append(text)
        cells = [("in the file", "layer", "type", "buffers")]
        cells += [
            (self.paths[n], n, layer.type, _few(held.get(n, []))) for layer in self.model.layers for n in [layer.name]
        ]
        return "\n".join(table(cells))

    def as_json(self) -> dict[str, Any]:
        """Return what became of the source as plain values."""
        return {
            "source": self.source,
            "kind": self.kind,
            "model": self.model.as_json(),
            "names": [{"path": path, "name": name} for name, path in self.paths.items()],
            "skipped": [vars(each) for each in self.skipped],
            "notes": list(self.notes),
        }


#: The dialects that may have drawn the weights of a framework's files.
FAMILIES = {"torch": ("torch",), "keras": ("keras-tensorflow", "keras-torch", "keras-jax")}
#: The highest memory_limit that a file may ask for: what states larger shapes is refused.
MOST_MEMORY = 2**36
#: The most buffers of a layer that a line shows.
_SHOWN = 4


def _few(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def import_model(source: str, dialect: str | Dialect, seed: int, skip: bool = False, key: str = "") -> Imported:
    """Return the model of a file or a constructor in a dialect.

    Parameters
    ----------
    source
        A file, or module:Name.
    dialect
        The dialect of the model: a name such as "torch", or a dialect.
    seed
        The seed of the model; a constructor is called under it.
    skip
        Whether layers that embinit, or the dialect, does not know are left out; otherwise they are an error.
    key
        The key of a checkpoint under which the tensors to read lie, such as "generator" where it holds two models; by
        default all tensors are read.

    Raises
    ------
    EmbinitError
        If the source cannot be read, or holds a layer that embinit, or the dialect, does not know.

    Examples
    --------
    >>> import_model("nowhere.onnx", "torch", 1)
    Traceback (most recent call last):
    embinit.errors.EmbinitError: nowhere.onnx: cannot be read: No such file or directory
    """
    known = dialect_named(dialect)
    known.check_seed(seed)
    content = read_source(source, seed, key)
    try:
        return _Building(content, known, seed).imported(source, skip)
    except EmbinitError as error:
        text = str(error)
        raise EmbinitError(text if text.startswith(f"{source}: ") else f"{source}: {text}") from None


class _Building:
    def __init__(self, content: Content, dialect: Dialect, seed: int) -> None:
        self.content, self.dialect, self.seed = content, dialect, seed
        self.notes = list(content.notes)
        of_other_types: set[str] = set()
        self.layers: list[Found | Unknown] = []
        for each in content.layers:
            if isinstance(each, Found):
                each = self._as_held(each, of_other_types)
            self.layers.append(each)
        if of_other_types:
            self.notes.append(f"weights of type {listed(sorted(of_other_types))} become float32")

    def imported(self, source: str, skip: bool) -> Imported:
        """Return the model, or raise EmbinitError for what is unknown."""
        checked = [self._checked(each) for each in self.layers]
        unknown = tuple(each for each in checked if isinstance(each, Unknown))
        found = [each for each in checked if isinstance(each, Found)]
        if unknown and not skip:
            raise EmbinitError(
                f"{len(unknown)} of its layers {'is' if len(unknown) == 1 else 'are'} unknown, and --skip leaves out: "
                f"{listed(unknown)}"
            )
        if not any(isinstance(each.layer, Stored) for each in found):
            left = f", and those that are left out: {listed(unknown)}" if unknown else ""
            raise EmbinitError(f"must hold layers with weights, and has none that embinit knows{left}")
        named = self._named(found)
        limit = self._memory_limit(layer for layer, _ in named)
        model = Model(
            _model_name(source),
            [layer for layer, _ in named],
            self.seed,
            _named_dialect(self.dialect),
            memory_limit=limit,
        )
        paths = {layer.name: each.path for layer, each in named}
        weights = {f"{layer.name}.{part}": held for layer, each in named for part, held in each.parts.items()}
        return Imported(
            source, self.content.kind, self.content.framework, model, paths, unknown, tuple(self.notes), weights
        )

    def _checked(self, each: Found | Unknown) -> Found | Unknown:
        """Return a layer if the dialect takes it alone, and why not otherwise."""
        if isinstance(each, Found) and each.not_in_keras and isinstance(self.dialect, KerasDialect):
            return Unknown(each.path, each.layer.type, each.not_in_keras)
        if isinstance(each, Unknown) or not isinstance(each.layer, Stored):
            return each
        try:
            Model("m", [replace(each.layer, name="x", same_as=None)], self.seed, self.dialect, memory_limit=2**62)
        except EmbinitError as error:
            return Unknown(each.path, each.layer.type, re.sub(r"^layer 'x': ", "", str(error)))
        return each

    def _as_held(self, each: Found, of_other_types: set[str]) -> Found:
        """Return a layer with the formats in which its weights are held, and the initializers that its dialect has."""
        layer: Any = each.layer
        if not isinstance(layer, Stored):
            return each
        keys: dict[str, Any] = {}
        if not isinstance(self.dialect, KerasDialect):
            keys |= {"weight_init": None, "bias_init": None} if isinstance(layer, Weighted) else {}
            keys |= {"init": None} if isinstance(layer, Stored) and isinstance(layer.init, tuple) else {}
        formats = {"weight": _format(each, "weight"), "bias": _format(each, "bias")}
        of_other_types |= {w.dtype for w, _ in each.parts.values() if w.dtype not in ("float32", "float16", "bfloat16")}
        for part in ("weight", "bias"):
            keys |= self._of_format(each, part, formats[part])
        plain = replace(layer, **{key: value for key, value in keys.items() if key in _BARE})
        for more in _fallbacks(keys):
            try:
                changed = replace(plain, **more)
                Model("m", [replace(changed, name="x", same_as=None)], self.seed, self.dialect, memory_limit=2**62)
            except EmbinitError:
                continue
            if more != keys and more.keys() != {key for key in keys if key not in _BARE}:
                lost = listed(value for key, value in keys.items() if key.endswith("_format") and key not in more)
                self.notes.append(
                    f"{each.path}: format {lost} is not one that {self.dialect} holds here; it is float32"
                )
            return replace(each, layer=changed)
        return replace(each, layer=plain)

    def _of_format(self, each: Found, part: str, held: Quantized | None) -> dict[str, Any]:
        """Return the keys that say the format of a part."""
        if held is None:
            return {}
        if part == "bias" and held.input_scale is not None and isinstance(each.layer, Weighted):
            return {"bias_format": held.format, "input_scale": held.input_scale}
        if part == "bias" or not isinstance(each.layer, Weighted):
            return {f"{part}_format": held.format}
        keys: dict[str, Any] = {"weight_format": held.format}
        _, axes = each.parts["weight"]
        if held.block is not None:
            return {"weight_format": f"sym{re.sub(r'[^0-9]', '', held.format) or 8}", "group_size": held.block}
        if held.format in ("int8", "int4", "int16", "affine_int8"):
            axis = None if held.axis is None else axes[held.axis]
            keys |= {"per_channel": False} if axis is None else {"channel_axis": axis} if axis != "out" else {}
        return keys

    def _named(self, found: Sequence[Found]) -> list[tuple[Layer, Found]]:
        """Return the layers under C identifiers of their own; those with weights choose first."""
        taken: set[str] = set()
        names: dict[int, str] = {}
        for each in sorted(found, key=lambda each: isinstance(each.layer, DrawFree)):
            names[id(each)] = identifier_of(each.path, each.layer.type.lower(), taken)
        by_path = {each.path: names[id(each)] for each in found}
        named = []
        for each in found:
            layer: Any = replace(each.layer, name=names[id(each)])
            if isinstance(layer, Stored) and layer.same_as is not None:
                layer = replace(layer, same_as=by_path.get(layer.same_as))
            named.append((layer, each))
        return named

    def _memory_limit(self, layers: Iterator[Layer]) -> int:
        """Return a limit that the model's buffers stay under."""
        element = 8 if self.dialect.element == "float64" else 4
        needed = 0
        for layer in layers:
            if isinstance(layer, Stored):
                model = Model("m", [replace(layer, same_as=None)], self.seed, self.dialect, memory_limit=2**62)
                needed += sum(tensor.size * element for tensor in model.tensors)
        limit = DEFAULT_MEMORY_LIMIT
        while limit < min(needed, MOST_MEMORY):
            limit *= 2
        return limit


#: Keys that stay whatever the formats are.
_BARE = ("weight_init", "bias_init", "init")


def _fallbacks(keys: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the keys of formats; then those of the weight alone; then none."""
    wanted = {key: value for key, value in keys.items() if key not in _BARE}
    yield wanted
    yield {key: value for key, value in wanted.items() if key not in ("bias_format", "input_scale")}
    yield {}


def _format(each: Found, part: str) -> Quantized | None:
    """Return how the weights or the biases of a layer are held; None for float32."""
    for name, (weight, _) in each.parts.items():
        if ("bias" in name.rpartition(".")[2]) == (part == "bias"):
            if weight.quantized is not None:
                return weight.quantized
            if weight.dtype in ("float16", "bfloat16"):
                return Quantized(weight.dtype)
    return None


def _named_dialect(dialect: Dialect) -> str | Dialect:
    return dialect.name if DIALECTS.get(dialect.name) is dialect else dialect


def _model_name(source: str) -> str:
    """Return a name for the model: that of the file, or of the constructor."""
    stem = source.rpartition(":")[2].lower() if ":" in source and not Path(source).exists() else Path(source).stem
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)[:40]
    try:
        check_identifier("model name", name)
    except EmbinitError:
        return f"model_{name}"[:40].rstrip("_")
    return name


def origin_of(imported: Imported) -> Origin | None:
    """Return which dialect and which seed drew the weights of the source, if any that people choose did."""
    held = _held(imported)
    return origin(imported.model, held, FAMILIES[imported.framework]) if held else None


def _held(imported: Imported) -> dict[str, tuple[NDArray[Any], tuple[str, ...]]]:
    """Return the weights of the source whose values are at hand, with the names of their axes."""
    return {
        name: (values, axes)
        for name, (weight, axes) in imported.weights.items()
        if (values := weight.values()) is not None
    }


def own_ways(imported: Imported, drawn: Origin | None) -> list[str]:
    """Return a note on a constructor that leaves other weights than its model draws, unless `drawn` says so.

    Only a dialect of the constructor's own framework is expected to draw the same.
    """
    dialect = str(imported.model.dialect)
    if drawn is not None or dialect not in FAMILIES[imported.framework] or not is_program(imported.source):
        return []
    found = compared(imported.model, _held(imported))
    if not found.differing:
        return []
    count = f"{len(found.differing)} of {len(found.equal) + len(found.differing)}"
    return [
        f"the constructor leaves other weights than dialect {dialect} draws with seed {imported.model.seed}: it fills "
        "them itself, or makes its layers in another order, and the model file must say how; "
        f"{count} tensors differ: {listed(found.differing)}"
    ]
