"""Element order: the order of a buffer's elements in memory, if it is not that of their indices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError, check_bool, check_known, shown
from embinit.formats.table import Table

Places = NDArray[np.intp]


@dataclass(frozen=True)
class ElementOrder(Table):
    """An order of elements, in one of five ways.

    order: which indices stand one after the other, of an axis if that is named, else of each block of so many units of
    elements; the indices of an axis may stand for equal parts of it, as those of gates do. sizes and axes: the elements
    as an array of these sizes, whose axes memory has in another order, the slowest first. tile: a matrix in tiles of so
    many rows and columns; axes: the order of band, row, tile and column; split: of how many columns each part of a tile
    is, where parts are an axis; left: whether columns that fill no tile follow each band by "columns" or by "rows".
    rotate: the element that comes first. reverse: the last element comes first.

    >>> ElementOrder(order=(2, 0, 1)).places((7,)).tolist()
    [2, 0, 1, 5, 3, 4, 6]
    >>> ElementOrder(sizes=(2, 3), axes=(1, 0)).places((2, 3)).tolist()
    [0, 3, 1, 4, 2, 5]
    """

    order: tuple[int, ...] | None = None
    axis: str | None = None
    unit: int = 1
    sizes: tuple[int, ...] | None = None
    axes: tuple[int, ...] | None = None
    tile: tuple[int, ...] | None = None
    split: int = 1
    left: str = "columns"
    rotate: int = 0
    reverse: bool = False

    def __post_init__(self) -> None:
        for what in ("order", "sizes", "axes", "tile"):
            given = getattr(self, what)
            if given is not None:
                if not isinstance(given, Sequence) or not all(type(each) is int and each >= 0 for each in given):
                    raise EmbinitError(f"{what} must be a list of integers, got {shown(given)}")
                if not given:
                    raise EmbinitError(f"{what} must hold at least one integer, got none")
                object.__setattr__(self, what, tuple(given))
        ways = [self.order is not None, self.sizes is not None, self.tile is not None, self.rotate != 0, self.reverse]
        if ways.count(True) != 1:
            raise EmbinitError("must say one of order, sizes (with axes), tile (with axes), rotate and reverse")
        for what, count in (("order", None), ("axes", None if self.sizes is None else len(self.sizes))):
            given = getattr(self, what)
            if given is not None and sorted(given) != list(range(len(given) if count is None else count)):
                raise EmbinitError(f"{what} must hold each index from 0 on once, got {shown(list(given))}")
        if (self.axes is None) == (self.sizes is not None or self.tile is not None):
            raise EmbinitError("axes belongs to sizes and to tile, and to these alone")
        check_bool("reverse", self.reverse)
        if self.axis is not None and not isinstance(self.axis, str):
            raise EmbinitError(f"axis must be the name of an axis, got {shown(self.axis)}")
        if type(self.rotate) is not int or self.rotate < 0:
            raise EmbinitError(f"rotate must be the index of an element, got {shown(self.rotate)}")
        if (self.axis is not None or self.unit != 1) and self.order is None:
            raise EmbinitError("axis and unit describe the indices in order, which is missing")
        if type(self.unit) is not int or self.unit < 1 or (self.axis is not None and self.unit != 1):
            raise EmbinitError(
                f"unit must be how many elements stand together, without an axis, got {shown(self.unit)}"
            )
        if self.sizes is not None and 0 in self.sizes:
            raise EmbinitError("sizes must be 1 or more")
        self._check_tile()

    def _check_tile(self) -> None:
        check_known("left", self.left, ("columns", "rows"))
        if self.tile is None:
            return
        if len(self.tile) != 2 or 0 in self.tile or type(self.split) is not int or self.split < 1:
            raise EmbinitError(f"tile must be [rows, columns], got {shown(list(self.tile))}")
        if self.tile[1] % self.split:
            raise EmbinitError(f"split must divide the {self.tile[1]} columns of a tile, got {self.split}")
        if self.axes is not None and len(self.axes) != (5 if self.split > 1 else 4):
            raise EmbinitError("axes of tiles must be those of band, row, tile and column, and of the parts of a split")

    def places(self, shape: tuple[int, ...]) -> Places:
        """Return where each element of memory comes from; EmbinitError if a buffer of a shape has no such order."""
        n = int(np.prod(shape))
        if self.sizes is not None:
            if int(np.prod(self.sizes)) != n:
                raise EmbinitError(f"the product of sizes must be its {n} elements, got {shown(list(self.sizes))}")
            return np.arange(n).reshape(self.sizes).transpose(self.axes).reshape(-1)
        if self.tile is not None:
            return self._tiled(shape)
        if self.reverse:
            return np.arange(n)[::-1]
        if self.rotate:
            if self.rotate >= n:
                raise EmbinitError(f"rotate must be below its {n} elements, got {self.rotate}")
            return np.roll(np.arange(n), -self.rotate)
        assert self.order is not None
        if len(self.order) * self.unit > n:
            raise EmbinitError(f"order must have at most its {n} elements, got {len(self.order)} times {self.unit}")
        return blocks(n, self.order, self.unit)

    def along(self, axis: int, shape: tuple[int, ...]) -> "ElementOrder":
        """Return the order of indices of an axis as one of blocks of elements."""
        assert self.order is not None
        if shape[axis] % len(self.order):
            raise EmbinitError(f"order must divide the {shape[axis]} indices of {self.axis}, got {len(self.order)}")
        unit = math.prod(shape[axis:]) // len(self.order)
        return ElementOrder(order=self.order, unit=unit)

    def _tiled(self, shape: tuple[int, ...]) -> Places:
        assert self.tile is not None
        high, wide = self.tile
        rows, columns = shape[0], int(np.prod(shape[1:]))
        if len(shape) < 2 or high > rows or wide > columns:
            raise EmbinitError(f"tile must fit in {rows} rows of {columns} elements, got {shown(list(self.tile))}")
        return tiled(
            np.arange(rows * columns).reshape(rows, columns), self.tile, self.axes or (), self.split, self.left
        )

    def block_places(self, shape: tuple[int, ...]) -> Places:
        """Return the places of one block, which all blocks of a buffer repeat; of the whole buffer if none do."""
        return blocks(len(self.order) * self.unit, self.order, self.unit) if self.order else self.places(shape)


def blocks(n: int, order: Sequence[int], unit: int = 1) -> Places:
    """Return where n elements come from if each whole block has its elements in an order, so many at a time."""
    places, block = np.arange(n), len(order) * unit
    whole = n // block * block
    places[:whole] = places[:whole].reshape(-1, len(order), unit)[:, list(order)].reshape(-1)
    return places


def tiled(places: Places, tile: tuple[int, ...], axes: Sequence[int], split: int = 1, left: str = "columns") -> Places:
    """Return the elements of a matrix in tiles of so many rows and columns.

    Columns that fill no tile follow each band of rows; rows that fill no band come last, as they are.
    """
    (high, wide), (rows, columns) = tile, places.shape
    within, across = rows // high * high, columns // wide * wide
    bands = places[:within].reshape(-1, high, columns)
    inner = bands[:, :, :across].reshape(within // high, high, across // wide, *_parts(wide, split))
    rest = bands[:, :, across:]
    rest = (rest.transpose(0, 2, 1) if left == "columns" else rest).reshape(len(bands), -1)
    if axes[0] != 0 and rest.size:
        raise EmbinitError("axes must keep bands first, as columns are left over that follow each band")
    whole = inner.transpose(axes).reshape(-1)
    if rest.size:
        whole = np.concatenate([whole.reshape(len(bands), -1), rest], axis=1).reshape(-1)
    return np.concatenate([whole, places[within:].reshape(-1)])


def _parts(wide: int, split: int) -> tuple[int, ...]:
    return (wide,) if split == 1 else (wide // split, split)
