"""Widths: a user's C with types of one width where those of this machine and of a microcontroller differ."""

import re
from collections.abc import Collection
from pathlib import Path

from embinit.files import write_file

#: Types that have 64 bits on this machine, or other bits than in newlib, and what takes their place.
_TYPES = {
    "size_t": "unsigned int",
    "ssize_t": "int",
    "ptrdiff_t": "int",
    "uintptr_t": "unsigned int",
    "intptr_t": "int",
    "uint_fast8_t": "unsigned char",
    "int_fast8_t": "signed char",
    **{f"uint_fast{bits}_t": "unsigned int" for bits in (16, 32)},
    **{f"int_fast{bits}_t": "int" for bits in (16, 32)},
}
_TOKEN = re.compile(
    r"""(?P<kept>//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
      | (?P<words>\b(?:(?:unsigned|signed|long|short|int|char|double)\b\s*)+)
      | (?<![\w.])(?P<real>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)(?P<size>[lL]?)(?!\w)
      | (?<![\w.])(?P<digits>0[xX][0-9a-fA-F]+|[0-9]+)(?P<suffix>[uU]?[lL]?|[lL][uU])(?![\w.])
      | \b(?P<named>"""
    + "|".join(_TYPES)
    + r")\b",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r'^(\s*#\s*include\s*)"([^"\n]+)"', re.MULTILINE)


#: What can be made the same: integers of 32 bits, long double as double, and double as float.
INTEGERS, LONG_DOUBLES, DOUBLES = "integers", "long doubles", "doubles"


def of_one_width(text: str, widths: Collection[str], int_bits: int = 32) -> str:
    """Return C whose types have one width: by INTEGERS, those of int, long, size_t and their like have 32 bits, for a
    compiler whose int has so many; by LONG_DOUBLES and DOUBLES they become double and float. Their literals follow.

    >>> of_one_width("unsigned long x = 1UL; long long y = 2LL; size_t n; /* long */", [INTEGERS])
    'unsigned int x = 1U; long long y = 2LL; unsigned int n; /* long */'
    >>> of_one_width("unsigned x = 1u << 20; double d = 0.5;", [INTEGERS, DOUBLES], int_bits=16)
    'unsigned long x = 1uL << 20L; float d = 0.5f;'
    """
    whole, suffix = ("long", "L") if int_bits < 32 else ("int", "")

    def replaced(found: re.Match[str]) -> str:
        if words := found["words"]:
            return _type(words.split(), widths, whole) + words[len(words.rstrip()) :]
        if found["real"]:
            real, size = found["real"], found["size"]
            size = "" if LONG_DOUBLES in widths or DOUBLES in widths else size
            return real + ("f" if DOUBLES in widths else size)
        if INTEGERS not in widths:
            return found[0]
        if found["digits"]:
            return found["digits"] + found["suffix"].strip("lL") + suffix
        return _TYPES[found["named"]].replace("int", whole) if found["named"] else found[0]

    return _TOKEN.sub(replaced, text)


def _type(names: list[str], widths: Collection[str], whole: str) -> str:
    """Return the words of a type in which those of other widths are replaced."""
    if "double" in names:
        if DOUBLES in widths:
            return "float"
        return "double" if LONG_DOUBLES in widths else " ".join(names)
    if INTEGERS not in widths or names.count("long") > 1 or "short" in names or "char" in names:
        return " ".join(names)
    return " ".join([*(name for name in names if name not in ("long", "int")), whole])


def of_widths(source: Path, folder: Path, widths: Collection[str], int_bits: int = 32) -> Path:
    """Write a C file as `of_one_width` makes it into a folder, with what it includes from its own folder; return its
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

            narrow = _QUOTED.sub(included, of_one_width(text, widths, int_bits))
            write_file(copies[path], narrow.encode("utf-8", "surrogateescape"))
        return copies[path]

    return copied(source.resolve())
