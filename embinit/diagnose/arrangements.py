"""Arrangements: recover from a dump how the elements of a buffer changed places, if it holds those of the plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Image, Run
from embinit.diagnose.facts import Fact
from embinit.diagnose.hypothesis import Aspect, Hypothesis, rows
from embinit.diagnose.pasting import each_layer
from embinit.formats import FLOATS, format_named
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.element_order import ElementOrder, blocks
from embinit.model import Tensor
from embinit.plan import Row, row_with

Elements = NDArray[Any]
Places = NDArray[np.intp]
#: An arrangement in words, as a model file gives it, and for the shape of its buffer.
Named = tuple[str, ElementOrder, ElementOrder]

#: Fewer elements than this may be in some order by chance.
ENOUGH = 8
#: The sizes of blocks whose elements change places, and of tiles in rows or columns.
BLOCKS, TILES = (2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)
#: The fewest blocks that show an order of the elements within each.
SURE = 3
#: Orders in which kernels keep the codes of a block.
KNOWN = {
    (0, 2, 4, 6, 1, 3, 5, 7): "the even ones first, as AWQ packs them",
    (0, 4, 1, 5, 2, 6, 3, 7): "its halves interleaved, so that elements j and j + 4 share a byte",
    (0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15): "its halves interleaved: elements j and j + 8 share a byte",
}
GATES = {
    "LSTM": ("ifgo", {"iofg": "ONNX's"}),
    "GRU": ("rzn", {"zrn": "that of ONNX and Keras"}),
}


def arrangements(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the hypothesis that wrong buffers hold their elements in another order, if that order has a name."""
    found: dict[str, Named] = {}
    for row in wrong:
        planned, held = (elements(row, image[row.name]) for image in (run.image, dump))
        if planned is not None and held is not None and moved(planned, held):
            named = next(_named(row, planned, held), None)
            if named is not None:
                found[row.name] = named
    if found:
        yield (_arranged(found),)


def elements(row: Row, held: bytes) -> Elements | None:
    """Return the elements of a buffer as they lie in memory, each as an integer; None if the buffer has another size,
    or is not in the usual arrangement.
    """
    format_ = format_named(row.format)
    if row.storage.arrangement != IN_ORDER or len(held) != row.storage.nbytes(row.shape):
        return None
    if not format_.packed:
        return np.frombuffer(held, f"<u{format_.dtype.itemsize}")
    if format_.bits == 4:
        nibbles = np.frombuffer(held, np.uint8)
        return np.stack([nibbles & 15, nibbles >> 4], axis=1).reshape(-1)[: row.size]
    from embinit._kernels import formats

    codes = np.empty(row.size, np.int32)
    formats.unpack(formats.width_of(format_.bits), np.frombuffer(held, np.uint8).copy(), format_.bits, False, codes)
    return codes.view(np.uint32)


def moved(planned: Elements, held: Elements) -> bool:
    """Return whether two buffers have the same elements, in another order."""
    if planned.size < ENOUGH or int(planned.sum(dtype=np.uint64)) != int(held.sum(dtype=np.uint64)):
        return False
    return not np.array_equal(planned, held) and np.array_equal(np.sort(planned), np.sort(held))


def scattered(planned_rows: Sequence[Row], planned: Image, dump: Image, wrong: Sequence[str]) -> Iterator[Fact]:
    """Yield a fact about each wrong buffer that has the elements of the plan in an order without a name."""
    for row in planned_rows:
        if row.name in wrong:
            ours, theirs = (elements(row, image[row.name]) for image in (planned, dump))
            if ours is not None and theirs is not None and moved(ours, theirs):
                what = "values" if row.format in FLOATS else "codes"
                text = f"it holds the same {what} as expected, each as often, in another order: a permutation"
                yield Fact(row.name, "order of elements", text)


# The orders that have a name

_ORDINAL = {2: "second", 4: "fourth"}


def _named(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield the arrangements that turn the planned elements into those that are held, the simplest first."""
    for named in (*_gates(row), *_of_axes(row)):
        if np.array_equal(planned[named[2].places(row.shape)], held):
            yield named
    for find in (_in_known_blocks, _along_axes, _in_tiles, _in_strides, _rolled, _in_blocks):
        yield from find(row, planned, held)


def _gates(row: Row) -> Iterator[Named]:
    """Yield the other orders that the gates of a recurrent layer may have."""
    kind = next((kind for kind in GATES if row.layer.type.startswith(kind)), None)
    if kind is None or not row.axes or row.axes[0] != "gate":
        return
    own, known = GATES[kind]
    if row.shape[0] % len(own):
        return
    for order in permutations(range(len(own))):
        text = "".join(own[i] for i in order)
        if text != own:
            whose = f" ({known[text]})" if known.get(text) else ""
            said = ElementOrder(order=order, axis="gate")
            yield (
                f"its gates in the order {', '.join(text)}{whose}, not {', '.join(own)}",
                said,
                said.along(0, row.shape),
            )


def _of_axes(row: Row) -> Iterator[Named]:
    """Yield the transposes of an array without an axis "in"; those of other weights are layouts (memory.py)."""
    if "in" in row.axes or len(row.shape) < 2:
        return
    for order in permutations(range(len(row.shape))):
        if order != tuple(range(len(order))):
            axes = ", ".join(row.axes[axis] for axis in order)
            yield _plain(f"transposed, as [{axes}]", ElementOrder(sizes=row.shape, axes=order))


def _plain(text: str, order: ElementOrder) -> Named:
    return text, order, order


def _along_axes(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield the orders that the indices of one axis may have in memory."""
    for axis, name in enumerate(row.axes):
        if row.shape[axis] < 2 or row.shape[axis] == row.size:
            continue
        ours, theirs = (np.moveaxis(each.reshape(row.shape), axis, 0).reshape(row.shape[axis], -1)
                        for each in (planned, held))  # fmt: skip
        order = _matching(ours, theirs)
        if order is not None:
            said = ElementOrder(order=tuple(order), axis=name)
            yield f"its axis {name!r} {_order_in_words(order)}", said, said.along(axis, row.shape)


def _matching(ours: Elements, theirs: Elements) -> list[int] | None:
    """Return, for each of their rows, which of ours it is; None if some row is not ours, or the order is the same."""
    rest: dict[bytes, list[int]] = {}
    for i, each in enumerate(np.ascontiguousarray(ours)):
        rest.setdefault(each.tobytes(), []).append(i)
    order = []
    for each in np.ascontiguousarray(theirs):
        left = rest.get(each.tobytes())
        if not left:
            return None
        order.append(left.pop(0))
    return order if order != sorted(order) else None


def _order_in_words(order: list[int]) -> str:
    n = len(order)
    if order == list(range(n))[::-1]:
        return "reversed"
    shift = order[0]
    if order == [(i + shift) % n for i in range(n)]:
        return f"rotated: it starts with index {shift}"
    for parts in range(2, n // 2 + 1):
        if n % parts == 0 and order == np.arange(n).reshape(parts, -1).T.reshape(-1).tolist():
            return f"interleaved: index 0, then {n // parts}, in {parts} parts"
    shown = ", ".join(map(str, order[:16])) + (", ..." if n > 16 else "")
    return f"in another order: {shown}"


def _in_known_blocks(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield the order of the elements within each block if it is one that kernels are known to want."""
    for order, why in KNOWN.items():
        if len(order) <= planned.size and np.array_equal(planned[blocks(planned.size, order)], held):
            text = f"of each {len(order)} elements {why} ({', '.join(map(str, order))})"
            yield _plain(text, ElementOrder(order=order))
    for size in (size for size in _sizes(row, (2, 4, 8)) if size != row.shape[-1]):
        order = tuple(range(size))[::-1]
        if size * SURE <= planned.size and np.array_equal(planned[blocks(planned.size, order)], held):
            text = f"each {size} elements reversed, as in a word of the other byte order"
            yield _plain(text, ElementOrder(order=order))


def _sizes(row: Row, sizes: Sequence[int]) -> list[int]:
    """Return the sizes of blocks to try. Blocks of two packed codes are left out: their order is the nibble order."""
    return [size for size in sizes if size > 2 or not format_named(row.format).packed]


def _in_blocks(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield the order of the elements within each block in memory, if it is the same in all whole blocks."""
    for size in _sizes(row, BLOCKS):
        whole = planned.size // size * size
        if whole < SURE * size or not np.array_equal(planned[whole:], held[whole:]):
            continue
        order = _matching(planned[:whole].reshape(-1, size).T, held[:whole].reshape(-1, size).T)
        if order is not None:
            yield _plain(f"each {size} elements {_order_in_words(order)}", ElementOrder(order=tuple(order)))


def _in_tiles(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield how a matrix lies in tiles, as optimized kernels want it."""
    rows, columns = row.shape[0], row.size // row.shape[0]
    if len(row.shape) < 2:
        return
    for high, wide in ((high, wide) for high in TILES for wide in TILES if high * wide > 1):
        if high > rows or wide > columns:
            continue
        for text, order in _tilings(high, wide, rows % high or columns % wide):
            if planned[0] == held[0] and np.array_equal(planned[order.places(row.shape)], held):
                yield _plain(text, order)


def _tilings(high: int, wide: int, left: int) -> Iterator[tuple[str, ElementOrder]]:
    """Yield the ways in which a matrix may lie in tiles of so many rows and columns. left: whether there are rows or
    columns left over that fill no tile.
    """
    size = f"{high} rows interleaved" if wide == 1 else f"tiles of {high} rows and {wide} columns"
    ways: list[tuple[str, int, tuple[int, ...]]] = [(size, 1, (0, 2, 1, 3)), (size, 1, (0, 2, 3, 1))]
    for split in (2, 4):
        if wide > split and wide % split == 0:  # as arm_fully_connected_q7_opt has them, with 4, 4 and 2
            ways.append((f"{size}, every {_ORDINAL[split]} column first", split, (0, 2, 4, 1, 3)))
            ways.append((f"{size}, {split} columns of each row in turn", split, (0, 2, 3, 1, 4)))
    for text, split, axes in ways:
        for rest in ("columns", "rows") if left else ("columns",):
            yield text, ElementOrder(tile=(high, wide), axes=axes, split=split, left=rest)
    if not left:
        for axes in ((2, 0, 1, 3), (2, 0, 3, 1)):
            yield f"{size}, tile columns first", ElementOrder(tile=(high, wide), axes=axes)


def _in_strides(_row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield the stride with which the elements follow each other, as those of a transposed matrix of other sizes do."""
    n = planned.size
    for step in (step for step in range(2, n // 2 + 1) if n % step == 0):
        if planned[0] == held[0] and planned[step] == held[1]:
            order = ElementOrder(sizes=(n // step, step), axes=(1, 0))
            if np.array_equal(planned[order.places((n,))], held):
                yield _plain(f"each element {step} after the one before it", order)


def _rolled(_row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Yield that a buffer is reversed, or by how many elements it is rotated."""
    if np.array_equal(planned[::-1], held):
        yield _plain("reversed, the last element first", ElementOrder(reverse=True))
    for shift in np.flatnonzero(planned == held[0])[:64].tolist():
        if shift and np.array_equal(np.roll(planned, -shift), held):
            yield _plain(f"rotated: it starts with element {shift}", ElementOrder(rotate=shift))


# The hypothesis


def _arranged(found: Mapping[str, Named]) -> Hypothesis:
    texts: dict[str, list[str]] = {}
    for name, (text, *_) in found.items():
        texts.setdefault(text, []).append(name)
    holds = [
        f"{', '.join(names)} {'holds' if len(names) == 1 else 'hold'} the same values, in another order: {text}"
        for text, names in texts.items()
    ]

    def stored(row: Row) -> Row:
        if row.name not in found:
            return row
        arrangement = replace(row.storage.arrangement, element_order=found[row.name][2])
        return row_with(row, storage=replace(row.storage, arrangement=arrangement))

    def line(tensors: list[Tensor]) -> str | None:
        parts = [f"{each.part} = {found[each.name][1].says}" for each in tensors if each.name in found]
        return f"element_order = {{ {', '.join(parts)} }}" if parts else None

    return Hypothesis(
        Aspect.ARRANGEMENT, "order of elements", f"{'; '.join(holds)}.", rows(stored), None, 1 + len(texts),
        tuple(found), told=partial(each_layer, line=line),
    )  # fmt: skip
