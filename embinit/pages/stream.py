"""Stream: a map of the words of a generator: who draws which, in which order."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, assert_never

from embinit.bundle import Entry
from embinit.markup import element, text
from embinit.pages.tables import Column, table
from embinit.plan import UNKNOWN, Action, Plan, Row

_SAYS = {
    Action.REHEARSE: "drawn, and dropped",
    Action.LOSE: "draws what is overwritten",
    Action.DRAW: "draws",
    Action.TURN: "draws in turns with its layer",
    Action.COPY: "copies",
    Action.ROUND: "rounds",
    Action.RESTART: "the stream starts again",
    Action.SKIP: "skips",
}


_COMPARED = {True: '<b class="bad">differs</b>', False: '<span class="good">equal</span>', None: ""}


class Span(NamedTuple):
    """Something that a device does with a stream: for which buffer, and how many words from which on it takes. What is
    None is known when it is drawn, or not told.
    """

    name: str
    action: Action
    first: int | None
    words: int | None
    what: str = ""


def spans(plan: Plan, entries: Mapping[str, Entry]) -> Iterator[Span]:
    """Yield what a device does with its streams, in order; entries: the buffers that are drawn already, by name."""
    seen = set[tuple[Action, str]]()
    if plan.model.skip_words:
        yield Span("", Action.SKIP, 0, plan.model.skip_words, "before the first buffer")
    for action, each in plan.events:
        if (action, each.name) in seen:
            continue  # another turn
        seen.add((action, each.name))
        place: Row | Entry = entries.get(each.name, each)
        match action:
            case Action.DRAW | Action.TURN if each.draws != 0:
                yield Span(each.name, action, place.first_draw, place.draws)
            case Action.ROUND if each.store_draws:
                yield Span(each.name, action, place.store_first_draw, each.store_draws)
            case Action.SKIP:
                yield Span(each.name, action, None, each.order.skip)
            case Action.COPY:
                yield Span(each.name, action, None, 0, str(each.same_as))
            case Action.RESTART if each.key:
                pass  # the key says it
            case Action.RESTART | Action.REHEARSE | Action.LOSE:
                yield Span(each.name, action, None, None)
            case Action.DRAW | Action.TURN | Action.ROUND:
                pass  # takes no words
            case _:
                assert_never(action)


def stream(plan: Plan, entries: Mapping[str, Entry], differing: Mapping[str, bool], room: int) -> str:
    """Return the map of a plan's streams as a table with bars, in at most so many bytes.

    entries: the buffers that are drawn already, by name. differing: whether the buffers that were compared differ.
    """
    every = list(spans(plan, entries))
    if not every:
        return "<p>Nothing is drawn: every buffer is constant.</p>"
    end = max((span.first + span.words for span in every if None not in (span.first, span.words)), default=1)  # type: ignore[operator]
    keys = {each.name: each.key for each in plan.rows if each.key}
    columns = [Column("Buffer"), Column(f"Place among {end} words" if end > 1 else "Place", track=True)]
    columns += [Column("First word", True), Column("Words", True), Column("What it does")]
    columns += [Column("Key")] if keys else []
    columns += [Column("Compared")] if differing else []
    lines = []
    for span in every:
        cells = [text(span.name), _bar(span, end, bool(differing.get(span.name)))]
        cells += ["" if n is None and span.action not in (Action.DRAW, Action.TURN) else _count(n) for n in span[2:4]]
        cells.append(text(f"{_SAYS[span.action]} {span.what}".strip()))
        cells += [f"<code>{_key(keys.get(span.name, ()))}</code>"] if keys else []
        cells += [_COMPARED[differing.get(span.name)]] if differing else []
        lines.append(cells)
    unknown = any("?" in cells[2:4] for cells in lines)
    note = element("p", text(UNKNOWN), class_="note") if unknown else ""
    return (
        table("Who draws which words", columns, lines, room, [differing.get(span.name, False) for span in every]) + note
    )


def _count(words: int | None) -> str:
    return "?" if words is None else str(words)


def _key(words: tuple[int, ...]) -> str:
    return "".join(f"{word:08x}" if 0 <= word < 1 << 32 else str(word) for word in words)


def _bar(span: Span, end: int, differs: bool) -> str:
    if span.first is None or not span.words:
        return ""
    kind = "bad" if differs else "round" if span.action is Action.ROUND else "draw"
    place = f"left:{_percent(span.first, end)};width:{_percent(span.words, end)}"
    return f'<div class="lane"><i class="{kind}" style="{place}"></i></div>'


def _percent(words: int, end: int) -> str:
    return f"{100 * words / end:.2f}".rstrip("0").rstrip(".") + "%"
