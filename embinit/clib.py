"""The C library: its files, and all of it as one source and one header."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path

from embinit import __version__

C_DIRECTORY = Path(str(files("embinit"))) / "c"
#: The sources that a firmware compiles with the generated code.
SOURCES = tuple(sorted(C_DIRECTORY.glob("embinit*.c")))
HEADERS = tuple(sorted(C_DIRECTORY.glob("embinit*.h")))
#: Known answers for a new board and for a new compiler; not part of a firmware.
SELFTEST = tuple(C_DIRECTORY / name for name in ("selftest.h", "selftest.c", "probe.h", "probe.c", "probe_rand.c"))

_INCLUDE = re.compile(r'^#include [<"]([\w.]+)[>"]\n', re.MULTILINE)
_LICENSE = "SPDX-License-Identifier: MIT"


def sources_of(code: Iterable[str]) -> tuple[Path, ...]:
    r"""Return the sources of the headers that C code includes, and of those that these files include in turn.

    >>> [path.stem for path in sources_of(['#include "embinit_fma.h"\n'])]
    ['embinit_fma']
    """
    left, found = [name for text in code for name in _INCLUDE.findall(text)], set[str]()
    while left:
        name = left.pop()
        if name not in found and _is_own(name):
            found.add(name)
            header = C_DIRECTORY / name
            left += [each for path in (header, header.with_suffix(".c")) for each in _includes(path)]
    return tuple(source for source in SOURCES if f"{source.stem}.h" in found)


@cache
def amalgamated() -> Mapping[str, bytes]:
    """Return the whole library as embinit.h and embinit.c, for projects that would rather copy two files."""
    headers = {path.name: path for path in HEADERS}
    order = TopologicalSorter({name: sorted(headers.keys() & _includes(path)) for name, path in headers.items()})
    first = "embinit.h"  # says what the library is, and declares nothing that needs the others
    others = [headers[name] for name in order.static_order() if name != first]
    return {
        "embinit.h": _joined([headers[first], *others], "EMBINIT_H").encode(),
        "embinit.c": _joined(SOURCES, None).encode(),
    }


def including_amalgamated(code: str) -> str:
    """Return C code that includes embinit.h once, in place of all headers of the library."""
    once = iter(['#include "embinit.h"\n'])
    return _INCLUDE.sub(lambda found: next(once, "") if _is_own(found[1]) else found[0], code)


def _is_own(name: str) -> bool:
    return any(name == path.name for path in HEADERS)


def _includes(path: Path) -> set[str]:
    return set(_INCLUDE.findall(path.read_text(encoding="utf-8"))) if path.is_file() else set()


def _joined(paths: Sequence[Path], guard: str | None) -> str:
    """Return files joined into one: into a header with that guard and with C's own includes at its head, or into a
    source if there is no guard.
    """
    origin = f"/* embinit {__version__} in one source and one header, by `embinit c --amalgamated`."
    system = sorted(name for name in set[str]().union(*map(_includes, paths)) if not _is_own(name))
    if guard:
        head = f"#ifndef {guard}\n#define {guard}\n\n" + "".join(f"#include <{name}>\n" for name in system)
    else:
        head = '#include "embinit.h"\n'
    parts = [
        f"{origin}\n *\n * {_LICENSE}\n */\n",
        head,
        *(f"\n/* ==== {path.name} ==== */\n\n{_body(path)}\n" for path in paths),
        f"\n#endif /* {guard} */\n" if guard else "",
    ]
    return "".join(parts)


def _body(path: Path) -> str:
    """Return the text of a file without its includes and its licence. Of a header's guard, the definition is left, so
    that code which also includes that header itself gets nothing twice.
    """
    text = _INCLUDE.sub("", path.read_text(encoding="utf-8"))
    text = text.replace(f"/* {_LICENSE} */\n", "").replace(f"\n *\n * {_LICENSE}\n */", " */")
    if path.suffix == ".h":
        guard = f"{path.stem.upper()}_H"
        defined = "" if path.name == "embinit.h" else f"#define {guard}\n"
        text = text.replace(f"#ifndef {guard}\n#define {guard}\n", defined)
        text = text[: text.rindex("#endif")]
    return re.sub(r"\n{3,}", "\n\n", text.strip())
