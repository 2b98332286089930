"""Arranging: the statements that put drawn elements into the order of memory that a model asks for."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from embinit.bundle import Array, Bundle, Entry
from embinit.codegen.text import NoCodeError
from embinit.formats import Groups, format_named
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.element_order import ElementOrder
from embinit.plan import Row

HEADER = "embinit_arrange.h"


def is_arranged(bundle: Bundle) -> bool:
    """Whether any buffer has to be arranged after it is drawn."""
    return any(True for _ in arranged(bundle, placed=False))


def arranged(bundle: Bundle, placed: bool) -> Iterator[str]:
    """Yield the statements that arrange what was drawn. placed: whether each element was drawn to its place in the
    buffer already, so that nothing is left of another order of draws.
    """
    for entry in bundle.entries:
        row = entry.row
        if row.same_as is None:
            if not placed and row.order.axes is not None:
                yield from _permuted(row)
            yield from _sliced(row)
            yield from _held(entry)


def groups_as_drawn(row: Row) -> Groups:
    """Return how the elements of a row share scales, in the order of their draws; an error if C cannot encode them in
    that order.
    """
    held, axes = row.storage, row.order.axes
    groups = held.groups(row.shape)
    if row.slices:
        raise NoCodeError(f"{row.name}: no C sets slices of a buffer of {row.format}; export the values alone")
    if axes is None:
        return groups
    if row.store_draws or (groups.count > 1 and held.channel_axis is None) or held.channel_groups > 1:
        what = "rounds stochastically" if row.store_draws else "shares scales along the rows of memory"
        raise NoCodeError(f"{row.name}: no C {what} where memory and draws have different orders; export the values")
    if held.channel_axis is not None:
        held = replace(held, channel_axis=axes.index(held.channel_axis), arrangement=IN_ORDER)
    return held.groups(tuple(row.shape[axis] for axis in axes))


def checked(bundle: Bundle) -> list[str]:
    """Return the statements that compare the CRC-32 of each buffer and of what is kept besides its codes."""
    lines = ["uint32_t good = 0;"]
    for array in bundle.arrays:
        crc32 = f"embinit_crc32(0, buffers->{array.identifier}, {len(array.view)}u)"
        lines.append(f"good += {crc32} == 0x{array.crc32:08x}u;")
    return [*lines, f"return good == {len(bundle.arrays)}u;"]


def _permuted(row: Row) -> Iterator[str]:
    axes = row.order.axes or ()
    sizes = _unsigned(row.shape[axis] for axis in axes)
    strides = _unsigned(math.prod(row.shape[axis + 1 :]) for axis in axes)
    yield "{"
    yield f"    static const uint32_t sizes[{len(axes)}] = {{{sizes}}};"
    yield f"    static const uint32_t strides[{len(axes)}] = {{{strides}}};"
    bits = format_named(row.format).bits
    yield f"    embinit_permute(buffers->{row.identifier}, {bits}, sizes, strides, {len(axes)});"
    yield "}"


def _sliced(row: Row) -> Iterator[str]:
    if row.slices and row.format != "float32":
        raise NoCodeError(f"{row.name}: no C sets slices of a buffer of {row.format}; export the values alone")
    length = math.prod(row.shape[1:])
    for start, stop, value in row.slices:
        bits = int(np.float32(value).view(np.uint32))
        place = f"buffers->{row.identifier} + {start * length}u, {(stop - start) * length}u"
        yield f"embinit_constant(0, 0, 0x{bits:08x}u, 0u, {place});"


def _ordered(row: Row, order: ElementOrder) -> Iterator[str]:
    """Yield the statements that put elements into the order of memory."""
    place, bits = f"buffers->{row.identifier}", row.storage.kind.bits
    yield "{"
    if order.sizes is not None and order.axes is not None:
        strides = [math.prod(order.sizes[axis] for axis in order.axes[order.axes.index(i) + 1 :])
                   for i in range(len(order.sizes))]  # fmt: skip
        yield f"    static const uint32_t sizes[{len(strides)}] = {{{_unsigned(order.sizes)}}};"
        yield f"    static const uint32_t strides[{len(strides)}] = {{{_unsigned(strides)}}};"
        yield f"    embinit_permute({place}, {bits}, sizes, strides, {len(strides)});"
    else:
        places = order.block_places(row.shape)
        yield f"    static const uint32_t places[{places.size}] = {{"
        for i in range(0, places.size, 12):
            yield f"        {_unsigned(places[i : i + 12].tolist())},"
        yield "    };"
        yield f"    embinit_reorder({place}, {bits}, places, {places.size}u, {row.size}u);"
    yield "}"


def _unsigned(values: Iterable[int]) -> str:
    return ", ".join(f"{value}u" for value in values)


def _held(entry: Entry) -> Iterator[str]:
    row, arrangement = entry.row, entry.row.storage.arrangement
    if arrangement.element_order is not None:
        yield from _ordered(row, arrangement.element_order)
    place = f"buffers->{entry.identifier}"
    if arrangement.row_stride is not None:
        width, length = entry.data.itemsize, math.prod(row.shape[1:])
        stride = arrangement.row_stride * width
        yield f"embinit_spread_rows({place}, {row.shape[0]}u, {length * width}u, {stride}u);"
    if arrangement.nibble_order == "high":
        yield f"embinit_high_bits_first({place}, {row.size}u, {format_named(row.format).bits});"
    for array in entry.arrays:
        yield from _big_endian(array)


def _big_endian(array: Array) -> Iterator[str]:
    if array.arrangement.byte_order == "big" and array.data.itemsize > 1:
        yield f"embinit_big_endian(buffers->{array.identifier}, {array.room}u, {array.data.itemsize}u);"


def pads(bundle: Bundle) -> bool:
    """Whether memory has gaps between the rows of a buffer."""
    return any(entry.arrangement.row_stride is not None for entry in bundle.entries)
