"""Widths: a user's C with integers of 32 bits where those of this machine and of a microcontroller differ."""

import re
from pathlib import Path

from embinit.files import write_file

#: Types that have 64 bits on this machine, or other bits than in newlib, and what takes their place.
_TYPES = {
    "size_t": "unsigned",
    "ssize_t": "int",
    "ptrdiff_t": "int",
    "uintptr_t": "unsigned",
    "intptr_t": "int",
    "uint_fast8_t": "unsigned char",
    "int_fast8_t": "signed char",
    **{f"uint_fast{bits}_t": "unsigned" for bits in (16, 32)},
    **{f"int_fast{bits}_t": "int" for bits in (16, 32)},
}
_TOKEN = re.compile(
    r"""(?P<kept>//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
      | (?P<words>\b(?:(?:unsigned|signed|long|short|int|char|double)\b\s*)+)
      | (?<![\w.])(?P<real>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[lL]|[0-9]+[eE][-+]?[0-9]+[lL])(?!\w)
      | (?<![\w.])(?P<digits>0[xX][0-9a-fA-F]+|[0-9]+)(?P<suffix>[uU]?[lL]|[lL][uU])(?![\w.])
      | \b(?P<named>"""
    + "|".join(_TYPES)
    + r")\b",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r'^(\s*#\s*include\s*)"([^"\n]+)"', re.MULTILINE)


def of_32_bits(text: str, integers: bool = True, doubles: bool = False) -> str:
    """Return C in which long, size_t and their like, and literals with the suffix L, have 32 bits, unless integers is
    false; and, if doubles is true, in which long double is double.

    >>> of_32_bits("unsigned long x = 1UL; long long y = 2LL; long double z; size_t n; /* long */")
    'unsigned int x = 1U; long long y = 2LL; long double z; unsigned n; /* long */'
    """

    def replaced(found: re.Match[str]) -> str:
        if words := found["words"]:
            names = words.split()
            if doubles and sorted(names) == ["double", "long"]:
                return "double" + words[len(words.rstrip()) :]
            if not integers or names.count("long") != 1 or "double" in names:
                return words
            kept = [name for name in names if name not in ("long", "int")]
            return " ".join([*kept, "int"]) + words[len(words.rstrip()) :]
        if found["real"]:
            return found["real"].rstrip("lL") if doubles else found["real"]
        if not integers:
            return found[0]
        if found["digits"]:
            return found["digits"] + found["suffix"].strip("lL")
        return _TYPES[found["named"]] if found["named"] else found[0]

    return _TOKEN.sub(replaced, text)


def narrowed(source: Path, folder: Path, integers: bool = True, doubles: bool = False) -> Path:
    """Write a C file as `of_32_bits` makes it into a folder, with what it includes from its own folder, and return its
    path.
    """
    copies: dict[Path, Path] = {}

    def copied(path: Path) -> Path:
        if path not in copies:
            copies[path] = folder / f"narrow{len(copies)}{path.suffix}"
            text = path.read_text(encoding="utf-8", errors="surrogateescape")

            def included(found: re.Match[str]) -> str:
                own = (path.parent / found[2]).resolve()
                return f'{found[1]}"{copied(own)}"' if own.is_file() else found[0]

            narrow = _QUOTED.sub(included, of_32_bits(text, integers, doubles))
            write_file(copies[path], narrow.encode("utf-8", "surrogateescape"))
        return copies[path]

    return copied(source.resolve())
