"""Storing: how generated code encodes buffers of codes, and where it keeps scales and the like."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from embinit.bundle import Bundle
from embinit.codegen.arranging import HEADER, arranged, groups_as_drawn, is_arranged
from embinit.codegen.quantizing import finished_scales, quantized
from embinit.codegen.slots import Aside, Slot
from embinit.codegen.text import NoCodeError
from embinit.formats import FLOATS, CFamily, format_named
from embinit.plan import Row


def has_codes(bundle: Bundle) -> bool:
    """Whether the device has no floats, and draws codes in integers."""
    return any(entry.row.codes is not None for entry in bundle.entries)


def is_stored(bundle: Bundle) -> bool:
    """Whether the device encodes the values of at least one buffer."""
    return not has_codes(bundle) and any(entry.format not in FLOATS for entry in bundle.entries)


def storage(slot: Slot) -> str:
    """Return the initializer of an embinit_storage."""
    if isinstance(slot, Aside):
        return "{0}"
    row = slot.row
    if row.format in FLOATS:
        return "{0}"
    format_, held = format_named(row.format), row.storage
    family, groups = family_of(row), groups_as_drawn(row)
    named = f"{row.identifier}_turns" if groups.rounds > 1 else f"embinit_family_{family.name}"
    named = named if held.quantizer is None else f"{row.identifier}_quantizer.family"
    named = named if held.input_scale is None else f"{row.identifier}_scaled.family"
    at_once = int(row.rounded_at_once)
    return (
        f"{{&{named}, {format_.bits}, {family.width}, {family.part}, "
        f"EMBINIT_{held.rounding.upper()}, {at_once}, {groups.count}u, {groups.run}u}}"
    )


def turns(bundle: Bundle) -> Iterator[str]:
    """Yield the definitions of families for buffers whose groups do not all take turns."""
    for row in (entry.row for entry in bundle.entries):
        groups = row.storage.groups(row.shape)
        if groups.rounds > 1:
            family = f"EMBINIT_FAMILY_{family_of(row).name.upper()}_IN_TURNS({groups.turn}u, {groups.rounds}u)"
            yield f"static const embinit_family {row.identifier}_turns = {family};"


def scaled(bundle: Bundle, slots: Sequence[Slot]) -> Iterator[str]:
    """Yield the definitions of the families of biases that take their scales from the layer's weight. A definition says
    how many rows before the bias the weight is.
    """
    places = {slot.row.name: i for i, slot in enumerate(slots) if not isinstance(slot, Aside)}
    for row in (entry.row for entry in bundle.entries):
        if row.storage.input_scale is None:
            continue
        before = places[row.name] - places[f"{row.layer.name}.weight"]
        if before < 0:
            raise NoCodeError(f"{row.name}: no C stores it before its weight, whose scales it takes")
        scale = float(np.float32(row.storage.input_scale)).hex()
        family = f"EMBINIT_BIAS_FAMILY({scale}f, {before}u, {int(row.storage.divides)})"
        yield f"static const embinit_bias_family {row.identifier}_scaled = {family};"


def format_headers(bundle: Bundle) -> set[str | Path]:
    """Return the headers that declare the families of a bundle's formats."""
    own: set[str | Path] = {HEADER} if is_arranged(bundle) else set()
    if any(True for _ in quantized(bundle)):
        own.add("embinit_quantizer.h")
    return own | {family_of(entry.row).header for entry in bundle.entries if entry.format not in FLOATS}


def family_of(row: Row) -> CFamily:
    """Return the C functions that encode a row, or raise NoCodeError if its format has none."""
    family = format_named(row.format).c_family
    if family is None:
        raise NoCodeError(f"{row.name}: no C encodes {row.format}; export the values alone (--format npz,h,bin)")
    return family


def held_in(slot: Slot) -> str:
    """Return the initializer of an embinit_buffer."""
    if isinstance(slot, Aside):
        return "    {0, 0, 0, 0},"
    members = [
        f"buffers->{slot.identifier}_{what}" if what in slot.parameters else "0"
        for what in ("scale", "zero_point", "exponents")
    ]
    return f"    {{buffers->{slot.identifier}, {', '.join(members)}}},"


def crc32_of(slot: Slot) -> int:
    """Return the CRC-32 of a buffer, continued over what is kept besides its codes."""
    crc32 = 0
    for array in () if isinstance(slot, Aside) else slot.arrays:
        crc32 = zlib.crc32(array.view, crc32)
    return crc32


def copied(bundle: Bundle) -> list[str]:
    """Return the statements that copy buffers."""
    arrays = {entry.name: entry.arrays for entry in bundle.entries}
    return [
        f"embinit_copy(buffers->{to.identifier}, buffers->{of.identifier}, {len(to.payload)}u);"
        for entry in bundle.entries
        if entry.row.same_as
        for to, of in zip(entry.arrays, arrays[entry.row.same_as], strict=True)
    ]


def stored_and_copied(bundle: Bundle, drawn: int) -> list[str]:
    """Return the statements that store the drawn buffers, arrange them, and copy the others."""
    store = f"embinit_store(rows, {drawn}, &stream, held)"
    copies = [*finished_scales(bundle), *arranged(bundle, placed=False), *copied(bundle)]
    if not copies:
        return [f"return {store} == {drawn};"]
    return [f"if ({store} != {drawn}) {{", "    return 0;", "}", *copies, "return 1;"]
