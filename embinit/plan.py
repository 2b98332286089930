"""Plan: what will be drawn, in which order, with which parameters; executing it makes no decisions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embinit.dialects import dialect_named
from embinit.formats.storage import Storage
from embinit.initializers import Distribution, Initializer
from embinit.samplers import Codes

if TYPE_CHECKING:
    from embinit.model import Model


UNKNOWN = "?: known when it is drawn"


@dataclass(frozen=True)
class Row:
    """One buffer: what it is, what it holds, and its place in the stream.

    first_draw and draws count words of the stream; they are None where rejection makes them depend on the data. The
    store draws are those of stochastic rounding, made where the buffer is filled (at once) or after all are. codes says
    how the device draws the distribution where it has no floats.
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int
    distribution: Distribution
    first_draw: int | None
    draws: int | None
    storage: Storage
    stored_at_once: bool
    store_first_draw: int | None
    store_draws: int
    bytes: int
    codes: Codes | None = None

    @property
    def identifier(self) -> str:
        """The buffer's name in C, `<layer>_<part>`."""
        return self.name.replace(".", "_")

    @property
    def format(self) -> str:
        """The name of the buffer's format."""
        return self.storage.format

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Plan:
    """One row per buffer, in the order in which the device fills them."""

    model: "Model"
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        model = self.model
        build = (
            f"{model.arithmetic}, rand {model.rand_family}" if dialect_named(model.dialect).rand else model.arithmetic
        )
        head = f"{model.name}: dialect {model.dialect}, target {model.target} ({build}), seed {model.seed}"
        total = f"{len(self.rows)} buffers, {sum(row.bytes for row in self.rows)} bytes"
        unknown = [UNKNOWN] if any(None in (row.first_draw, row.draws) for row in self.rows) else []
        return "\n".join([head, *table(self._fill_cells()), *table(self._store_cells()), *unknown, total])

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values; float32 parameters also as bits in hexadecimal."""
        return {"model": self.model.as_json(), "buffers": [row_as_json(row) for row in self.rows]}

    def _fill_cells(self) -> list[tuple[str, ...]]:
        columns = ("buffer", "shape", "fan_in", "fan_out", "distribution", "first draw", "draws", "format", "bytes")
        cells: list[tuple[str, ...]] = [columns]
        for row in self.rows:
            shape = "[" + ", ".join(f"{axis} {size}" for axis, size in zip(row.axes, row.shape, strict=True)) + "]"
            fans, draws = (str(row.fan_in), str(row.fan_out)), (_count(row.first_draw), _count(row.draws))
            cells.append(
                (row.name, shape, *fans, str(row.codes or row.distribution), *draws, row.format, str(row.bytes))
            )
        return cells

    def _store_cells(self) -> list[tuple[str, ...]]:
        """Return the draws of stochastic rounding, or nothing where there are none."""
        rows = [row for row in self.rows if row.store_draws]
        cells = [(row.name, str(row.storage), _count(row.store_first_draw), str(row.store_draws)) for row in rows]
        return [("rounded", "format", "first draw", "draws"), *cells] if rows else []


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)


def plan(model: "Model") -> Plan:
    """Return the plan of a model.

    Words are drawn for all values first, then for stochastic rounding, buffer by buffer; but a normalization layer is
    rounded where it stands, as its factory does.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> print(embinit.Model("tiny", [fc], seed=1).plan())
    tiny: dialect odt, target host (separate), seed 1
    buffer     shape          fan_in  fan_out  distribution                        first draw  draws  format   bytes
    fc.weight  [out 2, in 3]       3        2  uniform(-0.577350259, 0.577350259)           0      6  float32     24
    fc.bias    [out 2]             3        2  uniform(-0.577350259, 0.577350259)           6      2  float32      8
    2 buffers, 32 bytes
    """
    dialect = dialect_named(model.dialect)
    rows: list[Row] = []
    position: int | None = 0
    for tensor in model.tensors:
        distribution = dialect.distribution(tensor.initializer, tensor.fan_in, tensor.fan_out)
        first, draws = position, dialect.sampler.draws(distribution, tensor.size)
        position = _moved(position, draws)
        store_first, store_draws = position, tensor.storage.draws(tensor.shape)
        if tensor.stored_at_once:
            position = _moved(position, store_draws)
        rows.append(
            Row(
                tensor.name, tensor.axes, tensor.shape, tensor.initializer, tensor.fan_in, tensor.fan_out, distribution,
                first, draws, tensor.storage, tensor.stored_at_once, store_first, store_draws,
                tensor.storage.nbytes(tensor.size), dialect.codes and dialect.codes(distribution, tensor.storage),
            )
        )  # fmt: skip
    for i, row in enumerate(rows):
        if not row.stored_at_once:
            rows[i] = replace(row, store_first_draw=position)
            position = _moved(position, row.store_draws)
    return Plan(model, tuple(rows))


def _moved(position: int | None, draws: int | None) -> int | None:
    return None if position is None or draws is None else position + draws


def row_as_json(row: Row) -> dict[str, Any]:
    """Return a row as plain values."""
    return {
        "name": row.name,
        "axes": list(row.axes),
        "shape": list(row.shape),
        "initializer": str(row.initializer),
        "fan_in": row.fan_in,
        "fan_out": row.fan_out,
        "distribution": {"kind": type(row.distribution).__name__.lower(), **_parameters(row.distribution)},
        "first_draw": row.first_draw,
        "draws": row.draws,
        "format": row.format,
        "rounding": row.storage.rounding,
        "group_size": row.storage.group_size,
        "channel_axis": row.storage.channel_axis,
        "store_first_draw": row.store_first_draw,
        "store_draws": row.store_draws,
        "bytes": row.bytes,
        **({"codes": {"kind": type(row.codes).__name__.lower(), **vars(row.codes)}} if row.codes else {}),
    }


def _parameters(distribution: Distribution) -> dict[str, Any]:
    """Return a distribution's parameters: numbers with their float32 bits, sizes as they are."""
    bits = np.vectorize("0x{:08x}".format)
    return {
        field.name: value
        if field.type in (int, tuple[int, ...] | None)
        else {"value": value, "bits": bits(np.float32(value).view(np.uint32)).tolist()}
        for field in fields(distribution)
        for value in [getattr(distribution, field.name)]
    }


def table(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Align rows of cells in columns: numbers to the right, words to the left.

    >>> table([("name", "n"), ("a", "10")])
    ['name   n', 'a     10']
    """
    if not cells:
        return []
    columns = list(zip(*cells, strict=True))
    right = [all(cell.lstrip("-").isdigit() or cell in ("?", "") for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        for line in cells
    )
    return [line.rstrip() for line in lines]
