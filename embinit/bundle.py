"""Bundle: everything that an export writes of a model, gathered once."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from embinit import __version__
from embinit.dialects import dialect_named
from embinit.fill import Values, fill
from embinit.plan import Plan, Row, row_as_json
from embinit.spec import SPEC_VERSION
from embinit.store import Buffer, store
from embinit.targets import target_named


@dataclass(frozen=True)
class Entry:
    """One buffer of a bundle: its plan row, its bytes, and where they lie in <name>.bin."""

    row: Row
    buffer: Buffer
    offset: int
    first_draw: int
    draws: int

    @property
    def identifier(self) -> str:
        """The buffer's name in C."""
        return self.row.identifier

    @property
    def data(self) -> NDArray[Any]:
        """The elements, or the packed payload as uint8."""
        return self.buffer.data

    @property
    def count(self) -> int:
        """The number of elements of `data`."""
        return int(self.data.size)

    @property
    def ctype(self) -> str:
        """The C type of an element of `data`."""
        return "float" if self.data.dtype.kind == "f" else f"{self.data.dtype.name}_t"

    @property
    def comment(self) -> str:
        """The shape, axis by axis."""
        return " ".join(f"[{axis} {size}]" for axis, size in zip(self.row.axes, self.row.shape, strict=True))

    @property
    def payload(self) -> bytes:
        """The bytes in the device's memory."""
        return self.data.tobytes()

    @property
    def crc32(self) -> int:
        """The CRC-32 of the payload."""
        return zlib.crc32(self.payload)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        return {
            **row_as_json(self.row),
            "first_draw": self.first_draw,
            "draws": self.draws,
            "dtype": self.data.dtype.name,
            "offset": self.offset,
            "bytes": len(self.payload),
            "crc32": f"0x{self.crc32:08x}",
            "sha256": hashlib.sha256(self.payload).hexdigest(),
        }


@dataclass(frozen=True)
class Bundle:
    """The buffers of a model with all that says where they come from."""

    plan: Plan
    entries: tuple[Entry, ...]
    state_after: Any
    package_version: str = __version__

    @property
    def payload(self) -> bytes:
        """All buffers, one after the other: <name>.bin."""
        return b"".join(entry.payload for entry in self.entries)

    def manifest(self) -> dict[str, Any]:
        """Return what manifest.json says, but for the files."""
        model = self.plan.model
        dialect, target = dialect_named(model.dialect), target_named(model.target)
        before = dialect.seeded(model.seed)
        return {
            "embinit": self.package_version,
            "spec_version": SPEC_VERSION,
            "model": model.as_json(),
            "target": {
                "name": target.name,
                "build": target.build,
                "multiply_add": model.arithmetic,
                "libm": target.libm,
            },
            "bit_generator": type(before).__name__,
            "rng_state_before": before.state,
            "rng_state_after": self.state_after,
            "byte_order": "little",
            "buffers": [entry.as_json() for entry in self.entries],
        }


def gather(plan: Plan) -> Bundle:
    """Fill and store a plan, and gather the result."""
    values: Values = fill(plan)
    buffers = store(values)
    entries, offset = [], 0
    for row in plan.rows:
        entry = Entry(row, buffers[row.name], offset, values.first_draw[row.name], values.draws[row.name])
        entries.append(entry)
        offset += len(entry.payload)
    return Bundle(plan, tuple(entries), values.state_after)
