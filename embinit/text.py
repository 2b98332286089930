"""Text: tables for people."""

from collections.abc import Sequence


def table(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows of cells aligned in columns: numbers to the right, words to the left.

    >>> table([("name", "n"), ("a", "10")])
    ['name   n', 'a     10']
    """
    if not cells:
        return []
    columns = list(zip(*cells, strict=True))
    right = [all(cell.lstrip("-").isdigit() or cell in ("?", "") for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        for line in cells
    )
    return [line.rstrip() for line in lines]
