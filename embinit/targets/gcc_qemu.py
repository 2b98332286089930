"""Devices with real builds: a cross-gcc with its C library builds, and QEMU runs a board, or a program of Linux.

A board's core obeys its instruction set. Code for the Cortex-M0 and M0+ runs on a Cortex-M3, which has all of their
instructions, because no board of QEMU's with one of them has the RAM. Results are exact; time is not modelled.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import ZipFile

from embinit.cache import fetch, key_of
from embinit.clib import C_DIRECTORY, HEADERS
from embinit.errors import check_known
from embinit.progress import counted, say
from embinit.targets.boards import ARM, BOARDS, CORTEX_M, LINUX, RISCV, XTENSA, Board, System
from embinit.targets.compilers import compile_by, installed, read_files
from embinit.targets.device_error import DeviceError
from embinit.targets.elf import Image
from embinit.targets.linking import headers_of, linker_of

__all__ = ["BOARDS", "Board", "Machine", "build", "command", "is_installed"]

OPTIMIZED = ("-O2", "-std=gnu11")  # what the targets were measured with; later flags override it
#: Code that no call reaches may itself call functions that do not exist here, so it is left out.
SECTIONS = ("-ffunction-sections", "-fdata-sections")
LIMIT = 60.0  # seconds of one call, unless it says otherwise

_HERE = Path(__file__).parent
_BOARD, _LINKER_SCRIPT = _HERE / "board.c", _HERE / "board.ld"


def is_installed(system: System = CORTEX_M) -> bool:
    """Whether this machine has all the tools."""
    return all(map(shutil.which, (system.compiler, system.emulator)))


def command(board: Board, cflags: Sequence[str] = (), libc: str | None = None) -> list[str]:
    """Return the compiler and its flags for a board's core and a C library: OPTIMIZED, and cflags after them."""
    system = board.system
    check_known("libc with toolchain gcc", libc or next(iter(system.libcs)), system.libcs)
    specs = system.libcs[libc or next(iter(system.libcs))]
    return [system.compiler, *system.flags, *board.flags, *OPTIMIZED, *SECTIONS, *specs, *cflags]


def identity(command: Sequence[str]) -> str:
    """Return a key that changes if a compiler is installed again, or if the environment names other places."""
    found = Path(installed(command[0])).resolve()
    told = [
        f"{name}={os.environ.get(name)}" for name in ("CPATH", "C_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX")
    ]
    return " ".join([str(found), str(found.stat().st_mtime_ns), str(found.stat().st_size), *told])


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

    keep names the functions to call and the buffers to read; whatever these do not reach is left out. A compiler that
    has no C library for the core gets gcc's. Raises DeviceError with the first error line of the compiler or linker.
    """
    linker = linker_of(compiler, board.system)
    if linker is not None:
        compiler = [*compiler, *headers_of(linker)]
    start, link = [_HERE / name for name in (board.system.start, *board.system.rom)], ["-Wl,--gc-sections"]
    if board.system.is_bare:
        script = output.with_suffix(".ld")
        kept = " ".join(f'"{symbol}"' for symbol in keep)  # quoted, because add is a hexadecimal number
        head = f"embinit_code = {board.code:#x};\nembinit_ram = {board.ram:#x};\nEXTERN({kept})\n"
        script.write_text(head + _LINKER_SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
        start.insert(0, _BOARD)
        link += ["-nostartfiles", f"-T{script}"]
    else:
        link += [f"-Wl,--undefined={symbol}" for symbol in keep]
    headers = [f"-I{directory}" for directory in include]
    library = [source for source in sources if source.parent == C_DIRECTORY]
    others = [source for source in sources if source.parent != C_DIRECTORY]
    if library and not read_files(compiler[1:]):
        others += _objects(compiler, library, output.parent)
    else:
        others += library
    if linker is not None:
        others = [_object([*compiler, *headers], source, output.parent) for source in others]
    say(f"compiling and linking {len(others) + len(start)} files with {Path(compiler[0]).name}")
    compile_sources([*(linker or [*compiler, *headers]), *link], [*start, *others], output)
    return output


def _object(compiler: Sequence[str], source: Path, folder: Path) -> Path:
    """Return the object of a source, which may be one already."""
    if source.suffix == ".o":
        return source
    made = folder / f"{source.name}.o"
    say(f"compiling {source.name} with {Path(compiler[0]).name}")
    compile_by([installed(compiler[0]), *compiler[1:], "-c", str(source), "-o", str(made)], compiler[0])
    return made


def _objects(compiler: Sequence[str], library: Sequence[Path], folder: Path) -> list[Path]:
    """Return the objects of the C library in a folder: from the cache, if it was compiled so before."""

    def compile_all(output: Path) -> None:
        with ZipFile(output, "w") as archive:
            told = counted(f"compiling with {Path(compiler[0]).name}:", {each.name: 1 for each in library})
            for source in library:
                told(source.name)
                made = folder / f"{source.stem}.o"
                compile_by([installed(compiler[0]), *compiler[1:], "-c", str(source), "-o", str(made)], compiler[0])
                archive.write(made, made.name)

    parts = [identity(compiler), *compiler[1:], *(path.name for path in library)]
    contents = [path.read_bytes() for path in (*library, *HEADERS)]
    kept = folder / "library.zip"
    fetch("objects", key_of([*parts, *contents]), compile_all, kept)
    with ZipFile(kept) as archive:
        archive.extractall(folder)
        return [folder / name for name in archive.namelist()]


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
        if not board.system.is_bare:
            self._elf.chmod(0o700)  # files of the cache are no programs
        self._memory = self.symbol("embinit_memory_start" if board.system.is_bare else "__data_start")[0]
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
        pieces = [struct.pack("<5I", start | self._image.thumb, *words)]
        pieces += [struct.pack("<2I", address, len(data)) + data for address, data in self._writes]
        with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
            folder = Path(scratch)
            (folder / "call").write_bytes(b"".join(pieces))
            self._run(function, folder, limit)
            returned = (folder / "return").read_bytes()
        self._left = returned[4:]
        if self._board.system.is_bare:
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
        emulator = [installed(self._board.system.emulator)]
        if self._board.system.is_bare:
            emulator += ["-M", self._board.machine, "-display", "none", "-monitor", "none", "-serial", "none"]
            emulator += [*self._board.system.core, "-semihosting-config", "enable=on,target=native", "-kernel"]
        try:
            done = subprocess.run(
                [*emulator, str(self._elf)],
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
        register = {ARM: "CFSR", RISCV: "mcause", XTENSA: "EXCCAUSE", LINUX: "signal"}[self._board.system.start]
        place = self._image.place(pc & ~self._image.thumb)
        if place is None and (origin := self._image.place(caller & ~self._image.thumb)):
            place = f"no function, called from {origin}"
        return f"fault ({register} {status:#010x}), pc {pc:#010x} in {place or 'no function'}"
