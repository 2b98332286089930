"""Packages: the C library as CMake, PlatformIO, Arduino, Zephyr, ESP-IDF, Meson and CMSIS-Pack take it."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from embinit import __version__

TEMPLATES = Path(str(files("embinit"))) / "packages" / "templates"
#: Arduino and CMSIS-Pack want an address; the project has no public one yet, and `.invalid` never leads anywhere.
URL = "https://embinit.invalid/"


def packages(library: Sequence[str]) -> Mapping[str, bytes]:
    """Return the files, by their paths from the folder of the C library, by which build systems find it.

    library: the names of the library's own files, which Meson and CMSIS-Pack list; all others take what is there.

    >>> sorted(packages(["embinit.c", "embinit.h"]))[:3]
    ['CMakeLists.txt', 'Kconfig', 'cmake/embinitConfig.cmake']
    """
    kinds = {".c": "source", ".h": "header"}
    told = {
        "@VERSION@": __version__,
        "@URL@": URL,
        "@MESON_SOURCES@": "\n".join(f"  '{name}'," for name in library if name.endswith(".c")),
        "@PACK_FILES@": "\n".join(
            f'        <file category="{kinds[Path(name).suffix]}" name="{name}"/>' for name in library
        ),
    }
    found = {}
    for path in sorted(TEMPLATES.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for mark, value in told.items():
                text = text.replace(mark, value)
            found[path.relative_to(TEMPLATES).as_posix()] = text.encode()
    return found


def foreign(folder: Path, package: Mapping[str, bytes]) -> list[str]:
    """Return the files of a package whose names a folder has already given to files of somebody else's.

    A file counts as one that some release of embinit wrote if it has the longest line of the template.
    """
    found = []
    for name in package:
        lines = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()
        longest = max((line for line in lines if "@" not in line), key=len).encode()
        path = folder / name
        if path.exists() and not (path.is_file() and longest in path.read_bytes()):
            found.append(name)
    return found
