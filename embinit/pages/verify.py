"""Verify's page: whether a device's buffers agree with the simulation, and where they do not."""

from collections.abc import Mapping

from embinit.bundle import Bundle
from embinit.pages.compared import comparison, verdict
from embinit.pages.document import Section, conventions, document
from embinit.verify import Report

_WHY = (
    "<p><code>embinit diagnose</code> with the same arguments looks for the mistake that explains the differences, and "
    "prints the lines of the model file that accept such a device, with <code>--report</code> also on a page.</p>"
)


def page(bundle: Bundle, device: Mapping[str, bytes], report: Report) -> bytes:
    """Return the page of a report on a device's buffers; the same report gives the same bytes."""
    model = bundle.plan.model
    why = [] if report.agrees else [Section("why", "Why", _WHY)]
    sections = [*why, *comparison(bundle, device, report)]
    return document("verify", model.name, verdict(report), sections, {**conventions(model), "Source": report.source})
