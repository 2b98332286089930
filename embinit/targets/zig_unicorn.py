"""Devices without hardware: `zig cc` builds the firmware and Unicorn emulates the core; both are Python wheels.

The emulated cores obey their instruction sets: a Cortex-M0 refuses UDIV and unaligned words, a Cortex-M4F refuses
double precision. Results are exact; time is not modelled.
"""

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embinit import cache
from embinit.clib import sources_of
from embinit.errors import listed, shown
from embinit.progress import say
from embinit.targets.compilers import compile_by
from embinit.targets.device_error import DeviceError
from embinit.targets.elf import Image
from embinit.targets.emulations import EMULATIONS, Emulation
from embinit.targets.isa import ISAS

__all__ = ["EMULATIONS", "LIMIT", "RAM", "STACK_BYTES", "UART", "Emulation", "Machine", "build"]

RAM = 0x2000_0000  # where ram.ld puts the firmware
UART = 0x4000_0000  # the register whose low byte, when written, is appended to Machine.output
STACK_BYTES = 64 * 1024
LIMIT = 10**10  # instructions of one call, unless it says otherwise: about a minute

_STACK = 0x1000_0000
_STACK_END = _STACK + STACK_BYTES
_RETURN = _STACK_END  # the core halts here; a page above the stack, because it must be mapped
_PAGE = 4096
_UNUSED = 0xA5  # fills the stack: bytes that still hold it were never written
_LINKER_SCRIPT = Path(__file__).with_name("ram.ld")


# Firmware has no errno, so a square root or fma is one instruction where the core has it; without the frame pointers
# and checks that zig adds, the stack is what a firmware build needs.
_FIRMWARE = ("-fno-math-errno", "-fomit-frame-pointer", "-fno-sanitize=undefined")
_LIBC = Path(__file__).with_name("freestanding") / "libc.c"
# clang may compute a builtin of a constant itself, with the host's libm.
_FREESTANDING = (
    "-isystem",
    str(_LIBC.parent),
    "-fno-builtin-logf",
    "-fno-builtin-cosf",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
)
_LINK = (
    "-g",  # zig drops the symbols from what -Os builds
    "-fno-function-sections",
    "-fno-data-sections",
    f"-T{_LINKER_SCRIPT}",
    "-Wl,--gc-sections",
    "-Wl,--entry=0",
)


def version() -> str:
    """Return the version of zig."""
    _wheel("ziglang")
    return importlib.metadata.version("ziglang")


def build(
    sources: Sequence[Path],
    emulation: Emulation,
    output: Path,
    *,
    include: Sequence[Path] = (),
    optimize: str = "-O2",
    flags: Sequence[str] = (),
    libm: str | None = None,
) -> Path:
    """Compile and link C sources into one ELF file for a Machine and return its path.

    The compiler is freestanding; memcpy, the float helpers and the functions of <math.h> that it may call are in zig's
    runtime library. That library rounds correctly, except for subnormal quotients. libm: the class of the target's
    libm; with it sources may include what of the C library has the same bits on every such target.

    Raises
    ------
    DeviceError
        With the first error line of the compiler or linker.
    """
    _wheel("ziglang")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", emulation.triple, f"-mcpu={emulation.cpu}", optimize]
    command += [*_FIRMWARE, *(f"-I{directory}" for directory in include), *flags, *_LINK]
    if libm is not None:
        command += [*_FREESTANDING, f"-DEMBINIT_LIBM={libm.replace('-', '_')}"]
        sources = list(dict.fromkeys([_LIBC, *sources, *sources_of([_LIBC.read_text(encoding="utf-8")])]))
    command += ["-o", str(output), *map(str, sources)]
    say(f"compiling {len(sources)} files with zig cc -mcpu={emulation.cpu}")
    compile_by(command, f"zig cc -mcpu={emulation.cpu}", os.environ | _zig_caches())
    return output


class Machine:
    """An emulated core with one ELF file in its RAM, as a loader leaves it.

    The stack has STACK_BYTES of its own, with nothing below it, so an overflow is a fault. RAM is as large as the ELF
    file needs, or `ram_bytes`. Memory, and the output, last from call to call.

    Raises
    ------
    DeviceError
        If the firmware does not fit into RAM.
    """

    def __init__(self, elf: Path, emulation: Emulation, *, ram_bytes: int | None = None) -> None:
        self._image = Image.read(elf)
        self._isa = ISAS[emulation.triple.partition("-")[0]]
        self._constants = _wheel(f"unicorn.{self._isa.constants}")
        self._core = self._new_core(emulation)
        self._fpu = self._isa.fpu if emulation.fpu else {}
        self._faults: list[tuple[str, int]] = []  # the cause, and how far the core's pc is past the instruction
        self._output = bytearray()
        self._map(elf, ram_bytes)
        self._watch()

    def call(self, function: str, *arguments: int, limit: int = LIMIT) -> int:
        """Call a C function with 32-bit integers and return its result as a uint32.

        Arguments beyond the registers (r0 to r3; x0 to x7 or a0 to a7) go to the stack. A float is passed as a float
        only by firmware itself: give its bits to a function that takes uint32_t.

        Raises
        ------
        DeviceError
            If the core faults, waits for an interrupt or does not return within `limit` instructions.
        """
        start, _ = self.symbol(function)
        if limit < 1:
            raise DeviceError(f"{function}: limit must be at least 1, got {limit}")
        self._enter(function, arguments)
        self._faults.clear()
        try:
            # Always counted: Unicorn ignores a limit in code that it translated without one.
            self._core.emu_start(start | self._isa.thumb, _RETURN, count=limit)
        except _wheel("unicorn").UcError as error:
            self._faults.append((str(error), 0))
        if not self._faults and self._register("PC") != _RETURN:
            self._faults.append(self._why_stopped(limit))
        if self._faults:
            cause, past = self._faults[0]
            raise DeviceError(f"{function}: {cause}, {self._where(past)}")
        return int(self._register(self._isa.arguments[0])) & 0xFFFF_FFFF

    def read(self, symbol: str, size: int | None = None) -> bytes:
        """Return the bytes of a symbol: all of them, or the first `size`."""
        address, whole = self.symbol(symbol)
        return self.read_at(address, whole if size is None else size)

    def read_at(self, address: int, size: int) -> bytes:
        """Return the bytes at an address."""
        try:
            return bytes(self._core.mem_read(address, size))
        except _wheel("unicorn").UcError as error:
            raise DeviceError(f"reading {size} bytes at {address:#010x}: {error}") from None

    def write(self, symbol: str, data: bytes) -> None:
        """Write bytes to the start of a symbol; data that is larger than the symbol is an error."""
        address, size = self.symbol(symbol)
        if len(data) > size:
            raise DeviceError(f"{symbol} has {size} bytes, got {len(data)}")
        self.write_at(address, data)

    def write_at(self, address: int, data: bytes) -> None:
        """Write bytes at an address."""
        try:
            self._core.mem_write(address, data)
        except _wheel("unicorn").UcError as error:
            raise DeviceError(f"writing {len(data)} bytes at {address:#010x}: {error}") from None

    def symbol(self, name: str) -> tuple[int, int]:
        """Return the address and the size of a symbol; a function's address is that of its first instruction."""
        if name not in self._image.symbols:
            raise DeviceError(f"the firmware has no symbol {name!r}")
        return self._image.symbols[name]

    def stack_used(self) -> int:
        """Return the bytes of stack that the deepest call so far has written to.

        Reserved bytes below the deepest written one do not count.
        """
        return len(self.read_at(_STACK, STACK_BYTES).lstrip(bytes([_UNUSED])))

    @property
    def output(self) -> bytes:
        """The characters that the firmware has written to UART."""
        return bytes(self._output)

    def _new_core(self, emulation: Emulation) -> Any:
        unicorn = _wheel("unicorn")
        # Not UC_MODE_MCLASS: with it Unicorn 2.1 ignores the model and runs everything on a Cortex-M33.
        core = unicorn.Uc(getattr(unicorn, self._isa.architecture), getattr(unicorn, self._isa.mode))
        model = getattr(self._constants, emulation.unicorn_cpu, None)
        if model is None:
            known = [name for name in vars(self._constants) if name.startswith("UC_CPU_")]
            raise DeviceError(f"unicorn_cpu must be one of {listed(known)}, got {shown(emulation.unicorn_cpu)}")
        core.ctl_set_cpu_model(model)
        return core

    def _map(self, elf: Path, ram_bytes: int | None) -> None:
        needed = max((address + size for address, size, _ in self._image.segments), default=RAM) - RAM
        if ram_bytes is not None and needed > ram_bytes:
            raise DeviceError(f"{elf} needs {needed} bytes of RAM, got {ram_bytes}")
        size = max(_whole_pages(needed if ram_bytes is None else ram_bytes), _PAGE)
        if size > UART - RAM or any(address < RAM for address, _, _ in self._image.segments):
            raise DeviceError(f"{elf} does not lie within RAM, {RAM:#010x} to {UART:#010x}")
        self._core.mem_map(RAM, size)
        self._core.mem_map(_STACK, STACK_BYTES + _PAGE)
        self._core.mem_write(_STACK, bytes([_UNUSED]) * STACK_BYTES)
        for address, _, data in self._image.segments:
            self._core.mem_write(address, data)

    def _watch(self) -> None:
        """Collect the output and the faults."""
        unicorn, faults, output, exceptions = _wheel("unicorn"), self._faults, self._output, self._isa.exceptions
        accesses = {
            getattr(unicorn, f"UC_MEM_{access.upper()}_{reason}"): access
            for access in ("read", "write", "fetch")
            for reason in ("UNMAPPED", "PROT")
        }

        def memory(_core: Any, access: int, address: int, size: int, _value: int, _data: Any) -> bool:
            kind = f"{accesses[access]} of {size} bytes at {address:#010x}"
            overflow = _STACK - STACK_BYTES <= address < _STACK
            faults.append((f"stack overflow ({STACK_BYTES} bytes): {kind}" if overflow else f"invalid {kind}", 0))
            return False

        def exception(core: Any, number: int, _data: Any) -> None:
            faults.append(exceptions.get(number, (f"exception {number}", 0)))
            core.emu_stop()

        def transmit(_core: Any, _offset: int, _size: int, value: int, _data: Any) -> None:
            output.append(value & 0xFF)

        self._core.hook_add(unicorn.UC_HOOK_MEM_INVALID, memory)
        self._core.hook_add(unicorn.UC_HOOK_INTR, exception)
        self._core.mmio_map(UART, _PAGE, None, None, transmit, None)

    def _enter(self, function: str, arguments: Sequence[int]) -> None:
        for argument in arguments:
            if not -(2**31) <= argument < 2**32:
                raise DeviceError(f"{function}: an argument must fit into 32 bits, got {argument}")
        words = [argument & 0xFFFF_FFFF for argument in arguments]
        in_registers = len(self._isa.arguments)
        stacked = b"".join(word.to_bytes(self._isa.word, "little") for word in words[in_registers:])
        stack_pointer = (_STACK_END - len(stacked)) & ~15
        self._core.mem_write(stack_pointer, stacked)
        for name, value in {**self._isa.state, **self._fpu}.items():
            self._set_register(name, value)
        self._set_register("SP", stack_pointer)
        self._set_register(self._isa.link, _RETURN | self._isa.thumb)
        for name, word in zip(self._isa.arguments, words, strict=False):
            self._set_register(name, word)

    def _register(self, name: str) -> int:
        return int(self._core.reg_read(getattr(self._constants, self._isa.register + name)))

    def _set_register(self, name: str, value: int) -> None:
        self._core.reg_write(getattr(self._constants, self._isa.register + name), value)

    def _why_stopped(self, limit: int) -> tuple[str, int]:
        size = len(self._isa.wait)
        before = self._register("PC") - size
        if self._image.place(before) and self.read_at(before, size) == self._isa.wait:
            return "waits for an interrupt that never comes", size
        return f"has not returned within {limit} instructions", 0

    def _where(self, past: int) -> str:
        pc = self._register("PC") - past
        place = self._image.place(pc)
        if place is not None:
            return f"pc {pc:#010x} in {place}"
        caller = self._image.place(self._register(self._isa.link) & ~self._isa.thumb)
        return f"pc {pc:#010x} in no function" + (f", called from {caller}" if caller else "")


def _wheel(module: str) -> Any:
    """Return a module of the optional dependencies, imported at its first use."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DeviceError(
            f"emulated devices need {module.partition('.')[0]}: install it with: pip install 'embinit[device]'"
        ) from None


def _zig_caches() -> dict[str, str]:
    """Return the variables that name zig's caches: the user's, or one directory of embinit's own cache.

    Any number of processes may share it. It is created here, because zig retries forever if it cannot create it.
    """
    names = ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
    default = None if all(map(os.environ.get, names)) else cache.directory("zig")
    caches = {name: os.environ.get(name) or str(default or "") for name in names}
    for name, folder in caches.items():
        if not folder:
            raise DeviceError("zig needs a cache directory, and no place for one can be written: set EMBINIT_CACHE_DIR")
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DeviceError(f"zig cannot have its cache in {name} = {folder}: {error.strerror}") from None
    return caches


def _whole_pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
