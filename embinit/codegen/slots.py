"""The rows of the generated table: draws in their order, whatever moves the stream between them, and then copies."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, assert_never

from embinit.bundle import Bundle, Entry
from embinit.codegen.text import NoCodeError
from embinit.distributions import Constant, Uniform
from embinit.errors import EmbinitError
from embinit.plan import Action
from embinit.samplers import CDraw, Sampler


class Init(NamedTuple):
    """The parts of <name>_init.c that depend on how the buffers are stored, as lines of C."""

    headers: set[str | Path]
    tables: list[str]
    fill: list[str]
    check: list[str]


class Aside(NamedTuple):
    """A row without a buffer, before or after one with a buffer: it drops words, starts the stream again, or tells the
    generator where a tensor begins or ends. label: what it does, for a comment.
    """

    draw: CDraw
    label: str


Slot = Entry | Aside
#: The row that starts the stream again: a function of the generated file.
RESTART = "restart"


def _own_seed(seed: int | None) -> tuple[str, str] | None:
    """Return the rule of a row that starts the stream again from its own seed; None if it has no seed of its own."""
    if seed is None:
        return None
    if not 0 <= seed < 2**32:
        raise NoCodeError(f"no C starts the stream again from the seed {seed}, which must be from 0 to 2^32 - 1")
    return "uint32_t", f"{seed}u"


def slots_of(bundle: Bundle) -> list[Slot]:
    """Return what each row of the table describes: the draws in their order, and then the copies."""
    entries, sampler = {entry.name: entry for entry in bundle.entries}, _sampler(bundle)
    drawn: list[Slot] = []
    dialect = bundle.plan.model.conventions
    if bundle.plan.model.skip_words:
        drawn += _dropped(sampler, bundle.plan.model.skip_words, "before anything is drawn: words that are dropped")
    for action, row in bundle.plan.events:
        entry = entries[row.name]
        match action:
            case Action.LOSE:
                words, why = lost_words(bundle, entry), f"before {entry.identifier}, overwritten"
                drawn += [
                    slot for n in (words if sampler.whole else [sum(words)]) for slot in _dropped(sampler, n, why)
                ]
            case Action.SKIP:
                why = f"before {entry.identifier}: words that are dropped"
                drawn += _dropped(sampler, row.order.skip, why)
            case Action.RESTART:
                if not (dialect.keys_each and isinstance(row.distribution, Constant)):
                    a, b = row.order.restart or (0, 0)
                    with naming(row.name):
                        dialect.check_c_restart(a, b)
                    draw = CDraw(RESTART, a, b, rule=_own_seed(row.order.seed))
                    drawn.append(Aside(draw, f"before {entry.identifier}: the stream starts again"))
            case Action.DRAW:
                before, after = (None, None) if row.codes else c_draw(bundle, entry).around
                drawn += [Aside(before, f"before {entry.identifier}: it begins")] if before else []
                drawn.append(entry)
                drawn += [Aside(after, f"after {entry.identifier}: it ends")] if after else []
            case Action.COPY | Action.ROUND:
                pass  # copies come last, and rows say how they are rounded
            case Action.REHEARSE | Action.TURN:
                raise NoCodeError(f"{row.name}: no C draws a buffer twice, or in turns with another, in this dialect")
            case _:
                assert_never(action)
    return [*drawn, *(entry for entry in bundle.entries if entry.row.same_as)]


def c_draw(bundle: Bundle, entry: Entry) -> CDraw:
    """Return the C that fills a buffer."""
    with naming(entry.row.name):
        return _sampler(bundle).c_draw(entry.row.distribution, entry.row.size, bundle.plan.model.build)


@contextmanager
def naming(buffer: str) -> Iterator[None]:
    """Turn an error that is raised in the block into a NoCodeError that names the buffer."""
    try:
        yield
    except EmbinitError as error:
        raise NoCodeError(f"{buffer}: {error}") from None


def _sampler(bundle: Bundle) -> Sampler:
    return bundle.plan.model.conventions.sampler


def _dropped(sampler: Sampler, words: int, why: str) -> list[Slot]:
    """Return the rows that drop words."""
    skip = sampler.c_skip(words)
    return [Aside(each, why) for each in (skip, skip.around[1]) if each is not None]


def lost_words(bundle: Bundle, entry: Entry) -> list[int]:
    """Return how many words each of the draws takes that are made before a buffer and overwritten."""
    for distribution, _ in entry.row.lost:
        if not isinstance(distribution, Uniform | Constant):
            raise NoCodeError(f"{entry.name}: no C draws {distribution} for nothing; export the values instead")
    return [_sampler(bundle).draws(distribution, size) or 0 for distribution, size in entry.row.lost]


def label(slot: Slot) -> str:
    """Return the comment of a row."""
    return slot.label if isinstance(slot, Aside) else slot.identifier


def filled(slots: list[Slot]) -> int:
    """Return how many rows are drawn; the others are copies."""
    return sum(isinstance(slot, Aside) or slot.row.same_as is None for slot in slots)


def restarts(slots: Sequence[Slot]) -> bool:
    """Whether the stream starts again before a row."""
    return any(isinstance(slot, Aside) and slot.draw.function == RESTART for slot in slots)


def pointers(slots: list[Slot], kind: str) -> list[str]:
    """Return the definition of the pointers to all buffers."""
    members = (f"    {'0' if isinstance(slot, Aside) else f'buffers->{slot.identifier}'}," for slot in slots)
    return [f"{kind} pointers[{len(slots)}] = {{", *members, "};"]
