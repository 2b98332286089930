"""Page: a matrix as one HTML file without scripts, network access or timestamps."""

from html import escape

from embinit.matrix.report import FAILED, Group, Matrix

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { padding: .3rem .7rem; text-align: left; border: 1px solid #8886 }
td.same { background: #2a82; font-weight: 600 } td.other { background: #d502; font-weight: 600 }
td.failed { background: #c222; font-weight: 600 } .scroll { overflow-x: auto }
section { margin: 1.5rem 0 } code { overflow-wrap: anywhere }
"""


def page(matrix: Matrix) -> bytes:
    """Return the page of a matrix; the same matrix gives the same bytes."""
    head, *rows = matrix.rows
    title = escape(f"{matrix.entry}: {'the same bits' if matrix.agrees else 'different bits'}")
    body = "\n".join("".join(["<tr>", *map(_cell, row), "</tr>"]) for row in rows)
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    parts = [_section(group) for group in matrix.groups if not matrix.agrees]
    parts += [f"<p>{FAILED} <code>{escape(str(build))}</code>: {escape(why)}</p>" for build, why in matrix.failed]
    text = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>\n'
        f"<h1>{escape(matrix.verdict)}</h1>\n"
        f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>\n{body}\n</tbody></table></div>\n'
        + "\n".join(parts)
        + "\n</html>\n"
    )
    return text.encode("utf-8", "backslashreplace")


def _cell(text: str) -> str:
    kind = {"A": "same", FAILED: "failed"}.get(text, "other" if text.isupper() and len(text) < 4 else "")
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _section(group: Group) -> str:
    builds = "<br>".join(f"<code>{escape(str(build))}</code>" for build in group.builds)
    found = group.difference
    why = "" if found is None else f"<h2>{group.letter}: {escape(found.why)}</h2><pre>{escape(str(found))}</pre>"
    count = f"{len(group.builds)} builds" if len(group.builds) > 1 else "1 build"
    return f"<section>{why}<details><summary>{group.letter}: {count}</summary>{builds}</details></section>"
