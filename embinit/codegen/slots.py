"""The rows of the generated table: draws in their order, with what happens to the stream between, and then copies."""

from pathlib import Path
from typing import NamedTuple

from embinit.bundle import Bundle, Entry
from embinit.codegen.text import NoCodeError
from embinit.dialects import dialect_named
from embinit.distributions import Constant, Uniform
from embinit.plan import Action


class Init(NamedTuple):
    """The parts of <name>_init.c that depend on how the buffers are stored, as lines of C."""

    headers: set[str | Path]
    tables: list[str]
    fill: list[str]
    check: list[str]


class Lost(NamedTuple):
    """A row without a buffer: words that are drawn before one and dropped; or, if words is None, the stream starts
    again.
    """

    entry: Entry
    words: int | None


Slot = Entry | Lost


def slots_of(bundle: Bundle) -> list[Slot]:
    """Return what each row of the table describes: the draws in their order, and then the copies."""
    entries = {entry.name: entry for entry in bundle.entries}
    drawn: list[Slot] = []
    if bundle.plan.model.skip_words:
        drawn.append(Lost(bundle.entries[0], bundle.plan.model.skip_words))
    for action, row in bundle.plan.events:
        entry = entries[row.name]
        if action is Action.LOSE:
            drawn.append(Lost(entry, lost_words(bundle, entry)))
        elif action is Action.SKIP:
            drawn.append(Lost(entry, row.order.skip))
        elif action is Action.RESTART:
            drawn.append(Lost(entry, None))
        elif action is Action.DRAW:
            drawn.append(entry)
    return [*drawn, *(entry for entry in bundle.entries if entry.row.same_as)]


def lost_words(bundle: Bundle, entry: Entry) -> int:
    """Return how many words are drawn before a buffer and overwritten."""
    sampler = dialect_named(bundle.plan.model.dialect).sampler
    words = 0
    for distribution, size in entry.row.lost:
        if not isinstance(distribution, Uniform | Constant):
            raise NoCodeError(f"{entry.name}: no C draws {distribution} for nothing; export the values instead")
        words += sampler.draws(distribution, size) or 0
    return words


def label(slot: Slot) -> str:
    """Return the comment of a row."""
    if not isinstance(slot, Lost):
        return slot.identifier
    what = "the stream starts again" if slot.words is None else "words that are dropped"
    return f"before {slot.entry.identifier}: {what}"


def filled(slots: list[Slot]) -> int:
    """Return how many rows are drawn; the others are copies."""
    return sum(isinstance(slot, Lost) or slot.row.same_as is None for slot in slots)


def restarts(slots: list[Slot]) -> bool:
    """Whether the stream starts again before a row."""
    return any(isinstance(slot, Lost) and slot.words is None for slot in slots)


def pointers(slots: list[Slot], kind: str) -> list[str]:
    """Return the definition of the pointers to all buffers."""
    members = (f"    {'0' if isinstance(slot, Lost) else f'buffers->{slot.identifier}'}," for slot in slots)
    return [f"{kind} pointers[{len(slots)}] = {{", *members, "};"]
