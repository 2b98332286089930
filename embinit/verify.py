"""Verify: compare a device's bytes with the simulation, element by element."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embinit.bundle import Bundle, Entry
from embinit.errors import EmbinitError
from embinit.plan import table


@dataclass(frozen=True)
class Mismatch:
    """An element that differs: its flat index, its coordinates, and both bit patterns as integers."""

    index: int
    coordinates: tuple[int, ...]
    expected: int
    actual: int
    digits: int
    is_float: bool

    def __str__(self) -> str:
        place = "".join(f"[{i}]" for i in self.coordinates)
        expected, actual = (self._value(bits) for bits in (self.expected, self.actual))
        return f"{place} expected {expected}, got {actual}"

    def _value(self, bits: int) -> str:
        text = f"0x{bits:0{self.digits}x}"
        return f"{text} ({np.uint32(bits).view(np.float32):.9g})" if self.is_float else text


@dataclass(frozen=True)
class Comparison:
    """One buffer compared: how many elements, how many equal, and the first that is not."""

    name: str
    elements: int
    equal: int
    first: Mismatch | None


@dataclass(frozen=True)
class Report:
    """What a verification found; `agrees` when every bit of every buffer is equal."""

    source: str
    comparisons: tuple[Comparison, ...]

    @property
    def agrees(self) -> bool:
        """Whether all buffers are equal bit for bit."""
        return all(comparison.first is None for comparison in self.comparisons)

    def __str__(self) -> str:
        cells = [("buffer", "elements", "equal", "first mismatch")]
        cells += [
            (c.name, str(c.elements), str(c.equal), "" if c.first is None else str(c.first)) for c in self.comparisons
        ]
        equal, elements = (sum(getattr(c, what) for c in self.comparisons) for what in ("equal", "elements"))
        verdict = "agrees with the simulation, bit for bit" if self.agrees else "differs from the simulation"
        return "\n".join([*table(cells), f"{self.source} {verdict}: {equal} of {elements} elements are equal"])

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        rows = []
        for c in self.comparisons:
            first = None
            if c.first is not None:
                first = {
                    "index": c.first.index,
                    "coordinates": list(c.first.coordinates),
                    "expected": f"0x{c.first.expected:0{c.first.digits}x}",
                    "actual": f"0x{c.first.actual:0{c.first.digits}x}",
                }
            rows.append({"name": c.name, "elements": c.elements, "equal": c.equal, "first_mismatch": first})
        return {"source": self.source, "agrees": self.agrees, "buffers": rows}


def verify(bundle: Bundle, device: Mapping[str, bytes], source: str) -> Report:
    """Compare the bytes of each buffer, by name, with a bundle's; source says in the report where they come from."""
    return Report(source, tuple(_compare(entry, device[entry.row.name]) for entry in bundle.entries))


def _compare(entry: Entry, payload: bytes) -> Comparison:
    unsigned = np.dtype(f"<u{entry.data.itemsize}")
    expected, actual = entry.data.reshape(-1).view(unsigned), np.frombuffer(payload, unsigned)
    different = np.flatnonzero(expected != actual)
    first = None
    if different.size:
        index = int(different[0])
        packed = entry.count != entry.row.size
        coordinates = (index,) if packed else tuple(int(i) for i in np.unravel_index(index, entry.row.shape))
        bits = int(expected[index]), int(actual[index])
        first = Mismatch(index, coordinates, *bits, 2 * entry.data.itemsize, entry.ctype == "float")
    return Comparison(entry.row.name, entry.count, entry.count - int(different.size), first)


def read_dump(path: str | Path, bundle: Bundle) -> dict[str, bytes]:
    """Cut a raw dump, all buffers one after the other as in <name>.bin, into the bytes of each buffer."""
    try:
        dump = Path(path).read_bytes()
    except OSError as error:
        raise EmbinitError(f"{path}: cannot be read: {error.strerror}") from None
    expected = sum(len(entry.payload) for entry in bundle.entries)
    if len(dump) != expected:
        name = bundle.plan.model.name
        raise EmbinitError(
            f"{path}: a dump of {name} must have {expected} bytes (all buffers in the order of `embinit plan`), "
            f"got {len(dump)}"
        )
    return {entry.row.name: dump[entry.offset : entry.offset + len(entry.payload)] for entry in bundle.entries}
