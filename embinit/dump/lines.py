"""The lines of a text without whatever their form shows to be no data."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROMPT = re.compile(r"^\s*(?:\((?:gdb|lldb)\)|J-Link>|pyocd>|=>|>>>|>)\s*")
_STAMP = re.compile(r"^\s*(?:\[[^\[\]]*\]\s*)+(?=[^\s,\]])")
_COUNTER = re.compile(r"\s*(0|[1-9]\d{0,8})(?:\s*[,;]\s*|\s+)(?=\S)")
_INDEX = re.compile(r"\[\d+\]\s*[=:]")
#: How an ASCII column begins and ends.
_BARS = ((" |", "|"), ("\t|", "|"), ("  >", "<"))
_REPEATS = re.compile(r"([^\s,;{}]{1,64})\s<repeats (\d{1,12}) times>")
_MARKED = re.compile(r"\s*((?:0[xX])?[0-9a-fA-F]{4,16})(?:\s*<[^<>]*>)?\s*[:=|](?=\s)")
_ADDRESS = re.compile(r"\s*((?:0[xX])?[0-9a-fA-F]{4,16})(?=\s)")
_LABEL = re.compile(r"(?<![^\s,;{}])[A-Za-z_]\w{0,63}[:=](?=[0-9A-Fa-f]{8}(?![^\s,;{}])|0x)")
_DOTS = re.compile(r"\.\.\.(?=\s*[}\]])")


@dataclass(frozen=True)
class Line:
    """A line without whatever its form shows to be no data: colours, prompt, time stamps, ASCII column, address.

    marked: whether a colon or the like shows that the address is one. star: whether the line stands for lines left out.
    braced: whether it has braces, which debuggers put around arrays and structures.
    """

    body: str
    address: str | None = None
    marked: bool = False
    shown: str = ""
    star: bool = False
    braced: bool = False


def lines_of(text: str, most: int) -> list[Line]:
    """Return the lines of a text; those that stand for repeated elements add at most 4 * most + 64."""
    left = 4 * most + 64

    def again(found: re.Match[str]) -> str:
        nonlocal left
        times = min(int(found[2]), left)
        left -= times
        return " ".join([found[1]] * times)

    lines = [_line(line, again) for line in _flat(text).splitlines() if line and not line.isspace()]
    return _without_indexes(lines)


def _without_indexes(lines: list[Line]) -> list[Line]:
    """Return lines without a first column that counts them, from 0 or 1, perhaps anew for each buffer."""
    found = [_COUNTER.match(line.body) for line in lines]
    counts = [int(each[1]) for each in found if each is not None]
    following = sum(b == a + 1 for a, b in pairwise(counts))
    again = sum(b == counts[0] for b in counts[1:])
    if following + again + 1 != len(counts) or following < max(3, again) or counts[0] > 1:
        return lines
    return [
        line if each is None else replace(line, body=line.body[each.end() :], address=None)
        for line, each in zip(lines, found, strict=True)
    ]


def _flat(text: str) -> str:
    """Return the numbers of a JSON document in its order, on one line; return any other text as it is."""
    if text.lstrip()[:1] not in ("[", "{"):
        return text
    leaves: list[str] = []
    try:
        left = [json.loads(text, parse_float=str, parse_int=str, parse_constant=str)]
    except (ValueError, RecursionError):
        return text
    while left:
        value = left.pop()
        if isinstance(value, list | dict):
            left += reversed(value if isinstance(value, list) else value.values())
        elif isinstance(value, str):
            leaves.append(value)
    return " ".join(leaves)


def _line(line: str, again: Callable[[re.Match[str]], str]) -> Line:
    line = line.rstrip()
    if line.lstrip() == "*":
        return Line("", star=True)
    line = _PROMPT.sub("", _COLOUR.sub("", line))
    line, shown = _without_ascii(line)
    if "<repeats " in line:
        line = _REPEATS.sub(again, line)
    if "..." in line:
        line = _DOTS.sub(" ...", line)
    marked = _MARKED.match(line)
    address = marked or _ADDRESS.match(line)
    body = line[marked.end() :] if marked else _INDEX.sub(" ", _STAMP.sub("", line))
    braced = "{" in line
    return Line(_LABEL.sub("", body), address[1] if address else None, marked is not None, shown, braced=braced)


def _without_ascii(line: str) -> tuple[str, str]:
    """Return a line without its ASCII column between bars, and the column."""
    for begin, end in _BARS:
        at = line.find(begin)
        if at >= 0 and line.endswith(end) and len(line) > at + len(begin):
            return line[:at], line[at + len(begin) : -1]
    return line, ""
