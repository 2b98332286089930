"""Records: files that give an address for each piece of memory: Intel HEX, S-records, TI-TXT, Verilog and UF2."""

import re
from collections.abc import Callable, Iterator

from embinit.dump.memory import Memory, joined
from embinit.errors import EmbinitError, shown

Pieces = list[tuple[int, bytes]]

INTEL_HEX, S_RECORD, TI_TXT, VERILOG, UF2 = "Intel HEX", "S-records", "TI-TXT", "Verilog hex", "UF2"

_HEX_RECORD = re.compile(r":(?:[0-9a-fA-F]{2}){5,}")
_S_RECORD = re.compile(r"S[0-9](?:[0-9a-fA-F]{2}){3,}", re.IGNORECASE)
_S_HEAD = re.compile(r"S[0-9][0-9a-fA-F]+\s*(?:\n|\r|$)", re.IGNORECASE)
_AT = re.compile(r"@[0-9a-fA-F]{1,8}")
_BYTES = re.compile(r"(?:[0-9a-fA-F]{2}\s*)+")


def recognized(text: str) -> Callable[[str], Memory] | None:
    """Return the reader for a text of records; None if the text is none."""
    head = text.lstrip()[:600]
    if head.startswith(":"):
        return intel_hex
    if _S_HEAD.match(head):
        return s_records
    if _AT.match(head):
        return at_signs
    return None


def intel_hex(text: str) -> Memory:
    """Return the memory that Intel HEX describes; records may come in any order, and none may overlap another."""
    pieces: Pieces = []
    upper, ended = 0, False
    for where, line in _lines(text, INTEL_HEX):
        if ended:
            raise EmbinitError(f"{where}: nothing may follow the end-of-file record, got {shown(line)}")
        offset, kind, data = _hex_record(line, where)
        if kind == 0:
            if offset + len(data) > 0x10000:
                raise EmbinitError(
                    f"{where}: a record must end within its 64 KiB, got {len(data)} bytes at {offset:#06x}"
                )
            pieces.append((upper + offset, data))
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
    return Memory(INTEL_HEX, joined(INTEL_HEX, pieces), addressed=True)


def _hex_record(line: str, where: str) -> tuple[int, int, bytes]:
    """Return the offset, the type and the data of a record, after checking its checksum."""
    if not _HEX_RECORD.fullmatch(line):
        raise EmbinitError(f"{where}: a record must be a colon and at least 5 pairs of digits, got {shown(line)}")
    record = bytes.fromhex(line[1:])
    if record[0] != len(record) - 5:
        raise EmbinitError(
            f"{where}: a record must have the {record[0]} data bytes it announces, got {len(record) - 5}"
        )
    _check(where, record[-1], -sum(record[:-1]) & 0xFF)
    return int.from_bytes(record[1:3], "big"), record[3], record[4:-1]


def s_records(text: str) -> Memory:
    """Return the memory that Motorola S-records describe: S1, S2 and S3, with addresses of 2, 3 and 4 bytes."""
    pieces: Pieces = []
    counted = None
    for where, line in _lines(text, S_RECORD):
        if not _S_RECORD.fullmatch(line):
            raise EmbinitError(f"{where}: a record must be S, a digit and pairs of digits, got {shown(line)}")
        kind, record = int(line[1]), bytes.fromhex(line[2:])
        if record[0] != len(record) - 1:
            raise EmbinitError(f"{where}: a record must have the {record[0]} bytes it announces, got {len(record) - 1}")
        _check(where, record[-1], ~sum(record[:-1]) & 0xFF)
        if kind in (1, 2, 3):
            if len(record) < kind + 3:
                raise EmbinitError(f"{where}: an S{kind} record must have an address of {kind + 1} bytes")
            pieces.append((int.from_bytes(record[1 : kind + 2], "big"), record[kind + 2 : -1]))
        elif kind in (5, 6):
            counted = int.from_bytes(record[1:-1], "big")
        elif kind not in (0, 7, 8, 9):
            raise EmbinitError(f"{where}: S{kind} is no type of record, got {shown(line)}")
    if counted not in (None, len(pieces)):
        raise EmbinitError(f"S-records must be the {counted} that they count, got {len(pieces)}: the file is cut off")
    return Memory(S_RECORD, joined(S_RECORD, pieces), addressed=True)


def at_signs(text: str) -> Memory:
    """Return the memory of TI-TXT, which ends with a q, or of Verilog's bytes: @ and an address, then bytes."""
    form = TI_TXT if text.rstrip()[-1:] in ("q", "Q") else VERILOG
    pieces: Pieces = []
    address, data = 0, bytearray()
    ended = False
    for where, line in _lines(re.sub(r"//[^\n]*", "", text), form):
        if ended:
            raise EmbinitError(f"{where}: nothing may follow the q, got {shown(line)}")
        if _AT.fullmatch(line):
            pieces.append((address, bytes(data)))
            address, data = int(line[1:], 16), bytearray()
        elif form == TI_TXT and line in ("q", "Q"):
            ended = True
        elif _BYTES.fullmatch(line) and all(len(group) == 2 for group in line.split()):
            data += bytes.fromhex("".join(line.split()))
        else:
            raise EmbinitError(f"{where}: a line must be @ and an address, or bytes of 2 digits, got {shown(line)}")
    pieces.append((address, bytes(data)))
    return Memory(form, joined(form, pieces), addressed=True)


def is_uf2(content: bytes) -> bool:
    """Return whether a file begins with a UF2 block."""
    return content[:8] == b"UF2\nWQ]\x9e"


def uf2(content: bytes) -> Memory:
    """Return the memory that UF2 describes: blocks of 512 bytes, each with up to 476 bytes of data."""
    pieces: Pieces = []
    for at in range(0, len(content), 512):
        block = content[at : at + 512]
        if not is_uf2(block) or block[508:] != b"0o\xb1\n":
            raise EmbinitError(f"block {at // 512} of UF2: 512 bytes must begin and end with UF2's magic numbers")
        flags, address, size = (int.from_bytes(block[i : i + 4], "little") for i in (8, 12, 16))
        if size > 476:
            raise EmbinitError(f"block {at // 512} of UF2: must have at most 476 bytes of data, got {size}")
        if not flags & 1:  # "not main flash": not the device's memory
            pieces.append((address, block[32 : 32 + size]))
    return Memory(UF2, joined(UF2, pieces), addressed=True)


def _lines(text: str, form: str) -> Iterator[tuple[str, str]]:
    """Return the lines that are not blank, each with its place, as an error names it."""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line:
            yield f"line {number} of {form}", line


def _check(where: str, given: int, checksum: int) -> None:
    if given != checksum:
        raise EmbinitError(f"{where}: the checksum must be {checksum:#04x}, got {given:#04x}")
