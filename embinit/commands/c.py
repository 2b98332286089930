"""embinit c: copy the C library into a project, or say how to compile it."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from embinit.commands.output import DONE, note, say
from embinit.errors import EmbinitError, listed

if TYPE_CHECKING:
    from embinit.files import Content


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.clib import C_DIRECTORY, HEADERS, SELFTEST, SOURCES, amalgamated, including_amalgamated
    from embinit.files import write_files
    from embinit.packages import foreign, packages

    if options.amalgamated and options.output is None:
        raise EmbinitError("--amalgamated says how to copy the C library: give -o DIR with it")
    if options.output is not None:
        output = Path(options.output)
        library, selftest = _contents((*HEADERS, *SOURCES)), _contents(SELFTEST)
        if options.amalgamated:
            library = dict(amalgamated())
            selftest = {name: including_amalgamated(text.decode()).encode() for name, text in selftest.items()}
        folders = {output: library, output / "selftest": selftest}
        package = packages(sorted(library))
        kept = foreign(output, package)
        if kept:
            note(f"{output}: kept {listed(kept)}, which embinit did not write; a folder of its own has all packages")
        for name, content in package.items():
            if name in kept:
                continue
            path = output / name
            folders[path.parent] = folders.get(path.parent, {}) | {path.name: content}
        for folder, contents in folders.items():
            write_files(folder, partial(map, _written, contents.items()))
            say("\n".join(str(folder / name) for name in contents))
    elif options.includes:
        say(C_DIRECTORY)
    elif options.sources:
        say("\n".join(map(str, SOURCES)))
    else:
        say(f"-std=c99 -I{C_DIRECTORY}")
    return DONE


def _contents(paths: Sequence[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def _written(item: tuple[str, bytes]) -> "tuple[str, Content]":
    name, content = item
    return name, lambda file: file.write(content)
