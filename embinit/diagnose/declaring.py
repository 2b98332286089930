"""Declaring: mistakes that are changes of the tables of a dialect file, and the lines of a model file for them."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from embinit.diagnose.account import Account
from embinit.diagnose.hypothesis import Change
from embinit.dialects import Dialect, dialect_named
from embinit.dialects.declared import DeclaredDialect, dialect_of_tables, program_tables
from embinit.dialects.declared.reader import merged
from embinit.dialects.programs import program_names
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, Named, VarianceScaling
from embinit.layers import Layer, Weighted
from embinit.model import Description
from embinit.toml import toml

Tables = Mapping[str, Any]


@cache
def tables_of(dialect: str | Dialect) -> Tables | None:
    """Return the tables of a dialect file that declares a dialect; None if no file can."""
    known = dialect_named(dialect)
    if isinstance(known, DeclaredDialect):
        return known.description.tables
    return program_tables(known.name) if known.name in program_names() else None


def base_of(dialect: str | Dialect) -> str | None:
    """Return the name of a dialect if a [dialect] table can be based on it; else None."""
    name = dialect_named(dialect).name
    return name if name in program_names() else None


def declares(overlay: Tables, **changes: Any) -> Change:
    """Return the change to a model whose dialect has other keys, and to other fields of the model."""
    return lambda account: Account.of(declared(account.model, overlay, **changes))


def declared(model: Description, overlay: Tables, **changes: Any) -> Description:
    """Return a model whose dialect has other keys, or raise EmbinitError if its dialect or its layers cannot be
    declared in a file.
    """
    tables = tables_of(model.dialect)
    if tables is None:
        raise EmbinitError(f"dialect {model.dialect} cannot be said as a file")
    own = model.conventions
    dialect = _dialect(json.dumps(merged(tables, overlay)), own.name)
    layers = model.layers
    if not isinstance(own, DeclaredDialect):
        layers = [_said(layer, own, dialect) for layer in layers]
    return replace(model, layers=layers, dialect=dialect, **changes)


@lru_cache(maxsize=64)
def _dialect(tables: str, name: str) -> DeclaredDialect:
    """Return the dialect of tables, given as JSON, so that causes which are tried alone and together share one."""
    return dialect_of_tables(json.loads(tables), "the device", name)


def _said(layer: Layer, own: Dialect, file: DeclaredDialect) -> Layer:
    """Return a layer with the initializers that a dialect file has under the same names."""
    if not isinstance(layer, Weighted):
        return layer
    weight, bias = layer.weight_init, layer.bias_init
    return replace(
        layer,
        weight_init=None if weight is None else _named(own.layer_weight(weight), file),
        bias_init=None if bias is None else _named(bias, file),
    )


def _named(initializer: Initializer, file: DeclaredDialect) -> Initializer:
    if not isinstance(initializer, VarianceScaling):
        return initializer
    names = {"fan_in": "kaiming", "fan_avg": "xavier"}
    name = f"{names.get(initializer.mode, '')}_{initializer.distribution}"
    if name not in file.named:
        raise EmbinitError(f"dialect {file.name}, as a file, has no {initializer}")
    return Named(name, (initializer.gain * math.sqrt(initializer.scale),))


def lines_of(base: str | None, overlay: Tables) -> dict[str, str]:
    """Return the lines of a model file that declare an overlay, by their table. base: the dialect that they change.

    >>> lines_of("odt", {"values": {"unit": "(float)word / 4294967296.0f"}})
    {'[dialect]': 'based_on = "odt"', '[dialect.values]': 'unit = "(float)word / 4294967296.0f"'}
    """
    found = {"[dialect]": f'based_on = "{base}"'} if base else {}

    def walk(path: str, table: Tables) -> None:
        plain = [f"{key} = {toml(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
        if plain:
            found[f"[{path}]"] = "\n".join(filter(None, (found.get(f"[{path}]"), *plain)))
        for key, value in table.items():
            if isinstance(value, Mapping):
                walk(f"{path}.{key}", value)

    walk("dialect", overlay)
    return found
