"""Whether lines follow one another: addresses and indices show which are lost, repeated or out of place."""

from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise

from embinit.bundle import Array
from embinit.dump.rows import Read, number_of
from embinit.errors import EmbinitError

_WAY_OUT = "lines are missing, repeated or in another order: print them again"


def starts_of(arrays: Sequence[Array]) -> set[int]:
    """Return after how many bytes each buffer begins."""
    return {0, *accumulate(len(array.payload) for array in arrays)}


def check_order(given: Read, sizes: Sequence[int], starts: Collection[int]) -> None:
    """Raise EmbinitError if the addresses or indices of lines show that some are missing, repeated or out of place.

    They are believed only if most lines follow one another by them, or if all lines would in another order; otherwise
    they are taken for something else. sizes: the bytes of each token. starts: after how many bytes a buffer begins,
    which may have any address.
    """
    rows = [row for row in given.rows if row.tokens]
    ends = [0, *accumulate(sizes)]
    places = [ends[min(at, len(sizes))] for at in accumulate((len(row.tokens) for row in rows), initial=0)]
    lengths = [b - a for a, b in pairwise(places)]
    begins = [place in starts for place in places[1:]]
    gap = _gap([_Counted([number_of(row.address, base) for row in rows], lengths, begins) for base in (16, 8, 10)])
    if gap is not None:
        one, other = rows[gap].address, rows[gap + 1].address
        raise EmbinitError(f"the line at {other} follows that at {one}, which has {lengths[gap]} bytes: {_WAY_OUT}")
    indices = [row.line.index for row in rows]
    again = [begin or index == indices[0] for begin, index in zip(begins, indices[1:], strict=False)]
    gap = _gap([_Counted(indices, steps, again) for steps in ([len(row.tokens) for row in rows], [1] * len(rows))])
    if gap is not None:
        raise EmbinitError(f"{_element(indices[gap + 1])} follows {_element(indices[gap])}: {_WAY_OUT}")


class _Counted:
    """The numbers of lines (None for a line without one), and which of them are the number of the line before plus its
    step.

    begins: for each line, whether a buffer begins after it, whose number may be any.
    """

    def __init__(self, values: Sequence[int | None], steps: Sequence[int], begins: Sequence[bool]) -> None:
        pairs = list(pairwise(values))
        self._values, self._steps, self._begins = values, steps, begins
        self._numbered = sum(pair != (None, None) for pair in pairs)
        self.following = [
            a is not None and b is not None and b - a == step for (a, b), step in zip(pairs, steps, strict=False)
        ]
        self.gaps = [
            i for i, pair in enumerate(pairs) if pair != (None, None) and not self.following[i] and not begins[i]
        ]

    @property
    def most_follow(self) -> bool:
        """Whether the lines are in order but for a few."""
        return 2 <= sum(self.following) > self._numbered - sum(self.following)

    @property
    def reordered(self) -> bool:
        """Whether all lines, or those of a buffer, are in another order than their numbers, and none is missing."""
        bounds = [0, *(i + 1 for i, begin in enumerate(self._begins) if begin), len(self._values)]
        parts = [(0, len(self._values)), *pairwise(bounds)]
        return any(any(a <= gap < b - 1 for gap in self.gaps) and self._is_complete(a, b) for a, b in parts)

    def _is_complete(self, start: int, stop: int) -> bool:
        """Whether some lines, sorted by their numbers, follow one another."""
        lines = list(zip(self._values[start:stop], self._steps[start:stop], strict=False))
        numbers = sorted((value, step) for value, step in lines if value is not None)
        return len(numbers) == len(lines) and all(a + step == b for (a, step), (b, _) in pairwise(numbers))


def _gap(ways: Sequence[_Counted]) -> int | None:
    """Return the line after which a number does not follow, counted in the way that orders most lines; else None."""
    best = max(ways, key=lambda way: sum(way.following))
    if not best.gaps or best.most_follow:
        return next(iter(best.gaps), None)
    return next((way.gaps[0] for way in ways if way.reordered), None)


def _element(index: int | None) -> str:
    return "a line without an index" if index is None else f"element [{index}]"
