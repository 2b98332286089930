"""Arrangements: recover from a dump how the elements of a buffer changed places, where it holds those of the plan."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Account, Image, Run
from embinit.diagnose.facts import Fact
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.formats import FLOATS, format_named
from embinit.formats.arrangement import IN_ORDER
from embinit.plan import Row

Elements = NDArray[Any]
Places = NDArray[np.intp]
#: An arrangement in words, and where each element comes from.
Named = tuple[str, Places]

#: Fewer elements than this are in some order by chance.
ENOUGH = 8
#: How many elements a block has whose elements change places, and how many rows or columns go together.
BLOCKS, TILES = (2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)
#: How many blocks show in which order the elements of each stand.
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
    """Return the hypothesis that wrong buffers hold their elements in another order, where that order has a name."""
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
    """Return the elements of a buffer as they lie in memory, one integer each; None if it has another size, or an
    order of its own.
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
    formats.unpack(np.frombuffer(held, np.uint8).copy(), format_.bits, False, codes)
    return codes.view(np.uint32)


def _payload(row: Row, codes: Elements) -> bytes:
    """Return the bytes of elements; the inverse of `elements`."""
    format_ = format_named(row.format)
    if not format_.packed:
        return codes.tobytes()
    from embinit._kernels import formats

    payload = np.empty(format_.nbytes(codes.size), np.uint8)
    formats.pack(codes.astype(np.uint32).view(np.int32), format_.bits, payload)
    return payload.tobytes()


def moved(planned: Elements, held: Elements) -> bool:
    """Return whether two buffers have the same elements, in another order."""
    if planned.size < ENOUGH or int(planned.sum(dtype=np.uint64)) != int(held.sum(dtype=np.uint64)):
        return False
    return not np.array_equal(planned, held) and np.array_equal(np.sort(planned), np.sort(held))


def scattered(rows: Sequence[Row], planned: Image, dump: Image, wrong: Sequence[str]) -> Iterator[Fact]:
    """Return which wrong buffers have the elements of the plan in an order without a name."""
    for row in rows:
        if row.name in wrong:
            ours, theirs = (elements(row, image[row.name]) for image in (planned, dump))
            if ours is not None and theirs is not None and moved(ours, theirs):
                what = "values" if row.format in FLOATS else "codes"
                text = f"it holds the same {what} as expected, each as often, in another order: a permutation"
                yield Fact(row.name, "order of elements", text)


# The orders that have a name

_ORDINAL = {2: "second", 4: "fourth"}


def _named(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return the arrangements that give what is held, the simplest first."""
    for named in (*_gates(row), *_of_axes(row)):
        if np.array_equal(planned[named[1]], held):
            yield named
    for find in (_in_known_blocks, _along_axes, _in_tiles, _in_strides, _rolled, _in_blocks):
        yield from find(row, planned, held)


def _gates(row: Row) -> Iterator[Named]:
    """Return other orders of the gates of a recurrent layer."""
    kind = next((kind for kind in GATES if row.layer.type.startswith(kind)), None)
    if kind is None or not row.axes or row.axes[0] != "gate":
        return
    own, known = GATES[kind]
    if row.shape[0] % len(own):
        return
    parts = np.arange(row.size).reshape(len(own), -1)
    for order in permutations(range(len(own))):
        text = "".join(own[i] for i in order)
        if text != own:
            whose = f" ({known[text]})" if known.get(text) else ""
            yield (
                f"its gates in the order {', '.join(text)}{whose}, not {', '.join(own)}",
                parts[list(order)].reshape(-1),
            )


def _of_axes(row: Row) -> Iterator[Named]:
    """Return the transposes of an array, which for other weights are layouts (memory.py)."""
    if "in" in row.axes or len(row.shape) < 2:
        return
    places = np.arange(row.size).reshape(row.shape)
    for order in permutations(range(len(row.shape))):
        if order != tuple(range(len(order))):
            axes = ", ".join(row.axes[axis] for axis in order)
            yield f"transposed, as [{axes}]", places.transpose(order).reshape(-1)


def _along_axes(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return in which order the indices of one axis stand."""
    for axis, name in enumerate(row.axes):
        if row.shape[axis] < 2 or row.shape[axis] == row.size:
            continue
        ours, theirs = (np.moveaxis(each.reshape(row.shape), axis, 0).reshape(row.shape[axis], -1)
                        for each in (planned, held))  # fmt: skip
        order = _matching(ours, theirs)
        if order is not None:
            places = np.take(np.arange(row.size).reshape(row.shape), order, axis=axis).reshape(-1)
            yield f"its axis {name!r} {_order_in_words(order)}", places


def _matching(ours: Elements, theirs: Elements) -> list[int] | None:
    """Return which of our rows each of their rows is; None if some row is none of ours."""
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
    """Return an order of the elements of each block that kernels are known to want."""
    for order, why in KNOWN.items():
        places = _blocks(planned.size, order)
        if np.array_equal(planned[places], held):
            yield f"of each {len(order)} elements {why} ({', '.join(map(str, order))})", places
    for size in (size for size in _sizes(row, (2, 4, 8)) if size != row.shape[-1]):
        places = _blocks(planned.size, range(size)[::-1])
        if size * SURE <= planned.size and np.array_equal(planned[places], held):
            yield f"each {size} elements reversed, as in a word of the other byte order", places


def _sizes(row: Row, sizes: Sequence[int]) -> list[int]:
    """Return sizes of blocks; two codes that change places in a byte are a nibble order."""
    return [size for size in sizes if size > 2 or not format_named(row.format).packed]


def _in_blocks(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return in which order the elements of each block stand, the same order in all whole blocks."""
    for size in _sizes(row, BLOCKS):
        whole = planned.size // size * size
        if whole < SURE * size or not np.array_equal(planned[whole:], held[whole:]):
            continue
        order = _matching(planned[:whole].reshape(-1, size).T, held[:whole].reshape(-1, size).T)
        if order is not None:
            yield f"each {size} elements {_order_in_words(order)}", _blocks(planned.size, order)


def _blocks(n: int, order: Sequence[int]) -> Places:
    """Return where elements come from if each whole block of n has an order of its own."""
    places, whole = np.arange(n), n // len(order) * len(order)
    places[:whole] = places[:whole].reshape(-1, len(order))[:, list(order)].reshape(-1)
    return places


def _in_tiles(row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return how a matrix lies in tiles, as optimized kernels want it."""
    rows, columns = row.shape[0], row.size // row.shape[0]
    if len(row.shape) < 2:
        return
    places = np.arange(row.size).reshape(rows, columns)
    for high, wide in ((high, wide) for high in TILES for wide in TILES if high * wide > 1):
        if high > rows or wide > columns:
            continue
        for what, tiled in _tilings(places, high, wide):
            if np.array_equal(planned[tiled], held):
                yield what, tiled


def _tilings(places: Places, high: int, wide: int) -> Iterator[Named]:
    """Return the ways in which a matrix lies in tiles of so many rows and columns.

    Where columns are left over, they follow each band of rows, column by column or row by row; rows that are left over
    come last, as they are.
    """
    rows, columns = places.shape
    within, across = rows // high * high, columns // wide * wide
    bands = places[:within].reshape(-1, high, columns)
    inner = bands[:, :, :across].reshape(within // high, high, across // wide, wide)
    left, last = bands[:, :, across:], places[within:].reshape(-1)
    size = f"{high} rows interleaved" if wide == 1 else f"tiles of {high} rows and {wide} columns"
    ways = [(size, inner.transpose(order)) for order in ((0, 2, 1, 3), (0, 2, 3, 1))]
    for split in (2, 4):
        if wide > split and wide % split == 0:  # as arm_fully_connected_q7_opt has them, with 4, 4 and 2
            parts = inner.reshape(*inner.shape[:3], wide // split, split)
            ways.append((f"{size}, every {_ORDINAL[split]} column first", parts.transpose(0, 2, 4, 1, 3)))
            ways.append((f"{size}, {split} columns of each row in turn", parts.transpose(0, 2, 3, 1, 4)))
    for what, band in ways:
        flat = band.reshape(band.shape[0], -1)
        for rest in (left.transpose(0, 2, 1), left) if left.size else (left,):
            yield what, np.concatenate([*np.concatenate([flat, rest.reshape(band.shape[0], -1)], axis=1), last])
    if not left.size and not last.size:
        for order in ((2, 0, 1, 3), (2, 0, 3, 1)):
            yield f"{size}, tile columns first", inner.transpose(order).reshape(-1)


def _in_strides(_row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return with which stride the elements stand, as a transposed matrix of other sizes has it."""
    n = planned.size
    for step in (step for step in range(2, n // 2 + 1) if n % step == 0):
        if planned[0] == held[0] and planned[step] == held[1]:
            places = np.arange(n).reshape(-1, step).T.reshape(-1)
            if np.array_equal(planned[places], held):
                yield f"each element {step} after the one before it", places


def _rolled(_row: Row, planned: Elements, held: Elements) -> Iterator[Named]:
    """Return by how many elements a buffer is rotated, or that it is reversed."""
    n = planned.size
    if np.array_equal(planned[::-1], held):
        yield "reversed, the last element first", np.arange(n)[::-1]
    for shift in np.flatnonzero(planned == held[0])[:64].tolist():
        places = np.roll(np.arange(n), -shift)
        if shift and np.array_equal(planned[places], held):
            yield f"rotated: it starts with element {shift}", places


# The hypothesis


@dataclass(frozen=True)
class _Moves:
    """Where the elements of some buffers come from."""

    places: Mapping[str, Places]
    rows: Mapping[str, Row]

    def __call__(self, image: Image) -> Image:
        held = dict(image)
        for name, places in self.places.items():
            found = elements(self.rows[name], image[name])
            if found is not None and found.size == places.size:
                held[name] = _payload(self.rows[name], found[places])
        return held


def _arranged(found: Mapping[str, Named]) -> Hypothesis:
    texts: dict[str, list[str]] = {}
    for name, (text, _) in found.items():
        texts.setdefault(text, []).append(name)
    holds = [
        f"{', '.join(names)} {'holds' if len(names) == 1 else 'hold'} the same values, in another order: {text}"
        for text, names in texts.items()
    ]
    places = {name: each for name, (_, each) in found.items()}
    return Hypothesis(
        Aspect.ARRANGEMENT,
        "order of elements",
        f"{'; '.join(holds)}.",
        _moving(places),
        None,
        1 + len(texts),
        tuple(found),
    )


def _moving(places: Mapping[str, Places]) -> Callable[[Account], Account]:
    def change(account: Account) -> Account:
        before, moves = account.content, _Moves(places, {row.name: row for row in account.rows})
        return replace(account, content=lambda image: before(moves(image)))

    return change
