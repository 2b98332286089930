"""Fitting: a page has a size that it does not exceed, whatever the model; each of its parts has a share of it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from embinit.markup import element, text

#: How many bytes a page takes at most, and how many each of its parts may fill; LIST is for what is told in words.
PAGE = 500_000
TABLE, CARDS, STREAM, LIST = 95_000, 280_000, 50_000, 12_000
#: How many characters a sentence has at most.
WORDS = 2_000

Detail = TypeVar("Detail")


def size(markup: str) -> int:
    """Return how many bytes markup takes in a file."""
    return len(encoded(markup))


def encoded(markup: str) -> bytes:
    """Return markup as a file holds it; the name of a dump may contain bytes that are not UTF-8."""
    return markup.encode("utf-8", "backslashreplace")


def within(room: int, pieces: Sequence[str], worth: Sequence[int] | None = None) -> tuple[list[str], int]:
    """Return the pieces of most worth that take at most so many bytes together, in their order, and how many are left
    out; of the same worth, the first ones are taken.

    >>> within(4, ["aa", "bb", "cc"], [0, 1, 1])
    (['bb', 'cc'], 1)
    """
    order = range(len(pieces)) if worth is None else sorted(range(len(pieces)), key=lambda i: -worth[i])
    taken = list[int]()
    for i in order:
        room -= size(pieces[i])
        if room < 0:
            break
        taken.append(i)
    return [pieces[i] for i in sorted(taken)], len(pieces) - len(taken)


def brief(words: str) -> str:
    """Return words, or the beginning of very many: sentences about each of some hundred buffers say little on a page.

    >>> brief("short")
    'short'
    """
    return words if len(words) <= WORDS else f"{words[:WORDS]}... and {len(words) - WORDS} more characters"


def left_out(count: int, what: str = "") -> str:
    """Return the line that says how many pieces are left out, if any are."""
    return element("p", text(f"{count} more {what}".strip() + " are not shown."), class_="note") if count else ""


def finest(
    room: int, draw: Callable[[int, Detail], str], worth: Sequence[int], details: Sequence[Detail]
) -> tuple[list[str], int]:
    """Return as many drawings as `within` does, in the finest detail in which all of them fit, or in the last one.

    draw returns the drawing of a number in a detail.
    """
    order = sorted(range(len(worth)), key=lambda i: -worth[i])
    drawn = dict[int, str]()
    for detail in details:
        drawn, taken = {}, 0
        for i in order:
            piece = draw(i, detail)
            taken += size(piece)
            if taken > room:
                break
            drawn[i] = piece
        if len(drawn) == len(order):
            break
    return [drawn[i] for i in sorted(drawn)], len(order) - len(drawn)
