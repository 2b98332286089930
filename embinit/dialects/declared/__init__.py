"""Dialect files: a program's init code as data, read, checked and drawn like any other dialect."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embinit.dialects.declared.dialect import DeclaredDialect, dialect_of
from embinit.dialects.declared.reader import parse_file, parse_text, read
from embinit.dialects.programs import program_text


def program_tables(name: str) -> Mapping[str, Any]:
    """Return the tables of a dialect file that comes with embinit, with those that it is based on filled in."""
    return read(parse_text(program_text(name), f"{name}.toml"), f"{name}.toml", name, program_tables).tables


def program_dialect(name: str) -> DeclaredDialect:
    """Return the dialect of a file that comes with embinit.

    >>> program_dialect("genann").element
    'float64'
    """
    tables = parse_text(program_text(name), f"{name}.toml")
    return dialect_of(read(tables, f"{name}.toml", name, program_tables))


def load_dialect(path: str | Path) -> DeclaredDialect:
    """Return the dialect of a file, or raise EmbinitError that names the file, the key, the column and the rule."""
    tables, source = parse_file(path)
    return dialect_of(read(tables, source, _default_name(Path(path).stem), program_tables))


def dialect_of_tables(tables: Mapping[str, Any], source: str, default_name: str) -> DeclaredDialect:
    """Return the dialect of a [dialect] table in another file."""
    return dialect_of(read(tables, source, _default_name(default_name), program_tables))


def _default_name(text: str) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in text)[:64]
    return name if name[:1].isalpha() else f"d{name}"[:64]


__all__ = [
    "DeclaredDialect",
    "dialect_of",
    "dialect_of_tables",
    "load_dialect",
    "program_dialect",
    "program_tables",
]
