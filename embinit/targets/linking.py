"""Compilers that have no C library for a bare core: gcc's headers, its C library, and gcc as their linker."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from embinit.targets.boards import System
from embinit.targets.compilers import PACKAGES, installed
from embinit.targets.device_error import DeviceError

#: How flags begin that say what core code is for; clang has these from gcc.
_OF_THE_CORE = ("-march=", "-mabi=", "-mcpu=", "-mfpu=", "-mfloat-abi=", "-mcmodel=", "-mthumb")


def linker_of(compiler: Sequence[str], system: System) -> list[str] | None:
    """Return the gcc command that links what a compiler builds for a bare board, with gcc's C library; None if the
    compiler has one of its own, or builds for an operating system.

    Raises DeviceError if that gcc is not installed.
    """
    if not system.is_bare or compiler[0] == system.compiler or _has_a_library(compiler):
        return None
    try:
        program = installed(system.compiler)
    except DeviceError:
        raise DeviceError(
            f"{Path(compiler[0]).name} has no C library for this core, and {system.compiler}, whose it would use, is "
            f"not installed: apt-get install {PACKAGES[system.compiler]}"
        ) from None
    core = [word for word in compiler[1:] if word.startswith(_OF_THE_CORE)]
    return [program, *dict.fromkeys([*core, *system.flags]), *next(iter(system.libcs.values()))]


def headers_of(linker: Sequence[str]) -> Iterator[str]:
    """Yield the flags by which another compiler finds the headers of gcc's C library, without those of gcc itself."""
    done = _preprocessed([*linker, "-v"], "")
    found = re.search(r"^#include <\.\.\.> search starts here:\n((?: .*\n)*)", done.stderr, re.MULTILINE)
    for line in found[1].splitlines() if found else ():
        folder = Path(line.strip()).resolve()
        if "gcc" not in folder.parts:
            yield f"-isystem{folder}"


def _has_a_library(compiler: Sequence[str]) -> bool:
    return _preprocessed(compiler, "#include <math.h>\n").returncode == 0


def _preprocessed(compiler: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed(compiler[0]), *compiler[1:], "-E", "-x", "c", "-"],
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
