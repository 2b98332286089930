"""Dialects of installed packages: entry points, each loaded when its dialect is first named."""

from importlib.metadata import EntryPoint, entry_points

from embinit.dialects.base import Dialect
from embinit.errors import EmbinitError, listed, one_line, shown
from embinit.installed import GROUP


def installed_dialect(name: str) -> Dialect:
    """Import the dialect of an installed package; one that cannot be used is an error that names the package."""
    points = tuple(entry_points(group=GROUP, name=name))
    packages = listed(sorted({_package(each) for each in points}))
    if len({each.value for each in points}) > 1:
        raise EmbinitError(f"dialect {name} must come from one package, got it from {packages}: uninstall all but one")
    what = f"dialect {name} of package {packages}"
    try:
        found = points[0].load()
    except Exception as error:
        why = one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        raise EmbinitError(f"{what} cannot be loaded from {points[0].value}: {why}") from None
    if not isinstance(found, Dialect):
        raise EmbinitError(f"{what} must be a Dialect, got {shown(found)} from {points[0].value}")
    if found.name != name:
        raise EmbinitError(f"{what} must have the name of its entry point, got {shown(found.name)}")
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"
