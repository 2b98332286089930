"""Paste: lines of a model file, each with a button that copies them."""

from collections.abc import Mapping

from embinit.markup import text
from embinit.pages.fitting import LIST, left_out, within


def paste(lines: Mapping[str, str], name: str) -> str:
    """Return lines, by the table of the model file to which they belong, as blocks to be copied; name: what tells the
    blocks from others of the page.
    """
    tables = {place: said for place, said in lines.items() if place.startswith("[dialect")}
    blocks = [(_where(place), said) for place, said in lines.items() if place not in tables]
    if tables:
        whole = "\n".join(f"{place}\n{said}" for place, said in tables.items())
        blocks.append(("At the end of the model file:", whole))
    kept, left = within(LIST, [_block(where, said, f"{name}-{i}") for i, (where, said) in enumerate(blocks)])
    return "".join(kept) + left_out(left)


def _where(place: str) -> str:
    """Return where lines of a table are to be pasted.

    >>> _where("[[layer]] fc"), _where("[model]")
    ('Under [[layer]] of fc:', 'Under [model]:')
    """
    table, _, layer = place.partition(" ")
    if layer:
        return f"Under {table} of {layer}:"
    return f"Under every {table} with parameters:" if table == "[[layer]]" else f"Under {table}:"


def _block(where: str, lines: str, name: str) -> str:
    return (
        f'<div class="paste"><p id="{name}-where">{text(where)}</p>'
        f'<pre id="{name}" role="group" aria-labelledby="{name}-where">{text(lines.strip())}</pre>'
        f'<p><button type="button" class="copy" data-of="{name}" aria-describedby="{name}-where" hidden>Copy</button>'
        f'<span class="note" role="status"></span></p></div>'
    )
