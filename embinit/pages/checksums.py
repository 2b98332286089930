"""Pages of checksums: of which kinds those of a board are, and what explains others."""

from embinit.checksums import Checksums
from embinit.diagnose.by_checksum import ChecksumDiagnosis
from embinit.diagnose.diagnosis import NOTHING
from embinit.errors import listed
from embinit.markup import sentence, text
from embinit.model import Description
from embinit.pages.diagnose import causes, said
from embinit.pages.document import Section, Verdict, conventions, document
from embinit.pages.fitting import TABLE
from embinit.pages.tables import Column, table


def verified(model: Description, report: Checksums) -> bytes:
    """Return the page of a comparison of checksums; the same comparison gives the same bytes."""
    return document("verify --crc", model.name, _verdict(report), _sections(report), conventions(model))


def diagnosed(model: Description, diagnosis: ChecksumDiagnosis) -> bytes:
    """Return the page of a diagnosis of checksums; the same diagnosis gives the same bytes."""
    report, found = diagnosis.report, _verdict(diagnosis.report)
    if report.agrees:
        return document("diagnose --crc", model.name, found, _sections(report), conventions(model))
    if not diagnosis.explanations:
        verdict = Verdict("differs", found.sentence, [sentence(NOTHING), *found.more])
        return document("diagnose --crc", model.name, verdict, _sections(report), conventions(model))
    why = f"Explained, every checksum: {said(diagnosis.explanations[0])}"
    verdict = Verdict("differs", found.sentence, [why, *found.more])
    shown = Section("why", "Why", causes(diagnosis.explanations, "checksum"))
    return document("diagnose --crc", model.name, verdict, [shown, *_sections(report)], conventions(model))


def _verdict(report: Checksums) -> Verdict:
    left = [f"Not compared: {len(report.not_compared)} buffers."] if report.not_compared else []
    if report.agrees:
        return Verdict("agrees", "The checksums agree with the simulation", left)
    if all(each.kinds for each in report.checked):
        left = ["They are not all of one kind.", *left]
    return Verdict("differs", "The checksums differ from the simulation", left)


def _sections(report: Checksums) -> list[Section]:
    columns = [Column("Buffer"), Column("Given"), Column("What it is", wide=True)]
    rows = []
    for each in report.checked:
        said = listed(each.kinds)
        if not each.kinds:
            held = ", ".join(f"{kind} is {value}" for kind, value in each.expected.items())
            said = f"no checksum of the simulation, of which {held}"
        rows.append([text(each.name), f"<code>{text(each.given.text)}</code>", text(said)])
    return [Section("checksums", "Checksums", table("Checksums", columns, rows, TABLE))]
