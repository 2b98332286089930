"""Dump: the bytes of each buffer, cut from what comes off a real board.

The file's name and content tell its form:

* `.bin`, and what is no text: raw memory.
* `.npz`: an array per buffer, by the buffer's name. `.npy`: one array of all elements, or of one buffer. An array holds
  the elements, or their bits as unsigned integers, or bytes.
* Text that begins with a colon: Intel HEX.
* Other text, such as a serial log: little-endian 32-bit words, eight hexadecimal digits each, or up to eight behind 0x,
  as in C also with a suffix u. White space, commas, semicolons and braces part words. What counts of a line is its
  longest unbroken run of words, the later of two equally long ones: addresses, time stamps and an ASCII column beside
  it are passed over.
"""

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Bundle, Parameter
from embinit.errors import EmbinitError, listed

_TEXT_SUFFIXES = (".hex", ".ihex", ".ihx", ".log", ".txt")
#: What text without such a suffix consists of: printable ASCII, white space, and the escape of colours.
_ASCII = bytes([*range(0x20, 0x7F), *b"\t\n\r\f\x1b"])
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BETWEEN_WORDS = re.compile(r"[\s,;{}]+")
_WORD = re.compile(r"(?:0[xX][0-9a-fA-F]{1,8}|[0-9a-fA-F]{8})[uU]?")
_RECORD = re.compile(r":(?:[0-9a-fA-F]{2}){5,}")


def read_dump(
    path: str | Path, bundle: Bundle, elf: str | Path | None = None, symbol: str | None = None, base: int | None = None
) -> dict[str, bytes]:
    """Return the bytes of each buffer that a dump holds, by buffer name, and of what it holds beside codes.

    Without an ELF file the dump holds all buffers, one after the other in the order of the plan, as <name>.bin does.
    With one it is a stretch of memory that begins at base, and the ELF file says where in it each buffer lies: at the
    symbol `<layer>_<part>`, `device_<layer>_<part>` or `<model>_<layer>_<part>`. base is by default the address of the
    ELF file's lowest writable section (.data, .bss and the like); Intel HEX has addresses of its own. A symbol picks
    the one buffer whose identifier it ends with; without an ELF file the dump is then that buffer alone.

    Raises EmbinitError, in one line, for what cannot be read and for what does not fit to the byte.
    """
    needed = bundle.entries if symbol is None else (_array_of(symbol, bundle.arrays),)
    beside = [array for array in bundle.arrays if symbol is None and isinstance(array, Parameter)]
    if base is not None and elf is None:
        raise EmbinitError(f"base {base:#x} needs an ELF file, which says where the buffers lie; got none")
    content = _content(path)
    firmware = None if elf is None else _Firmware.read(elf)
    try:
        if _is_npz(Path(path), content):
            return _from_npz(content, needed, beside, firmware)
        memory = _memory(Path(path), content, needed)
        if firmware is None:
            return _in_order(memory, needed)
        memory = memory.based(base, firmware)
        model = bundle.plan.model.name
        symbols = {array.name: [symbol] if symbol else _symbols(array, model) for array in (*needed, *beside)}
        held = [*needed, *(array for array in beside if not firmware.symbols.keys().isdisjoint(symbols[array.name]))]
        return {array.name: memory.read(firmware.address(array, symbols[array.name]), array) for array in held}
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None


def _content(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise EmbinitError(f"{path}: cannot be read: {error.strerror}") from None


def _array_of(symbol: str, arrays: Sequence[Array]) -> Array:
    """Return the array with the longest identifier that a symbol ends with; a compiler's .suffix does not count."""
    ends = [array for array in arrays if symbol.partition(".")[0].endswith(array.identifier)]
    if not ends:
        raise EmbinitError(f"symbol must end with one of {listed(a.identifier for a in arrays)}, got {symbol!r}")
    return max(ends, key=lambda array: len(array.identifier))


def _symbols(array: Array, model: str) -> list[str]:
    """Return the symbols under which a firmware may keep a buffer."""
    return [array.identifier, f"device_{array.identifier}", f"{model}_{array.identifier}"]


@dataclass(frozen=True)
class _Memory:
    """Runs of bytes without gaps, in the order of their addresses.

    addressed: whether the addresses are the device's; else the first byte is at 0. unit: the bytes in which the dump
    counts, so that the last unit may reach beyond the buffers.
    """

    runs: tuple[tuple[int, bytes], ...]
    addressed: bool = False
    unit: int = 1

    def based(self, base: int | None, firmware: "_Firmware") -> "_Memory":
        """Return the memory with the device's addresses: its own, or from a base, or from the firmware's RAM on."""
        if self.addressed and base is not None:
            raise EmbinitError(f"Intel HEX has addresses of its own, and takes no base, got {base:#x}")
        start = firmware.ram if base is None else base
        if start is None:
            raise EmbinitError(f"{firmware.path} has no writable section, so that a base must be given; got none")
        return self if self.addressed else _Memory(tuple((start + at, data) for at, data in self.runs), addressed=True)

    def read(self, address: int, array: Array) -> bytes:
        """Return the bytes of a buffer at an address."""
        end = address + len(array.payload)
        for start, data in self.runs:
            if start <= address and end <= start + len(data):
                return data[address - start : end - start]
        held = listed(f"{start:#010x} to {start + len(data):#010x}" for start, data in self.runs) or "nothing"
        raise EmbinitError(f"must hold {array.name} at {address:#010x} to {end:#010x}, holds {held}")

    def whole(self) -> bytes:
        """Return all bytes; a gap is an error."""
        for (start, data), (following, _) in pairwise(self.runs):
            gap = f"{start + len(data):#010x} to {following:#010x}"
            raise EmbinitError(f"must hold the buffers without a gap, or come with an ELF file; holds nothing at {gap}")
        return b"".join(data for _, data in self.runs)


def _in_order(memory: _Memory, arrays: Sequence[Array]) -> dict[str, bytes]:
    """Cut memory that holds all buffers one after the other."""
    data, sizes = memory.whole(), [len(array.payload) for array in arrays]
    expected = sum(sizes)
    if len(data) not in (expected, -(-expected // memory.unit) * memory.unit):
        names = [array.name for array in arrays]
        what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, in the order of `embinit plan`"
        found = f"{len(data)}" + (f" in words of {2 * memory.unit} hexadecimal digits" if memory.unit > 1 else "")
        raise EmbinitError(f"a dump must have {expected} bytes ({what}), got {found}")
    stream = io.BytesIO(data)
    return {array.name: stream.read(size) for array, size in zip(arrays, sizes, strict=True)}


def _memory(path: Path, content: bytes, arrays: Sequence[Array]) -> _Memory:
    """Return the memory that a file describes, whatever its form."""
    suffix = path.suffix.lower()
    if suffix == ".npy" or (suffix != ".bin" and content.startswith(b"\x93NUMPY")):
        return _Memory(((0, _array_bytes(_numpy(content), arrays)),))
    is_text = suffix in _TEXT_SUFFIXES or (content and not content.translate(None, _ASCII))
    if suffix == ".bin" or not is_text:
        return _Memory(((0, content),))
    text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig", "replace")
    return _intel_hex(text) if text.lstrip().startswith(":") else _Memory(((0, _words(text)),), unit=4)


def _words(text: str) -> bytes:
    """Return the words of a log: of each line the longest unbroken run, the later of two equally long ones.

    >>> _words("[00:12.5] 0x20000000 <conv1_weight>: 0x3dcccccd 0xbe000000").hex()
    'cdcccc3d000000be'
    """
    data = bytearray()
    for line in text.splitlines():
        tokens = _BETWEEN_WORDS.split(_COLOUR.sub("", line))
        runs = [list(run) for is_word, run in groupby(tokens, lambda t: _WORD.fullmatch(t) is not None) if is_word]
        for word in max(reversed(runs), key=len, default=[]):
            data += int(word.rstrip("uU"), 16).to_bytes(4, "little")
    return bytes(data)


def _intel_hex(text: str) -> _Memory:
    """Return the memory that Intel HEX describes; records may stand in any order, and none may overlap another."""
    pieces, upper, ended = [], 0, False
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line:
            continue
        where = f"line {number} of Intel HEX"
        if ended:
            raise EmbinitError(f"{where}: nothing may follow the end-of-file record, got {line[:60]!r}")
        offset, kind, data = _record(line, where)
        if kind == 0:
            if offset + len(data) > 0x10000:
                raise EmbinitError(
                    f"{where}: a record must end within its 64 KiB, got {len(data)} bytes at {offset:#06x}"
                )
            pieces += [(upper + offset, data)] if data else []
        elif kind == 1:
            ended = True
        elif kind in (2, 4):
            if len(data) != 2:
                raise EmbinitError(f"{where}: an extended address must have 2 bytes, got {len(data)}")
            upper = int.from_bytes(data, "big") << (4 if kind == 2 else 16)
        elif kind not in (3, 5):  # these two say where execution starts
            raise EmbinitError(f"{where}: the type of a record must be 0 to 5, got {kind}")
    if not ended:
        raise EmbinitError("Intel HEX must end with an end-of-file record: the file is cut off")
    return _Memory(tuple(_joined(sorted(pieces))), addressed=True)


def _record(line: str, where: str) -> tuple[int, int, bytes]:
    """Return the offset, the type and the data of a record whose checksum is right."""
    if not _RECORD.fullmatch(line):
        raise EmbinitError(f"{where}: a record must be a colon and at least 5 pairs of digits, got {line[:60]!r}")
    record = bytes.fromhex(line[1:])
    if record[0] != len(record) - 5:
        raise EmbinitError(
            f"{where}: a record must have the {record[0]} data bytes it announces, got {len(record) - 5}"
        )
    checksum = -sum(record[:-1]) & 0xFF
    if record[-1] != checksum:
        raise EmbinitError(f"{where}: the checksum must be {checksum:#04x}, got {record[-1]:#04x}")
    return int.from_bytes(record[1:3], "big"), record[3], record[4:-1]


def _joined(pieces: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Join pieces, sorted by address, that follow one another without a gap."""
    run: list[bytes] = []
    start = end = 0
    for address, data in pieces:
        if run and address < end:
            raise EmbinitError(f"Intel HEX must give each byte once, got {address:#010x} twice")
        if run and address > end:
            yield start, b"".join(run)
            run = []
        start, end = address if not run else start, address + len(data)
        run.append(data)
    if run:
        yield start, b"".join(run)


def _is_npz(path: Path, content: bytes) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".npz" or (suffix != ".bin" and content.startswith(b"PK\x03\x04"))


def _from_npz(
    content: bytes, needed: Sequence[Array], beside: Sequence[Array], firmware: "_Firmware | None"
) -> dict[str, bytes]:
    """Return the bytes of the arrays that an .npz names; it may name others too."""
    if firmware is not None:
        raise EmbinitError(f"an .npz names its buffers, and takes no ELF file, got {firmware.path}")
    held = _numpy(content)
    if not isinstance(held, dict):
        raise EmbinitError("an .npz must be an archive of arrays, got one array")
    found: dict[str, bytes] = {}
    for array in (*needed, *(array for array in beside if array.name in held)):
        if array.name not in held:
            raise EmbinitError(f"an .npz must hold {array.name}, got {listed(held) or 'nothing'}")
        data = _array_bytes(held[array.name], [array])
        found |= _in_order(_Memory(((0, data),)), [array])
    return found


def _numpy(content: bytes) -> Any:
    """Return the array of an .npy, or the arrays of an .npz by name."""
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception:  # NumPy, zipfile and zlib raise a dozen types for damaged files
        raise EmbinitError("is not a NumPy file that can be read") from None


def _array_bytes(content: Any, arrays: Sequence[Array]) -> bytes:
    """Return the bytes of an array of elements, of their bits, or of bytes, little endian and in C order."""
    given: NDArray[Any] = np.asarray(content)
    dtype = given.dtype.newbyteorder("<")
    held = {array.data.dtype.newbyteorder("<") for array in arrays}
    allowed = [np.dtype("u1")]
    if len(held) == 1:
        (elements,) = held
        allowed = [elements, np.dtype(f"<u{elements.itemsize}"), *allowed]
    if dtype not in allowed:
        names = listed(dict.fromkeys(d.name for d in allowed))
        raise EmbinitError(f"an array of {arrays[0].name} must be of type {names}, got {given.dtype}")
    return given.astype(dtype).tobytes()


@dataclass(frozen=True)
class _Firmware:
    """What an ELF file says of a firmware's data: addresses and sizes by symbol, and where its RAM begins."""

    path: str | Path
    symbols: dict[str, set[tuple[int, int]]]
    ram: int | None

    @classmethod
    def read(cls, path: str | Path) -> "_Firmware":
        """Read an ELF file; of symbols with one name the global one counts."""
        try:
            from elftools.elf.elffile import ELFFile
        except ImportError:
            raise EmbinitError("--elf needs pyelftools: install it with: pip install 'embinit[device]'") from None
        content = _content(path)
        try:
            elf = ELFFile(io.BytesIO(content))
            return cls(path, _data_symbols(elf), _lowest_writable(elf))
        except Exception:  # pyelftools raises whatever a damaged file leads it to
            raise EmbinitError(f"{path}: is not an ELF file that can be read") from None

    def address(self, array: Array, names: Sequence[str]) -> int:
        """Return where a buffer lies that is known under one of several symbols."""
        found = {place: name for name in names for place in sorted(self.symbols.get(name, ()))}
        if len(found) != 1:
            places = listed(f"{name} at {address:#010x}" for (address, _), name in found.items()) or "none"
            raise EmbinitError(f"{self.path} must have one symbol {' or '.join(names)}, got {places}")
        (((address, size), name),) = found.items()
        if size != len(array.payload):
            expected = f"the {len(array.payload)} bytes of {array.name}"
            raise EmbinitError(f"symbol {name} of {self.path} must have {expected}, got {size}")
        return address


def _data_symbols(elf: Any) -> dict[str, set[tuple[int, int]]]:
    """Return the places, address and size, of each symbol of data; a global one hides its local namesakes."""
    table = elf.get_section_by_name(".symtab")
    symbols: dict[bool, dict[str, set[tuple[int, int]]]] = {True: {}, False: {}}
    for symbol in table.iter_symbols() if table is not None else ():
        if symbol["st_info"]["type"] in ("STT_OBJECT", "STT_NOTYPE") and symbol["st_shndx"] != "SHN_UNDEF":
            scope = symbols[symbol["st_info"]["bind"] == "STB_LOCAL"]
            scope.setdefault(symbol.name, set()).add((symbol["st_value"], symbol["st_size"]))
    return symbols[True] | symbols[False]


def _lowest_writable(elf: Any) -> int | None:
    """Return the lowest address of data that a program can write to; .init_array and its kin may lie in flash."""
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
