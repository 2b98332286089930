"""ELF files, by pyelftools: what they load, their symbols, and which function an address is in."""

import io
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from embinit.errors import EmbinitError
from embinit.targets.device_error import DeviceError

_WRITABLE = 0x3  # SHF_WRITE and SHF_ALLOC


class Segment(NamedTuple):
    """What is loaded at an address: so many bytes of memory, the first of which are the data."""

    address: int
    size: int
    data: bytes


class Symbol(NamedTuple):
    """A defined symbol; kind is ELF's, such as STT_FUNC."""

    name: str
    kind: str
    address: int
    size: int
    local: bool


class Elf:
    """An ELF file; every method raises EmbinitError where the file is damaged."""

    def __init__(self, content: bytes) -> None:
        try:
            from elftools.elf.elffile import ELFFile
        except ImportError:
            raise DeviceError("an ELF file needs pyelftools: install it with: pip install 'embinit[device]'") from None
        with _readable():
            self._file, self._size = ELFFile(io.BytesIO(content)), len(content)

    def header(self, field: str) -> str:
        """Return a field of the file's header, such as e_type."""
        with _readable():
            return str(self._file[field])

    def segments(self) -> list[Segment]:
        """Return what the file loads."""
        with _readable():
            loaded = [segment for segment in self._file.iter_segments("PT_LOAD") if segment["p_memsz"]]
            ends = [segment["p_offset"] + segment["p_filesz"] for segment in loaded if segment["p_filesz"]]
            if max([sum(segment["p_filesz"] for segment in loaded), *ends]) <= self._size:
                return [Segment(segment["p_vaddr"], segment["p_memsz"], segment.data()) for segment in loaded]
        raise EmbinitError("is an ELF file whose segments have more bytes than the file: it is cut off")

    def symbols(self) -> list[Symbol] | None:
        """Return the defined symbols in the file's order; None if it has no table of them."""
        with _readable():
            table: Any = self._file.get_section_by_name(".symtab")
            if table is None:
                return None
            return [
                Symbol(
                    symbol.name,
                    symbol["st_info"]["type"],
                    symbol["st_value"],
                    symbol["st_size"],
                    symbol["st_info"]["bind"] == "STB_LOCAL",
                )
                for symbol in table.iter_symbols()
                if symbol["st_shndx"] != "SHN_UNDEF"
            ]

    def lowest_writable(self) -> int | None:
        """Return the lowest address of writable data; .init_array and similar sections may be in flash."""
        with _readable():
            return min(
                (
                    section["sh_addr"]
                    for section in self._file.iter_sections()
                    if section["sh_type"] in ("SHT_PROGBITS", "SHT_NOBITS")
                    and section["sh_flags"] & _WRITABLE == _WRITABLE
                    and section["sh_size"]
                ),
                default=None,
            )


@dataclass(frozen=True)
class Image:
    """A linked firmware: what it loads, its symbols (address, size), and its functions by address."""

    segments: list[Segment]
    symbols: dict[str, tuple[int, int]]
    functions: list[tuple[int, int, str]]  # address, size, name
    thumb: int  # the bit that says that code is Thumb, set in its addresses

    @classmethod
    def read(cls, path: Path) -> "Image":
        """Read an ELF file that a toolchain has just linked; a global symbol hides local ones of its name."""
        elf = Elf(path.read_bytes())
        found = elf.symbols()
        if found is None:
            raise DeviceError(f"{path} has no symbol table")
        bit = {"EM_ARM": 1}.get(elf.header("e_machine"), 0)
        symbols, functions = {}, []
        for symbol in sorted(found, key=lambda symbol: not symbol.local):
            is_function = symbol.kind == "STT_FUNC"
            address = symbol.address & ~bit if is_function else symbol.address
            if is_function:
                functions.append((address, symbol.size, symbol.name))
            if is_function or symbol.kind in ("STT_OBJECT", "STT_NOTYPE"):
                symbols[symbol.name] = address, symbol.size
        return cls(elf.segments(), symbols, sorted(functions), bit)

    def place(self, address: int) -> str | None:
        """Return `function+offset` of an address in a function."""
        index = bisect_right(self.functions, address, key=lambda function: function[0]) - 1
        if index < 0:
            return None
        start, size, name = self.functions[index]
        return f"{name}+{address - start:#x}" if address < start + size else None


@contextmanager
def _readable() -> Iterator[None]:
    """Turn whatever pyelftools raises for a damaged file into one error."""
    try:
        yield
    except Exception:
        raise EmbinitError("is not an ELF file that can be read") from None
