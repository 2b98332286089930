"""Probe: find out by known answers what a compiler, its flags and its C library make of weight initialization."""

import platform
import re
import shlex
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embinit.clib import C_DIRECTORY
from embinit.targets import simavr
from embinit.targets.boards import ANY_ARMV7, ANY_ARMV8, BOARDS, CORTEX_M, Board, riscv
from embinit.targets.compilers import installed, words_of
from embinit.targets.device_error import DeviceError
from embinit.targets.gcc_qemu import Machine, build, compile_sources

SOURCES = [C_DIRECTORY / name for name in ("probe.c", "embinit_model.c", "embinit_xorshift32.c")]
#: For what links rand(), which a firmware need not have.
RAND = C_DIRECTORY / "probe_rand.c"

#: What runs a build: a board, an emulator by its name, or None for this machine.
Runner = Board | str | None

_ON_HOST = """
#include <stdio.h>
#include "probe.h"
int main(void) { return embinit_probe(putchar) + RAND(putchar) < 0; }
"""
_ON_BOARD = """
#include <stdint.h>
#include "probe.h"
char said[4096];
static unsigned length;
static int put(int c) { if (length < sizeof said) said[length++] = (char)c; return c; }
int firmware_main(uint32_t seed);
int firmware_main(uint32_t seed) { (void)seed; return embinit_probe(put) + RAND(put); }
"""


@dataclass(frozen=True)
class Finding:
    """What a build turned out to be: a kind of multiply-add and a class of libm, or "other", and whose rand() it links.
    rand is None if there is none, or none of a known C library. text is the program's output. int_bits, double_bits and
    byte_order are those of C.
    """

    cc: str
    ran_on: str
    multiply_add: str
    libm: str
    rand: str | None
    int_bits: int
    double_bits: int
    byte_order: str
    text: str

    @property
    def known(self) -> bool:
        """Whether a model file can describe the build."""
        return "other" not in (self.multiply_add, self.libm)

    def __str__(self) -> str:
        types = f"int of {self.int_bits} bits, double of {self.double_bits}, {self.byte_order}-endian"
        return f"# {self.cc}, run on {self.ran_on}\n# {types}\n{self.text}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        comments = [line.removeprefix("# ") for line in self.text.splitlines() if line.startswith("# ")]
        return {key: value for key, value in asdict(self).items() if key != "text"} | {"details": comments}


def probe(cc: str) -> Finding:
    """Compile known answers with a compiler command, run them, and return what they show.

    A build for a Cortex-M, a RISC-V core or an LX106 runs on an emulated board, one for AVR in simavr, one for another
    machine's Linux in QEMU, any other on this machine. Raises DeviceError if the program does not compile or does not
    run.
    """
    compiler = words_of(cc, "cc")
    macros = macros_of(compiler)
    runner = _runner(cc, macros)
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        text = _said(compiler, macros, runner, Path(scratch))
    entry = tomllib.loads(text)
    little = macros.get("__BYTE_ORDER__", "__ORDER_LITTLE_ENDIAN__") == "__ORDER_LITTLE_ENDIAN__"
    return Finding(
        cc,
        _named(runner),
        entry["multiply_add"],
        entry["libm"],
        entry.get("rand"),
        8 * int(macros.get("__SIZEOF_INT__", 4)),
        8 * int(macros.get("__SIZEOF_DOUBLE__", 8)),
        "little" if little else "big",
        text.rstrip(),
    )


def macros_of(compiler: Sequence[str]) -> dict[str, str]:
    """Return the macros that a compiler command predefines."""
    done = subprocess.run(
        [installed(compiler[0]), *compiler[1:], "-dM", "-E", "-x", "c", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return dict(re.findall(r"^#define (\w+) (.*)$", done.stdout, re.MULTILINE))


def board_of(cc: str, macros: dict[str, str]) -> Board | None:
    """Return a board whose core runs code for any bare Cortex-M, RISC-V or LX106; None for code that needs none."""
    if macros.get("__ARM_ARCH_PROFILE") in ("77", "'M'"):
        return ANY_ARMV8 if int(macros["__ARM_ARCH"]) >= 8 else ANY_ARMV7
    if "__linux__" in macros:
        return None
    if "__riscv" in macros:
        return riscv(int(macros["__riscv_xlen"]))
    if "__arm__" in macros:
        raise DeviceError(f"{cc}: builds for no Cortex-M; name the core with -mcpu")
    if "__XTENSA_CALL0_ABI__" in macros and "__XTENSA_SOFT_FLOAT__" in macros:
        return BOARDS["xtensa-lx106"]
    for macro, name in (("__XTENSA__", "Xtensa other than the LX106"), ("__aarch64__", "AArch64 without Linux")):
        if macro in macros:
            raise DeviceError(f"{cc}: builds for {name}, which nothing here emulates: run the probe's C on the device")
    return None


#: The emulators of other machines' Linux programs, by the compiler's macro and by what this machine is called then.
_PROGRAMS = {
    "__aarch64__": ("aarch64", "qemu-aarch64"),
    "__arm__": ("armv7l", "qemu-arm"),
    "__x86_64__": ("x86_64", "qemu-x86_64"),
}


def _runner(cc: str, macros: dict[str, str]) -> Runner:
    """Return where a build runs: on a board, on an emulator by its name, or, for None, on this machine."""
    if "__AVR__" in macros:
        return "simavr"
    board = board_of(cc, macros)
    if board is not None or "__linux__" not in macros:
        return board
    if "__riscv" in macros:
        return f"qemu-riscv{macros['__riscv_xlen']}"
    for macro, (machine, emulator) in _PROGRAMS.items():
        if macro in macros and machine != platform.machine():
            return emulator
    return None


def _named(runner: Runner) -> str:
    return "this machine" if runner is None else runner if isinstance(runner, str) else f"an emulated {runner.machine}"


def _said(compiler: list[str], macros: dict[str, str], runner: Runner, folder: Path) -> str:
    """Return the output of the known answers, with those of rand() if it links. Newlib-nano's rand() allocates memory,
    and so needs functions of an operating system; of a build that does not compile the first error is told.
    """
    ways = list(_ways(compiler, runner))
    for rand in (RAND, None):
        for more in ways:
            with suppress(DeviceError):
                return _run([*compiler, *more], macros, runner, folder, rand)
    return _run([*compiler, *ways[0]], macros, runner, folder, None)


def _ways(compiler: list[str], runner: Runner) -> Iterator[list[str]]:
    """Yield what a command may need besides its own flags to link."""
    yield ["-static"] if isinstance(runner, str) and runner != "simavr" else []
    if runner == "simavr":
        yield ["-Dlogf=log", "-Dcosf=cos"]  # avr-libc 2.0's <math.h> does so
    if isinstance(runner, Board) and not any(word.startswith("--specs") for word in compiler):
        yield ["--specs=nosys.specs"] if runner.system is CORTEX_M else list(next(iter(runner.system.libcs.values())))


def _run(compiler: list[str], macros: dict[str, str], runner: Runner, folder: Path, rand: Path | None) -> str:
    """Return the output of the known answers, with those of rand() if its source is given."""
    main = folder / "main.c"
    call = "#define RAND(put) 0" if rand is None else "#define RAND(put) embinit_probe_rand(put)"
    sources = [*SOURCES, main, *([] if rand is None else [rand])]
    if isinstance(runner, Board):
        main.write_text(f"{call}\n{_ON_BOARD}", encoding="utf-8")
        return _said_by_board(compiler, sources, runner, folder)
    program = folder / "probe"
    if runner == "simavr":
        text = simavr.main('#include "probe.h"', "embinit_probe(put) + RAND(put);")
        main.write_text(f"{call}\n{text}", encoding="utf-8")
        compile_sources([*compiler, f"-I{C_DIRECTORY}"], sources, program)
        return simavr.run(program, macros)
    main.write_text(f"{call}\n{_ON_HOST}", encoding="utf-8")
    compile_sources([*compiler, f"-I{C_DIRECTORY}"], sources, program)
    return _said_by_program(compiler, [*([] if runner is None else [installed(runner)]), str(program)])


def _said_by_board(compiler: list[str], sources: list[Path], board: Board, folder: Path) -> str:
    keep = ["firmware_main", "said"]
    elf = build(
        [*compiler, *board.system.flags], sources, board, folder / "probe.elf", include=[C_DIRECTORY], keep=keep
    )
    machine = Machine(elf, board)
    machine.call("firmware_main")
    return machine.read("said").rstrip(b"\0").decode("ascii")


def _said_by_program(compiler: list[str], command: list[str]) -> str:
    cc = shlex.join(compiler)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="ascii", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not end"
        raise DeviceError(f"{cc}: what it builds does not run on this machine: {reason}") from None
    if done.returncode != 0:
        raise DeviceError(f"{cc}: what it builds does not run on this machine: it ends with status {done.returncode}")
    return done.stdout
