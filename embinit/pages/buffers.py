"""Buffers: the parts of a page that show what a plan says of each buffer."""

from collections.abc import Mapping

from embinit.bundle import Entry
from embinit.markup import text
from embinit.pages import tables
from embinit.pages.fitting import TABLE
from embinit.pages.tables import Column
from embinit.plan import Plan


def table(plan: Plan, entries: Mapping[str, Entry]) -> str:
    """Return a plan as a table; entries: the buffers that are drawn already, by name, with their checksums."""
    columns = [
        Column("Buffer"), Column("Shape"), Column("fan_in", True), Column("fan_out", True), Column("Distribution"),
        Column("Format"), Column("Bytes", True),
        *([Column("CRC-32"), Column("Clipped", True)] if entries else []),
    ]  # fmt: skip
    rows = []
    for each in plan.rows:
        shape = " ".join(f"[{axis} {size}]" for axis, size in zip(each.axes, each.shape, strict=True))
        held = f"same as {each.same_as}" if each.same_as else str(each.codes or each.distribution)
        cells = [each.name, shape, each.fan_in, each.fan_out, held, each.format, each.bytes]
        if entries:
            entry = entries[each.name]
            cells += [f"0x{entry.crc32:08x}", entry.buffer.clipped]
        rows.append([text(cell) for cell in cells])
    return tables.table("Buffers", columns, rows, TABLE)


def summary(plan: Plan) -> str:
    """Return how much a plan is in all."""
    values, held = sum(each.size for each in plan.rows), sum(each.bytes for each in plan.rows)
    return f"{_number(len(plan.rows), 'buffer')}, {_number(values, 'value')}, {_number(held, 'byte')}."


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
