"""The C compilers of this machine: gcc and clang where they are, zig cc from its wheel always."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from embinit.cache import fetch, key_of
from embinit.clib import C_DIRECTORY, SOURCES, sources_of

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
#: Compiler command -> what it takes to find memory errors and undefined behaviour; zig's wheel has no AddressSanitizer.
HOST_COMPILERS = {name: SANITIZERS for name in ("gcc", "clang") if shutil.which(name)} or {
    f"{sys.executable} -m ziglang cc": ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
}
UNITS = [*SOURCES]
#: What embinit.h declares.
CORE = ("embinit_distributions", "embinit_fma", "embinit_model", "embinit_pcg32", "embinit_xorshift32")
#: Compilers that keep no objects themselves, as zig cc does.
FORGETFUL = ("gcc", "clang", "g++", "clang++")


def run(command: Iterable[object]) -> str:
    """Run a compiler and return what it prints; fail with its words."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr[:3000]}"
    return done.stdout


def compile_program(
    compiler: str, sources: Iterable[Path], output: Path, *flags: str, warnings: Iterable[str] = tuple(WARNINGS)
) -> Path:
    """Compile C sources, with the C library's headers in reach, to a program; fail with the compiler's words."""
    built = library(compiler, sources, [*warnings, *flags])
    libraries = [flag for flag in flags if flag.startswith("-l")]

    def build(program: Path) -> None:
        run([*compiler.split(), *warnings, *flags, f"-I{C_DIRECTORY}", "-o", program, *built, *libraries])

    return keep(compiler, [*warnings, *flags], built, build, output)


def keep(
    compiler: str,
    flags: Iterable[str],
    sources: Iterable[Path],
    build: Callable[[Path], None],
    output: Path,
    *more: str,
) -> Path:
    """Write a program: the one that the cache keeps, or what `build` makes, which the cache then keeps.

    The key is what the preprocessor makes of the sources, objects as they are, the compiler and the flags, and more.
    """
    if compiler not in FORGETFUL:
        build(output)
        return output
    flags, sources = [*flags], [*sources]
    kind, own = _build(compiler, _own(flags)), [path for path in sources if path.suffix != ".o"]
    libraries = [flag for flag in flags if flag.startswith("-l")]
    reach = [*(flag for flag in flags if flag not in libraries), f"-I{C_DIRECTORY}"]
    seen = run([compiler, *reach, "-E", "-C", "-P", *own]) if own else ""
    key = key_of([kind, *libraries, *more, seen, *(path.read_bytes() for path in sources)])
    fetch(f"programs-{kind}", key, build, output)
    output.chmod(0o755)
    return output


def library(compiler: str, sources: Iterable[Path], flags: Iterable[str]) -> list[Path]:
    """Return sources, with an object in place of each unit of the C library, and without units that the others do not
    reach by what they include.

    The cache keeps objects by all that decides about them, so that a unit is compiled once for each set of flags.
    """
    sources, flags = [*map(Path, sources)], [*flags]
    if compiler not in FORGETFUL:
        return sources
    roots = [path for path in sources if path not in SOURCES]
    spared = {*SOURCES}.difference(_reached(roots, flags)) if roots else ()
    own = _own(flags)
    return [
        _object(compiler, own, path) if path.parent == C_DIRECTORY else path for path in sources if path not in spared
    ]


def _reached(roots: Iterable[Path], flags: Iterable[str]) -> tuple[Path, ...]:
    """Return the units of the C library that files, and the headers beside them, include the headers of."""
    beside = {path.parent for path in roots} | {Path(flag[2:]) for flag in flags if flag.startswith("-I")}
    headers = [path for folder in beside - {C_DIRECTORY} for path in folder.glob("*.h")]
    return sources_of(path.read_text() for path in (*roots, *headers) if path.suffix != ".o")


def _own(flags: Iterable[str]) -> tuple[str, ...]:
    """Return the flags that decide what is compiled, but not where from or what it is linked with."""
    return tuple(flag for flag in flags if not flag.startswith(("-I", "-l")))


@cache
def _object(compiler: str, flags: tuple[str, ...], source: Path) -> Path:
    build = _build(compiler, flags)
    kept = _folder() / build / f"{source.stem}.o"
    kept.parent.mkdir(exist_ok=True)
    key = key_of([build, _text(source)])
    fetch(f"objects-{build}", key, lambda output: run([compiler, *flags, "-c", source, "-o", output]), kept)
    return kept


@cache
def _build(compiler: str, flags: tuple[str, ...]) -> str:
    """Return a name for what a compiler says that it would do, its version and this machine's architecture included."""
    command = [compiler, *flags, "-###", "-S", "-x", "c", os.devnull, "-o", os.devnull]
    done = subprocess.run(command, cwd=C_DIRECTORY, capture_output=True, text=True, check=True)
    return key_of([compiler, str(C_DIRECTORY), done.stderr])[:16]


@cache
def _text(source: Path) -> str:
    """Return a name for what a unit of the C library is compiled from: itself and the headers that it reaches."""
    found: dict[str, bytes] = {}
    waiting = [source.name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = (C_DIRECTORY / name).read_bytes()
            waiting += re.findall(r'^[ \t]*#[ \t]*include[ \t]*"(.+)"', found[name].decode(), re.MULTILINE)
    return key_of(each for name in [source.name, *sorted(found)] for each in (name, found[name]))


@cache
def _folder() -> Path:
    """Return a folder for the objects of this process."""
    folder = Path(tempfile.mkdtemp(prefix="embinit-objects-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
