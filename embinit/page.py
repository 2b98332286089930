"""Report page: what a verification found, as one HTML file without scripts, network access or timestamps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Bundle, Entry
from embinit.distributions import BoundedNormal, Distribution, Normal, TruncatedNormal, Uniform
from embinit.verify import Comparison, Report, element_bits, ulp_distance

#: Charts are as wide as a phone's screen, so that their letters keep their size there.
WIDTH = 340
BINS = 41  # odd, so that a constant is in the middle of one
HEAT_ROWS, HEAT_COLUMNS = 32, 96


def page(bundle: Bundle, device: Mapping[str, bytes], report: Report) -> bytes:
    """Return the page of a report on a device's buffers; the same report gives the same bytes.

    It shows the verdict and what was compared, a histogram of ULP distances, and for each buffer the counts, the first
    mismatch, where in the tensor the mismatches are, and how the values are distributed within their bounds.
    """
    arrays = {array.name: array for array in bundle.arrays}
    compared = [(arrays[c.name], device[c.name], c) for c in report.comparisons]
    manifest = bundle.manifest()
    parts = {
        "title": escape(f"{bundle.plan.model.name} {'agrees' if report.agrees else 'differs'}"),
        "heading": escape(bundle.plan.model.name),
        "verdict": _verdict(report),
        "summary": _summary(manifest, report),
        "table": _table([(array, comparison) for array, _, comparison in compared]),
        "ulps": _ulps(_distances([(array, payload) for array, payload, _ in compared])),
        "legend": "" if report.agrees else _LEGEND,
        "cards": "\n".join(_card(array, payload, c) for array, payload, c in compared if isinstance(array, Entry)),
        "made": escape(f"embinit {manifest['embinit']}, spec version {manifest['spec_version']}"),
    }
    template = (files("embinit") / "page.html.in").read_text(encoding="utf-8")
    # The name of a dump may contain bytes that are not UTF-8.
    return re.sub(r"@([a-z]+)@", lambda place: parts[place[1]], template).encode("utf-8", "backslashreplace")


def _verdict(report: Report) -> str:
    equal, elements = (sum(getattr(c, what) for c in report.comparisons) for what in ("equal", "elements"))
    buffers = f"{sum(c.first is None for c in report.comparisons)} of {len(report.comparisons)} buffers"
    kind, text = ("agrees", "agrees with the simulation, bit for bit")
    if not report.agrees:
        kind, text = ("differs", "differs from the simulation")
    return (
        f'<div class="verdict {kind}"><strong>{escape(report.source)} {text}</strong>'
        f"<span>{equal} of {elements} elements and {buffers} are equal.</span>"
        + "".join(f"<span>{escape(f'{remark[:1].upper()}{remark[1:]}.')}</span>" for remark in report.remarks)
        + "</div>"
    )


def _summary(manifest: Mapping[str, Any], report: Report) -> str:
    model, target = manifest["model"], manifest["target"]
    terms = {
        "Model": model["name"],
        "Dialect": model["dialect"],
        "Target": f"{target['name']} ({target['build']})",
        "Multiply-add": target["multiply_add"],
        "libm": target["libm"],
        "Seed": model["seed"],
        "Source": report.source,
    }
    return "\n".join(f"<div><dt>{term}</dt><dd>{escape(str(value))}</dd></div>" for term, value in terms.items())


def _table(compared: Sequence[tuple[Array, Comparison]]) -> str:
    """Return the counts of all buffers; on a phone each cell shows its column's name."""
    columns = ("Buffer", "Shape", "Format", "Elements", "Equal", "Largest ULP distance", "First mismatch")
    numbers = columns[3:6]

    def cell(tag: str, column: str, text: object) -> str:
        return f'<{tag}{" class=number" if column in numbers else ""} data-name="{column}">{text}</{tag}>'

    rows = ["".join(cell("th", column, column) for column in columns)]
    for array, c in compared:
        ulp = "" if c.largest_ulp is None else c.largest_ulp
        first = "" if c.first is None else f"<code>{escape(str(c.first))}</code>"
        shape = escape(array.comment).replace(" ", "&nbsp;").replace("]&nbsp;[", "] [")
        texts = (escape(c.name), shape, array.format, c.elements, c.equal, ulp, first)
        row = [cell("td", column, text) for column, text in zip(columns, texts, strict=True)]
        rows.append("".join(row))
    head, *body = (f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead>{head}</thead><tbody>\n" + "\n".join(body) + "\n</tbody></table>"


def _distances(compared: Sequence[tuple[Array, bytes]]) -> NDArray[np.int64]:
    """Return the ULP distances of all float32 elements that differ."""
    distances = [np.empty(0, np.int64)]
    for array, payload in compared:
        if array.ctype == "float":
            expected, actual = element_bits(array, array.payload), element_bits(array, payload)
            different = expected != actual
            distances.append(ulp_distance(expected[different], actual[different]))
    return np.concatenate(distances)


def _ulps(distances: NDArray[np.int64]) -> str:
    """Draw a histogram of ULP distances: one bar per power of two, one for zeros of the other sign, and one for NaN."""
    if not distances.size:
        return '<p class="note">None differs.</p>'
    names = ["NaN", "±0", "1", "2", *(f"{2**k // 2 + 1}–{2**k}" for k in range(2, 14))]
    names += [f"2{_superscript(k - 1)}–2{_superscript(k)}" for k in range(14, 33)]
    powers = [-1, 0, *(2**k for k in range(33))]
    counts = np.bincount(np.searchsorted(powers, distances), minlength=len(powers)).tolist()
    bars = [(name, count) for name, count in zip(names, counts, strict=True) if count]
    left, line = 92, 22
    scale = (WIDTH - left - 60) / max(count for _, count in bars)
    drawing = "".join(
        f'<text x="{left - 8}" y="{line * i + 15}">{name}</text>'
        f'<rect class="bar" x="{left}" y="{line * i + 3}" width="{scale * count:.1f}" height="{line - 6}"/>'
        f'<text class="count" x="{left + 6 + scale * count:.1f}" y="{line * i + 15}">{count}</text>'
        for i, (name, count) in enumerate(bars)
    )
    chart = _svg("ULP distances of the elements that differ", line * len(bars), drawing, "ulps")
    return f'<div class="card">{chart}<p class="note">In ULP: how many float32 the device is away.</p></div>'


def _superscript(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


_LEGEND = (
    '<p class="note legend">Elements of a cell that differ: '
    + " ".join(f'<span><i class="heat{i}"></i>{text}</span>' for i, text in enumerate(
        ("none", "up to 25 %", "up to 50 %", "up to 75 %", "up to 100 %")
    ))
    + "</p>"
)  # fmt: skip


def _card(entry: Entry, payload: bytes, comparison: Comparison) -> str:
    """Show one buffer: where its mismatches are, and how its values are distributed."""
    row = entry.row
    if comparison.first is None:
        where = "<p>No element differs.</p>"
    else:
        differ = comparison.elements - comparison.equal
        where = f"<p>{differ} of {comparison.elements} elements differ:</p>{_mismatches(entry, payload)}"
    head = f'<h3>{escape(row.name)}</h3><p class="note">{escape(f"{row.distribution}, {entry.buffer.format}")}</p>'
    return f'<section class="card">{head}{where}{_values(entry, payload)}</section>'


def _mismatches(entry: Entry, payload: bytes) -> str:
    """Draw where in the tensor elements differ: its first axis downwards, the others to the right."""
    different = element_bits(entry, entry.payload) != element_bits(entry, payload)
    axes, shape = entry.row.axes, entry.row.shape
    if entry.count != entry.row.size:
        axes, shape = ("bytes",), (entry.count,)
    if len(shape) == 1:
        grid, note = different.reshape(1, -1), f"To the right: {axes[0]} ({shape[0]})."
    else:
        grid = different.reshape(shape[0], -1)
        note = f"Downwards: {axes[0]} ({shape[0]}). To the right: {' × '.join(axes[1:])} ({grid.shape[1]})."
    starts = [np.arange(cells) * n // cells for n, cells in zip(grid.shape, _cells(grid.shape), strict=True)]
    sizes = [np.diff(at, append=n) for at, n in zip(starts, grid.shape, strict=True)]
    if max(sizes[0].max(), sizes[1].max()) > 1:
        note += f" A cell: up to {sizes[0].max()} × {sizes[1].max()}."
    counts = np.add.reduceat(np.add.reduceat(grid.astype(np.int64), starts[0], axis=0), starts[1], axis=1)
    levels = -(-4 * counts // np.outer(*sizes))
    height = min(max(6 * levels.shape[0], 18), 160)
    drawing = f'<rect class="heat0" width="{levels.shape[1]}" height="{levels.shape[0]}"/>'
    drawing += "".join(f'<path class="heat{k}" d="{_runs(levels == k)}"/>' for k in range(1, 5) if (levels == k).any())
    return (
        f'<svg role="img" aria-label="where elements differ" viewBox="0 0 {levels.shape[1]} {levels.shape[0]}" '
        f'height="{height}" preserveAspectRatio="none" shape-rendering="crispEdges">{drawing}</svg>'
        f'<p class="note">{escape(note)}</p>'
    )


def _cells(shape: tuple[int, ...]) -> tuple[int, int]:
    return min(shape[0], HEAT_ROWS), min(shape[1], HEAT_COLUMNS)


def _runs(cells: NDArray[np.bool_]) -> str:
    """Return the path that covers a grid's true cells, with one rectangle per run in a row."""
    edges = np.diff(np.pad(cells.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(f"M{x} {y}h{end - x}v1h{x - end}z" for (y, x), (_, end) in zip(starts, ends, strict=True))


def _values(entry: Entry, payload: bytes) -> str:
    """Draw how the device's values are distributed, and the simulation's too if they differ."""
    device, simulation = (_decoded(entry, data) for data in (payload, entry.payload))
    edges, marks, note = _axis(entry.row.distribution, simulation)
    bars, outline = (np.histogram(values, edges)[0] for values in (device, simulation))
    left, top, bottom = 8, 8, 92
    step, tallest = (WIDTH - 2 * left) / BINS, max(*bars, *outline, 1)

    def steps(counts: NDArray[np.intp]) -> str:
        heights = (f"V{bottom - (bottom - top) * count / tallest:.1f}h{step:.1f}" for count in counts)
        return f"M{left} {bottom}{''.join(heights)}V{bottom}"

    drawing = f'<path class="bar" d="{steps(bars)}z"/>'
    if payload != entry.payload:
        drawing += f'<path class="simulation" d="{steps(outline)}"/>'
        note += " Bars: the device. Outline: the simulation."
    drawing += f'<path class="axis" d="M{left} {bottom}H{WIDTH - left}"/>'
    digits = 4 if len({f"{mark:.4g}" for mark in marks}) == len(marks) else 9
    for mark in marks:
        x = left + (mark - edges[0]) / (edges[-1] - edges[0]) * (WIDTH - 2 * left)
        drawing += f'<path class="bound" d="M{x:.1f} {top - 6}V{bottom + 4}"/>'
        drawing += f'<text x="{min(max(x, 36), WIDTH - 36):.1f}" y="{bottom + 18}">{mark:.{digits}g}</text>'
    beyond = device.size - int(bars.sum())
    if beyond:
        note += f" Too far away to be drawn, or NaN: {beyond}."
    title = f"distribution of {device.size} values"
    return f'<h4>Values</h4>{_svg(title, bottom + 24, drawing, "values")}<p class="note">{note}</p>'


def _decoded(entry: Entry, payload: bytes) -> NDArray[np.float32]:
    """Return the values of a buffer; codes are decoded with the simulation's scales."""
    data = entry.held(payload).reshape(entry.data.shape)
    return replace(entry.buffer, data=data).decode().reshape(-1)


def _axis(distribution: Distribution, simulation: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[float], str]:
    """Return the edges of the histogram's bins, the values to mark, and what these are."""
    match distribution:
        case Uniform(low, high) if low != high:
            low, high = min(low, high), max(low, high)
            return _edges(low, high), [low, high], "Dashed: the bounds."
        case TruncatedNormal(mean, stddev) if mean + stddev != mean:
            low, high = mean - 2 * abs(stddev), mean + 2 * abs(stddev)
            return _edges(low, high), [low, mean, high], "Dashed: the mean and the bounds."
        case BoundedNormal(stddev, lower, upper) if stddev:
            low, high = sorted([stddev * lower, stddev * upper])
            return _edges(low, high), [low, high], "Dashed: the bounds."
        case Normal(mean, stddev) if mean + stddev != mean:
            low, high = mean - 3 * abs(stddev), mean + 3 * abs(stddev)
            note = "Dashed: the mean, and 3 standard deviations to either side."
            return _edges(low, high, beyond=6), [low, mean, high], note
    low, high = float(simulation.min()), float(simulation.max())
    if low == high:
        margin = abs(low) / 2 or 1.0
        return _edges(low - margin, low + margin), [low], "Dashed: the one value."
    return _edges(low, high), [low, high], "Dashed: the smallest and the largest value."


def _edges(low: float, high: float, beyond: int = 2) -> NDArray[np.float64]:
    """Return the edges of equal bins from low to high, which the last bin includes, and of some bins beyond both."""
    inner = BINS - 2 * beyond
    edges: NDArray[np.float64] = low + (high - low) / inner * np.arange(-beyond, inner + beyond + 1, dtype=np.float64)
    edges[beyond + inner] = np.nextafter(high, np.inf)
    return edges


def _svg(title: str, height: int, drawing: str, kind: str) -> str:
    return f'<svg class="{kind}" role="img" aria-label="{title}" viewBox="0 0 {WIDTH} {height}">{drawing}</svg>'
