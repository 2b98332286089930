"""TOML, written: what Python's own tomllib reads."""

from collections.abc import Iterator, Mapping
from typing import Any

from embinit.errors import EmbinitError, shown

#: Integers of this many bits or more are written in hexadecimal, which Python reads at any length.
_LONG = 1024


def toml(value: Any) -> str:
    r"""Return a value in TOML, tables in one line.

    >>> toml({"name": "uniform", "low": -0.1, "on": True, "axes": ("out", "in")})
    '{ name = "uniform", low = -0.1, on = true, axes = ["out", "in"] }'
    """
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{key(name)} = {toml(held)}" for name, held in value.items()) + " }"
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case str():
            return _quoted(value)
        case bool():
            return str(value).lower()
        case int():
            return str(int(value)) if value < 0 or value.bit_length() < _LONG else hex(value)
        case float():
            return repr(float(value))
    raise EmbinitError(f"TOML has no way to write {shown(value)}")


def key(name: str) -> str:
    """Return a key in TOML, in quotes if it needs them.

    >>> key("low"), key("8:16")
    ('low', '"8:16"')
    """
    plain = name != "" and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    return name if plain else _quoted(name)


def document(tables: Mapping[str, Any]) -> str:
    """Return the text of a file that holds tables, each under its header; a list of tables has a header for each one.

    >>> print(document({"model": {"name": "m"}, "layer": [{"type": "ReLU"}, {"type": "Tanh"}]}), end="")
    [model]
    name = "m"
    <BLANKLINE>
    [[layer]]
    type = "ReLU"
    <BLANKLINE>
    [[layer]]
    type = "Tanh"
    """
    parts = [part for name, table in tables.items() for part in _parts(key(name), table)]
    return "\n\n".join(parts) + "\n"


def _parts(path: str, table: Mapping[str, Any] | list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the text of a table, and of the tables in it."""
    if isinstance(table, list):
        for each in table:
            yield f"[[{path}]]\n{_lines(each)}"
        return
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    if plain or len(plain) == len(table):
        yield f"[{path}]\n{_lines(plain)}".rstrip("\n")
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _parts(f"{path}.{key(name)}", value)


def _lines(table: Mapping[str, Any]) -> str:
    return "\n".join(f"{key(name)} = {toml(value)}" for name, value in table.items())


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EmbinitError(f"TOML has no way to write text that is not Unicode, got {shown(text)}") from None
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
