"""Dialect files that come with embinit: the init code of C and C++ programs that people run."""

from importlib.resources import files

from embinit.errors import check_known

_FOLDER = files("embinit.dialects.programs")


def program_names() -> tuple[str, ...]:
    """Return the names of the files.

    >>> "genann" in program_names()
    True
    """
    return tuple(sorted(each.name.removesuffix(".toml") for each in _FOLDER.iterdir() if each.name.endswith(".toml")))


def program_text(name: str) -> str:
    """Return the text of a file, or raise EmbinitError that lists the known names."""
    check_known("dialect", name, program_names())
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
