"""Cards: what is shown of each of several things, side by side where the screen is wide."""

from collections.abc import Sequence
from typing import NamedTuple

from embinit.markup import element, text
from embinit.pages.fitting import left_out
from embinit.pages.image import Most


class Detail(NamedTuple):
    """How much of a buffer is shown: the most cells of an image, and the bins of a histogram; without bins, the image
    stands alone.
    """

    most: Most
    bins: int


#: The finest first; the last one is small enough for some hundred buffers.
DETAILS = Detail(Most(48, 96), 41), Detail(Most(24, 48), 41), Detail(Most(12, 32), 21), Detail(Most(6, 24), 0)


def card(heading: str, note: str, content: str) -> str:
    """Return a card: a heading and a note, which are text, and what it shows."""
    head = element("h3", text(heading)) + (element("p", text(note), class_="note") if note else "")
    return element("article", head + content, class_="card") + "\n"


def cards(pieces: Sequence[str], left: int) -> str:
    """Return cards, and how many are left out."""
    return f'<div class="cards">\n{"".join(pieces)}</div>{left_out(left, "buffers")}'
