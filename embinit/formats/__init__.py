"""Formats: how the elements of a buffer are held on the device, as short declarations."""

import re
from functools import cache

from embinit.errors import EmbinitError, listed
from embinit.formats import affine, blockfloat, float32, qformat
from embinit.formats.base import Family, Format, Grid, Groups, Parameters, Quantized, refuse_non_finite
from embinit.formats.float32 import Float32
from embinit.formats.rounding import ROUNDINGS, Rounding

#: What `embinit formats` lists: families of formats by name pattern.
FORMATS = {
    family.name: family
    for family in (*float32.FAMILIES, *qformat.FAMILIES, *affine.FAMILIES, *blockfloat.FAMILIES)
}


def format_named(name: str) -> Format:
    """Return a format; an unknown name is an error that lists the known ones.

    >>> format_named("float32").nbytes(10)
    40
    >>> format_named("sym5").nbytes(10)
    7
    """
    if not isinstance(name, str):
        raise EmbinitError(f"format must be one of {listed(FORMATS)}, got {name!r}")
    return _format_named(name)


@cache
def _format_named(name: str) -> Format:
    for family in FORMATS.values():
        matched = re.fullmatch(family.pattern, name, re.ASCII)
        if matched:
            return family.make(name, *map(int, matched.groups()))
    raise EmbinitError(f"format must be one of {listed(FORMATS)}, got {name!r}")


__all__ = [
    "FORMATS", "ROUNDINGS", "Family", "Float32", "Format", "Grid", "Groups", "Parameters", "Quantized", "Rounding",
    "format_named", "refuse_non_finite",
]  # fmt: skip
