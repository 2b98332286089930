"""Tables: rows of cells that a narrow screen scrolls sideways, by keyboard too."""

from collections.abc import Sequence
from typing import NamedTuple

from embinit.markup import element, text
from embinit.pages.fitting import left_out, within


class Column(NamedTuple):
    """A column of a table: its heading, and whether it holds numbers, bars, or sentences."""

    heading: str
    number: bool = False
    track: bool = False
    wide: bool = False

    @property
    def kind(self) -> str | None:
        """The class of its cells."""
        return "n" if self.number else "t" if self.track else "w" if self.wide else None


def table(
    name: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int, worth: Sequence[int] | None = None
) -> str:
    """Return a table in at most so many bytes; name: what a reader who does not see it is told.

    rows: of cells of markup, the first of which is the heading of its row. worth: which rows to keep where there is no
    room for all; by default the first ones.
    """
    head = "".join(element("th", text(column.heading), scope="col", class_=column.kind) for column in columns)
    kept, left = within(room, [_row(columns, cells) for cells in rows], worth)
    body = "\n".join(kept)
    content = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
    return element("div", content, class_="scrolled", role="region", tabindex=0, aria_label=name) + left_out(
        left, "rows"
    )


def _row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    first, *others = cells
    rest = "".join(element("td", cell, class_=column.kind) for column, cell in zip(columns[1:], others, strict=True))
    return f"<tr>{element('th', first)}{rest}</tr>"
