"""ELF: a firmware's symbols, and the memory that an ELF file holds itself, such as a core."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from embinit.bundle import Array
from embinit.dump.memory import Memory, joined
from embinit.errors import EmbinitError, listed
from embinit.targets.elf import Elf, Symbol

CORE, IMAGE = "an ELF core", "an ELF image"


def is_elf(content: bytes) -> bool:
    """Return whether a file begins like an ELF file."""
    return content[:4] == b"\x7fELF" and content[4:5] in (b"\1", b"\2") and content[5:6] in (b"\1", b"\2")


def segments(content: bytes) -> Memory:
    """Return the memory that an ELF file holds: a core's RAM, or what an image loads."""
    elf = Elf(content)
    pieces = [(segment.address, segment.data) for segment in elf.segments() if segment.data]
    kind = elf.header("e_type")
    if kind not in ("ET_CORE", "ET_EXEC", "ET_DYN"):
        raise EmbinitError("is an ELF object file, which no linker has given addresses: link it, or read RAM back")
    form = CORE if kind == "ET_CORE" else IMAGE
    return Memory(form, joined(form, pieces), addressed=True)


@dataclass(frozen=True)
class Firmware:
    """What an ELF file says about a firmware's data: addresses and sizes by symbol, and where its RAM begins."""

    path: str | Path
    symbols: dict[str, set[tuple[int, int]]]
    ram: int | None

    @classmethod
    def read(cls, path: str | Path, content: bytes) -> "Firmware":
        """Read an ELF file; a global symbol takes precedence over local ones of the same name."""
        try:
            elf = Elf(content)
            return cls(path, _data_symbols(elf.symbols() or []), elf.lowest_writable())
        except EmbinitError as error:
            raise EmbinitError(f"{path}: {error}") from None

    def address(self, array: Array, names: Sequence[str]) -> int:
        """Return the address of a buffer, for which the file must have exactly one of several symbols."""
        found = {place: name for name in names for place in sorted(self.symbols.get(name, ()))}
        if len(found) != 1:
            places = listed(f"{name} at {address:#010x}" for (address, _), name in found.items()) or "none"
            raise EmbinitError(f"{self.path} must have one symbol {' or '.join(names)}, got {places}")
        (((address, size), name),) = found.items()
        if size != len(array.payload):
            expected = f"the {len(array.payload)} bytes of {array.name}"
            raise EmbinitError(f"symbol {name} of {self.path} must have {expected}, got {size}")
        return address


def _data_symbols(symbols: Iterable[Symbol]) -> dict[str, set[tuple[int, int]]]:
    """Return the places (address and size) of each data symbol; a global one hides local ones of the same name."""
    found: dict[bool, dict[str, set[tuple[int, int]]]] = {True: {}, False: {}}
    for symbol in symbols:
        if symbol.kind in ("STT_OBJECT", "STT_NOTYPE"):
            found[symbol.local].setdefault(symbol.name, set()).add((symbol.address, symbol.size))
    return found[True] | found[False]
