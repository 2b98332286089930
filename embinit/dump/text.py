"""Text: what debuggers, hex dumpers and serial logs print, read by its tokens and by how many the plan needs.

A reading takes tokens of one spelling, such as 0x9a or 3dcccccd. In each line only the longest unbroken run of such
tokens counts, the later of two equally long ones: labels, time stamps and an ASCII column are skipped, and a column of
addresses is recognized by its steps. A reading fits if it gives all elements or bytes of the buffers and no more. A
text that fits in two ways that differ is refused.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from embinit.bundle import Array
from embinit.dump.memory import Memory, cut, joined, must_have
from embinit.errors import EmbinitError

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
_SEPARATOR = r"\s,;{}\[\]\"'"
_SEPARATORS, _WORDS = re.compile(f"[{_SEPARATOR}]+"), re.compile(f"[^{_SEPARATOR}]+")
_LABEL = re.compile(r"(?<![^\s,;{}])[A-Za-z_]\w{0,63}[:=](?=[0-9A-Fa-f]{8}(?![^\s,;{}])|0x)")
_DOTS = re.compile(r"\.\.\.(?=\s*[}\]])")
_CUT = re.compile(r"\.\.\.\s*[}\]]|[,\s]\.\.\.[,\s]")

#: No number, with the bits of its fraction where gdb shows them; infinity.
_NOT_FINITE = r"(?i:nan(?:\(0x[0-9a-f]{1,6}\))?|inf(?:inity)?)"
_FLOAT = rf"[+-]?(?:(?:\d{{1,64}}\.\d{{0,64}}|\.\d{{1,64}}|\d{{1,64}})(?:[eE][+-]?\d{{1,4}})?|{_NOT_FINITE})[fF]?"
_HEX_FLOAT = (
    r"[+-]?(?:(?i:0x(?:[0-9a-f]{1,16}\.?[0-9a-f]{0,64}|\.[0-9a-f]{1,64})p[+-]?[0-9]{1,5}f?)"
    rf"|{_NOT_FINITE})"
)
#: Tokens that leave nothing out, however few their digits.
_WHOLE = re.compile(rf"[+-]?(?:0(?:\.0?)?|{_NOT_FINITE})[fF]?")
#: The most characters of a text, apart from those that its buffers may need, and of the image of a RAM.
MOST, MOST_OF_IMAGE = 1 << 22, 1 << 25
_EXACT = 'print them with "%.9g", or their bits with "%08x"'
#: Significant decimal digits that tell every float32 from its neighbours.
ENOUGH_DIGITS = 9


@dataclass(frozen=True)
class Spelling:
    """A kind of token: its plural name, its pattern, and the number that a token stands for. width: the bytes of a
    token, if its digits show them.
    """

    name: str
    pattern: str
    width: int | None = None

    @cached_property
    def runs(self) -> re.Pattern[str]:
        """The pattern of tokens that follow one another."""
        token = f"(?:{self.pattern})(?![^{_SEPARATOR}])"
        return re.compile(f"(?<![^{_SEPARATOR}]){token}(?:[{_SEPARATOR}]++{token})*")

    def value(self, token: str) -> int:
        """Return the integer that a token spells."""
        if self.name == _DECIMAL:
            return int(token)
        return int(token.rstrip("uUlL"), 16)


_DECIMAL = "decimal integers"
_WORD = Spelling("words of 8 hexadecimal digits", r"(?:0[xX][0-9a-fA-F]{1,8}|[0-9a-fA-F]{8})[uU]?[lL]?", 4)
_LONG_WORD = Spelling("words of 16 hexadecimal digits", r"(?:0[xX])?[0-9a-fA-F]{16}[uU]?[lL]{0,2}", 8)
SPELLINGS = (
    _LONG_WORD,
    _WORD,
    Spelling("groups of 4 hexadecimal digits", r"[0-9a-fA-F]{4}", 2),
    Spelling("bytes of 2 hexadecimal digits", r"[0-9a-fA-F]{2}", 1),
    Spelling("numbers after 0x", r"0[xX][0-9a-fA-F]{1,16}[uUlL]*"),
    Spelling("hexadecimal numbers", r"[0-9a-fA-F]{1,2}|(?:ff|FF)[0-9a-fA-F]{6}"),
    Spelling(_DECIMAL, r"[+-]?(?:0|[1-9]\d{0,19})"),
)
#: The spellings of memory images: their digits show how many bytes a token has.
_IMAGE_SPELLINGS = (
    _LONG_WORD,
    Spelling(_WORD.name, r"(?:0[xX])?[0-9a-fA-F]{8}[uU]?[lL]?", 4),
    Spelling(SPELLINGS[2].name, r"(?:0[xX])?[0-9a-fA-F]{4}[uU]?", 2),
    Spelling(SPELLINGS[3].name, r"(?:0[xX])?[0-9a-fA-F]{2}[uU]?", 1),
)
_STRING = Spelling("hexadecimal strings", r"(?:[0-9a-fA-F]{2})++")


@dataclass(frozen=True)
class _Line:
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


@dataclass
class _Row:
    """The run of a line: its tokens, and what is around them. line and start: the line and the column where it was
    found.
    """

    tokens: list[str]
    line: "_Line"
    start: int = 0

    @property
    def end(self) -> int:
        """The column after the last token."""
        places = list(_WORDS.finditer(self.line.body, self.start))
        return places[min(len(self.tokens), len(places)) - 1].end() if places else len(self.line.body)

    def cut(self, count: int) -> None:
        """Keep only the first tokens."""
        del self.tokens[count:]

    @property
    def address(self) -> str | None:
        """The address before the tokens, if there is one and it is not the first token itself."""
        if self.line.marked or self.start > 0:
            return self.line.address
        return None

    @property
    def ascii(self) -> str:
        """The ASCII column."""
        return self.line.shown or (self.line.body[self.end :].strip() if self.line.marked else "")


@dataclass
class _Read:
    """A text read in one spelling: its rows, and how many tokens they have."""

    spelling: Spelling
    rows: list[_Row] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(row.tokens) for row in self.rows)

    @property
    def tokens(self) -> Iterator[str]:
        return (token for row in self.rows for token in row.tokens)


def read(text: str, arrays: Sequence[Array]) -> dict[str, bytes]:
    """Return the buffers that a text holds one after the other. The EmbinitError says what the text was taken for and
    what was counted.
    """
    check_length(text, MOST + 256 * sum(len(array.payload) for array in arrays))
    found: dict[str, dict[str, bytes]] = {}
    counted: list[tuple[int, str, int | None]] = []
    reasons: list[str] = []
    for name, count, width, buffers in _readings(text, arrays):
        counted.append((count, name, width))
        try:
            held = buffers()
        except EmbinitError as error:
            reasons.append(str(error))
            continue
        if held is not None and held not in found.values():
            found[name] = held
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise EmbinitError(f"may be read as {' or as '.join(found)}, which differ: print it with %02x, or with 0x")
    if reasons:
        raise EmbinitError(reasons[0])
    raise EmbinitError(_unfit(text, arrays, counted))


def _unfit(text: str, arrays: Sequence[Array], counted: Iterable[tuple[int, str, int | None]]) -> str:
    count, name, width = max(counted, key=lambda each: each[0])
    got = f"{count} {name}" if count else "a text without numbers"
    got += f" ({count * width} bytes)" if count and width else ""
    message = f"{must_have(arrays)}, {sum(array.count for array in arrays)} elements; got {got}"
    if _CUT.search(text):
        message += "; '...' says that the debugger cut the array: print all of it, in gdb with set print elements 0"
    return message


def check_length(text: str, most: int) -> None:
    """Raise EmbinitError for a text of so many characters that reading it takes too much memory and time."""
    if len(text) > most:
        raise EmbinitError(
            f"a text must have at most {most} characters, got {len(text)}: keep the part that shows the buffers, "
            "or dump raw bytes"
        )


def image(text: str, own_addresses: bool = True, most: int = 1 << 32) -> Memory:
    """Return the memory that a text prints in bytes or words, at the addresses next to them if there are any. Addresses
    that count from 0, like those of a file, are not the device's; none are if own_addresses is false.
    """
    check_length(text, MOST_OF_IMAGE)
    lines = _lines(text, most)
    reads = [given for spelling in _IMAGE_SPELLINGS if (given := _rows(lines, spelling, most)).count]
    reads = [given for given in reads if given.spelling is not _LONG_WORD or not _may_be_strings(given)]
    best = max(reads, key=lambda given: given.count * (given.spelling.width or 0), default=None)
    if best is None:
        raise EmbinitError("is a text without bytes or words in hexadecimal digits, which an ELF file needs")
    form, width = best.spelling.name, best.spelling.width
    assert width is not None
    data, rows = _joined(best), [row for row in best.rows if row.tokens]
    places = _places(rows, width)
    if not own_addresses or None in places or not any(places):
        return Memory(form, ((0, data),), unit=width)
    pieces, at = [], 0
    for place, row in zip(places, rows, strict=True):
        size = width * len(row.tokens)
        pieces.append((place or 0, data[at : at + size]))
        at += size
    return Memory(form, joined(form, pieces), addressed=places[0] != 0, unit=width)


#: What is counted, how many there are, the bytes of each if its digits show them, and the buffers if they fit.
Reading = tuple[str, int, int | None, Callable[[], dict[str, bytes] | None]]


def _readings(text: str, arrays: Sequence[Array]) -> Iterator[Reading]:
    """Return every way to read a text."""
    size, elements = sum(len(a.payload) for a in arrays), sum(a.count for a in arrays)
    most = max(size, elements)
    lines = _lines(text, most)
    hexfloats = _rows(lines, Spelling("hexadecimal floats", _HEX_FLOAT), most)
    if any("p" in token.lower() for token in hexfloats.tokens):
        yield hexfloats.spelling.name, hexfloats.count, None, lambda: _of_floats(hexfloats, arrays, _from_hex)
        return
    floats = _rows(lines, Spelling("decimal floats", _FLOAT), most)
    if any(not _integral(token) for token in floats.tokens):
        yield floats.spelling.name, floats.count, None, lambda: _of_floats(floats, arrays, _from_decimal)
    for spelling in SPELLINGS:
        given = _rows(lines, spelling, most)
        yield spelling.name, given.count, spelling.width, partial(_fitted, given, arrays, size)
    yield from _of_strings(text, lines, arrays, size)


def _fitted(given: _Read, arrays: Sequence[Array], size: int) -> dict[str, bytes] | None:
    """Return the buffers that integers hold: words of a width, single bytes, or one per element."""
    spelling, count = given.spelling, given.count
    if spelling is _LONG_WORD and not _may_be_words(given):
        return None
    elements = sum(array.count for array in arrays)
    if spelling.width is not None and count == -(-size // spelling.width):
        return cut(_joined(given), arrays)
    if spelling.width is not None:
        return None
    values = [spelling.value(token) for token in given.tokens]
    if count == elements and any(array.data.dtype.itemsize > 1 for array in arrays):
        return _of_integers(values, arrays, spelling)
    if count == size and all(-128 <= value < 256 for value in values):
        return cut(bytes(value & 0xFF for value in values), arrays)
    return _of_integers(values, arrays, spelling) if count == elements else None


def _joined(given: _Read) -> bytes:
    """Return tokens of one width as bytes: as little-endian words, or in the order of memory."""
    width = given.spelling.width
    assert width is not None
    digits = [_digits(token, width) for token in given.tokens]
    forward = bytes.fromhex("".join(each.ljust(2 * width, "0") for each in digits))
    if width == 1:
        return forward
    digits = [each.zfill(2 * width) for each in digits]
    backward = np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, width)[:, ::-1].tobytes()
    shown = _rows_shown(given, backward) - _rows_shown(given, forward)
    by_xxd = width == 2 and all(row.line.marked and "x" not in (row.line.address or "x") for row in given.rows)
    return forward if shown < 0 or (shown == 0 and by_xxd) else backward


def _rows_shown(given: _Read, data: bytes) -> int:
    """Return in how many rows the ASCII column, which has the order of memory, shows these bytes."""
    found = at = 0
    for row in given.rows:
        size = (given.spelling.width or 1) * len(row.tokens)
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[at : at + size])
        found += bool(row.ascii) and text.strip().startswith(row.ascii.strip())
        at += size
    return found


def _digits(token: str, width: int) -> str:
    """Return the hexadecimal digits of a token: all of a number after 0x, which may have been printed without zeros."""
    token = token.rstrip("uUlL")
    return token[2:].zfill(2 * width) if token[:2] in ("0x", "0X") else token


def _may_be_words(given: _Read) -> bool:
    """Return whether tokens of 16 digits are words: side by side, or beside addresses, or after 0x."""
    rows = [row for row in given.rows if row.tokens]
    return any(len(row.tokens) > 1 or row.address or row.tokens[0][:2] in ("0x", "0X") for row in rows)


def _may_be_strings(given: _Read) -> bool:
    """Return whether tokens of 16 digits are strings: one a line, without a sign of who printed them."""
    rows = [row for row in given.rows if row.tokens]
    alone = all(len(row.tokens) == 1 or row.line.marked for row in rows)
    return alone and not any(row.ascii or (row.address and not row.line.marked) for row in rows)


def _of_integers(values: Sequence[int], arrays: Sequence[Array], spelling: Spelling) -> dict[str, bytes] | None:
    """Return buffers of which each integer is an element: a code, the bits of a float, or a float of integral value."""
    found, at = {}, 0
    for array in arrays:
        part = values[at : at + array.count]
        at += array.count
        bits = 8 * array.data.dtype.itemsize
        if array.data.dtype.kind == "f" and spelling.name == _DECIMAL and all(abs(value) < 1 << 24 for value in part):
            found[array.name] = np.array(part, "<f4").tobytes()
            continue
        signed = [value - (1 << 32) if 1 << 32 > value >= (1 << 32) - (1 << bits - 1) else value for value in part]
        if not all(-(1 << bits - 1) <= value < 1 << bits for value in signed):
            return None
        found[array.name] = b"".join((value % (1 << bits)).to_bytes(bits // 8, "little") for value in signed)
    return found


def _of_floats(given: _Read, arrays: Sequence[Array], value: Callable[[str], float]) -> dict[str, bytes] | None:
    """Return buffers of which each float is an element."""
    if given.count != sum(array.count for array in arrays):
        return None
    tokens = list(given.tokens)
    if value is _from_decimal and all(array.data.dtype.kind == "f" for array in arrays):
        _check_digits(tokens, arrays)
    found, at = {}, 0
    for array in arrays:
        part = tokens[at : at + array.count]
        at += array.count
        values = np.array([value(token) for token in part])
        if array.data.dtype.kind == "f":
            with np.errstate(over="ignore"):
                held = values.astype("<f4")
            for i, token in enumerate(part):
                if "(" in token:
                    held.view("<u4")[i] = _nan_bits(token)
            found[array.name] = held.tobytes()
        elif np.array_equal(values, np.rint(values)) and array.data.dtype.itemsize < 8:
            integers = _of_integers([int(x) for x in values], [array], SPELLINGS[-1])
            if integers is None:
                return None
            found |= integers
        else:
            raise EmbinitError(f"{array.name} holds {array.format} codes, which are integers; got floats")
    return found


def _check_digits(tokens: Sequence[str], arrays: Sequence[Array]) -> None:
    """Raise EmbinitError if decimals have too few digits to distinguish a float32 from its neighbours. Fewer are enough
    if the printer leaves out zeros, as it does if most decimals are what it prints for the expected values.
    """
    decimals = max(len(re.split("[eE]", token.rstrip("fF"))[0].partition(".")[2]) for token in tokens)
    digits = max((_significant(token) for token in tokens if not _WHOLE.fullmatch(token)), default=ENOUGH_DIGITS)
    expected = [value for array in arrays for value in array.data.reshape(-1)]
    pairs = list(zip(tokens, expected, strict=True))
    whole = sum(token in (f"{value:.9g}", str(value)) for token, value in pairs)
    if digits < ENOUGH_DIGITS and 2 * whole < len(tokens):
        raise EmbinitError(
            f"floats are printed with {digits} significant digits, and {ENOUGH_DIGITS} tell a float32: {_EXACT}"
        )
    if any(_rounded(token, value, decimals) for token, value in pairs):
        raise EmbinitError(f"floats are printed with {decimals} decimals, too few for the smallest values: {_EXACT}")


def _rounded(token: str, value: np.float32, decimals: int) -> bool:
    """Return whether a token of so many decimals is a value's, but reads as another float32."""
    plain = token.rstrip("fF").lstrip("+-").replace(".", "", 1).isdigit()
    return (
        plain
        and np.float32(token.rstrip("fF")) != value
        and float(token.rstrip("fF")) == float(f"{value:.{decimals}f}")
    )


def _significant(token: str) -> int:
    mantissa = re.split("[eE]", token.strip("+-").rstrip("fF"))[0]
    return len(mantissa.replace(".", "").lstrip("0")) or 1


def _from_decimal(token: str) -> float:
    token = token.rstrip("fF") if not token.lower().endswith("inf") else token
    return float(token.partition("(")[0])


def _from_hex(token: str) -> float:
    if "p" not in token.lower():
        return _from_decimal(token)
    try:
        return float.fromhex(token.rstrip("fF"))
    except OverflowError:
        return -math.inf if token.startswith("-") else math.inf


def _nan_bits(token: str) -> int:
    """Return the bits of a float32 that gdb shows as -nan(0x400000): no number, with a sign and a fraction."""
    fraction = int(token.partition("(")[2].partition(")")[0], 16)
    return (token.startswith("-") << 31) | 0x7F800000 | (fraction & 0x7FFFFF)


def _integral(token: str) -> bool:
    return token.lstrip("+-").isdigit()


def _of_strings(text: str, lines: Sequence[_Line], arrays: Sequence[Array], size: int) -> Iterator[Reading]:
    """Return the bytes of a text that is nothing but bytes: long strings of hexadecimal digits, or base64."""
    strings = _rows(lines, _STRING, 2 * size)
    if any(len(token) > 8 for token in strings.tokens):
        digits = "".join(token for row in strings.rows for token in row.tokens)
        fits = len(digits) == 2 * size
        long = _rows(lines, _LONG_WORD, 2 * size)
        fits = fits and not (long.count == strings.count and not _may_be_strings(long))
        yield _STRING.name, len(digits) // 2, 1, lambda: cut(bytes.fromhex(digits), arrays) if fits else None
    joined = "".join(text.split())
    if len(joined) == -(-size // 3) * 4 or len(joined.rstrip("=")) == -(-size * 4 // 3):
        try:
            data = base64.b64decode(joined.rstrip("=") + "=" * (-len(joined.rstrip("=")) % 4), validate=True)
        except (binascii.Error, ValueError):
            return
        if len(data) == size:
            yield "base64", len(data), 1, lambda: cut(data, arrays)


# Lines


def _lines(text: str, most: int) -> list[_Line]:
    left = 4 * most + 64  # how many bytes repeated lines may add to the text

    def again(found: re.Match[str]) -> str:
        nonlocal left
        times = min(int(found[2]), left)
        left -= times
        return " ".join([found[1]] * times)

    lines = [_line(line, again) for line in _flat(text).splitlines() if line and not line.isspace()]
    return _without_indexes(lines)


def _without_indexes(lines: list[_Line]) -> list[_Line]:
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


def _line(line: str, again: Callable[[re.Match[str]], str]) -> _Line:
    line = line.rstrip()
    if line.lstrip() == "*":
        return _Line("", star=True)
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
    return _Line(_LABEL.sub("", body), address[1] if address else None, marked is not None, shown, braced=braced)


def _rows(lines: Sequence[_Line], spelling: Spelling, most: int) -> _Read:
    """Return the rows of a text in a spelling; more tokens than could fit are not kept."""
    given = _Read(spelling)
    count = 0
    for line in lines:
        row = _row(line, spelling)
        if row is not None:
            given.rows.append(row)
            count += len(row.tokens)
            if count > 4 * most + 64:
                break
    _without_addresses(given)
    _within_columns(given)
    _with_rest(given, lines)
    _squeezed_out(given, most)
    return given


def _row(line: _Line, spelling: Spelling) -> _Row | None:
    """Return the longest run of a line, the later of two equally long ones; None if it has none. Within braces all runs
    count, because the names of a structure's members separate them.
    """
    if line.star:
        return _Row([], line)
    if line.braced:
        runs = [_SEPARATORS.split(run[0]) for run in spelling.runs.finditer(line.body)]
        return _Row([token for run in runs for token in run], line, len(line.body)) if runs else None
    best: _Row | None = None
    for run in spelling.runs.finditer(line.body):
        tokens = _SEPARATORS.split(run[0])
        if best is None or len(tokens) >= len(best.tokens):
            best = _Row(tokens, line, run.start())
    return best


def _without_ascii(line: str) -> tuple[str, str]:
    """Return a line without its ASCII column between bars, and the column."""
    for begin, end in _BARS:
        at = line.find(begin)
        if at >= 0 and line.endswith(end) and len(line) > at + len(begin):
            return line[:at], line[at + len(begin) : -1]
    return line, ""


def _without_addresses(given: _Read) -> None:
    """Remove first tokens that count up by the size of the rest of their lines: a column of addresses."""
    width = given.spelling.width
    rows = [row for row in given.rows if row.tokens]
    if width != 4 or len(rows) < 3 or any(row.address is not None or len(row.tokens) < 2 for row in rows):
        return
    starts = [given.spelling.value(row.tokens[0]) for row in rows]
    if all(b - a == width * (len(row.tokens) - 1) for (a, b), row in zip(pairwise(starts), rows, strict=False)):
        for row in rows:
            address = row.tokens.pop(0)
            row.line = replace(row.line, body=row.line.body.replace(address, "", 1), address=address, marked=True)
            row.start = 0


def _within_columns(given: _Read) -> None:
    """Compare tokens with the bytes that the addresses count. Tokens beyond them belong to an ASCII column. If all
    lines count another width, they are in another spelling.
    """
    width = given.spelling.width
    if width is None:
        return
    rows = [row for row in given.rows if row.tokens]
    places = _places(rows, width)
    steps = [
        (row, (b - a) / len(row.tokens))
        for (a, b), row in zip(pairwise(places), rows, strict=False)
        if a is not None and b is not None and len(row.tokens)
    ]
    if steps and len({each for _, each in steps}) == 1 and steps[0][1] in (1, 2, 4, 8) and steps[0][1] != width:
        given.rows.clear()
        return
    counted = [(row, round(each * len(row.tokens)) // width) for row, each in steps]
    exact = sum(count == len(row.tokens) for row, count in counted)
    even = len({count for _, count in counted}) == 1 and all(row.line.marked for row, _ in counted)
    if 2 * exact < len(steps) and not even:  # they are not addresses, but line numbers or times
        return
    right = None
    for row, count in counted:
        if 0 < count <= len(row.tokens):
            row.cut(count)
            right = right or row.end
    if right is not None and places[-1] is not None:
        last = rows[-1]
        words = _WORDS.finditer(last.line.body, last.start)
        last.cut(max(sum(word.end() <= right for word in words), 1))


def _with_rest(given: _Read, lines: Sequence[_Line]) -> None:
    """Add the bytes at the end that are too few for a group: xxd prints as many digits as there are."""
    width = given.spelling.width
    if width is None or width == 1 or not given.rows or not (lines[-1].marked and given.rows[-1].line.marked):
        return
    last = given.rows[-1]
    if lines[-1].body != last.line.body:
        last = _Row([], lines[-1])
        given.rows.append(last)
    at = last.end if last.tokens else 0
    rest = re.compile(r" +((?:[0-9a-fA-F]{2}){1,7})(?= |$)").match(last.line.body, at)
    missing = 2 * width - len(rest[1]) if rest else 0
    if rest and missing > 0 and rest.start(1) - at in (1, 1 + missing):
        last.tokens.append(rest[1])
        last.start = last.start or rest.start(1)


def _squeezed_out(given: _Read, most: int) -> None:
    """Restore the lines that a star stands for: the line above it again, up to the address below it."""
    stars = [i for i, row in enumerate(given.rows) if row.line.star]
    width = given.spelling.width
    if not stars:
        return
    places = dict(zip(map(id, given.rows), _places(given.rows, width or 1), strict=True))
    for i in reversed(stars):
        given.rows.pop(i)
        if not width or not 0 < i < len(given.rows):
            continue
        above, below = given.rows[i - 1], given.rows[i]
        start, end = places[id(above)], places[id(below)]
        length = width * len(above.tokens)
        if start is None or end is None or not length or (end - start) % length:
            continue
        times = min(max((end - start) // length - 1, 0), most // len(above.tokens) + 1)
        given.rows.insert(
            i, _Row(above.tokens * times, replace(above.line, address=f"{start + length:x}", marked=True))
        )


def _places(rows: Sequence[_Row], width: int) -> list[int | None]:
    """Return the addresses of rows, in the base in which most of them count the bytes of their rows."""

    def in_base(base: int) -> list[int | None]:
        return [_number(row.address, base) for row in rows]

    def counted(places: Sequence[int | None]) -> int:
        pairs = zip(pairwise(places), rows, strict=False)
        return sum(b - a == width * len(row.tokens) for (a, b), row in pairs if a is not None and b is not None)

    return max((in_base(base) for base in (16, 8, 10)), key=counted)


def _number(address: str | None, base: int) -> int | None:
    try:
        return None if address is None else int(address, base)
    except ValueError:
        return None
