"""Seeds' page: which seeds are the same, ruined or extreme, and how a buffer's statistics are spread over all."""

from collections.abc import Iterator, Sequence

from embinit.many import Extremes, Sweep
from embinit.markup import element, text
from embinit.pages.cards import card, cards
from embinit.pages.document import Section, Verdict, conventions, document
from embinit.pages.fitting import CARDS, LIST, TABLE, left_out, within
from embinit.pages.histogram import counted
from embinit.pages.tables import Column, table
from embinit.tally import Spread

#: How many seeds a sentence names.
_NAMED = 12


def page(sweep: Sweep) -> bytes:
    """Return the page of a sweep; the same sweep gives the same bytes."""
    kept, left = within(LIST, [element("li", text(sentence)) for sentence in _avoided(sweep)])
    count = f"{sweep.count} seed{'' if sweep.count == 1 else 's'}"
    if kept or left:
        more = left_out(left)
        sections = [Section("avoid", "Seeds to avoid", f"<ul>{''.join(kept)}</ul>{more}")]
        verdict = Verdict("differs", f"Of {count}, some are the same or ruin a buffer")
    else:
        sections = []
        verdict = Verdict("agrees", f"{count}: no two are the same, no buffer is all zeros, and none saturates")
    facts = {name: value for name, value in conventions(sweep.model).items() if name != "Seed"}
    sections += [
        Section("spread", "Each buffer over the seeds", _cards(sweep)),
        Section("extremes", "Extreme seeds", _extremes(sweep.buffers)),
    ]
    return document("seeds", sweep.model.name, verdict, sections, facts)


def _avoided(sweep: Sweep) -> Iterator[str]:
    """Yield a sentence for each group of seeds that are the same, and for each buffer that seeds ruin."""
    for group in sweep.duplicates:
        yield f"The same from seeds {_named(group)}."
    for name, buffer in sweep.buffers.items():
        if buffer.dead:
            yield f"{name} is all zeros with {_named(buffer.dead)}."
        if buffer.saturated:
            most = max(count for _, count in buffer.saturated)
            seeds = [seed for seed, _ in buffer.saturated]
            yield f"{name} saturates, {most} elements at most, with {_named(seeds)}."


def _named(seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - _NAMED} more" if len(seeds) > _NAMED else ""
    return ", ".join(map(str, seeds[:_NAMED])) + more


def _cards(sweep: Sweep) -> str:
    ruined = [len(each.dead) + len(each.saturated) for each in sweep.buffers.values()]
    shown = [_card(name, sweep.spreads[name], each) for name, each in sweep.buffers.items()]
    return cards(*within(CARDS, shown, ruined))


def _card(name: str, spread: Spread, extremes: Extremes) -> str:
    """Show how a buffer's statistics are spread; what is the same with all seeds is told in a line."""
    ends = {
        "Smallest value": (spread.minimum, extremes.lowest, None),
        "Largest value": (spread.maximum, None, extremes.highest),
        "Mean": (spread.mean, None, None),
        "Standard deviation": (spread.stddev, extremes.least_stddev, extremes.most_stddev),
    }
    content = ""
    for what, (tally, least, most) in ends.items():
        counts = tally.counts
        if counts.size < 2:
            content += f"<p>{what}: {tally.low:.6g} with every seed.</p>" if counts.size else ""
            continue
        said = [
            f"{end} {value[0]:.6g} with seed {value[1]}" for end, value in (("least", least), ("most", most)) if value
        ]
        high = tally.low + tally.width * counts.size
        told = f"{what.lower()} of {name} over {int(counts.sum())} seeds, from {tally.low:.6g} to {high:.6g}"
        marks = [value[0] for value in (least, most) if value] or [tally.low, high]
        content += f"<h4>{what}</h4>{counted(tally.low, tally.width, counts, marks, told)}"
        content += element("p", text("; ".join(said)), class_="note") if said else ""
    return card(name, "", content)


def _extremes(buffers: dict[str, Extremes]) -> str:
    columns = [Column("Buffer")]
    for what in ("Lowest", "Highest", "Least stddev", "Most stddev"):
        columns += [Column(what, True), Column("Seed", True)]
    rows = []
    for name, buffer in buffers.items():
        pairs = (buffer.lowest, buffer.highest, buffer.least_stddev, buffer.most_stddev)
        rows.append([text(name), *(cell for value, seed in pairs for cell in (f"{value:.6g}", str(seed)))])
    return table("Extreme seeds", columns, rows, TABLE)
