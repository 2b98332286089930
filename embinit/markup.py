"""Markup: HTML made from text, in which every character is shown as it is."""

from collections.abc import Iterable, Sequence

#: How many rows of a table a notebook shows.
SHOWN = 20


def text(value: object) -> str:
    """Return a text as HTML.

    >>> text("<b> & 'c'")
    '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    from html import escape

    return escape(str(value))


def sentence(said: str) -> str:
    """Return a message as a sentence, with a capital and a full stop.

    >>> sentence("not compared: fc.bias")
    'Not compared: fc.bias.'
    """
    return f"{said[:1].upper()}{said[1:]}."


def element(tag: str, content: str, **attributes: object) -> str:
    """Return an element; attributes that are None are left out, and an underscore in a name stands for a dash.

    >>> element("td", text("a < b"), class_="n", colspan=None)
    '<td class="n">a &lt; b</td>'
    """
    given = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    inside = "".join(f' {name}="{text(value)}"' for name, value in given if value is not None)
    return f"<{tag}{inside}>{content}</{tag}>"


def notebook(heading: str, cells: Sequence[tuple[str, ...]], closing: Iterable[str] = ()) -> str:
    """Return the HTML that a notebook shows for an object: a heading, the first rows of a table, and closing lines.

    >>> notebook("tiny", [("layer", "type"), ("fc", "Linear")]).count("<td>")
    2
    """
    head, *rows = cells
    left = len(rows) - SHOWN
    body = "".join(element("tr", "".join(element("td", text(cell)) for cell in row)) for row in rows[:SHOWN])
    columns = "".join(element("th", text(cell), scope="col") for cell in head)
    lines = [*([f"{left} more rows are not shown"] if left > 0 else []), *closing]
    return "".join(
        [
            element("p", element("strong", text(heading))),
            element("table", element("thead", element("tr", columns)) + element("tbody", body)),
            *(element("p", text(line)) for line in lines),
        ]
    )
