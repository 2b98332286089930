"""ELF: what a firmware file says of its memory and its names."""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from embinit.targets.device_error import DeviceError


@dataclass(frozen=True)
class Image:
    """An ELF file: segments (address, bytes in memory, data), symbols (address, size), functions by address."""

    segments: list[tuple[int, int, bytes]]
    symbols: dict[str, tuple[int, int]]
    functions: list[tuple[int, int, str]]  # address, size, name

    @classmethod
    def read(cls, path: Path) -> "Image":
        """Read an ELF file; the address of a function is that of its first instruction."""
        try:
            from elftools.elf.elffile import ELFFile
        except ImportError:
            raise DeviceError(
                "emulated devices need pyelftools: install it with: pip install 'embinit[device]'"
            ) from None
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            segments = [
                (segment["p_vaddr"], segment["p_memsz"], segment.data())
                for segment in elf.iter_segments("PT_LOAD")
                if segment["p_memsz"]
            ]
            table = elf.get_section_by_name(".symtab")
            entries = [entry for entry in table.iter_symbols() if entry["st_shndx"] != "SHN_UNDEF"]
        entries.sort(key=lambda entry: entry["st_info"]["bind"] != "STB_LOCAL")  # a global one hides its namesakes
        thumb = {"EM_ARM": 1}.get(elf["e_machine"], 0)
        symbols, functions = {}, []
        for entry in entries:
            kind, address = entry["st_info"]["type"], entry["st_value"]
            if kind == "STT_FUNC":
                address &= ~thumb
                functions.append((address, entry["st_size"], entry.name))
            if kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
                symbols[entry.name] = address, entry["st_size"]
        return cls(segments, symbols, sorted(functions))

    def symbol(self, name: str) -> tuple[int, int]:
        """Return the address and the size of a symbol."""
        if name not in self.symbols:
            raise DeviceError(f"the firmware has no symbol {name!r}")
        return self.symbols[name]

    def place(self, address: int) -> str | None:
        """Return `function+offset` of an address in a function."""
        index = bisect_right(self.functions, address, key=lambda function: function[0]) - 1
        if index < 0:
            return None
        start, size, name = self.functions[index]
        return f"{name}+{address - start:#x}" if address < start + size else None
