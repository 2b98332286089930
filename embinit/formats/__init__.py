"""Formats: how the elements of a buffer are held on the device, as short declarations, each file's own FAMILIES."""

import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from embinit.errors import EmbinitError, listed, shown
from embinit.formats.base import (
    CFamily,
    Families,
    Family,
    Format,
    Grid,
    Groups,
    QuantizationParameters,
    Quantized,
    refuse,
)
from embinit.formats.rounding import LOOSE, MODES, ROUNDINGS, Rounding

_FAMILIES: Families = {}
#: The formats that hold the values themselves.
FLOATS = ("float32", "float64")
#: What `embinit formats` lists: families of formats by name pattern.
FORMATS: dict[str, Family] = {}


def register(families: Families) -> None:
    """Make families of formats known by their names, to model files and everywhere else (docs/extending.md).

    Parameters
    ----------
    families
        For each new `Family` the regular expression of its names, and what builds a format from a name and its numbers.

    Raises
    ------
    EmbinitError
        If embinit has a family of that name already.

    Examples
    --------
    >>> from dataclasses import replace
    >>> register({replace(family_named("sym5"), summary="mine"): ("sym5", lambda name: format_named(name))})
    Traceback (most recent call last):
    embinit.errors.EmbinitError: format sym<b> must be new, and embinit has one of that name
    """
    for family in families:
        if FORMATS.get(family.name, family) != family:
            raise EmbinitError(f"format {family.name} must be new, and embinit has one of that name")
    _FAMILIES.update(families)
    FORMATS.update({family.name: family for family in families})
    _format_named.cache_clear()


def format_named(name: str) -> Format:
    """Return a format by its name: its bytes, its codes, and what it keeps besides them.

    Parameters
    ----------
    name
        A name such as "float32", "q7" or "sym5".

    Raises
    ------
    EmbinitError
        If the name is unknown; the message lists the known patterns.

    Examples
    --------
    >>> format_named("float32").nbytes(10)
    40
    >>> format_named("sym5").nbytes(10)
    7
    """
    if not isinstance(name, str):
        raise _unknown(name)
    return _format_named(name)


@cache
def _format_named(name: str) -> Format:
    family = family_named(name)
    pattern, make = _FAMILIES[family]
    numbers = re.fullmatch(pattern, name, re.ASCII)
    if numbers is None:
        raise _unknown(name)
    return make(name, *map(int, numbers.groups()))


def family_named(name: str) -> Family:
    """Return the family of formats to which a name belongs, with what `embinit formats` says about it.

    Parameters
    ----------
    name
        The name of a format, or the pattern of a family.

    Raises
    ------
    EmbinitError
        If the name is unknown.

    Examples
    --------
    >>> family_named("sym5").name
    'sym<b>'
    """
    if not isinstance(name, str):
        raise _unknown(name)
    if name in FORMATS:
        return FORMATS[name]
    found = [family for family, (pattern, _) in _FAMILIES.items() if re.fullmatch(pattern, name, re.ASCII)]
    if not found:
        raise _unknown(name)
    if len(found) > 1:
        raise EmbinitError(f"format {name} must be of one family, and is of {listed(each.name for each in found)}")
    return found[0]


def _unknown(name: object) -> EmbinitError:
    return EmbinitError(f"format must be one of {listed(FORMATS)}, got {shown(name)}")


def _register_own() -> None:
    """Register the families of this folder's files, that of the default format first."""
    names = (module.name for module in iter_modules(__path__))
    for name in sorted(names, key=lambda name: (name != "floats", name)):
        register(getattr(import_module(f"{__name__}.{name}"), "FAMILIES", {}))


_register_own()

__all__ = [
    "FLOATS", "FORMATS", "LOOSE", "MODES", "ROUNDINGS", "CFamily", "Families", "Family", "Format", "Grid", "Groups",
    "QuantizationParameters", "Quantized", "Rounding", "family_named", "format_named", "refuse", "register",
]  # fmt: skip
