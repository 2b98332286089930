"""Matrix's page: which builds of init code leave the same bits, and why the others do not."""

from embinit.markup import element, sentence, text
from embinit.matrix import Matrix
from embinit.matrix.report import FAILED, Group
from embinit.pages.document import Section, Verdict, document
from embinit.pages.fitting import CARDS, LIST, TABLE, left_out, within
from embinit.pages.tables import Column, table


def page(matrix: Matrix) -> bytes:
    """Return the page of a matrix; the same matrix gives the same bytes."""
    head, *rows = matrix.rows
    columns = [Column(name) for name in head]
    cells = [[text(target), text(compiler), *map(_cell, letters)] for target, compiler, *letters in rows]
    sections = [Section("builds", "Builds", table("Builds", columns, cells, TABLE))]
    if not matrix.agrees:
        kept, left = within(CARDS, [_group(group) for group in matrix.groups])
        sections.insert(
            0, Section("groups", "Who leaves which bits, and why", "".join(kept) + left_out(left, "groups"))
        )
    if matrix.failed:
        columns = [Column("Build"), Column("Why", wide=True)]
        failed = [[f"<code>{text(build)}</code>", text(why)] for build, why in matrix.failed]
        content = table("Builds that leave nothing", columns, failed, TABLE)
        sections.append(Section("failed", "Builds that leave nothing", content))
    if matrix.notes:
        sections.insert(0, Section("notes", "By itself", "".join(element("p", text(note)) for note in matrix.notes)))
    _, _, verdict = matrix.verdict.partition(": ")
    found = Verdict("agrees" if matrix.agrees else "differs", sentence(verdict)[:-1])
    facts = {
        "Targets": len({build.target for build in matrix.builds}),
        "Compilers": len({build.compiler for build in matrix.builds}),
        "Builds": len(matrix.builds),
    }
    return document("matrix", matrix.entry, found, sections, facts)


def _cell(letter: str) -> str:
    """Return the letter of a build's group."""
    kind = {"A": "same", FAILED: "failed"}.get(letter, "other")
    return element("b", text(letter), class_=kind) if letter else ""


def _group(group: Group) -> str:
    """Return how a group differs from the largest one, and its builds."""
    count = f"{len(group.builds)} build{'s' if len(group.builds) > 1 else ''}"
    content = f"<h3>{_cell(group.letter)}: {count}</h3>"
    if group.difference is not None:
        content += element("p", text(sentence(group.difference.why)))
        content += element("pre", text(group.difference))
    kept, left = within(LIST, [f"<li><code>{text(build)}</code></li>" for build in group.builds])
    content += f"<details><summary>Its builds</summary><ul>{''.join(kept)}</ul>{left_out(left)}</details>"
    return element("div", content, class_="card cause")
