"""Diagnose's page: why a device's buffers differ, what to paste into the model file, and where they differ."""

from collections.abc import Mapping, Sequence

from embinit.bundle import Bundle
from embinit.diagnose import Diagnosis, Explanation
from embinit.diagnose.diagnosis import NOTHING
from embinit.errors import listed
from embinit.markup import element, sentence, text
from embinit.model import Description
from embinit.pages.compared import comparison, verdict
from embinit.pages.document import Section, Verdict, conventions, document
from embinit.pages.fitting import LIST, brief, left_out, within
from embinit.pages.paste import paste
from embinit.pages.tables import Column, table

_NO_LINE = "<p>No line of a model file does this: the device, or its read-back, is what has to change.</p>"


def page(bundle: Bundle, device: Mapping[str, bytes], diagnosis: Diagnosis) -> bytes:
    """Return the page of a diagnosis of a device's buffers; the same diagnosis gives the same bytes."""
    model, found, report = bundle.plan.model, verdict(diagnosis.report), diagnosis.report
    sections = comparison(bundle, device, report)
    if not report.agrees:
        first, why = _why(model, diagnosis)
        found = Verdict("differs", found.sentence, [first, *found.more])
        sections = [Section("why", "Why", why), *sections]
    return document("diagnose", model.name, found, sections, {**conventions(model), "Source": report.source})


def _why(model: Description, diagnosis: Diagnosis) -> tuple[str, str]:
    """Return the sentence that says why a device differs, and all that is known about it."""
    origin, exact = diagnosis.origin, [explanation for explanation in diagnosis.explanations if explanation.exact]
    if origin is not None:
        first, lines = brief(sentence(str(origin))), {}
        if (origin.dialect, origin.seed) != (str(model.dialect), model.seed):
            lines = {"[model]": f'dialect = "{origin.dialect}"\nseed = {origin.seed}'}
        return first, element("div", element("p", text(first)) + paste(lines, "cause-0"), class_="card cause")
    if exact:
        return f"Explained, every bit: {said(exact[0])}", causes(exact, "bit") + _shown(diagnosis)
    return sentence(NOTHING), _shown(diagnosis)


def said(explanation: Explanation) -> str:
    """Return the sentences of an explanation's causes."""
    return brief(" ".join(dict.fromkeys(cause.hypothesis.sentence for cause in explanation.causes)))


def causes(exact: Sequence[Explanation], piece: str) -> str:
    """Return what explains every piece of a device, and the lines to paste; others that do so too are folded away."""
    if not exact:
        return ""
    first, *others = exact
    content = _explanation(first, "cause-0", "Paste this, and the model is what the device does:")
    told = [_explanation(each, f"cause-{i}", "Paste this:") for i, each in enumerate(others, 1)]
    kept, left = within(LIST, told)
    if kept:
        more = left_out(left)
        summary = f"{len(others)} other explanation{'s' if len(others) > 1 else ''} of every {piece}"
        content += f"<details><summary>{text(summary)}</summary>{''.join(kept)}{more}</details>"
    return content


def _explanation(explanation: Explanation, name: str, head: str) -> str:
    sentences = ""
    for cause in explanation.causes:
        only = f" Only in {listed(cause.buffers)}." if cause.restricted else ""
        words = brief(cause.hypothesis.sentence + only)
        sentences += f"<p><strong>{text(cause.hypothesis.name)}</strong>: {text(words)}</p>"
    lines = explanation.lines
    told = f"<p>{text(head)}</p>{paste(lines, name)}" if lines else _NO_LINE
    for place, keys in explanation.replaces.items():
        note = f"In {place}, delete {listed(keys)}, if there."
        told += element("p", text(note), class_="note")
    return element("div", sentences + told, class_="card cause")


def _shown(diagnosis: Diagnosis) -> str:
    """Return what a dump shows that nothing explains, and what comes nearest."""
    content = ""
    near = [explanation for explanation in diagnosis.explanations if not explanation.exact]
    if not diagnosis.explained:
        content += element("p", text(sentence(NOTHING)))
        content += "" if diagnosis.untried is None else element("p", text(f"{diagnosis.untried}."), class_="note")
    if diagnosis.facts:
        columns = [Column("Buffer"), Column("What it shows", wide=True)]
        rows = [[text(fact.buffer), f"<b>{text(fact.name)}</b>: {text(fact.sentence)}"] for fact in diagnosis.facts]
        content += "<h3>What the buffers show</h3>" + table("What the buffers show", columns, rows, LIST)
    if near:
        total = sum(c.elements for c in diagnosis.report.comparisons)
        columns = [Column("Mistake"), Column("Equal elements", True), Column("What the device would do", wide=True)]
        rows = []
        for each in near:
            names = ", ".join(cause.hypothesis.name for cause in each.causes)
            rows.append([text(names), f"{each.equal} of {total}", text(said(each))])
        shown = table("What comes nearest", columns, rows, LIST)
        folded = f"<details><summary>What comes nearest of all others</summary>{shown}</details>"
        content += folded if diagnosis.explained else f"<h3>What comes nearest</h3>{shown}"
    return content
