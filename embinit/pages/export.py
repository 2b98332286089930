"""Export's page: what a device is to hold, buffer by buffer, and the files that say so."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Bundle, Entry
from embinit.markup import element, text
from embinit.pages import buffers
from embinit.pages.cards import DETAILS, Detail, card, cards
from embinit.pages.document import Section, Verdict, conventions, document
from embinit.pages.fitting import CARDS, LIST, STREAM, finest, left_out, within
from embinit.pages.histogram import DRAWN, histogram
from embinit.pages.image import MAGNITUDES, Levels, image, legend
from embinit.pages.stream import stream
from embinit.pages.tables import Column, table
from embinit.plan import Plan

#: Where magnitudes begin, in parts of a buffer's largest value.
_PARTS = tuple(i / MAGNITUDES for i in range(1, MAGNITUDES))


def page(bundle: Bundle, directory: str, sizes: Mapping[str, int]) -> bytes:
    """Return the page of a bundle that was written to a directory, with the sizes of its files; the same bundle gives
    the same bytes.
    """
    plan, entries = bundle.plan, {entry.name: entry for entry in bundle.entries}
    clipped = [
        f"{e.name}: {e.buffer.clipped} elements saturate in {e.format}." for e in bundle.entries if e.buffer.clipped
    ]
    kept, left = within(2000, clipped)
    warnings = [*kept, *([f"{left} more buffers saturate."] if left else [])]
    columns = [Column("File"), Column("Bytes", True)]
    files = table("Files", columns, [[text(name), str(size)] for name, size in sizes.items()], LIST)
    sections = [
        Section("files", "Files", files),
        Section("buffers", "Buffers", buffers.table(plan, entries)),
        Section("stream", "Who draws which words", stream(plan, entries, {}, STREAM)),
        Section("each", "Each buffer", _legend() + DRAWN + _cards(bundle.entries)),
    ]
    verdict = Verdict(
        "told", f"{directory} has what {plan.model.target} leaves in every buffer", [buffers.summary(plan), *warnings]
    )
    return document("export", plan.model.name, verdict, sections, {**conventions(plan.model), "Directory": directory})


def drifted(plan: Plan, directory: str, differences: Sequence[str]) -> bytes:
    """Return the page that says whether a directory equals a fresh export."""
    verdict = Verdict("agrees", f"{directory} equals a fresh export")
    sections = []
    if differences:
        verdict = Verdict("differs", f"{directory} differs from a fresh export")
        kept, left = within(LIST, [element("li", text(difference)) for difference in differences])
        more = left_out(left)
        sections = [Section("differences", "What differs", f"<ul>{''.join(kept)}</ul>{more}")]
    return document(
        "export --check", plan.model.name, verdict, sections, {**conventions(plan.model), "Directory": directory}
    )


def _legend() -> str:
    names = [f"{low:.0%} to {high:.0%}" for low, high in zip((0, *_PARTS), (*_PARTS, 1), strict=True)]
    return legend("Values, in parts of the buffer's largest magnitude.", names, "Positive", "Negative")


def _cards(entries: Sequence[Entry]) -> str:
    values = [entry.buffer.decode() for entry in entries]

    def shown(i: int, detail: Detail) -> str:
        entry = entries[i]
        low, high = float(values[i].min()), float(values[i].max())
        told = f"values of {entry.name}, from {low:.6g} to {high:.6g}"
        said = image(_levels(values[i]), entry.row.axes, detail.most, told, noted=detail.bins > 0)
        if not detail.bins:
            return card(entry.name, "", said)
        told = f"distribution of {values[i].size} values"
        said += histogram(values[i].reshape(-1), None, entry.row.distribution, detail.bins, told)
        return card(entry.name, f"{entry.row.distribution}, {entry.format}", said)

    return cards(*finest(CARDS, shown, [0] * len(entries), DETAILS))


def _levels(values: NDArray[np.float32]) -> Levels:
    """Return the levels of values: their signs, and their magnitudes in parts of the largest one."""
    magnitude = np.abs(values)
    largest = float(magnitude.max(initial=0))
    part = magnitude / largest if largest else magnitude
    level = 1 + np.searchsorted(_PARTS, part).astype(np.int8)
    return np.where(magnitude > 0, np.sign(values) * level, 0).astype(np.int8)
