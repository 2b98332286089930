"""Dialect files that come with embinit: the init code of C and C++ programs that people run."""

from pathlib import Path

from embinit.errors import check_known

_FOLDER = Path(__file__).parent


def program_names() -> tuple[str, ...]:
    """Return the names of the files.

    >>> "genann" in program_names()
    True
    """
    return tuple(sorted(each.stem for each in _FOLDER.glob("*.toml")))


def program_text(name: str) -> str:
    """Return the text of a file, or raise EmbinitError that lists the known names."""
    check_known("dialect", name, program_names())
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
