"""The lines of a text, without what is evidently not data: prompts, commands, time stamps, ASCII columns."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

#: What terminals do not show: colours, cleared lines, titles.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_PROMPT = re.compile(r"^\s*(?:\((?:gdb|lldb)\)|J-Link>|pyocd>|=>|>>>|>)\s*")
#: A command after a prompt, which holds addresses and counts; after a debugger's own prompt, any word is one.
_COMMAND = re.compile(
    r"(?:x|p|print|output|mem(?:ory)?\d*|m[dr][bhwlqd]|md|md\.[bwlq]|read\w*|r[bhwd]|d[bdwq]|dump\w*|hexdump|list)"
    r"(?=[\s/(]|$)(?!\s*[:=])"
)
_DEBUGGER = re.compile(
    r"^\s*(?:\((?:gdb|lldb)\)|J-Link>|pyocd>)\s*(?!(?:[0-9a-fA-F]{2}){1,8}\s)[A-Za-z][\w-]*(?=[\s/]|$)"
)
_STAMP = re.compile(r"^\s*(?:\[[^\[\]]*\]\s*)+(?=[^\s,\]])")
_COUNTER = re.compile(r"\s*(0|[1-9]\d{0,8})(?:\s*[,;]\s*|\s+)(?=\S)")
#: An element's index, and the array that it is of.
_INDEX = re.compile(r"(?<![\w.>-])[A-Za-z_][\w.>-]{0,63}(?:\[\d{1,9}\]){0,4}\[(\d{1,9})\]\s*[=:]?|\[(\d{1,9})\]\s*[=:]")
#: The type and the name before an array that lldb prints.
_TYPE = re.compile(r"^\s*\([\w ]+(?:\[\d+\])+\)\s*\S+\s*=\s*(?=\{)")
#: gdb's characters, number and sign; bytes joined by colons or hyphens; digits parted in the middle.
_CHARACTER = re.compile(r"(-?\d+) '(?:\\[0-7]{3}|\\.|[^\\])'")
_CHAINED = re.compile(r"(?<![\w:.-])(?:[0-9a-fA-F]{2}[:-]){7,}[0-9a-fA-F]{2}(?![\w:-])")
_PARTED = re.compile(r"(0[xX][0-9a-fA-F]{4})['_](?=[0-9a-fA-F]{4}(?![0-9a-fA-F]))")
_VERILOG = re.compile(r"(?<![\w'])\d{1,3}'[hH](?=[0-9a-fA-F])")
#: The numbers of columns above a table of bytes or words.
_COLUMNS = re.compile(r"(?:0|00|0000)(?:[ \t_]+[0-9a-fA-F]{1,4}){3,}(?=\s|_|$)")
#: How an ASCII column begins and ends.
_BARS = ((" |", "|"), ("\t|", "|"), ("  >", "<"))
_REPEATS = re.compile(r"([^\s,;{}]{1,64})\s<repeats (\d{1,12}) times>")
_MARKED = re.compile(r"\s*((?:0[xX])?[0-9a-fA-F]{4,16})(?:\s*<[^<>]*>)?\s*(?:[:=|]|->)(?=\s)")
_ADDRESS = re.compile(r"\s*((?:0[xX])?[0-9a-fA-F]{4,16})(?=\s)")
_LABEL = re.compile(r"(?<![^\s,;{}])[A-Za-z_]\w{0,63}[:=](?=[0-9A-Fa-f]{8}(?![^\s,;{}])|0x|[+-]?\d{0,9}\.\d)")
_DOTS = re.compile(r"\.\.\.(?=\s*[}\]])")


@dataclass(frozen=True)
class Line:
    """A line, without what is evidently not data: colours, prompt, time stamps, ASCII column, address.

    body: what is left. address: the digits of its address, if it begins with one. marked: whether a colon or the like
    shows that they are an address. shown: the ASCII column. star: whether the line stands for lines left out. braced:
    whether it has braces, which debuggers put around arrays and structures. index: the index of its first element, if
    the line shows exactly one.
    """

    body: str
    address: str | None = None
    marked: bool = False
    shown: str = ""
    star: bool = False
    braced: bool = False
    index: int | None = None


def lines_of(text: str, most: int) -> list[Line]:
    """Return the lines of a text. Repeated elements that it abbreviates are written out, at most 4 * most + 64."""
    left = 4 * most + 64

    def again(found: re.Match[str]) -> str:
        nonlocal left
        times = min(int(found[2]), left)
        left -= times
        return " ".join([found[1]] * times)

    lines = [_line(line, again) for line in _flat(text).splitlines() if line and not line.isspace()]
    return _without_indexes(_without_columns(lines))


def _without_columns(lines: list[Line]) -> list[Line]:
    """Return lines without a heading that numbers the columns of the lines with addresses below it."""
    for i, line in enumerate(lines[:8]):
        found = None if line.marked else _COLUMNS.search(line.body)
        if found and any(below.address for below in lines[i + 1 :]):
            counts = [int(token, 16) for token in re.split(r"[ \t_]+", found[0])]
            if len({b - a for a, b in pairwise(counts)}) == 1 and counts[1] in (1, 2, 4, 8):
                return lines[:i] + lines[i + 1 :]
    return lines


def _without_indexes(lines: list[Line]) -> list[Line]:
    """Return lines without a first column that numbers them from 0 or 1, in all buffers or again in each one."""
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
    line = _ESCAPE.sub("", line) if "\x1b" in line else line
    if _DEBUGGER.match(line):
        return Line("")
    line, prompts = _PROMPT.subn("", line)
    if prompts and _COMMAND.match(line):
        return Line("")
    line, shown = (line.replace("|", " "), "") if line.lstrip()[:1] == "|" else _without_ascii(line)
    if "'" in line or "_" in line:
        line = _VERILOG.sub("0x", _PARTED.sub(r"\1", _CHARACTER.sub(r"\1", line)))
    line = _CHAINED.sub(lambda found: found[0].replace(":", " ").replace("-", " "), line)
    if "<repeats " in line:
        line = _REPEATS.sub(again, line)
    if "..." in line:
        line = _DOTS.sub(" ...", line)
    marked = _MARKED.match(line)
    address = marked or _ADDRESS.match(line)
    body, index = line[marked.end() :] if marked else line, None
    if not marked:
        body = _TYPE.sub("", _STAMP.sub("", line))
        found = list(_INDEX.finditer(body)) if "[" in body else []
        index = int(found[0][1] or found[0][2]) if len(found) == 1 and "{" not in line else None
        body = _INDEX.sub(" ", body) if found else body
    body = _LABEL.sub("", body)
    return Line(body, address[1] if address else None, marked is not None, shown, braced="{" in line, index=index)


def _without_ascii(line: str) -> tuple[str, str]:
    """Return a line without its ASCII column between bars, and the column."""
    for begin, end in _BARS:
        at = line.find(begin)
        if at >= 0 and line.endswith(end) and len(line) > at + len(begin):
            return line[:at], line[at + len(begin) : -1]
    return line, ""
