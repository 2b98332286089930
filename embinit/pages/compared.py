"""Compared: the parts of a page that show where a device's buffers differ from the simulation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Bundle, Entry
from embinit.markup import element, sentence, text
from embinit.pages.cards import DETAILS, Detail, card, cards
from embinit.pages.distances import Distances, distances
from embinit.pages.document import Section, Verdict
from embinit.pages.fitting import CARDS, LIST, STREAM, TABLE, finest, within
from embinit.pages.histogram import DRAWN, WIDTH, histogram, svg
from embinit.pages.image import image, legend
from embinit.pages.stream import Span, spans, stream
from embinit.pages.tables import Column, table
from embinit.verify import BufferComparison, Report, element_bits, ulp_distance


class Buffer(NamedTuple):
    """An array that was compared: what is simulated, what the device holds, and how they compare."""

    array: Array
    device: bytes
    comparison: BufferComparison

    @property
    def differ(self) -> int:
        """How many elements differ."""
        return self.comparison.elements - self.comparison.equal


def verdict(report: Report) -> Verdict:
    """Return the verdict and the totals of a report."""
    elements = sum(c.elements for c in report.comparisons)
    right = sum(c.first is None for c in report.comparisons)
    counts = f"{report.equal} of {elements} elements and {right} of {len(report.comparisons)} buffers are equal."
    remarks, left = within(LIST, [sentence(remark) for remark in report.remarks])
    remarks += [f"{left} more remarks are not shown."] if left else []
    if report.agrees:
        return Verdict("agrees", f"{report.source} agrees with the simulation, bit for bit", [counts, *remarks])
    return Verdict("differs", f"{report.source} differs from the simulation", [counts, *remarks])


def comparison(bundle: Bundle, device: Mapping[str, bytes], report: Report) -> list[Section]:
    """Return what a report found: its counts, the map of the stream, and each buffer."""
    arrays = {array.name: array for array in bundle.arrays}
    compared = [Buffer(arrays[c.name], device[c.name], c) for c in report.comparisons]
    found = [(b, distances(b.array, b.device) if b.differ else None) for b in compared]
    sections = [
        Section("buffers", "Buffers", _table(compared)),
        Section("stream", "Who draws which words", _stream(bundle, report)),
    ]
    if not report.agrees:
        sections.append(Section("distances", "Distance of the float32 elements that differ", _ulps(_apart(compared))))
    sections.append(Section("each", "Each buffer", _legends([apart for _, apart in found if apart]) + _cards(found)))
    return sections


def _table(compared: list[Buffer]) -> str:
    """Return the counts of the buffers; those that differ come first if there is no room for all."""
    columns = [
        Column("Buffer"), Column("Shape"), Column("Format"), Column("Elements", True), Column("Equal", True),
        Column("Largest ULP distance", True), Column("First mismatch", wide=True),
    ]  # fmt: skip
    rows = []
    for array, _, c in compared:
        ulp = "" if c.largest_ulp is None else str(c.largest_ulp)
        first = '<span class="good">equal</span>' if c.first is None else f"<code>{text(c.first)}</code>"
        shown = (c.name, array.comment, array.format, c.elements, c.equal, ulp)
        rows.append([*map(text, shown), first])
    return table("Buffers", columns, rows, TABLE, [b.differ for b in compared])


def _apart(compared: list[Buffer]) -> NDArray[np.int64]:
    """Return the ULP distances of all float32 elements that differ."""
    found = [np.empty(0, np.int64)]
    for array, payload, _ in compared:
        if array.ctype == "float":
            expected, actual = element_bits(array, array.payload), element_bits(array, payload)
            different = expected != actual
            found.append(ulp_distance(expected[different], actual[different]))
    return np.concatenate(found)


def _ulps(apart: NDArray[np.int64]) -> str:
    """Draw a histogram of ULP distances: one bar per power of two, one for zeros of the other sign, and one for NaN."""
    if not apart.size:
        return '<p class="note">None differs.</p>'
    names = ["NaN", "±0", "1", "2", *(f"{2**k // 2 + 1}–{2**k}" for k in range(2, 14))]
    names += [f"2{_superscript(k - 1)}–2{_superscript(k)}" for k in range(14, 33)]
    powers = [-1, 0, *(2**k for k in range(33))]
    counts = np.bincount(np.searchsorted(powers, apart), minlength=len(powers)).tolist()
    bars = [(name, count) for name, count in zip(names, counts, strict=True) if count]
    left, line = 92, 22
    scale = (WIDTH - left - 60) / max(count for _, count in bars)
    drawing = "".join(
        f'<text x="{left - 8}" y="{line * i + 15}">{name}</text>'
        f'<rect class="bar" x="{left}" y="{line * i + 3}" width="{scale * count:.1f}" height="{line - 6}"/>'
        f'<text class="count" x="{left + 6 + scale * count:.1f}" y="{line * i + 15}">{count}</text>'
        for i, (name, count) in enumerate(bars)
    )
    said = "; ".join(f"{name} ULP: {count}" for name, count in bars)
    chart = svg(f"ULP distances of the elements that differ: {said}", line * len(bars), drawing, "ulps")
    return f'<div class="card narrow">{chart}<p class="note">In ULP: how many float32 the device is away.</p></div>'


def _superscript(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


def _legends(found: list[Distances]) -> str:
    """Return the colors of each scale that the images have."""
    more, less = "The device's value is larger by", "The device's value is smaller by"
    legends = ""
    for scale in dict.fromkeys(apart.scale for apart in found):
        odd = ", purple for NaN" if scale.unit == "ULP" else ""
        legends += legend(f"Distance of {scale.of} in {scale.unit}{odd}.", scale.names, more, less)
    return legends + DRAWN


def _cards(found: list[tuple[Buffer, Distances | None]]) -> str:
    """Return a card for each buffer; those with most differences are kept if there is no room for all."""
    shown = [each for each in found if isinstance(each[0].array, Entry) or each[1]]
    return cards(*finest(CARDS, lambda i, detail: _card(*shown[i], detail), [b.differ for b, _ in shown], DETAILS))


def _card(buffer: Buffer, apart: Distances | None, detail: Detail) -> str:
    """Show one buffer: where it differs, by how much, and how its values are distributed."""
    array, content = buffer.array, "<p>No element differs.</p>"
    if apart is not None and not apart.differ.any():
        content = "<p>No element differs, but bits that fill the last byte do.</p>"
    elif apart is not None:
        what = "bytes" if isinstance(array, Entry) and array.count != array.row.size else "elements"
        count = f"{buffer.differ} of {buffer.comparison.elements} {what}"
        if not detail.bins:
            told = f"where {array.name} differs, in {count}"
            return card(array.name, "", image(apart.levels, apart.axes, detail.most, told, noted=False))
        content = f"<p>{count} differ:</p>"
        content += image(apart.levels, apart.axes, detail.most, f"where {array.name} differs: {apart}")
    if not isinstance(array, Entry) or not detail.bins:
        return card(array.name, array.format, content)
    content += _values(array, buffer.device, detail.bins)
    return card(array.name, f"{array.row.distribution}, {array.format}", content)


def _values(entry: Entry, payload: bytes, bins: int) -> str:
    device = _decoded(entry, payload)
    simulation = None if payload == entry.payload else _decoded(entry, entry.payload)
    told = f"distribution of {device.size} values"
    return f"<h4>Values</h4>{histogram(device, simulation, entry.row.distribution, bins, told)}"


def _decoded(entry: Entry, payload: bytes) -> NDArray[np.float32]:
    """Return the values of a buffer; codes are decoded with the simulation's scales."""
    data = entry.held(payload).reshape(entry.data.shape)
    return replace(entry.buffer, data=data).decode().reshape(-1)


def _stream(bundle: Bundle, report: Report) -> str:
    """Return the map of the stream, and from where on buffers differ."""
    entries = {entry.name: entry for entry in bundle.entries}
    differing = {c.name: c.first is not None for c in report.comparisons}
    drawn = [span for span in spans(bundle.plan, entries) if span.first is not None and span.name in differing]
    return _since(drawn, differing) + stream(bundle.plan, entries, differing, STREAM)


def _since(drawn: list[Span], differing: Mapping[str, bool]) -> str:
    """Return a paragraph on the first buffer of the stream that differs, which shows where a device left it."""
    wrong = [differing[span.name] for span in drawn]
    if not any(wrong):
        return ""
    first = wrong.index(True)
    after = "so do all buffers after it" if all(wrong[first:]) else "later ones do not all"
    if first == len(drawn) - 1:
        after = "it is the last one"
    name, word = drawn[first].name, drawn[first].first
    return element("p", text(f"The first buffer of the stream that differs is {name}, from word {word} on; {after}."))
