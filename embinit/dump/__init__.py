"""Dump: the bytes of each buffer, cut from what was read off a real board.

A file is recognized by its content. Its name matters only in that `.bin` is raw memory if it has the right size.

* Memory: raw bytes, or records with addresses (`records`), or the segments of an ELF file (`elf`).
* Arrays by the buffers' names, or one array of all elements: `.npz`, `.safetensors`, `.npy` (`arrays`).
* Text: bytes, words, integers and floats as debuggers, hex dumpers and serial logs print them (`text`).
"""

import codecs
from collections.abc import Mapping, Sequence
from pathlib import Path

from embinit.bundle import Array, Bundle, QuantizationArray
from embinit.dump import arrays as array_files
from embinit.dump import elf as elf_files
from embinit.dump import records, text
from embinit.dump.memory import Memory, must_have
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.readback import Readback

_TEXT_SUFFIXES = (".hex", ".ihex", ".ihx", ".log", ".txt")
#: The characters of text without such a suffix: printable ASCII, white space, and the escape of colours.
_ASCII = bytes([*range(0x20, 0x7F), *b"\t\n\r\f\x1b"])
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKED = (*_UTF16, codecs.BOM_UTF8)
#: Files that do not hold memory as it is, by how they begin.
FOREIGN = {
    b"\x1f\x8b\x08": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x89HDF": "an HDF5 file: save its arrays as .npz",
    b"\x80\x02": "a Python pickle, which may run code when it is read: save its arrays as .npz",
    b"\x80\x03": "a Python pickle, which may run code when it is read: save its arrays as .npz",
    b"\x80\x04": "a Python pickle, which may run code when it is read: save its arrays as .npz",
    b"\x80\x05": "a Python pickle, which may run code when it is read: save its arrays as .npz",
    b"MATLAB": "a MATLAB file: save its arrays as .npz",
    b"DfuSe": "a DfuSe file: take the memory out of it first",
    b"\x89PNG": "an image",
    b"%PDF": "a PDF file",
    b"\xcf\xfa\xed\xfe": "a Mach-O file",
    b"!<arch>": "an archive of object files",
}
#: How many bytes of a file are read at most, unless the model has more.
MOST = 1 << 30


def read_dump(
    path: str | Path,
    bundle: Bundle,
    elf: str | Path | None = None,
    symbol: str | None = None,
    base: int | None = None,
    at: Mapping[str, str] | None = None,
) -> Readback:
    """Return the bytes of each buffer that a dump holds, by buffer name, and of what is kept besides its codes.

    Without an ELF file the dump holds all buffers, one after the other in the order of the plan, as <name>.bin does.
    With one it is a stretch of memory that begins at base, and the ELF file says where each buffer is: at the symbol
    `<layer>_<part>`, `device_<layer>_<part>` or `<model>_<layer>_<part>`. base is by default the address of the ELF
    file's lowest writable section (.data, .bss and the like); a file with addresses of its own takes no base. A symbol
    picks the one buffer whose identifier it ends with; without an ELF file the dump is then that buffer alone.

    at: addresses of buffers, or of what is kept besides codes, by name: numbers, or symbols of pointers in the ELF
    file. Of the other buffers, those are read for which the ELF file has symbols. Without a base, addresses count from
    the first byte of a file that has none of its own.

    Raises EmbinitError if the dump cannot be read, or is not of exactly the size that it must have.
    """
    needed = bundle.entries if symbol is None else (_array_of(symbol, bundle.arrays),)
    beside = [array for array in bundle.arrays if symbol is None and isinstance(array, QuantizationArray)]
    told = _told(at or {}, bundle, symbol)
    if base is not None and elf is None and not told:
        raise EmbinitError(f"base {base:#x} needs an ELF file or addresses, which say where the buffers lie; got none")
    content = _content(path, MOST + 32 * sum(len(array.payload) for array in bundle.arrays))
    firmware = None if elf is None else elf_files.Firmware.read(elf, _content(elf, MOST))
    try:
        read = _read(Path(path), content, needed, beside, firmware, base, placed=firmware is not None or bool(told))
        if isinstance(read, Readback):
            return _unplaced(read, told)
        if firmware is None and elf_files.is_elf(content) and read.form == elf_files.IMAGE:
            firmware = elf_files.Firmware.read(path, content)
        if firmware is None and not told:
            return Readback(read.in_order(needed))
        memory = _based(read, base, firmware)
        found = {array.name: memory.read(_address(place, memory, firmware), array) for array, place in told}
        if firmware is None:
            return Readback(found)
        model = bundle.plan.model.name
        symbols = {array.name: [symbol] if symbol else _symbols(array, model) for array in (*needed, *beside)}
        known = [
            array for array in bundle.arrays if not firmware.symbols.keys().isdisjoint(symbols.get(array.name, ()))
        ]
        names = {array.name for array in known}
        held = known if told else [*needed, *(array for array in beside if array.name in names)]
        places = [(array, firmware.address(array, symbols[array.name])) for array in held if array.name not in found]
        return Readback(found | {array.name: memory.read(address, array) for array, address in places})
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None


def _unplaced(read: Readback, told: Sequence[object]) -> Readback:
    if told:
        raise EmbinitError("a file that names its buffers has no addresses, and takes no --at")
    return read


def _told(at: Mapping[str, str], bundle: Bundle, symbol: str | None) -> list[tuple[Array, str]]:
    """Return the arrays whose places --at gives, each with its place."""
    arrays = {array.name: array for array in bundle.arrays}
    for name in at:
        check_known("--at", name, arrays)
    if at and symbol is not None:
        raise EmbinitError("--at says where buffers are, and --symbol which one a dump is: give one of them")
    return [(arrays[name], place) for name, place in at.items()]


def _address(place: str, memory: Memory, firmware: elf_files.Firmware | None) -> int:
    """Return the address that a place is: a number, or the symbol of a pointer, which is followed."""
    try:
        return int(place, 0)
    except ValueError:
        pass
    if firmware is None:
        raise EmbinitError(f"--at must give an address, or with --elf the symbol of a pointer, got {shown(place)}")
    found = firmware.symbols.get(place, set())
    if len(found) != 1:
        places = listed(f"{address:#010x}" for address, _ in sorted(found)) or "none"
        raise EmbinitError(f"{firmware.path} must have one symbol {place}, got {places}")
    ((address, size),) = found
    if size not in (4, 8):
        raise EmbinitError(
            f"{place} of {firmware.path} must be a pointer of 4 or 8 bytes, got {size}: name its address"
        )
    return int.from_bytes(memory.cut(address, size, f"the pointer {place}"), "little")


def _content(path: str | Path, most: int) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise EmbinitError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise EmbinitError(f"{path}: must have at most {most} bytes, got more")
    return content


def _array_of(symbol: str, arrays: Sequence[Array]) -> Array:
    """Return the array whose identifier is the longest that a symbol ends with; a compiler's .suffix does not count."""
    ends = [array for array in arrays if symbol.partition(".")[0].endswith(array.identifier)]
    if not ends:
        raise EmbinitError(f"symbol must end with one of {listed(a.identifier for a in arrays)}, got {shown(symbol)}")
    return max(ends, key=lambda array: len(array.identifier))


def _symbols(array: Array, model: str) -> list[str]:
    """Return the symbols that a buffer may have in a firmware."""
    return [array.identifier, f"device_{array.identifier}", f"{model}_{array.identifier}"]


def _read(
    path: Path,
    content: bytes,
    needed: Sequence[Array],
    beside: Sequence[Array],
    firmware: elf_files.Firmware | None,
    base: int | None,
    *,
    placed: bool,
) -> Memory | Readback:
    """Return the buffers of a file that names them, or the memory that a file holds."""
    suffix, raw = path.suffix.lower(), Memory("raw memory", ((0, content),))
    if not content:
        raise EmbinitError(f"{must_have(needed)}, got 0: the file is empty")
    if elf_files.is_elf(content):
        return elf_files.segments(content)
    if records.is_uf2(content):
        return records.uf2(content)
    if suffix == ".bin" and (placed or len(content) == sum(len(array.payload) for array in needed)):
        return raw
    if content.startswith(array_files.NPY_MAGIC) or suffix == ".npy":
        memory, notes = array_files.npy(content, needed)
        return memory if placed else Readback(memory.in_order(needed), notes)
    if array_files.names_arrays(content) or suffix in (".npz", ".safetensors"):
        return _named(path, content, needed, beside, firmware)
    for magic, what in FOREIGN.items():
        if content.startswith(magic):
            raise EmbinitError(f"is {what}")
    if suffix in _TEXT_SUFFIXES or content.startswith(_MARKED) or (content and not content.translate(None, _ASCII)):
        return _of_text(content, needed, not placed, base is None)
    return raw


def _named(
    path: Path,
    content: bytes,
    needed: Sequence[Array],
    beside: Sequence[Array],
    firmware: elf_files.Firmware | None,
) -> Readback:
    if firmware is not None:
        raise EmbinitError(f"a file that names its buffers takes no ELF file, got {firmware.path}")
    return Readback(*array_files.named(path, content, needed, beside))


def _of_text(content: bytes, needed: Sequence[Array], in_order: bool, own_addresses: bool) -> Memory | Readback:
    unmarked = len(content) > 8 and len(content) % 2 == 0 and not any(content[1::2])
    coding = "utf-16" if content.startswith(_UTF16) else "utf-16-le" if unmarked else "utf-8-sig"
    decoded = content.decode(coding, "replace").rstrip("\x1a\0")  # ends of text files, and of C's strings
    reader = records.recognized(decoded)
    if reader is not None:
        return reader(decoded)
    return Readback(text.read(decoded, needed)) if in_order else text.image(decoded, own_addresses)


def _based(memory: Memory, base: int | None, firmware: elf_files.Firmware | None) -> Memory:
    """Return memory with the device's addresses: its own, or counted from base or from the start of the
    firmware's RAM.
    """
    if memory.addressed:
        if base is not None:
            raise EmbinitError(f"{memory.form} has addresses of its own, and takes no base, got {base:#x}")
        return memory
    if firmware is None:
        return memory.based(base or 0)
    start = firmware.ram if base is None else base
    if start is None:
        raise EmbinitError(f"{firmware.path} has no writable section, so that a base must be given; got none")
    return memory.based(start)
