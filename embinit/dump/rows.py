"""The rows of tokens that lines have in one spelling, without addresses and whatever else surrounds them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from embinit.dump.lines import Line
from embinit.dump.spelling import FLOATS, SEPARATOR, Spelling

_PLACE = re.compile(r"[0-9a-fA-F]{6,16}")
_SEPARATORS, _WORDS = re.compile(f"[{SEPARATOR}]+"), re.compile(f"[^{SEPARATOR}]+")


@dataclass
class Row:
    """The run of a line: its tokens, and what is around them. line and start: the line and the column where it was
    found.
    """

    tokens: list[str]
    line: "Line"
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
        if self.line.marked or self.line.body[: self.start].strip():
            return self.line.address
        return None

    @property
    def ascii(self) -> str:
        """The ASCII column."""
        rest = self.line.body[self.end :]
        return self.line.shown or (rest.strip() if self.line.marked or (self.address and rest[:2] == "  ") else "")


@dataclass
class Read:
    """A text read in one spelling: its rows, and how many tokens they have."""

    spelling: Spelling
    rows: list[Row] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of tokens."""
        return sum(len(row.tokens) for row in self.rows)

    @property
    def tokens(self) -> Iterator[str]:
        """The tokens, row by row."""
        return (token for row in self.rows for token in row.tokens)


def rows_of(lines: Sequence[Line], spelling: Spelling, most: int) -> Read:
    """Return the rows of a text in a spelling; reading ends when there are more tokens than could fit."""
    given = Read(spelling)
    count = 0
    for line in lines:
        row = _row(line, spelling)
        if row is not None:
            given.rows.append(row)
            count += len(row.tokens)
            if count > 4 * most + 64:
                break
    _without_addresses(given)
    _without_addresses_of_floats(given)
    _without_rest(given)
    _within_columns(given)
    _with_rest(given, lines)
    _squeezed_out(given, most)
    return given


def _row(line: Line, spelling: Spelling) -> Row | None:
    """Return the longest run of a line, the later of two equally long ones; None if it has none. Within braces all runs
    count, because the names of a structure's members separate them.
    """
    if line.star:
        return Row([], line)
    if line.braced:
        runs = [_SEPARATORS.split(run[0]) for run in spelling.runs.finditer(line.body)]
        return Row([token for run in runs for token in run], line, len(line.body)) if runs else None
    best: Row | None = None
    for run in spelling.runs.finditer(line.body):
        tokens = _SEPARATORS.split(run[0])
        if best is None or len(tokens) >= len(best.tokens):
            best = Row(tokens, line, run.start())
    return best


def _without_addresses(given: Read) -> None:
    """Remove first tokens that count up by the size of the rest of their lines: a column of addresses."""
    width = given.spelling.width
    rows = [row for row in given.rows if row.tokens]
    if width != 4 or len(rows) < 3 or any(row.address is not None or len(row.tokens) < 2 for row in rows):
        return
    starts = [given.spelling.value(row.tokens[0]) for row in rows]
    if all(b - a == width * (len(row.tokens) - 1) for (a, b), row in zip(pairwise(starts), rows, strict=False)):
        for row in rows:
            _without_first(row)


def _without_first(row: Row) -> None:
    """Take the first token for an address."""
    address = row.tokens.pop(0)
    row.line = replace(row.line, body=row.line.body.replace(address, "", 1), address=address, marked=True)
    row.start = 0


def _without_addresses_of_floats(given: Read) -> None:
    """Remove the addresses before floats, as od and hexdump print them: digits that count the bytes of their lines."""
    rows = [row for row in given.rows if row.tokens]
    words = [row.line.body.split(None, 1)[0] for row in rows]
    if given.spelling.name != FLOATS or len(rows) < 2 or not all(_PLACE.fullmatch(word) for word in words):
        return
    counts = [len(row.tokens) - (row.tokens[0] == word) for row, word in zip(rows, words, strict=True)]
    for base in (16, 8, 10):
        places = [number_of(word, base) for word in words]
        if all(
            a is not None and b is not None and b - a == 4 * count
            for (a, b), count in zip(pairwise(places), counts, strict=False)
        ):
            for row, word in zip(rows, words, strict=True):
                if row.tokens[0] == word:
                    _without_first(row)
                row.line = replace(row.line, marked=True)
            return


def _without_rest(given: Read) -> None:
    """Remove the rows before the first and after the last with an address or an index, if most rows have one."""
    numbered = [row.line.index is not None or (row.line.marked and bool(row.tokens)) for row in given.rows]
    if sum(numbered) > 2 and 2 * sum(numbered) > len(numbered):
        first, last = numbered.index(True), len(numbered) - numbered[::-1].index(True)
        given.rows[:] = given.rows[first:last]


def _within_columns(given: Read) -> None:
    """Compare each line's tokens with the bytes up to the next address: tokens beyond these belong to an ASCII column.
    If all lines show another width, they are in another spelling, and no row is left.
    """
    width = given.spelling.width
    if width is None:
        return
    rows = [row for row in given.rows if row.tokens]
    places = places_of(rows, width)
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


def _with_rest(given: Read, lines: Sequence[Line]) -> None:
    """Add the bytes at the end that are too few for a group: xxd prints as many digits as there are."""
    width = given.spelling.width
    if width is None or width == 1 or not given.rows or not (lines[-1].marked and given.rows[-1].line.marked):
        return
    last = given.rows[-1]
    if lines[-1].body != last.line.body:
        last = Row([], lines[-1])
        given.rows.append(last)
    at = last.end if last.tokens else 0
    rest = re.compile(r" +((?:[0-9a-fA-F]{2}){1,7})(?= |$)").match(last.line.body, at)
    missing = 2 * width - len(rest[1]) if rest else 0
    if rest and missing > 0 and rest.start(1) - at in (1, 1 + missing):
        last.tokens.append(rest[1])
        last.start = last.start or rest.start(1)


def _squeezed_out(given: Read, most: int) -> None:
    """Restore the lines that a star replaces: the line above it, repeated up to the address below it."""
    stars = [i for i, row in enumerate(given.rows) if row.line.star]
    width = given.spelling.width
    if not stars:
        return
    base = _base(given.rows, width or 1)
    places = dict(zip(map(id, given.rows), _in_base(given.rows, base), strict=True))
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
        address = format(start + length, {16: "x", 10: "d", 8: "o"}[base])
        given.rows.insert(i, Row(above.tokens * times, replace(above.line, address=address, marked=True)))


def places_of(rows: Sequence[Row], width: int) -> list[int | None]:
    """Return the addresses of rows, in the base in which most of them count the bytes of their rows."""
    return _in_base(rows, _base(rows, width))


def _base(rows: Sequence[Row], width: int) -> int:
    """Return the base in which most addresses count the bytes of their rows."""

    def counted(base: int) -> int:
        pairs = zip(pairwise(_in_base(rows, base)), rows, strict=False)
        return sum(b - a == width * len(row.tokens) for (a, b), row in pairs if a is not None and b is not None)

    return max((16, 8, 10), key=counted)


def _in_base(rows: Sequence[Row], base: int) -> list[int | None]:
    return [number_of(row.address, base) for row in rows]


def number_of(address: str | None, base: int) -> int | None:
    """Return the address that digits spell in a base; None if they do not."""
    try:
        return None if address is None else int(address, base)
    except ValueError:
        return None
