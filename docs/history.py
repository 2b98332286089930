"""Draws what embinit costs, release by release, from a table of ratios: bench/history.csv."""

import csv
import math
from html import escape

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 60, 560, 44, 470
#: How far apart the names of lines are at least.
APART = 17
ABOUT = ("version", "date", "machine")
COLORS = (
    "#0969da", "#b42318", "#116329", "#8250df", "#bc4c00", "#57606a", "#bf3989", "#1b7c83", "#7d4e00", "#0a3069",
    "#4d2d00", "#6e7781",
)  # fmt: skip
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d" \
font-family="system-ui, sans-serif" font-size="13">
<title id="t">What embinit costs, as a multiple of its peers, by release</title>
<desc id="d">{summary}</desc>
<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>
<text x="{left}" y="24" fill="#1f2328">time as a multiple of the peer's in the same run; lower is better</text>"""


def read(path):
    """Return the lines of a table, one for each release."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def series(lines):
    """Return the ratios of each measure, by name: pairs of a line's number and a number; lines may lack some."""
    names = [name for name in (lines[0] if lines else ()) if name not in ABOUT]
    return {name: [(i, float(line[name])) for i, line in enumerate(lines) if line[name]] for name in names}


def drawn(lines):
    """Return the picture of a table's lines as SVG."""
    found = {name: points for name, points in series(lines).items() if points}
    values = [value for points in found.values() for _, value in points]
    low = math.floor(math.log2(min([*values, 0.5])))
    high = math.ceil(math.log2(max([*values, 1.0])))

    def x(number):
        return (LEFT + RIGHT) / 2 if len(lines) == 1 else LEFT + 30 + (RIGHT - LEFT - 60) * number / (len(lines) - 1)

    def y(value):
        return BOTTOM - (BOTTOM - TOP) * (math.log2(value) - low) / (high - low)

    last = "; ".join(f"{name}: {points[-1][1]:.3g}" for name, points in found.items())
    parts = [HEAD.format(width=WIDTH, height=HEIGHT, left=LEFT, summary=escape(last))]
    for power in range(low, high + 1):
        place, heavy = y(2.0**power), ' stroke-width="2"' if power == 0 else ""
        parts.append(f'<path d="M{LEFT} {place:.1f}H{RIGHT}" stroke="#d0d7de"{heavy}/>')
        parts.append(_text(LEFT - 8, place + 4, f"{2**power}" if power >= 0 else f"1/{2**-power}", "#57606a", "end"))
    for number in _shown(len(lines)):
        parts.append(_text(x(number), BOTTOM + 22, lines[number]["version"], "#1f2328", "middle"))
        parts.append(_text(x(number), BOTTOM + 38, lines[number]["date"], "#57606a", "middle"))
    places = _spread({name: y(points[-1][1]) for name, points in found.items()})
    for (name, points), color in zip(found.items(), COLORS * len(found), strict=False):
        at = [(x(number), y(value)) for number, value in points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{color}"/>' for a, b in at]
        (a, b), place = at[-1], places[name]
        parts.append(f'<path d="M{a + 5:.1f} {b:.1f}L{RIGHT + 14} {place:.1f}" stroke="{color}" stroke-width="0.5"/>')
        parts.append(_text(RIGHT + 18, place + 4, f"{points[-1][1]:.2g}  {name}", color, "start"))
    return "\n".join([*parts, "</svg>\n"])


def _text(x, y, text, color, anchor):
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'


def _shown(count):
    """Return which releases are named below the picture: all, or the last one and some before it."""
    step = -(-count // 6)
    return range((count - 1) % step, count, step) if count else ()


def _spread(places):
    """Return places of names that do not cover each other, near those that they are given."""
    found, before = {}, -math.inf
    for name, place in sorted(places.items(), key=lambda each: each[1]):
        found[name] = before = max(place, before + APART)
    over = max([0.0, *(place - BOTTOM for place in found.values())])
    following = math.inf
    for name in reversed(found):
        if over:
            found[name] = min(found[name], BOTTOM, following - APART)
        following = found[name]
    return found


def table(lines):
    """Return the table of all lines in Markdown: a row for each measure, a column for each release."""
    heads = [f"{line['version']} ({line['date']})" for line in lines]
    rows = [f"| {' | '.join(['time of embinit / time of its peer', *heads])} |", "|---" * (len(heads) + 1) + "|"]
    for name in series(lines):
        cells = [f"{float(line[name]):.2g}" if line[name] else "" for line in lines]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)
