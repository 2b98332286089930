"""Image: a tensor as a picture of cells, each of which has a sign and a magnitude."""

from base64 import b64encode
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.markup import element, text
from embinit.pages.png import png

Levels = NDArray[np.int8]

#: How many magnitudes a sign has; NAN is the level of what has none.
MAGNITUDES = 4
NAN = MAGNITUDES + 1
#: Opacities of the magnitudes: the card behind the image is light or dark, as the reader's screen is.
_OPACITIES = (75, 125, 185, 255)
PLUS, MINUS, ODD = (217, 84, 30), (47, 116, 208), (140, 60, 170)
_PALETTE = (
    (0, 0, 0, 0),
    *((*PLUS, opacity) for opacity in _OPACITIES),
    (*ODD, 255),
    *((*MINUS, opacity) for opacity in reversed(_OPACITIES)),
)


class Most(NamedTuple):
    """How many cells an image has at most, downwards and to the right."""

    rows: int
    columns: int


def image(levels: Levels, axes: Sequence[str], most: Most, told: str, noted: bool = True) -> str:
    """Return the image of a tensor's levels, from -MAGNITUDES to NAN, with a note about its axes: the first one goes
    downwards, the others to the right. told: what a reader who does not see it is told. noted: whether to add the note.
    """
    if levels.ndim <= 1:
        grid, note = levels.reshape(1, -1), f"To the right: {axes[0] if axes else 'the value'} ({levels.size})."
    else:
        grid = levels.reshape(levels.shape[0], prod(levels.shape[1:]))
        note = f"Downwards: {axes[0]} ({grid.shape[0]}). To the right: {' × '.join(axes[1:])} ({grid.shape[1]})."
    cells, size = coarse(grid, most)
    if max(size) > 1:
        note += f" A cell: the largest of up to {size[0]} × {size[1]}."
    content = b64encode(png((cells % len(_PALETTE)).astype(np.uint8), _PALETTE)).decode("ascii")
    height = min(max(6 * cells.shape[0], 18), 160)
    shown = f'<img class="cells" src="data:image/png;base64,{content}" height="{height}" alt="{text(told)}">'
    return shown + element("p", text(note), class_="note") if noted else shown


def coarse(grid: Levels, most: Most) -> tuple[Levels, tuple[int, int]]:
    """Return a grid with at most so many cells, each with the level of the largest magnitude in its place, and how many
    rows and columns are in the largest place. Of two signs with the same magnitude the more frequent one is shown.

    >>> coarse(np.array([[0, 1, -3, 2]], np.int8), Most(1, 2))[0].tolist()
    [[1, -3]]
    """
    starts = [np.arange(min(n, limit)) * n // min(n, limit) for n, limit in zip(grid.shape, most, strict=True)]
    sizes = [int(np.diff(at, append=n).max()) for at, n in zip(starts, grid.shape, strict=True)]

    def reduced(function: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        kept: NDArray[Any] = function.reduceat(function.reduceat(values, starts[0], axis=0), starts[1], axis=1)
        return kept

    above, below = reduced(np.maximum, grid), reduced(np.maximum, -grid)
    mostly = np.where(reduced(np.add, np.sign(grid).astype(np.int64)) < 0, -above, above)
    return np.where(above > below, above, np.where(above < below, -below, mostly)).astype(np.int8), (sizes[0], sizes[1])


def legend(name: str, magnitudes: Sequence[str], more: str, less: str) -> str:
    """Return the colors of signs and magnitudes with their names; name: what they are magnitudes of."""

    def swatches(kind: str) -> str:
        return "".join(
            f'<span><i class="swatch {kind} m{i}"></i>{text(each)}</span>' for i, each in enumerate(magnitudes, 1)
        )

    parts = [
        element("p", text(name)),
        f"<p>{text(more)}: {swatches('plus')}</p>",
        f"<p>{text(less)}: {swatches('minus')}</p>",
    ]
    return element("div", "".join(parts), class_="legend note")
