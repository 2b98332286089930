"""The rows of the generated table: the draws in their order, those that are lost too, and then the copies."""

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
    """What is drawn before a buffer and then overwritten: a row without a buffer."""

    entry: Entry
    words: int


Slot = Entry | Lost


def slots_of(bundle: Bundle) -> list[Slot]:
    """Return what each row of the table describes: the draws in their order, and then the copies."""
    entries = {entry.name: entry for entry in bundle.entries}
    drawn: list[Slot] = []
    for action, row in bundle.plan.events:
        entry = entries[row.name]
        if action is Action.LOSE:
            drawn.append(Lost(entry, lost_words(bundle, entry)))
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
    return f"before {slot.entry.identifier}, overwritten" if isinstance(slot, Lost) else slot.identifier


def filled(slots: list[Slot]) -> int:
    """Return how many rows are drawn; the others are copies."""
    return sum(isinstance(slot, Lost) or slot.row.same_as is None for slot in slots)


def pointers(slots: list[Slot], kind: str) -> list[str]:
    """Return the definition of the pointers to all buffers."""
    members = (f"    {'0' if isinstance(slot, Lost) else f'buffers->{slot.identifier}'}," for slot in slots)
    return [f"{kind} pointers[{len(slots)}] = {{", *members, "};"]
