"""Memory: stretches of a device's bytes, and the buffers cut from them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from embinit.bundle import Array
from embinit.errors import EmbinitError, listed

#: Fewer bytes than this may be found anywhere by chance.
TELLING = 8


@dataclass(frozen=True)
class Memory:
    """Runs of bytes without gaps, in the order of their addresses.

    form: the kind of file they come from, as an error names it. addressed: whether the addresses are the device's;
    otherwise the first byte is at 0. unit: how many bytes the file counts as one, so that the last unit may extend
    beyond the buffers.
    """

    form: str
    runs: tuple[tuple[int, bytes], ...]
    addressed: bool = False
    unit: int = 1

    @property
    def size(self) -> int:
        """The number of bytes in all runs."""
        return sum(len(data) for _, data in self.runs)

    def based(self, start: int) -> "Memory":
        """Return the memory moved so that its first byte is at an address."""
        return replace(self, runs=tuple((start + at, data) for at, data in self.runs), addressed=True)

    def read(self, address: int, array: Array) -> bytes:
        """Return the bytes of a buffer at an address."""
        return self.cut(address, len(array.payload), array.name)

    def cut(self, address: int, size: int, what: str) -> bytes:
        """Return so many bytes at an address, or raise EmbinitError if the memory does not have all of them."""
        end = address + size
        for start, data in self.runs:
            if start <= address and end <= start + len(data):
                return data[address - start : end - start]
        held = listed(_short([f"{start:#010x} to {start + len(data):#010x}" for start, data in self.runs]))
        raise EmbinitError(f"{self.form} must hold {what} at {address:#010x} to {end:#010x}, holds {held or 'nothing'}")

    def whole(self) -> bytes:
        """Return all bytes, or raise EmbinitError if there is a gap."""
        for (start, data), (following, _) in pairwise(self.runs):
            gap = f"{start + len(data):#010x} to {following:#010x}"
            raise EmbinitError(
                f"{self.form} must hold the buffers without a gap, or come with an ELF file; holds nothing at {gap}"
            )
        return b"".join(data for _, data in self.runs)

    def in_order(self, arrays: Sequence[Array]) -> dict[str, bytes]:
        """Return the buffers of memory that holds all of them one after the other."""
        expected = sum(len(array.payload) for array in arrays)
        data = self.whole()
        if len(data) not in (expected, -(-expected // self.unit) * self.unit):
            raise EmbinitError(f"{must_have(arrays)}, got {len(data)} of {self.form}{_why(data, arrays, expected)}")
        return cut(data, arrays)


def cut(data: bytes, arrays: Sequence[Array]) -> dict[str, bytes]:
    """Return the bytes of buffers that follow one another."""
    found, at = {}, 0
    for array in arrays:
        size = len(array.payload)
        found[array.name] = data[at : at + size]
        at += size
    return found


def must_have(arrays: Sequence[Array]) -> str:
    """Return how many bytes a dump must have, as the beginning of an error message."""
    names = [array.name for array in arrays]
    what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, in the order of `embinit plan`"
    return f"a dump must have {sum(len(array.payload) for array in arrays)} bytes ({what})"


def _why(data: bytes, arrays: Sequence[Array], expected: int) -> str:
    """Return why there may be too many bytes, as the end of an error message."""
    if len(data) > expected and len(data.replace(b"\r\n", b"\n")) == expected:
        return ": each byte 0a has a 0d before it, as a transfer in text mode leaves it; transfer the file as binary"
    if len(data) > expected:
        places = {array.name: data.find(array.payload) for array in arrays if len(array.payload) >= TELLING}
        found = [f"{name} at {place:#x}" for name, place in places.items() if place >= 0]
        if found:
            where = "--elf FIRMWARE, or --at BUFFER=ADDRESS"
            return f": it holds the expected bytes of {listed(_short(found))}; an image of RAM needs {where}"
        if (padded := _padded(data, arrays)) is not None:
            return padded
        return "; an image of RAM needs --elf FIRMWARE or --at BUFFER=ADDRESS, which say where the buffers lie"
    return ""


def _padded(data: bytes, arrays: Sequence[Array]) -> str | None:
    """Return the end of an error message that says how rows seem to be padded, if the size fits; else None."""
    for multiple in (2, 4, 8, 16, 32, 64):
        strides: dict[str, int] = {}
        size = 0
        for array in arrays:
            shape = array.data.shape
            row = math.prod(shape[1:])
            stride = -(-row // multiple) * multiple
            if len(shape) > 1 and stride > row and array.arrangement.row_stride is None:
                strides[array.name] = stride
                size += shape[0] * stride * array.data.itemsize
            else:
                size += len(array.payload)
        if strides and size == len(data):
            says = listed(f"row_stride = {stride} in the layer of {name}" for name, stride in strides.items())
            return (
                f": rows padded to multiples of {multiple} elements have that size, which the model file says by {says}"
            )
    return None


def _short(texts: Sequence[str], most: int = 4) -> list[str]:
    return [*texts[:most], *([f"{len(texts) - most} more"] if len(texts) > most else [])]


def joined(form: str, pieces: Iterable[tuple[int, bytes]]) -> tuple[tuple[int, bytes], ...]:
    """Return the runs that addressed pieces in any order make up; none may overlap another."""
    return tuple(_joined(form, sorted((address, data) for address, data in pieces if data)))


def _joined(form: str, pieces: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    run: list[bytes] = []
    start = end = 0
    for address, data in pieces:
        if run and address < end:
            raise EmbinitError(f"{form} must give each byte once, got {address:#010x} twice")
        if run and address > end:
            yield start, b"".join(run)
            run = []
        start, end = address if not run else start, address + len(data)
        run.append(data)
    if run:
        yield start, b"".join(run)
