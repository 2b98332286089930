"""Text: what debuggers, hex dumpers and serial logs print, read by its tokens and by how many the plan needs.

A reading takes tokens of one spelling, such as 0x9a or 3dcccccd. In each line only the longest unbroken run of such
tokens counts, the later of two equally long ones: labels, time stamps and an ASCII column are skipped, and a column of
addresses is recognized by its steps. A reading fits if it gives all elements or bytes of the buffers and no more. A
text that fits in two ways that differ is refused.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from embinit.bundle import Array
from embinit.dump.elements import FLOAT, HEX_FLOAT, from_decimal, from_hex, integral, of_floats, of_integers, sizes_of
from embinit.dump.lines import Line, lines_of
from embinit.dump.memory import Memory, cut, joined, must_have
from embinit.dump.order import check_order, starts_of
from embinit.dump.rows import Read, Row, places_of, rows_of
from embinit.dump.spelling import DECIMAL, FLOATS, HEXADECIMAL, IMAGE_SPELLINGS, LONG_WORD, SPELLINGS, STRING, Spelling
from embinit.errors import EmbinitError

_FRACTION = re.compile(r"\d\.\d")
_CUT = re.compile(r"\.\.\.\s*[}\]]|[,\s]\.\.\.[,\s]")
#: What numbers that are not read look like, and how to print them instead.
_HINTS = (
    (re.compile(r"(?<![\w.,])[+-]?\d{1,3}(?:,\d{3})+(?![\w.,])"), "commas part the digits of thousands: print without"),
    (
        re.compile(r"(?<![\w.,])[+-]?\d+,\d+(?:[eE][+-]?\d+)?(?![\w.,])"),
        "decimals have a comma: print them with a point",
    ),
    (re.compile(r"(?<!\w)(?:0b)?[01]{8,64}(?!\w)"), "the digits are binary: print hexadecimal ones"),
    (
        re.compile(r"(?<![\w.])0[0-7]{2,11}(?![\w.])"),
        "the digits may be octal: print hexadecimal ones, by od -t x1 or gdb's /x",
    ),
    (
        re.compile(r"\\(?:x[0-9a-fA-F]{2}|[0-7]{3})"),
        "the bytes are a string with escapes: print numbers, in gdb by /d, in Python by .hex()",
    ),
)
#: The most characters of a text, apart from those that its buffers may need, and of the image of a RAM.
MOST, MOST_OF_IMAGE = 1 << 22, 1 << 25
#: More tokens than the image of a RAM can have.
ANY_SIZE = 1 << 32


def read(text: str, arrays: Sequence[Array]) -> dict[str, bytes]:
    """Return the buffers that a text holds one after the other, or raise an EmbinitError that says what the text was
    taken for and how much of that was counted.
    """
    check_length(text, MOST + 256 * sum(len(array.payload) for array in arrays))
    sections = _named_out_of_order(text, arrays)
    if sections:
        return {name: data for array in arrays for name, data in read(sections[array.name], [array]).items()}
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


def _named_out_of_order(text: str, arrays: Sequence[Array]) -> dict[str, str]:
    """Return the text after the first mention of each buffer, if it names all of them in another order than the plan;
    else an empty dict.
    """
    found = [re.search(rf"(?<![\w.])(?:{re.escape(a.name)}|{a.identifier})(?![\w.])", text) for a in arrays]
    labels = [(label.start(), label.end(), array.name) for label, array in zip(found, arrays, strict=True) if label]
    if len(labels) < len(arrays) or labels == sorted(labels):
        return {}
    labels.sort()
    ends = [start for start, _, _ in labels[1:]] + [len(text)]
    return {name: text[start:end] for (_, start, name), end in zip(labels, ends, strict=True)}


def _unfit(text: str, arrays: Sequence[Array], counted: Iterable[tuple[int, str, int | None]]) -> str:
    count, name, width = max(counted, key=lambda each: each[0])
    got = f"{count} {name}" if count else "a text without numbers"
    got += f" ({count * width} bytes)" if count and width else ""
    message = f"{must_have(arrays)}, {sum(array.count for array in arrays)} elements; got {got}"
    for pattern, hint in _HINTS:
        if 2 * len(pattern.findall(text)) >= sum(array.count for array in arrays):
            message += f"; {hint}"
            break
    if _CUT.search(text):
        message += "; '...' says that the debugger cut the array: print all of it, in gdb with set print elements 0"
    return message


def check_length(text: str, most: int) -> None:
    """Raise EmbinitError if a text is so long that reading it would take too much memory and time."""
    if len(text) > most:
        raise EmbinitError(
            f"a text must have at most {most} characters, got {len(text)}: keep the part that shows the buffers, "
            "or dump raw bytes"
        )


def image(text: str, own_addresses: bool = True) -> Memory:
    """Return the memory that a text prints in bytes or words, at the addresses next to them if there are any.

    Addresses that count from 0, like those of a file, are not the device's. own_addresses: whether the others are.
    """
    check_length(text, MOST_OF_IMAGE)
    lines = lines_of(text, ANY_SIZE)
    reads = [given for spelling in IMAGE_SPELLINGS if (given := rows_of(lines, spelling, ANY_SIZE)).count]
    reads = [given for given in reads if given.spelling is not LONG_WORD or not _may_be_strings(given)]
    best = max(reads, key=lambda given: given.count * (given.spelling.width or 0), default=None)
    if best is None:
        raise EmbinitError("is a text without bytes or words in hexadecimal digits, which an ELF file needs")
    form, width = best.spelling.name, best.spelling.width
    assert width is not None
    data, rows = _joined(best), [row for row in best.rows if row.tokens]
    places = places_of(rows, width)
    if not own_addresses or None in places or not any(places):
        return Memory(form, ((0, data),), unit=width)
    pieces, at = [], 0
    for place, row in zip(places, rows, strict=True):
        size = width * len(row.tokens)
        pieces.append((place or 0, data[at : at + size]))
        at += size
    return Memory(form, joined(form, pieces), addressed=places[0] != 0, unit=width)


#: The plural name of what is counted, how many there are, the bytes of each if its digits show them, and a function
#: that returns the buffers, or None if they do not fit.
Reading = tuple[str, int, int | None, Callable[[], dict[str, bytes] | None]]


def _readings(text: str, arrays: Sequence[Array]) -> Iterator[Reading]:
    """Return every way to read a text."""
    size, elements = sum(len(a.payload) for a in arrays), sum(a.count for a in arrays)
    most = max(size, elements)
    lines = lines_of(text, most)
    hexfloats = rows_of(lines, Spelling("hexadecimal floats", HEX_FLOAT), most)
    if any("p" in token.lower() for token in hexfloats.tokens):
        yield hexfloats.spelling.name, hexfloats.count, None, lambda: of_floats(hexfloats, arrays, from_hex)
        return
    floats = rows_of(lines, Spelling(FLOATS, FLOAT), most)
    if any(not integral(token) for token in floats.tokens):
        yield floats.spelling.name, floats.count, None, lambda: of_floats(floats, arrays, from_decimal)
    fractions = {row.line.body for row in floats.rows if not all(map(integral, row.tokens))}
    hold_floats = all(array.data.dtype.kind == "f" for array in arrays)
    for spelling in SPELLINGS:
        given = rows_of(lines, spelling, most)
        beside = sum(_beside_floats(row, spelling, fractions) for row in given.rows)
        is_data = not hold_floats or 2 * beside <= len(given.rows)  # else a column of indices or times beside floats
        fitted = partial(_fitted, given, arrays, size)
        yield spelling.name, given.count, spelling.width, fitted if is_data else lambda: None
    yield from _of_strings(text, lines, arrays, size)


def _beside_floats(row: Row, spelling: Spelling, fractions: Collection[str]) -> bool:
    """Return whether the integers of a row share their line with floats, or its bytes stand before one."""
    integers = spelling.name in (DECIMAL, HEXADECIMAL)
    followed = (integers or spelling.width in (1, 2)) and _FRACTION.search(row.line.body, row.end) is not None
    return bool(row.tokens) and (followed or (integers and row.line.body in fractions))


def _fitted(given: Read, arrays: Sequence[Array], size: int) -> dict[str, bytes] | None:
    """Return the buffers that integers hold: words of a width, single bytes, or one per element."""
    spelling, count = given.spelling, given.count
    if spelling is LONG_WORD and not _may_be_words(given):
        return None
    elements = sum(array.count for array in arrays)
    if spelling.width is not None and count == -(-size // spelling.width):
        check_order(given, [spelling.width] * count, starts_of(arrays))
        return cut(_joined(given, _are_big_endian(arrays)), arrays)
    if spelling.width is not None:
        return None
    if spelling.name == HEXADECIMAL and count != size and any(array.data.dtype.itemsize > 1 for array in arrays):
        return None
    if count == elements:
        check_order(given, sizes_of(arrays), starts_of(arrays))
    values = [spelling.value(token) for token in given.tokens]
    if count == elements and any(array.data.dtype.itemsize > 1 for array in arrays):
        return of_integers(values, arrays, spelling)
    if count == size and all(-128 <= value < 256 for value in values):
        return cut(bytes(value & 0xFF for value in values), arrays)
    return of_integers(values, arrays, spelling) if count == elements else None


def _are_big_endian(arrays: Sequence[Array]) -> bool:
    """Return whether a device is big endian: whether all buffers are whose elements have more than one byte."""
    orders = {array.arrangement.byte_order for array in arrays if array.data.dtype.itemsize > 1}
    return orders == {"big"}


def _joined(given: Read, big: bool = False) -> bytes:
    """Return the bytes of tokens of one width, which are words of the device or bytes in the order of memory. A dumper
    of files, whose addresses count from 0, prints words of the machine on which it runs, and that is little endian.
    big: whether the device is big endian.
    """
    width = given.spelling.width
    assert width is not None
    digits = [_digits(token, width) for token in given.tokens]
    forward = bytes.fromhex("".join(each.ljust(2 * width, "0") for each in digits))
    if width == 1:
        return forward
    digits = [each.zfill(2 * width) for each in digits]
    backward = np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, width)[:, ::-1].tobytes()
    shown = _rows_shown(given, backward) - _rows_shown(given, forward)
    if big and shown == 0 and not _counts_from_zero(given):
        return forward
    by_xxd = width == 2 and all(row.line.marked and "x" not in (row.line.address or "x") for row in given.rows)
    return forward if shown < 0 or (shown == 0 and by_xxd) else backward


def _counts_from_zero(given: Read) -> bool:
    """Return whether rows have addresses without a colon that count from 0, as od and hexdump print them."""
    first = next(iter(given.rows), None)
    return first is not None and not first.line.marked and (first.line.address or "x").strip("0") == ""


def _rows_shown(given: Read, data: bytes) -> int:
    """Return in how many rows the ASCII column, which has the order of memory, shows these bytes."""
    found = at = 0
    for row in given.rows:
        size = (given.spelling.width or 1) * len(row.tokens)
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[at : at + size])
        found += bool(row.ascii) and text.strip().startswith(row.ascii.strip())
        at += size
    return found


def _digits(token: str, width: int) -> str:
    """Return the hexadecimal digits of a token, with the leading zeros that a number after 0x may lack."""
    token = token.rstrip("uUlL")
    return token[2:].zfill(2 * width) if token[:2] in ("0x", "0X") else token


def _may_be_words(given: Read) -> bool:
    """Return whether tokens of 16 digits are words: side by side, or beside addresses, or after 0x."""
    rows = [row for row in given.rows if row.tokens]
    return any(len(row.tokens) > 1 or row.address or row.tokens[0][:2] in ("0x", "0X") for row in rows)


def _may_be_strings(given: Read) -> bool:
    """Return whether tokens of 16 digits are strings: one a line, without a sign of who printed them."""
    rows = [row for row in given.rows if row.tokens]
    alone = all(len(row.tokens) == 1 or row.line.marked for row in rows)
    return alone and not any(row.ascii or (row.address and not row.line.marked) for row in rows)


def _of_strings(text: str, lines: Sequence[Line], arrays: Sequence[Array], size: int) -> Iterator[Reading]:
    """Return the bytes of a text that is nothing but bytes: long strings of hexadecimal digits, or base64."""
    strings = rows_of(lines, STRING, 2 * size)
    if any(len(token) > 8 for token in strings.tokens):
        digits = "".join(token for row in strings.rows for token in row.tokens)
        fits = len(digits) == 2 * size
        long = rows_of(lines, LONG_WORD, 2 * size)
        fits = fits and not (long.count == strings.count and not _may_be_strings(long))
        yield STRING.name, len(digits) // 2, 1, lambda: cut(bytes.fromhex(digits), arrays) if fits else None
    joined = "".join(text.split())
    if len(joined) == -(-size // 3) * 4 or len(joined.rstrip("=")) == -(-size * 4 // 3):
        try:
            data = base64.b64decode(joined.rstrip("=") + "=" * (-len(joined.rstrip("=")) % 4), validate=True)
        except (binascii.Error, ValueError):
            return
        if len(data) == size:
            yield "base64", len(data), 1, lambda: cut(data, arrays)
