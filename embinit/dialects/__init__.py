"""Dialects: the conventions of each framework, as short declarations."""

from embinit.dialects.base import Dialect, naming
from embinit.dialects.gomlx import GOMLX
from embinit.dialects.kaun import KAUN
from embinit.dialects.odt import ODT, ODT_2026_04, ODT_2026_06
from embinit.dialects.portable import PORTABLE
from embinit.dialects.portable_int import PORTABLE_INT
from embinit.dialects.torch import TORCH, TORCH_NOFMA
from embinit.errors import check_known

DIALECTS = {
    dialect.name: dialect
    for dialect in (ODT, ODT_2026_06, ODT_2026_04, PORTABLE, PORTABLE_INT, TORCH, TORCH_NOFMA, KAUN, GOMLX)
}


def dialect_named(name: str) -> Dialect:
    """Return a dialect; an unknown name is an error that lists the known ones.

    >>> dialect_named("odt").summary
    'OnDeviceTraining from 2026-07-13'
    """
    check_known("dialect", name, DIALECTS)
    return DIALECTS[name]


__all__ = ["DIALECTS", "Dialect", "dialect_named", "naming"]
