"""Checksums: the few digits that a board's log prints instead of a buffer. They may be of several kinds, and are
compared with those of the simulation.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError, listed, shown

#: The fewest hexadecimal digits that count as a prefix of a SHA-256.
PREFIX = 8
#: Checksums of at most so many bits agree too often by chance.
SHORT = 16


@dataclass(frozen=True)
class Kind:
    """A kind of checksum: how people call it, its width, and the function of bytes."""

    name: str
    bits: int
    of: Callable[[bytes], int]

    def text(self, data: bytes) -> str:
        """Return the checksum of bytes as it is printed."""
        return f"0x{self.of(data):0{self.bits // 4}x}"


def _reversed(data: bytes) -> bytes:
    return data.translate(_REVERSED)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def bzip2(data: bytes) -> int:
    """Return the CRC-32 of bzip2, which is zlib's with the bits of each byte and of the result reversed.

    >>> hex(bzip2(b"123456789"))
    '0xfc891918'
    """
    return int(f"{zlib.crc32(_reversed(data)):032b}"[::-1], 2)


def mpeg2(data: bytes) -> int:
    """Return the CRC-32/MPEG-2, which an STM32's CRC unit computes of bytes.

    >>> hex(mpeg2(b"123456789"))
    '0x376e6e7'
    """
    return bzip2(data) ^ 0xFFFFFFFF


def stm32(data: bytes) -> int:
    """Return what an STM32's CRC unit computes, after reset, of little-endian 32-bit words; zeros fill the last one.

    >>> hex(stm32(bytes.fromhex("78563412")))
    '0xdf8a8a2b'
    """
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4")
    return mpeg2(words.byteswap().tobytes())


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli); blocks of the data are computed side by side.

    >>> hex(crc32c(b"123456789")), hex(crc32c(bytes(5000)))
    ('0xe3069283', '0xe68075d0')
    """
    length = max(16, int(len(data) ** 0.5))
    rows = len(data) // length
    blocks = np.frombuffer(data, np.uint8)[: rows * length].reshape(rows, length)
    alone = _steps(np.zeros(rows, np.uint32), blocks.T)
    state = 0xFFFFFFFF
    for each in alone.tolist():
        moved = 0
        for bit, effect in enumerate(_effects(length)):
            moved ^= effect if state >> bit & 1 else 0
        state = moved ^ each
    rest = np.frombuffer(data, np.uint8)[rows * length :].reshape(-1, 1)
    return int(_steps(np.array([state], np.uint32), rest)[0]) ^ 0xFFFFFFFF


def _steps(states: NDArray[np.uint32], columns: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the states after one more byte for each column, in which each state has its own byte."""
    table = _castagnoli()
    for column in columns:
        states = table[(states ^ column) & np.uint32(0xFF)] ^ states >> np.uint32(8)
    return states


@lru_cache
def _effects(length: int) -> list[int]:
    """Return, for each bit of a state, the state that it alone becomes after so many zero bytes."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    found: list[int] = _steps(bits, np.zeros((length, 32), np.uint8)).tolist()
    return found


@cache
def _castagnoli() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & np.uint32(1), np.uint32(0x82F63B78), np.uint32(0)) ^ table >> np.uint32(1)
    return table


def fletcher32(data: bytes) -> int:
    """Return Fletcher's checksum of 16-bit little-endian words; a zero fills the last one.

    >>> hex(fletcher32(b"abcdef"))
    '0x56502d2a'
    """
    return _fletcher(np.frombuffer(data + bytes(len(data) % 2), "<u2"), 16)


def fletcher16(data: bytes) -> int:
    """Return Fletcher's checksum of bytes.

    >>> hex(fletcher16(b"abcdef"))
    '0x2057'
    """
    return _fletcher(np.frombuffer(data, np.uint8), 8)


def _fletcher(values: NDArray[Any], bits: int) -> int:
    modulus = (1 << bits) - 1
    weights = np.arange(values.size, 0, -1, dtype=np.uint64) % np.uint64(modulus)
    low = int(values.sum(dtype=np.uint64)) % modulus
    high = int((values.astype(np.uint64) * weights % np.uint64(modulus)).sum()) % modulus
    return high << bits | low


KINDS = (
    Kind("zlib's CRC-32", 32, zlib.crc32),
    Kind("the CRC-32 of an STM32's unit after reset (MPEG-2, by words)", 32, stm32),
    Kind("the CRC-32/MPEG-2 by bytes", 32, mpeg2),
    Kind("the CRC-32/BZIP2", 32, bzip2),
    Kind("the CRC-32C", 32, crc32c),
    Kind("the Adler-32", 32, zlib.adler32),
    Kind("the Fletcher-32", 32, fletcher32),
    Kind("the Fletcher-16", 16, fletcher16),
)


@dataclass(frozen=True)
class Given:
    """A checksum that a board printed: its text, its number, and its digits, with which a SHA-256 may begin."""

    text: str
    value: int
    digits: str

    @classmethod
    def of(cls, text: str) -> "Given":
        """Read a checksum in hexadecimal, or raise EmbinitError."""
        found = re.fullmatch(r"(?:0x)?([0-9a-f]{1,64})", text.strip().lower(), re.ASCII)
        if found is None:
            raise EmbinitError(f"a checksum must be 1 to 64 hexadecimal digits, such as 0x0d082a6e, got {shown(text)}")
        return cls(text.strip(), int(found[1], 16), found[1])

    @property
    def short(self) -> bool:
        """Whether other bytes may well have it too."""
        return self.value < 1 << SHORT and len(self.digits) < PREFIX

    def kinds(self, data: bytes) -> Iterator[str]:
        """Yield the names of the kinds of checksum by which it is that of a buffer."""
        for kind in KINDS if len(self.digits) <= PREFIX else ():
            if (self.short or kind.bits > SHORT) and kind.of(data) == self.value:
                yield kind.name
        if len(self.digits) >= PREFIX and hashlib.sha256(data).hexdigest().startswith(self.digits):
            yield "the SHA-256"


@dataclass(frozen=True)
class Checked:
    """A buffer's checksum compared: the kinds by which it is the simulation's, and the simulation's by kind."""

    name: str
    given: Given
    kinds: tuple[str, ...]
    expected: Mapping[str, str]

    def __str__(self) -> str:
        if self.kinds:
            return f"{self.name}: {self.given.text} is {listed(self.kinds)}"
        held = ", ".join(f"{kind} is {text}" for kind, text in self.expected.items())
        return f"{self.name}: {self.given.text} is no checksum of the simulation, of which {held}"


@dataclass(frozen=True)
class Checksums:
    """What a comparison of checksums found, and the names of the buffers without a given checksum."""

    checked: tuple[Checked, ...]
    not_compared: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether all checksums are the simulation's, of one kind that they have in common, since a board has one."""
        return bool(set.intersection(*(set(each.kinds) for each in self.checked)))

    def __str__(self) -> str:
        verdict = f"the checksums {'agree with' if self.agrees else 'differ from'} the simulation"
        if not self.agrees and all(each.kinds for each in self.checked):
            verdict += ": they are not all of one kind"
        left = f"; not compared: {listed(self.not_compared)}" if self.not_compared else ""
        return "\n".join([*map(str, self.checked), verdict + left])

    def as_json(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        rows = [
            {"name": each.name, "given": each.given.text, "kinds": list(each.kinds), "expected": dict(each.expected)}
            for each in self.checked
        ]
        return {"agrees": self.agrees, "checksums": rows, "not_compared": list(self.not_compared)}


def parse(options: Sequence[str]) -> dict[str, Given]:
    """Return the checksums of options such as fc.weight=0x0d082a6e, by the names of buffers."""
    found: dict[str, Given] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or name in found:
            raise EmbinitError(f"--crc must be BUFFER=CHECKSUM, once for each buffer, got {shown(option)}")
        found[name] = Given.of(text)
    return found


def check(memory: Mapping[str, bytes], given: Mapping[str, Given]) -> Checksums:
    """Return how the given checksums compare with those of a simulation's memory, both by the names of buffers."""
    for name in given:
        if name not in memory:
            raise EmbinitError(f"--crc must name one of {listed(memory)}, got {shown(name)}")
    checked = tuple(
        Checked(name, each, tuple(each.kinds(memory[name])), {kind.name: kind.text(memory[name]) for kind in KINDS})
        for name, each in given.items()
    )
    return Checksums(checked, tuple(name for name in memory if name not in given))
