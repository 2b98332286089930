"""The C library: its files, and all of it as one source and one header."""

import re
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path

C_DIRECTORY = Path(str(files("embinit"))) / "c"
#: The sources that a firmware compiles with the generated code.
SOURCES = tuple(sorted(C_DIRECTORY.glob("embinit*.c")))
HEADERS = tuple(sorted(C_DIRECTORY.glob("embinit*.h")))
#: Known answers for a new board and for a new compiler; not part of a firmware.
SELFTEST = tuple(C_DIRECTORY / name for name in ("selftest.h", "selftest.c", "probe.h", "probe.c", "probe_rand.c"))

_INCLUDE = re.compile(r'^#include [<"]([\w.]+)[>"]\n', re.MULTILINE)
_OWN_INCLUDE = re.compile(r'^#include "embinit\w*\.h"\n', re.MULTILINE)
_LICENSE = "/* SPDX-License-Identifier: MIT */\n"


def amalgamated() -> dict[str, bytes]:
    """Return the whole library as embinit.h and embinit.c, for projects that would rather copy two files."""
    headers = {path.name: path for path in HEADERS}
    order = TopologicalSorter({name: sorted(headers.keys() & set(_includes(path))) for name, path in headers.items()})
    ordered = [headers[name] for name in order.static_order()]
    return {
        "embinit.h": _joined("EMBINIT_H", ordered).encode(),
        "embinit.c": (f'{_LICENSE}#include "embinit.h"\n\n' + _joined(None, SOURCES)).encode(),
    }


def including_amalgamated(code: str) -> str:
    """Return C code that includes embinit.h once, in place of all headers of the library."""
    once = iter(['#include "embinit.h"\n'])
    return _OWN_INCLUDE.sub(lambda _: next(once, ""), code)


def _includes(path: Path) -> list[str]:
    return _INCLUDE.findall(path.read_text(encoding="utf-8"))


def _joined(guard: str | None, paths: Sequence[Path]) -> str:
    """Return the text of files joined, with each header of C or of the library included once, at the top."""
    system = sorted({name for path in paths for name in _includes(path) if not name.startswith("embinit")})
    head = [f"#ifndef {guard}\n#define {guard}\n\n"] if guard else []
    head += [f"#include <{name}>\n" for name in system]
    return "".join([*head, *_bodies(paths), f"\n#endif /* {guard} */\n" if guard else ""])


def _bodies(paths: Sequence[Path]) -> Iterator[str]:
    """Yield files without their includes, licences and guards."""
    for path in paths:
        text = _INCLUDE.sub("", path.read_text(encoding="utf-8")).replace(_LICENSE, "")
        if path.suffix == ".h":
            guard = f"{path.stem.upper()}_H"
            text = text.replace(f"#ifndef {guard}\n#define {guard}\n", "")
            text = text[: text.rindex("#endif")]
        yield f"\n/* ==== {path.name} ==== */\n\n{text.strip()}\n"
