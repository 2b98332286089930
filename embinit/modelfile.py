"""The model file: from TOML tables to a model's keys and layers. The manifest of a bundle holds the same tables."""

import inspect
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from embinit.dialects import Dialect, dialect_named, load_dialect
from embinit.errors import EmbinitError, check_keys, check_known, listed, shortened, shown
from embinit.initializers import WITHOUT_BITS, Initializer, Sliced
from embinit.layers import DrawFree, Layer, Weighted, layer_class
from embinit.model import Description

#: The file of a bundle that holds its model, and the key that does.
MANIFEST, MODEL_FILE = "manifest.json", "model_file"
#: The most bytes that a model file may have, and a manifest.
MAX_FILE, MAX_MANIFEST = 2**21, 2**26
#: The most parts that a dotted key may have: the parser's memory grows with their square.
MAX_PARTS = 32


def read(path: str | Path) -> dict[str, Any]:
    """Return the tables of a model file, or of a bundle (its directory or its manifest); raise EmbinitError if it
    cannot be read, or is not TOML.
    """
    directory = bundle_of(path)
    return (
        _parsed(_text(path, MAX_FILE)) if directory is None else _of_manifest(_text(directory / MANIFEST, MAX_MANIFEST))
    )


def bundle_of(path: str | Path) -> Path | None:
    """Return the directory of a bundle if a path names one, by its directory or by its manifest; else None."""
    given = Path(path)
    return given.parent if given.name == MANIFEST else given if (given / MANIFEST).exists() else None


def _of_manifest(text: str) -> dict[str, Any]:
    """Return the tables of the model file that a manifest holds."""
    import json

    try:
        manifest = json.loads(text)
        tables = manifest.get(MODEL_FILE)
    except (ValueError, AttributeError, RecursionError):
        raise EmbinitError(f"is not a manifest: {MANIFEST} must be a JSON object") from None
    if not isinstance(tables, dict):
        raise EmbinitError(
            f"must hold its model, as {MODEL_FILE} in {MANIFEST}: export the bundle again, or give the model file"
        )
    return tables


def _text(path: str | Path, most: int) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise EmbinitError(f"cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise EmbinitError(
            f"cannot be read: a {'model file' if most == MAX_FILE else 'manifest'} must have at most {most} bytes"
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise EmbinitError("cannot be read: it is not UTF-8 text") from None


def _parsed(text: str) -> dict[str, Any]:
    """Return the tables of a model file."""
    if re.search(rf"(?<![\w-])(?:(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_PARTS}}}", text):
        raise EmbinitError(f"a key must have at most {MAX_PARTS} parts between dots, got one with more")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EmbinitError(f"is not TOML: {shortened(str(error), 120)}") from None
    except RecursionError:
        raise EmbinitError("is not a model file: its arrays or tables are nested too deep") from None
    except ValueError:
        raise EmbinitError(f"an integer must have at most {sys.get_int_max_str_digits()} digits") from None


def fields_of(
    tables: Mapping[str, Any], overrides: Mapping[str, Any], path: str | Path = "the model file"
) -> dict[str, Any]:
    """Return the fields of the Description that a model file's tables describe; overrides replace keys of [model].

    path: the model file, in whose directory a dialect file is looked for.
    """
    check_keys("a model file", tables, ["model", "layer", "dialect"], ["model"])
    if not tables.get("layer"):
        raise EmbinitError("a model file needs at least one [[layer]] table, got none")
    head, layers = tables["model"], tables["layer"]
    if not isinstance(head, dict) or not isinstance(layers, list) or not all(isinstance(x, dict) for x in layers):
        raise EmbinitError("a model file must have one [model] table and [[layer]] tables")
    known = [f.name for f in fields(Description) if f.init and f.name != "layers"]
    needed = ["name", "seed"] if "dialect" in {**tables, **overrides} else ["name", "dialect", "seed"]
    check_keys("[model]", head, known, needed)
    values = {**head, **overrides}
    dialect = _dialect(tables, values, Path(path))
    return {**values, "dialect": dialect, "layers": [_layer(table, i, dialect) for i, table in enumerate(layers)]}


def _dialect(tables: Mapping[str, Any], head: Mapping[str, Any], path: Path) -> Dialect:
    """Return the dialect that a model file names, declares in a table, or takes from a file next to it."""
    given = head.get("dialect")
    if "dialect" in tables and not isinstance(given, Dialect):
        from embinit.dialects.declared import dialect_of_tables

        declared = dialect_of_tables(tables["dialect"], path.name, str(head.get("name", "own")))
        if given not in (None, declared.name, tables["dialect"].get("based_on")):
            raise EmbinitError(
                f"dialect must be {shown(declared.name)}, as [dialect] declares it, or what that is based on, or be "
                f"left out, got {shown(given)}"
            )
        return declared
    if isinstance(given, str) and given.endswith(".toml"):
        return load_dialect(path.parent / given)
    return dialect_named(given)  # type: ignore[arg-type]


def _layer(table: Mapping[str, Any], position: int, dialect: Dialect) -> Layer:
    """Return the Layer of one [[layer]] table; position counts from 0, and identifies a layer without a
    name in errors.
    """
    keys = dict(table)
    label = shown(keys["name"]) if "name" in keys else f"number {position + 1}"
    try:
        layer_type = keys.pop("type", None)
        cls = layer_class(layer_type)
        keys.setdefault("name", f"{layer_type.lower()}{position}")
        known = [f.name for f in fields(cls) if f.name != "kind"]
        if issubclass(cls, Weighted):
            keys = with_initializer(keys, dialect, known)
        keys = of_parts(keys, dialect)
        required = [f.name for f in fields(cls) if f.default is MISSING and f.name != "kind"]
        check_keys(f"{layer_type}", keys, known + sorted(cls.without_effect), required)
        keys = {key: value for key, value in keys.items() if key in known}
        return cls(**keys, kind=layer_type) if issubclass(cls, DrawFree) else cls(**keys)
    except EmbinitError as error:
        text = str(error)
        raise EmbinitError(text if text.startswith("layer ") else f"layer {label}: {text}") from None


def with_initializer(keys: dict[str, Any], dialect: Dialect, of_layer: Sequence[str]) -> dict[str, Any]:
    """Return the keys of a layer with an Initializer in place of weight_init and its parameters, which are keys of the
    same table; bias_init becomes one too. A key of the layer, such as groups, is also that parameter of the
    initializer. of_layer: the names of the layer's own keys.
    """
    name = keys.pop("weight_init", "default")
    if "bias_init" in keys:
        keys["bias_init"] = dialect.initializer(keys["bias_init"])
    named = dialect.named
    known = sorted({key for factory in named.values() for key in inspect.signature(factory).parameters})
    parameters = {key: keys.pop(key) for key in known if key in keys and key not in of_layer}
    if isinstance(name, Mapping):
        if parameters:
            raise EmbinitError(
                f"weight_init as a table has its parameters within: remove {listed(parameters)} beside it"
            )
        return {**keys, "weight_init": dialect.initializer(name)}
    if name == "default":
        # OnDeviceTraining's factories take a gain with every scheme, and ignore it with this one.
        check_keys('weight_init "default"', parameters, [key for key in known if key == "gain"])
        return keys
    if isinstance(name, str) and name in WITHOUT_BITS and name not in named:
        raise EmbinitError(WITHOUT_BITS[name])
    check_known("weight_init", name, ["default", *named])
    accepted = inspect.signature(named[name]).parameters
    required = [p.name for p in accepted.values() if p.default is p.empty]
    parameters |= {key: keys[key] for key in of_layer if key in keys and key in accepted}
    check_keys(f'weight_init "{name}"', parameters, list(accepted), required)
    return {**keys, "weight_init": named[name](**parameters)}


def of_parts(keys: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Return the keys of a layer with Initializers in place of what `init` says of its parts."""
    if not isinstance(keys.get("init"), Mapping):
        return keys
    return {**keys, "init": {part: _of_part(given, dialect) for part, given in keys["init"].items()}}


def _of_part(given: Any, dialect: Dialect) -> Initializer | Sliced:
    """Return the initializer that `init` gives a part, by a name or a table, which may have slices. If it has, no name
    or the name "default" means what the dialect draws the part from, and `initializer = "default"` means the
    dialect's default initializer.
    """
    if not isinstance(given, Mapping) or "slices" not in given:
        return dialect.initializer(given)
    table = {key: value for key, value in given.items() if key != "slices"}
    slices = given["slices"]
    if not isinstance(slices, Mapping):
        raise EmbinitError(f'slices must be a table such as {{ "4:8" = 1.0 }}, got {shown(slices)}')
    drawn = table["initializer"] if table.keys() == {"initializer"} else table
    initializer = None if table in ({}, {"name": "default"}) else dialect.initializer(drawn)
    return Sliced(initializer, tuple((*_bounds(text), value) for text, value in slices.items()))


def _bounds(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,10}):(\d{1,10})", text, re.ASCII)
    if found is None:
        raise EmbinitError(f'a slice must be "start:stop", such as "4:8", got {shown(text)}')
    return int(found[1]), int(found[2])
