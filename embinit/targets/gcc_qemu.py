"""Devices with real firmware builds: arm-none-eabi-gcc with newlib builds, and qemu-system-arm runs a board.

A board's core obeys its instruction set. Code for the Cortex-M0 and M0+ runs on a Cortex-M3, which has all of their
instructions, because no board of QEMU's with one of them has the RAM. Results are exact; time is not modelled.
"""

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from embinit.targets.compilers import compile_by, installed
from embinit.targets.device_error import DeviceError
from embinit.targets.elf import Image

COMPILER, EMULATOR = TOOLS = "arm-none-eabi-gcc", "qemu-system-arm"
OPTIMIZED = ("-O2", "-std=gnu11")  # what the targets were measured with; later flags override it
LIMIT = 60.0  # seconds of one call, unless it says otherwise

_START = Path(__file__).with_name("board.c")
_LINKER_SCRIPT = Path(__file__).with_name("board.ld")


@dataclass(frozen=True)
class Board:
    """A board of QEMU and the core to build for: where its code and its 16 MB of RAM are, and gcc's flags."""

    machine: str
    code: int
    ram: int
    flags: tuple[str, ...] = ()


_AN385 = ("mps2-an385", 0x0000_0000, 0x2100_0000)
_AN386 = ("mps2-an386", 0x0000_0000, 0x2100_0000)
_AN500 = ("mps2-an500", 0x0000_0000, 0x6000_0000)
_AN505 = ("mps2-an505", 0x1000_0000, 0x8000_0000)

BOARDS = {
    "cortex-m0": Board(*_AN385, ("-mcpu=cortex-m0",)),
    "cortex-m0plus": Board(*_AN385, ("-mcpu=cortex-m0plus",)),
    "cortex-m3": Board(*_AN385, ("-mcpu=cortex-m3",)),
    "cortex-m4f": Board(*_AN386, ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "cortex-m7": Board(*_AN500, ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16")),
    "cortex-m33": Board(*_AN505, ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
}


def is_installed() -> bool:
    """Whether this machine has all the tools."""
    return all(map(shutil.which, TOOLS))


def command(board: Board, cflags: Sequence[str] = ()) -> list[str]:
    """Return the compiler and its flags for a board's core: OPTIMIZED, and cflags after them."""
    # Sections, because code that no call reaches may itself call functions that do not exist here.
    build_flags = ["-ffunction-sections", "-fdata-sections", "--specs=rdimon.specs"]
    return [COMPILER, "-mthumb", *board.flags, *OPTIMIZED, *build_flags, *cflags]


def build(
    compiler: Sequence[str],
    sources: Sequence[Path],
    board: Board,
    output: Path,
    *,
    include: Sequence[Path] = (),
    keep: Iterable[str] = ("firmware_main",),
) -> Path:
    """Compile and link C sources by a compiler command into one ELF file for a Machine and return its path.

    keep names the functions to call and the buffers to read; whatever these do not reach is left out. Raises
    DeviceError with the first error line of the compiler or linker.
    """
    script = output.with_suffix(".ld")
    kept = " ".join(f'"{symbol}"' for symbol in keep)  # quoted, because add is a hexadecimal number
    head = f"embinit_code = {board.code:#x};\nembinit_ram = {board.ram:#x};\nEXTERN({kept})\n"
    script.write_text(head + _LINKER_SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    link = ["-nostartfiles", f"-T{script}", "-Wl,--gc-sections"]
    headers = [f"-I{directory}" for directory in include]
    compile_sources([*compiler, *headers, *link], [_START, *sources], output)
    return output


def compile_sources(compiler: Sequence[str], sources: Sequence[Path], output: Path) -> None:
    """Compile and link C sources with the mathematics library; raise DeviceError with the first error line."""
    words = [installed(compiler[0]), *compiler[1:], *map(str, sources), "-lm", "-o", str(output)]
    compile_by(words, compiler[0])


class Machine:
    """An emulated board with one ELF file in its memory, as after flashing.

    Every call restarts the board with the buffers that the last call left; heap and stack do not survive. Stack and
    heap share the RAM that the buffers leave free.
    """

    def __init__(self, elf: Path, board: Board) -> None:
        self._elf, self._board, self._image = elf.resolve(), board, Image.read(elf)
        self._memory = self.symbol("embinit_memory_start")[0]
        self._writes: list[tuple[int, bytes]] = []
        self._left: bytes | None = None
        self.output = b""

    def call(self, function: str, *arguments: int, limit: float = LIMIT) -> int:
        """Call a C function with up to four 32-bit integers and return its result as a uint32.

        Whatever the firmware prints on newlib's console is in `output` afterwards. Raises DeviceError if the core
        faults, if the firmware ends, or if the call takes longer than `limit` seconds.
        """
        start, _ = self.symbol(function)
        words = [argument & 0xFFFF_FFFF for argument in (*arguments, 0, 0, 0, 0)[:4]]
        pieces = [struct.pack("<5I", start | 1, *words)]
        pieces += [struct.pack("<2I", address, len(data)) + data for address, data in self._writes]
        with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
            folder = Path(scratch)
            (folder / "call").write_bytes(b"".join(pieces))
            self._run(function, folder, limit)
            returned = (folder / "return").read_bytes()
        self._left = returned[4:]
        self._writes = [(self._memory, self._left)]
        return int.from_bytes(returned[:4], "little")

    def read(self, symbol: str) -> bytes:
        """Return the bytes of a buffer after a call."""
        address, size = self.symbol(symbol)
        start = address - self._memory
        if self._left is None or start < 0 or start + size > len(self._left):
            raise DeviceError(f"{symbol}: only buffers can be read, and after a call")
        return self._left[start : start + size]

    def write(self, symbol: str, data: bytes) -> None:
        """Write bytes to the start of a buffer; data that is larger than the buffer is an error."""
        address, size = self.symbol(symbol)
        if len(data) > size:
            raise DeviceError(f"{symbol} has {size} bytes, got {len(data)}")
        self._writes.append((address, data))

    def symbol(self, name: str) -> tuple[int, int]:
        """Return the address and the size of a symbol; a function's address is that of its first instruction."""
        if name not in self._image.symbols:
            raise DeviceError(f"the firmware has no symbol {name!r}")
        return self._image.symbols[name]

    def _run(self, function: str, folder: Path, limit: float) -> None:
        """Run the board until it stops itself, in the folder that has the call's file."""
        board = [installed(EMULATOR), "-M", self._board.machine, "-kernel", str(self._elf)]
        quiet = ["-display", "none", "-monitor", "none", "-serial", "none"]
        hosting = ["-semihosting-config", "enable=on,target=native"]
        try:
            done = subprocess.run(
                [*board, *quiet, *hosting],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DeviceError(f"{function}: has not returned within {limit:g} seconds") from None
        self.output = done.stdout + done.stderr
        if (folder / "fault").exists():
            raise DeviceError(f"{function}: {self._fault((folder / 'fault').read_bytes())}")
        if not (folder / "return").exists():
            said = self.output.decode(errors="replace").strip().splitlines()[:1]
            raise DeviceError(": ".join([f"{function}: ended before it returned", *said]))

    def _fault(self, report: bytes) -> str:
        """Describe an exception from what the board wrote about it."""
        status, pc, caller = struct.unpack("<3I", report)
        place = self._image.place(pc & ~1)
        if place is None and (origin := self._image.place(caller & ~1)):
            place = f"no function, called from {origin}"
        return f"fault (CFSR {status:#010x}), pc {pc:#010x} in {place or 'no function'}"
