"""Plan's page: what a device will draw for each buffer, and from which words."""

from embinit.pages.buffers import summary, table
from embinit.pages.cards import card, cards
from embinit.pages.document import Section, Verdict, conventions, document
from embinit.pages.fitting import CARDS, STREAM, within
from embinit.pages.histogram import sketch
from embinit.pages.stream import stream
from embinit.plan import Plan


def page(plan: Plan, no_c: str | None = None) -> bytes:
    """Return the page of a plan; the same plan gives the same bytes. no_c: why no C does what it says."""
    sections = [
        Section("buffers", "Buffers", table(plan, {})),
        Section("stream", "Who draws which words", stream(plan, {}, {}, STREAM)),
        Section("distributions", "What is drawn from", _distributions(plan)),
    ]
    said = [summary(plan), *([] if no_c is None else [f"no init code: {no_c}"])]
    verdict = Verdict("told", f"{plan.model.name} as {plan.model.target} initializes it", said)
    return document("plan", plan.model.name, verdict, sections, conventions(plan.model))


def _distributions(plan: Plan) -> str:
    """Return each distribution with the buffers that are drawn from it."""
    buffers: dict[str, list[str]] = {}
    shapes = {}
    for row in plan.rows:
        if not row.same_as:
            name = str(row.codes or row.distribution)
            buffers.setdefault(name, []).append(row.name)
            shapes[name] = None if row.codes else row.distribution
    shown = []
    for name, names in buffers.items():
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        distribution = shapes[name]
        drawing = "" if distribution is None else sketch(distribution, 41)
        shown.append(card(name, ", ".join(names[:6]) + more, drawing))
    return cards(*within(CARDS, shown))
