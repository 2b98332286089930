"""Whether lines follow one another: those that are lost, repeated or out of place show in addresses and indices."""

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
    """Raise EmbinitError if most lines follow one another by their addresses or indices, and one does not.

    sizes: the bytes of each token. starts: after how many bytes a buffer begins, which may have any address.
    """
    rows = [row for row in given.rows if row.tokens]
    ends = [0, *accumulate(sizes)]
    places = [ends[min(at, len(sizes))] for at in accumulate((len(row.tokens) for row in rows), initial=0)]
    lengths = [b - a for a, b in pairwise(places)]
    begins = [place in starts for place in places[1:]]
    addresses = [_Counted([number_of(row.address, base) for row in rows], lengths) for base in (16, 8, 10)]
    gap = max(addresses, key=lambda each: sum(each.follows)).gap(begins)
    if gap is not None:
        one, other = rows[gap].address, rows[gap + 1].address
        raise EmbinitError(f"the line at {other} follows that at {one}, which has {lengths[gap]} bytes: {_WAY_OUT}")
    indices = [row.line.index for row in rows]
    again = [begin or index == indices[0] for begin, index in zip(begins, indices[1:], strict=False)]
    counted = [_Counted(indices, steps) for steps in ([len(row.tokens) for row in rows], [1] * len(rows))]
    gap = max(counted, key=lambda each: sum(each.follows)).gap(again)
    if gap is not None:
        raise EmbinitError(f"{_element(indices[gap + 1])} follows {_element(indices[gap])}: {_WAY_OUT}")


class _Counted:
    """Numbers of lines, and which of them is that of the line before and its step. None: a line has no number."""

    def __init__(self, values: Sequence[int | None], steps: Sequence[int]) -> None:
        pairs = list(pairwise(values))
        self.follows = [
            a is not None and b is not None and b - a == step for (a, b), step in zip(pairs, steps, strict=False)
        ]
        self._numbered = [pair != (None, None) for pair in pairs]

    def gap(self, begins: Sequence[bool]) -> int | None:
        """Return after which line the first number does not follow, if most do. A buffer may begin with any."""
        if sum(self.follows) < 2 or 2 * sum(self.follows) <= sum(self._numbered):
            return None
        gaps = (i for i, follows in enumerate(self.follows) if self._numbered[i] and not follows and not begins[i])
        return next(gaps, None)


def _element(index: int | None) -> str:
    return "a line without an index" if index is None else f"element [{index}]"
