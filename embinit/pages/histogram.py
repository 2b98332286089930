"""Histogram: how values are distributed, with the outline of the distribution that they are to come from."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import Distribution
from embinit.markup import element, text
from embinit.pages.outline import F64, outline

Floats = NDArray[np.floating[Any]]

#: A chart is as wide as a phone's screen, so that its letters keep their size there.
WIDTH = 340
#: What a reader of histograms has to know.
DRAWN = (
    '<p class="note">In a histogram, bars are the values held, a thin line those of the simulation where they differ, '
    "and an orange line what the distribution gives. Dashed are its bounds, or its mean and 3 standard deviations; "
    "else the smallest and the largest value.</p>"
)
_LEFT, _TOP, _BOTTOM = 8, 8, 92
#: How wide the number of a mark is.
_NUMBER = 70
#: How often an axis is doubled at most to show values beyond it, and the share of values that may stay beyond.
_DOUBLED, _BEYOND = 3, 0.01


class Axis(NamedTuple):
    """The edges of a histogram's bins, and the values to be marked."""

    edges: F64
    marks: Sequence[float]


def histogram(
    device: Floats,
    simulation: Floats | None,
    distribution: Distribution,
    bins: int,
    told: str,
) -> str:
    """Return a histogram of a device's values, with those of the simulation where they are others.

    bins: how many there are, an odd number, so that a constant is in the middle of one.
    """
    drawn, reference = outline(distribution), device if simulation is None else simulation
    axis = _axis(distribution, reference, device, bins)
    layers = [_counts(values, axis.edges) for values in (device, simulation) if values is not None]
    expected = None if drawn is None or drawn.below is None else np.diff(drawn.below(axis.edges)) * device.size
    tallest = max(1, *(int(counts.max()) for counts in layers), 0 if expected is None else float(expected.max()))
    drawing = f'<path class="bar" d="{_steps(layers[0], tallest)}z"/>'
    if simulation is not None:
        drawing += f'<path class="simulation" d="{_steps(layers[1], tallest)}"/>'
    if expected is not None:
        drawing += f'<path class="expected" d="{_level(expected, tallest)}"/>'
    drawing += f'<path class="axis" d="M{_LEFT} {_BOTTOM}H{WIDTH - _LEFT}"/>{_marks(axis)}'
    beyond = device.size - int(layers[0].sum())
    note = f"Too far away to be drawn, or NaN: {beyond}." if beyond else ""
    return svg(told, _BOTTOM + 24, drawing, "values") + (element("p", note, class_="note") if note else "")


def _counts(values: Floats, edges: F64) -> NDArray[Any]:
    """Return how many values lie in each bin; a NaN, which may signal where it is converted, lies in none."""
    counts: NDArray[Any] = np.histogram(values[np.isfinite(values)], edges)[0]
    return counts


def sketch(distribution: Distribution, bins: int) -> str:
    """Return the outline of a distribution alone; empty if it has none."""
    drawn = outline(distribution)
    if drawn is None or drawn.below is None:
        return ""
    axis = Axis(_edges(drawn.low, drawn.high, bins, 6 if drawn.open else 2), drawn.marks)
    expected = np.diff(drawn.below(axis.edges))
    drawing = f'<path class="bar" d="{_steps(expected, float(expected.max()))}z"/>'
    drawing += f'<path class="axis" d="M{_LEFT} {_BOTTOM}H{WIDTH - _LEFT}"/>{_marks(axis)}'
    return svg(f"outline of {distribution}", _BOTTOM + 24, drawing, "values")


def counted(low: float, width: float, counts: NDArray[np.int64], marks: Sequence[float], told: str) -> str:
    """Return a histogram of numbers that are counted already, in bins of a width from low on."""
    edges: F64 = low + width * np.arange(-1, counts.size + 2, dtype=np.float64)
    drawing = f'<path class="bar" d="{_steps(np.pad(counts, 1), int(counts.max()))}z"/>'
    drawing += f'<path class="axis" d="M{_LEFT} {_BOTTOM}H{WIDTH - _LEFT}"/>'
    return svg(told, _BOTTOM + 24, drawing + _marks(Axis(edges, marks)), "values")


def svg(told: str, height: int, drawing: str, kind: str) -> str:
    """Return a drawing; told: what a reader who does not see it is told."""
    return f'<svg class="{kind}" role="img" aria-label="{text(told)}" viewBox="0 0 {WIDTH} {height}">{drawing}</svg>'


def _axis(distribution: Distribution, reference: Floats, device: Floats, bins: int) -> Axis:
    drawn = outline(distribution)
    if drawn is not None:
        low, high = drawn.low, drawn.high
        edges = _edges(low, high, bins, 6 if drawn.open else 2)
        for _ in range(_DOUBLED):
            if _beyond(device, edges) <= _BEYOND * device.size:
                break
            low, high = (3 * low - high) / 2, (3 * high - low) / 2
            edges = _edges(low, high, bins)
        return Axis(edges, drawn.marks)
    finite = reference[np.isfinite(reference)].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low == high:
        margin = abs(low) / 2 or 1.0
        return Axis(_edges(low - margin, low + margin, bins), [low])
    return Axis(_edges(low, high, bins), [low, high])


def _beyond(values: Floats, edges: F64) -> int:
    finite = values[np.isfinite(values)].astype(np.float64)
    return int(np.count_nonzero((finite < edges[0]) | (finite > edges[-1])))


def _edges(low: float, high: float, bins: int, beyond: int = 2) -> F64:
    """Return the edges of equal bins from low to high, which the last bin includes, and of some bins beyond both."""
    inner = bins - 2 * beyond
    edges: F64 = low + (high - low) / inner * np.arange(-beyond, inner + beyond + 1, dtype=np.float64)
    edges[beyond + inner] = np.nextafter(high, np.inf)
    return edges


def _steps(counts: NDArray[np.generic], tallest: float) -> str:
    step = (WIDTH - 2 * _LEFT) / counts.size
    heights = (f"V{_height(count, tallest)}h{step:.1f}" for count in counts.tolist())
    return f"M{_LEFT} {_BOTTOM}{''.join(heights)}V{_BOTTOM}"


def _level(counts: F64, tallest: float) -> str:
    """Return the steps of counts, of which many are equal."""
    step, path, x = (WIDTH - 2 * _LEFT) / counts.size, f"M{_LEFT} {_BOTTOM}", 0
    for height, run in groupby(_height(count, tallest) for count in counts.tolist()):
        x += sum(1 for _ in run)
        path += f"V{height}H{_LEFT + step * x:.1f}"
    return f"{path}V{_BOTTOM}"


def _height(count: float, tallest: float) -> str:
    return f"{_BOTTOM - (_BOTTOM - _TOP) * count / tallest:.1f}"


def _marks(axis: Axis) -> str:
    low, high = float(axis.edges[0]), float(axis.edges[-1])
    digits = 4 if len({f"{mark:.4g}" for mark in axis.marks}) == len(axis.marks) else 9
    places = [_LEFT + (mark - low) / (high - low) * (WIDTH - 2 * _LEFT) for mark in axis.marks]
    drawing = "".join(f'<path class="bound" d="M{x:.1f} {_TOP - 6}V{_BOTTOM + 4}"/>' for x in places)
    for x, mark in zip(_apart([min(max(x, 36), WIDTH - 36) for x in places]), axis.marks, strict=True):
        drawing += "" if x is None else f'<text x="{x:.1f}" y="{_BOTTOM + 18}">{mark:.{digits}g}</text>'
    return drawing


def _apart(places: Sequence[float]) -> Sequence[float | None]:
    """Return where the numbers of marks are legible; None for one in the middle that has no room."""
    lack = _NUMBER - (places[-1] - places[0])
    if len(places) == 1 or lack + (len(places) - 2) * _NUMBER <= 0:
        return places
    left = min(max(places[0] - max(lack, 0) / 2, 36), WIDTH - 36 - _NUMBER)
    return [left, *[None] * (len(places) - 2), max(places[-1], left + _NUMBER)]
