"""Schemas: what each command prints with --json, and what manifest.json holds, as JSON Schema 2020-12.

A key may be added to an output without notice: readers ignore the keys they do not know. If a key goes or changes its
meaning, `VERSION` changes, and CHANGELOG.md says so.
"""

import json
from importlib.resources import files
from typing import Any

from embinit.errors import check_known

#: The version of all these schemas.
VERSION = 1
_FOLDER = files("embinit.schemas")


def names() -> list[str]:
    """Return the names of all schemas: a command's, with a dash for its space, or manifest.

    >>> "plan" in names() and "targets-probe" in names()
    True
    """
    return sorted(path.name.removesuffix(".json") for path in _FOLDER.iterdir() if path.name.endswith(".json"))


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of an output; a `$ref` in it names the file of another schema.

    Parameters
    ----------
    name
        A command, with a dash for its space, such as `targets-probe`; or `manifest`.

    Returns
    -------
    dict
        The schema, as `json.load` gives it.

    Raises
    ------
    EmbinitError
        For an unknown name.

    Examples
    --------
    >>> list(schema("plan")["properties"])
    ['model', 'buffers', 'no_c']
    """
    check_known("the schema's name", name, names())
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found
