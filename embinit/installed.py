"""Installed: which dialects the packages beside embinit bring, by their entry points."""

import sys
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

GROUP = "embinit.dialects"


def installed_names() -> tuple[str, ...]:
    """Return the names of the dialects that installed packages bring; no package is imported for it."""
    return _names(tuple((place, _changed(place)) for place in sys.path))


@lru_cache(1)
def _names(_places: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Read what all packages say of themselves, which takes milliseconds; installing one changes a place's time."""
    return tuple(sorted({each.name for each in entry_points(group=GROUP)}))


def _changed(place: str) -> int:
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return 0
