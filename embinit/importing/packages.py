"""The libraries that read files, each an extra: imported when it is used, and named where it is missing."""

import importlib
from typing import Any

from embinit.errors import EmbinitError


def package(name: str, extra: str, what: str) -> Any:
    """Return an installed package, or raise EmbinitError that says which extra brings it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise EmbinitError(f"{what} needs the extra {extra}: pip install 'embinit[{extra}]'") from None
