"""Diagnosis: where a dump differs, and what explains that, in words and as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embinit.bundle import Bundle
from embinit.diagnose.arrangements import scattered
from embinit.diagnose.contents import extents
from embinit.diagnose.declaring import declared, tables_of
from embinit.diagnose.facts import Fact, facts
from embinit.diagnose.origin import Origin
from embinit.diagnose.search import Cause, Explanation, Search
from embinit.diagnose.seeds import SMALL
from embinit.errors import EmbinitError, listed
from embinit.markup import notebook
from embinit.model import Description
from embinit.text import table
from embinit.verify import BufferComparison, Mismatch, Report, ulp_distance, verify

NOTHING = "nothing explains it: no known mistake does, alone or with another"
#: A stray write hits elements within at most STRAY consecutive ones, and at most one in SHARE of a buffer.
STRAY, SHARE = 16, 8
#: The most facts that are printed.
MOST_FACTS = 20


@dataclass(frozen=True)
class Diagnosis:
    """The report of a comparison, and explanations: those that give every bit, the simplest first, then the nearest.

    facts: what can be seen of wrong buffers if nothing explains them. untried: a sentence about the mistakes that could
    not be tried. origin: the dialect and the seed that drew the weights, if a framework's file holds them.
    """

    report: Report
    explanations: tuple[Explanation, ...]
    facts: tuple[Fact, ...] = ()
    untried: str | None = None
    origin: Origin | None = None

    @property
    def explained(self) -> bool:
        """Whether an explanation gives every bit of the dump."""
        return any(explanation.exact for explanation in self.explanations)

    def __str__(self) -> str:
        if self.report.agrees:
            return str(self.report)
        if self.origin is not None:
            return "\n".join([*_buffers(self.report), "", str(self.origin)])
        exact = [explanation for explanation in self.explanations if explanation.exact]
        near = [explanation for explanation in self.explanations if not explanation.exact]
        lines = [*_buffers(self.report), "", f"first mismatch: {_where(*_first(self.report))}", ""]
        lines += explained(exact[0], "explained, every bit:") if exact else [NOTHING, *_differing(self.report)]
        lines += [] if exact or self.untried is None else [self.untried]
        lines += [f"  {fact.buffer}, {fact.name}: {fact.sentence}" for fact in self.facts[:MOST_FACTS]]
        for explanation in exact[1:]:
            lines += ["", *explained(explanation, "or, just as exactly:")]
        if near:
            total = sum(c.elements for c in self.report.comparisons)
            cells = [
                ("equal", "nearest" if not exact else "nearest others"),
                *((_share(e.equal, total), _summary(e)) for e in near),
            ]
            lines += ["", *table(cells)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, and each cause with its lines of the model file."""
        if self.report.agrees:
            return self.report._repr_html_()
        cells = [("cause", "what the device does", "lines of the model file")]
        for explanation in self.explanations:
            for cause in explanation.causes if explanation.exact else ():
                only = f" Only in {listed(cause.buffers)}." if cause.restricted else ""
                lines = "; ".join(_model_file(cause)[:MOST_FACTS])
                cells.append((cause.hypothesis.name, cause.hypothesis.sentence + only, lines))
        if self.origin is not None:
            return notebook(self.report.verdict, cells, [str(self.origin)])
        return notebook(self.report.verdict, cells, [] if self.explained else [NOTHING])

    def as_json(self) -> dict[str, Any]:
        """Return the diagnosis as plain values."""
        total = sum(c.elements for c in self.report.comparisons)
        values = {**self.report.as_json(), "explained": self.explained}
        if not self.report.agrees:
            comparison, mismatch = _first(self.report)
            values["first_mismatch"] = {
                "buffer": comparison.name,
                "index": mismatch.index,
                "coordinates": list(mismatch.coordinates),
                "expected": _both(mismatch, mismatch.expected),
                "actual": _both(mismatch, mismatch.actual),
                "ulps": _ulps(mismatch),
            }
        for buffer in values["buffers"]:
            buffer["share"] = buffer["equal"] / buffer["elements"]
        values["untried"] = self.untried
        values |= {} if self.origin is None else {"origin": self.origin.as_json()}
        values["facts"] = [fact.as_json() for fact in self.facts]
        values["explanations"] = [_as_json(explanation, total) for explanation in self.explanations]
        return values


def diagnose(bundle: Bundle, dump: Mapping[str, bytes], source: str, origin: Origin | None = None) -> Diagnosis:
    """Return what explains the bytes of some or all buffers, by name. source: the name of the device in the report.
    origin: what drew the weights, if that is known, so that nothing else is looked for.
    """
    report = verify(bundle, dump, source)
    if report.agrees or origin is not None:
        return Diagnosis(report, (), origin=origin)
    ordered = {c.name: dump[c.name] for c in report.comparisons}
    itemsizes = {array.name: array.data.itemsize for array in bundle.arrays}
    explanations = tuple(Search(bundle.plan.model, ordered, itemsizes).explanations())
    if any(explanation.exact for explanation in explanations):
        return Diagnosis(report, explanations)
    wrong = [c.name for c in report.comparisons if c.first is not None]
    rows = [row for row in bundle.plan.rows if row.name in ordered]
    planned = {entry.name: entry.payload for entry in bundle.entries if entry.name in wrong}
    parts = extents(rows, planned, ordered, wrong)
    shown = *scattered(rows, planned, ordered, wrong), *parts, *facts(rows, ordered, wrong)
    return Diagnosis(report, explanations, shown, _untried(bundle.plan.model))


def _untried(model: Description) -> str | None:
    """Return a sentence about the mistakes that were not tried because no file can declare the dialect, and about seeds
    where values do not tell them; else None.
    """
    try:
        if tables_of(model.dialect) is not None:
            declared(model, {})
            return None
        why = f"dialect {model.dialect} is not one that a dialect file can say"
    except EmbinitError as error:
        why = str(error)
    told = model.start.linear or model.conventions.keys_by is not None
    seeds = "" if told else f"; nor most seeds above {SMALL}"
    return f"not tried: other generators, unit values and formulas of limits, because {why}{seeds}"


def _differing(report: Report) -> list[str]:
    """Return a line that says where elements differ if a stray write may have hit them, because they are few, close
    together, and in one buffer; else no line.
    """
    wrong = [c for c in report.comparisons if c.first is not None]
    if len(wrong) != 1:
        return []
    (c,) = wrong
    n = c.elements - c.equal
    if c.first is None or c.last is None or c.last - c.first.index >= STRAY or SHARE * n > c.elements:
        return []
    place = f"element {c.last}" if n == 1 else f"elements {c.first.index} to {c.last}"
    return [f"few elements differ, which a stray write may have hit: {n} of {c.name}, {place}"]


def _first(report: Report) -> tuple[BufferComparison, Mismatch]:
    return next((c, c.first) for c in report.comparisons if c.first is not None)


def _where(comparison: BufferComparison, mismatch: Mismatch) -> str:
    ulps = _ulps(mismatch)
    return f"{comparison.name}{mismatch}, element {mismatch.index}" + ("" if ulps is None else f", {ulps} ULP apart")


def _ulps(mismatch: Mismatch) -> int | None:
    if not mismatch.is_float or mismatch.digits != 8:
        return None
    distance = int(ulp_distance(*(np.array([bits], np.uint32) for bits in (mismatch.expected, mismatch.actual)))[0])
    return None if distance < 0 else distance


def _both(mismatch: Mismatch, bits: int) -> dict[str, Any]:
    """Return bits in hexadecimal and as a value; NaN and infinities are text, because JSON has none."""
    value: float | int = bits
    if mismatch.is_float:
        value = float(np.uint32(bits).view(np.float32) if mismatch.digits == 8 else np.uint64(bits).view(np.float64))
    return {"bits": f"0x{bits:0{mismatch.digits}x}", "value": value if np.isfinite(value) else str(value)}


def _buffers(report: Report) -> list[str]:
    cells = [("buffer", "elements", "equal", "share")]
    cells += [(c.name, str(c.elements), str(c.equal), _share(c.equal, c.elements)) for c in report.comparisons]
    equal, elements = (sum(getattr(c, what) for c in report.comparisons) for what in ("equal", "elements"))
    share = _share(equal, elements).strip()
    return [
        *table(cells),
        "; ".join(
            [
                f"{report.source} differs from the simulation: {equal} of {elements} elements ({share}) are equal",
                *report.remarks,
            ]
        ),
    ]


def _share(equal: int, elements: int) -> str:
    """Return a percentage that is 100 only if all are equal."""
    return f"{min(100 * equal / elements, 99.9 if equal < elements else 100):5.1f} %"


def explained(explanation: Explanation, head: str) -> list[str]:
    """Return an explanation as lines of text, with the lines of the model file that reproduce it."""
    lines = [head]
    for cause in explanation.causes:
        only = f" Only in {', '.join(cause.buffers)}." if cause.restricted else ""
        lines.append(f"  {cause.hypothesis.name}: {cause.hypothesis.sentence}{only}")
        lines += [f"    {line}" for line in _model_file(cause)]
    return lines


def _model_file(cause: Cause) -> list[str]:
    """Return the lines of the model file that reproduce a cause, each after its table, or one that says that there are
    none.
    """
    if not cause.lines:
        alone = " for some buffers alone" if cause.restricted and cause.hypothesis.reproducible else ""
        return [f"(no line of a model file does this{alone})"]
    said = []
    for place, text in cause.lines.items():
        lines = text.splitlines()
        if keys := cause.replaces.get(place):
            lines[0] += f"  # and delete {listed(keys)}, if there"
        if place.startswith("[dialect"):
            said += [place, *lines]
        else:
            said += [f"{place}{': ' if ' ' in place else ' '}{line}" for line in lines]
    return said


def replaces(said: Cause | Explanation) -> dict[str, Any]:
    """Return the keys to delete before lines are pasted, as plain values; an empty dict if there are none."""
    return {"replaces": {table: list(keys) for table, keys in said.replaces.items()}} if said.replaces else {}


def _summary(explanation: Explanation) -> str:
    return " ".join(f"{cause.hypothesis.name}: {cause.hypothesis.sentence}" for cause in explanation.causes)


def _as_json(explanation: Explanation, total: int) -> dict[str, Any]:
    causes = [
        {
            "name": cause.hypothesis.name,
            "sentence": cause.hypothesis.sentence,
            "line": cause.hypothesis.line,
            "lines": dict(cause.lines),
            **replaces(cause),
            "buffers": list(cause.buffers),
        }
        for cause in explanation.causes
    ]
    return {
        "exact": explanation.exact,
        "causes": causes,
        "model_file": dict(explanation.lines),
        **replaces(explanation),
        "reproduces": list(explanation.reproduces),
        "equal": explanation.equal,
        "share": explanation.equal / total,
    }
