"""Paste: lines of a model file, each with a button that copies them."""

from collections.abc import Mapping, Sequence

from embinit.errors import listed
from embinit.markup import text
from embinit.pages.fitting import LIST, left_out, within


def paste(lines: Mapping[str, str], name: str) -> str:
    """Return lines, by the table of the model file to which they belong, as blocks to be copied; layers that say the
    same share a block. name: what tells the blocks from others of the page.
    """
    places = dict[tuple[str, str], list[str]]()
    for place, said in lines.items():
        table, _, layer = place.partition(" ")
        if place.startswith("[dialect"):
            places.setdefault(("[dialect]", ""), []).append(f"{place}\n{said}")
        else:
            places.setdefault((table, said), []).append(layer)
    blocks = []
    for (table, said), named in places.items():
        if table == "[dialect]":
            blocks.append(("At the end of the model file:", "\n".join(named)))
        else:
            blocks.append((_where(table, [layer for layer in named if layer]), said))
    kept, left = within(LIST, [_block(where, said, f"{name}-{i}") for i, (where, said) in enumerate(blocks)])
    return "".join(kept) + left_out(left)


def _where(table: str, layers: Sequence[str]) -> str:
    """Return where lines of a table are to be pasted.

    >>> _where("[[layer]]", ["fc1", "fc2"]), _where("[model]", [])
    ('Under [[layer]] of each of fc1, fc2:', 'Under [model]:')
    """
    if layers:
        return f"Under {table} of {'each of ' if len(layers) > 1 else ''}{listed(layers)}:"
    return f"Under every {table} with parameters:" if table == "[[layer]]" else f"Under {table}:"


def _block(where: str, lines: str, name: str) -> str:
    return (
        f'<div class="paste"><p id="{name}-where">{text(where)}</p>'
        f'<pre id="{name}" role="group" aria-labelledby="{name}-where">{text(lines.strip())}</pre>'
        f'<p><button type="button" class="copy" data-of="{name}" aria-describedby="{name}-where" hidden>Copy</button>'
        f'<span class="note" role="status"></span></p></div>'
    )
