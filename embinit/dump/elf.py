"""ELF: a firmware's symbols, and the memory that an ELF file holds itself, such as a core."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embinit.bundle import Array
from embinit.dump.memory import Memory, joined
from embinit.errors import EmbinitError, listed

CORE, IMAGE = "an ELF core", "an ELF image"


def is_elf(content: bytes) -> bool:
    """Return whether a file begins like an ELF file."""
    return content[:4] == b"\x7fELF" and content[4:5] in (b"\1", b"\2") and content[5:6] in (b"\1", b"\2")


def segments(content: bytes) -> Memory:
    """Return the memory that an ELF file holds: a core's RAM, or what an image loads."""
    elf = _parsed(content)
    try:
        kind = elf["e_type"]
        loaded = [segment for segment in elf.iter_segments("PT_LOAD") if segment["p_filesz"]]
        ends = [segment["p_offset"] + segment["p_filesz"] for segment in loaded]
        whole = max([sum(segment["p_filesz"] for segment in loaded), *ends]) <= len(content)
        pieces = [(segment["p_vaddr"], segment.data()) for segment in loaded] if whole else []
    except Exception:  # pyelftools raises all kinds of exceptions for damaged files
        raise EmbinitError("is not an ELF file that can be read") from None
    if not whole:
        raise EmbinitError("is an ELF file whose segments have more bytes than the file: it is cut off")
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
            elf = _parsed(content)
            return cls(path, _data_symbols(elf), _lowest_writable(elf))
        except EmbinitError as error:
            raise EmbinitError(f"{path}: {error}") from None
        except Exception:  # pyelftools raises all kinds of exceptions for damaged files
            raise EmbinitError(f"{path}: is not an ELF file that can be read") from None

    def address(self, array: Array, names: Sequence[str]) -> int:
        """Return where the buffer is that has one of several symbols."""
        found = {place: name for name in names for place in sorted(self.symbols.get(name, ()))}
        if len(found) != 1:
            places = listed(f"{name} at {address:#010x}" for (address, _), name in found.items()) or "none"
            raise EmbinitError(f"{self.path} must have one symbol {' or '.join(names)}, got {places}")
        (((address, size), name),) = found.items()
        if size != len(array.payload):
            expected = f"the {len(array.payload)} bytes of {array.name}"
            raise EmbinitError(f"symbol {name} of {self.path} must have {expected}, got {size}")
        return address


def _parsed(content: bytes) -> Any:
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise EmbinitError("an ELF file needs pyelftools: install it with: pip install 'embinit[device]'") from None
    try:
        return ELFFile(io.BytesIO(content))
    except Exception:  # pyelftools raises all kinds of exceptions for damaged files
        raise EmbinitError("is not an ELF file that can be read") from None


def _data_symbols(elf: Any) -> dict[str, set[tuple[int, int]]]:
    """Return the places (address and size) of each data symbol; a global one hides local ones of the same name."""
    table = elf.get_section_by_name(".symtab")
    symbols: dict[bool, dict[str, set[tuple[int, int]]]] = {True: {}, False: {}}
    for symbol in table.iter_symbols() if table is not None else ():
        if symbol["st_info"]["type"] in ("STT_OBJECT", "STT_NOTYPE") and symbol["st_shndx"] != "SHN_UNDEF":
            scope = symbols[symbol["st_info"]["bind"] == "STB_LOCAL"]
            scope.setdefault(symbol.name, set()).add((symbol["st_value"], symbol["st_size"]))
    return symbols[True] | symbols[False]


def _lowest_writable(elf: Any) -> int | None:
    """Return the lowest address of writable data; .init_array and similar sections may be in flash."""
    writable = 0x3  # SHF_WRITE and SHF_ALLOC
    return min(
        (
            section["sh_addr"]
            for section in elf.iter_sections()
            if section["sh_type"] in ("SHT_PROGBITS", "SHT_NOBITS")
            and section["sh_flags"] & writable == writable
            and section["sh_size"]
        ),
        default=None,
    )
