"""The seeds of a sweep: read from a text, and checked against what a dialect takes."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from re import fullmatch
from typing import Any

from embinit.errors import EmbinitError, shown
from embinit.model import Description


class Seeds(Sequence[int]):
    """The numbers of several ranges, one range after the other; only the ends of the ranges are in memory."""

    def __init__(self, parts: Sequence[range]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.parts)

    def after(self, count: int) -> "Seeds":
        """Return these seeds without the first ones."""
        parts = []
        for part in self.parts:
            parts += [part[count:]] if count < len(part) else []
            count = max(0, count - len(part))
        return Seeds(parts)

    def __getitem__(self, i: Any) -> Any:
        places = range(len(self))[i]
        if isinstance(i, slice):
            return [self[place] for place in places]
        for part in self.parts:
            if places < len(part):
                return part[places]
            places -= len(part)
        raise AssertionError(i)


def parse_seeds(text: str) -> Sequence[int]:
    """Return the seeds that a text lists as numbers and ranges.

    Parameters
    ----------
    text
        Numbers and ranges from one number to another, both included, with commas between them: "0-999,4294967295".

    Raises
    ------
    EmbinitError
        If the text is anything else, or a range ends before it begins.

    Examples
    --------
    >>> parse_seeds("0-999")
    range(0, 1000)
    >>> list(parse_seeds("3,7-9"))
    [3, 7, 8, 9]
    """
    if not isinstance(text, str):
        raise EmbinitError(f"seeds must be a text such as 0-999,4294967295, got {shown(text)}")
    ranges = []
    for part in text.split(","):
        match = fullmatch(r"\s*(-?\d{1,40})(?:-(-?\d{1,40}))?\s*", part)
        if match is None:
            raise EmbinitError(f"seeds must be numbers and ranges such as 0-999,4294967295, got {shown(part)}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise EmbinitError(f"a range of seeds must not fall, got {shown(part)}")
        ranges.append(range(first, last + 1))
    if sum(each.stop - each.start for each in ranges) > sys.maxsize:
        raise EmbinitError(f"seeds must be at most {sys.maxsize} numbers, got {shown(text)}")
    return ranges[0] if len(ranges) == 1 else Seeds(ranges)


def checked(model: Description, seeds: Iterable[int]) -> Iterator[int]:
    """Return an iterator over seeds, which raises EmbinitError at one that the model's dialect does not take. The ends
    of ranges are checked at once.
    """
    parts = seeds.parts if isinstance(seeds, Seeds) else [seeds] if isinstance(seeds, range) else None
    if parts is None:
        return map(partial(_check, model), seeds)
    dialect = model.conventions
    for part in parts:
        for end in (*part[:1], *part[-1:]):
            _check(model, end)
        if dialect.no_seed is not None and dialect.no_seed in part:
            _check(model, dialect.no_seed)
    return iter(seeds)


def _check(model: Description, seed: int) -> int:
    """Return a seed, or raise EmbinitError if the model's dialect does not take it."""
    dialect = model.conventions
    dialect.check_seed(seed)
    if seed == dialect.no_seed:
        raise EmbinitError(f"seeds must not have {seed}: it asks dialect {dialect.name} for a random one")
    return seed
