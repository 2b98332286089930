"""Verify: compare a device's bytes with the simulation, element by element."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Bundle
from embinit.errors import EmbinitError, listed
from embinit.markup import notebook
from embinit.readback import Readback
from embinit.text import table

#: How many of the arrays that were not compared a verdict names.
NAMED = 6


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
        if not self.is_float:
            return text
        value = np.uint32(bits).view(np.float32) if self.digits == 8 else np.uint64(bits).view(np.float64)
        return f"{text} ({value:.{9 if self.digits == 8 else 17}g})"


@dataclass(frozen=True)
class BufferComparison:
    """One buffer compared: how many elements it has, how many are equal, the first mismatch, and the largest distance.

    largest_ulp: how many float32 the elements that differ are apart, at most; None if none differs, if they are not
    float32, or if each of them is NaN in the device or in the simulation.
    last: the flat index of the last element that differs.
    """

    name: str
    elements: int
    equal: int
    first: Mismatch | None
    largest_ulp: int | None
    last: int | None = None


@dataclass(frozen=True)
class Report:
    """What a verification found; it `agrees` if every bit of every buffer is equal. not_compared: the arrays of the
    bundle that the device did not give. notes: what else there is to say about the bytes.
    """

    source: str
    comparisons: tuple[BufferComparison, ...]
    not_compared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all buffers are equal bit for bit."""
        return all(comparison.first is None for comparison in self.comparisons)

    def __str__(self) -> str:
        return "\n".join([*table(self._cells), self.verdict])

    @property
    def _cells(self) -> list[tuple[str, ...]]:
        cells: list[tuple[str, ...]] = [("buffer", "elements", "equal", "first mismatch")]
        for c in self.comparisons:
            cells += [(c.name, str(c.elements), str(c.equal), "" if c.first is None else str(c.first))]
        return cells

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, and the first buffers, those that differ before all others."""
        head, *rows = self._cells
        return notebook(self.verdict, [head, *sorted(rows, key=lambda cells: not cells[-1])])

    @property
    def verdict(self) -> str:
        """The sentence that says whether the buffers agree, and what was not compared."""
        verdict = "agrees with the simulation, bit for bit" if self.agrees else "differs from the simulation"
        elements = sum(comparison.elements for comparison in self.comparisons)
        return "; ".join([f"{self.source} {verdict}: {self.equal} of {elements} elements are equal", *self.remarks])

    @property
    def equal(self) -> int:
        """How many elements are equal."""
        return sum(comparison.equal for comparison in self.comparisons)

    @property
    def remarks(self) -> list[str]:
        """What the verdict says besides: what was not compared, and the notes."""
        left = self.not_compared
        names = listed(left[:NAMED]) + (f" and {len(left) - NAMED} more" if len(left) > NAMED else "")
        return [*([f"not compared: {names}"] if left else []), *self.notes]

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
            counts = {"elements": c.elements, "equal": c.equal, "largest_ulp": c.largest_ulp}
            rows.append({"name": c.name, **counts, "first_mismatch": first})
        besides = {"not_compared": list(self.not_compared), "notes": list(self.notes)}
        return {"source": self.source, "agrees": self.agrees, "buffers": rows, **besides}


def verify(bundle: Bundle, device: Mapping[str, bytes], source: str) -> Report:
    """Return how the bytes of some or all buffers, by name, compare with a bundle's; source names the device in the
    report.

    What is kept besides codes has names too, such as `fc.weight.scale`. Raises EmbinitError if there is no buffer, or
    one that the bundle does not have, or one of another size.
    """
    known = {array.name: array for array in bundle.arrays}
    if not device or not device.keys() <= known.keys():
        raise EmbinitError(f"device must hold some of {listed(known)}, got {listed(device) or 'none'}")
    comparisons = tuple(compare(known[name], known[name].payload, device[name]) for name in known if name in device)
    notes = device.notes if isinstance(device, Readback) else ()
    return Report(source, comparisons, tuple(name for name in known if name not in device), notes)


def element_bits(array: Array, payload: bytes) -> NDArray[Any]:
    """Return the elements of an array, in storage order, as unsigned integers."""
    expected = len(array.payload)
    if len(payload) != expected:
        raise EmbinitError(f"{array.name} must have {expected} bytes, got {len(payload)}")
    return array.held(payload).view(f"u{array.data.itemsize}")


def ulp_distance(expected: NDArray[np.uint32], actual: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return how many float32 apart the elements of two arrays of bits are; -1 if one is NaN, and 0 from -0 to 0.

    >>> bits = np.array([1.0, 0.0, np.inf, np.nan], np.float32).view(np.uint32)
    >>> ulp_distance(bits, bits ^ np.uint32(2**31 + 1)).tolist()
    [2130706433, 1, -1, -1]
    """
    magnitudes = [(bits & np.uint32(0x7FFFFFFF)).astype(np.int64) for bits in (expected, actual)]
    places = [np.where(bits >> 31, -m, m) for bits, m in zip((expected, actual), magnitudes, strict=True)]
    nan = np.maximum(*magnitudes) > 0x7F800000
    return np.where(nan, -1, np.abs(places[0] - places[1]))


def compare(array: Array, one: bytes, other: bytes) -> BufferComparison:
    """Return how two contents of an array's memory compare: what is expected, and what is found."""
    expected, actual = element_bits(array, one), element_bits(array, other)
    different = np.flatnonzero(expected != actual)
    first = None
    if different.size:
        index = int(different[0])
        coordinates = tuple(int(i) for i in np.unravel_index(index, array.data.shape))
        bits = int(expected[index]), int(actual[index])
        first = Mismatch(index, coordinates, *bits, 2 * array.data.itemsize, array.ctype in ("float", "double"))
    ulp = _largest_ulp(array, expected, actual, different)
    last = int(different[-1]) if different.size else None
    return BufferComparison(array.name, array.count, array.count - different.size, first, ulp, last)


def _largest_ulp(array: Array, expected: NDArray[Any], actual: NDArray[Any], different: NDArray[np.intp]) -> int | None:
    if array.ctype != "float" or not different.size:
        return None
    largest = int(ulp_distance(expected[different], actual[different]).max())
    return None if largest < 0 else largest
