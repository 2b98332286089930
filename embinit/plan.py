"""Plan: what will be drawn, in which order, with which parameters; executing it makes no decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embinit.dialects import dialect_named
from embinit.formats import format_named
from embinit.initializers import Distribution, Initializer

if TYPE_CHECKING:
    from embinit.model import Model


@dataclass(frozen=True)
class Row:
    """One buffer: what it is, what it holds, and its place in the stream.

    first_draw and draws count words of the stream; they are None where rejection makes them depend on the data.
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
    format: str
    bytes: int

    @property
    def identifier(self) -> str:
        """The buffer's name in C, `<layer>_<part>`."""
        return self.name.replace(".", "_")

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Plan:
    """One row per buffer, in the order in which the device fills them."""

    model: "Model"
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        model = self.model
        head = f"{model.name}: dialect {model.dialect}, target {model.target} ({model.arithmetic}), seed {model.seed}"
        cells = [("buffer", "shape", "fan_in", "fan_out", "distribution", "first draw", "draws", "format", "bytes")]
        for row in self.rows:
            shape = "[" + ", ".join(f"{axis} {size}" for axis, size in zip(row.axes, row.shape, strict=True)) + "]"
            first, draws = ("?" if value is None else str(value) for value in (row.first_draw, row.draws))
            cells.append(
                (
                    row.name,
                    shape,
                    str(row.fan_in),
                    str(row.fan_out),
                    str(row.distribution),
                    first,
                    draws,
                    row.format,
                    str(row.bytes),
                )
            )
        total = sum(row.bytes for row in self.rows)
        return "\n".join([head, *table(cells), f"{len(self.rows)} buffers, {total} bytes"])

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values; float32 parameters also as bits in hexadecimal."""
        return {"model": self.model.as_json(), "buffers": [row_as_json(row) for row in self.rows]}


def plan(model: "Model") -> Plan:
    """Return the plan of a model.

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
        count = dialect.sampler.draws(distribution, tensor.size)
        rows.append(
            Row(
                tensor.name, tensor.axes, tensor.shape, tensor.initializer, tensor.fan_in, tensor.fan_out, distribution,
                position, count, tensor.format, format_named(tensor.format).nbytes(tensor.size),
            )
        )  # fmt: skip
        position = None if position is None or count is None else position + count
    return Plan(model, tuple(rows))


def row_as_json(row: Row) -> dict[str, Any]:
    """Return a row as plain values."""
    parameters = {
        name: {"value": value, "bits": f"0x{np.float32(value).view(np.uint32):08x}"}
        for name, value in vars(row.distribution).items()
    }
    return {
        "name": row.name,
        "axes": list(row.axes),
        "shape": list(row.shape),
        "initializer": str(row.initializer),
        "fan_in": row.fan_in,
        "fan_out": row.fan_out,
        "distribution": {"kind": type(row.distribution).__name__.lower(), **parameters},
        "first_draw": row.first_draw,
        "draws": row.draws,
        "format": row.format,
        "bytes": row.bytes,
    }


def table(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Align rows of cells in columns: numbers to the right, words to the left.

    >>> table([("name", "n"), ("a", "10")])
    ['name   n', 'a     10']
    """
    columns = list(zip(*cells, strict=True))
    right = [all(cell.lstrip("-").isdigit() or cell in ("?", "") for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        for line in cells
    )
    return [line.rstrip() for line in lines]
