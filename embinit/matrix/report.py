"""Report: which builds leave the same bits, where the others differ first, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from embinit.errors import listed
from embinit.matrix.builds import Build
from embinit.matrix.changes import UNKNOWN, Cause
from embinit.text import table
from embinit.verify import BufferComparison

FAILED = "-"


@dataclass(frozen=True)
class Difference:
    """How a group of builds differs from the largest one: the two builds that were compared, where, and why."""

    one: Build
    other: Build
    comparisons: tuple[BufferComparison, ...]
    causes: tuple[Cause, ...]

    @property
    def why(self) -> str:
        """The names of the causes."""
        return listed(cause.name for cause in self.causes) or "unknown"

    def __str__(self) -> str:
        elements, equal = (sum(getattr(c, what) for c in self.comparisons) for what in ("elements", "equal"))
        compared = next(c for c in self.comparisons if c.first is not None)
        said = "\n".join(f"   {cause.name}: {cause.text}" for cause in self.causes) or f"   unknown: {UNKNOWN}"
        return (
            f"   {elements - equal} of {elements} elements differ, the first in {compared.name}{compared.first}\n"
            f"   (expected: {self.one}; got: {self.other})\n{said}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the difference as plain values."""
        first = next(c for c in self.comparisons if c.first is not None)
        assert first.first is not None
        return {
            "builds": [str(self.one), str(self.other)],
            "elements": sum(c.elements for c in self.comparisons),
            "equal": sum(c.equal for c in self.comparisons),
            "first": {"buffer": first.name, "coordinates": list(first.first.coordinates), "what": str(first.first)},
            "causes": [{"name": cause.name, "text": cause.text} for cause in self.causes],
        }


@dataclass(frozen=True)
class Group:
    """Builds that leave the same bits: a letter for it, and how it differs from the first group."""

    letter: str
    builds: tuple[Build, ...]
    difference: Difference | None = None


@dataclass(frozen=True)
class Matrix:
    """What builds of one code leave: groups of equal ones, the largest first, and why others left nothing.

    Attributes
    ----------
    entry
        The function that was called.
    groups
        The groups of builds that leave the same bits.
    failed
        The builds that could not be made or did not return, and the reason.
    builds
        All builds, in the order in which they were asked for.
    notes
        What is wrong with a build by itself: that it leaves other bits each time, or that they depend on what the
        buffers held.
    """

    entry: str
    groups: tuple[Group, ...]
    failed: tuple[tuple[Build, str], ...]
    builds: tuple[Build, ...]
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all builds leave the same bits."""
        return len(self.groups) == 1 and not self.failed

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: a row for each compiler of a target with the letters of its builds; one row if all agree."""
        letters = {build: group.letter for group in self.groups for build in group.builds}
        letters |= {build: FAILED for build, _ in self.failed}
        columns = _unique(build.flags for build in self.builds)
        head = ("target", "compiler", *(" ".join(flags) or "none" for flags in columns))
        places = _unique((build.target, build.compiler) for build in self.builds)
        if self.agrees and all(
            Build(target, compiler, flags) in letters for target, compiler in places for flags in columns
        ):
            targets, compilers = (_unique(place[i] for place in places) for i in (0, 1))
            return [head, (_all(targets, "targets"), _all(compilers, "compilers"), *(len(columns) * ["A"]))]
        return [
            head,
            *(
                (target, compiler, *(letters.get(Build(target, compiler, flags), "") for flags in columns))
                for target, compiler in places
            ),
        ]

    @property
    def verdict(self) -> str:
        """The sentence that says whether all agree."""
        count = len(self.builds)
        if self.agrees:
            return f"{self.entry}: all {count} builds leave the same bits"
        parts = [f"{count} builds leave {len(self.groups)} different results"] if len(self.groups) > 1 else []
        parts += [f"{len(self.failed)} of {count} builds leave none"] if self.failed else []
        return f"{self.entry}: {', and '.join(parts)}"

    def __str__(self) -> str:
        lines = [*table(self.rows), ""]
        for group in self.groups:
            if not self.agrees:
                lines += [f"{group.letter}  {_named(group.builds)}"]
            if group.difference is not None:
                lines += [str(group.difference)]
        lines += [f"{FAILED}  {build}: {why}" for build, why in self.failed]
        return "\n".join([*lines, *self.notes, self.verdict])

    def as_json(self) -> dict[str, Any]:
        """Return the matrix as plain values."""
        return {
            "entry": self.entry,
            "agrees": self.agrees,
            "groups": [
                {
                    "letter": group.letter,
                    "builds": [
                        {"target": b.target, "compiler": b.compiler, "flags": list(b.flags)} for b in group.builds
                    ],
                    "difference": None if group.difference is None else group.difference.as_json(),
                }
                for group in self.groups
            ],
            "failed": [
                {"target": b.target, "compiler": b.compiler, "flags": list(b.flags), "why": why}
                for b, why in self.failed
            ],
            "notes": list(self.notes),
        }


def _unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _all(names: Sequence[str], what: str) -> str:
    return names[0] if len(names) == 1 else f"all {len(names)} {what}"


def _named(builds: Sequence[Build], most: int = 3) -> str:
    shown = listed(map(str, builds[:most]))
    count = f"{len(builds)} build{'s' if len(builds) > 1 else ''}"
    return f"{count}: {shown}{', ...' if len(builds) > most else ''}"
