"""Probe: find out by known answers what a compiler, its flags and its C library make of weight initialization."""

import re
import shlex
import subprocess
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embinit.clib import C_DIRECTORY
from embinit.errors import EmbinitError, shown
from embinit.targets.boards import ANY_ARMV7, ANY_ARMV8, Board
from embinit.targets.compilers import installed
from embinit.targets.device_error import DeviceError
from embinit.targets.gcc_qemu import Machine, build, compile_sources

SOURCES = [C_DIRECTORY / name for name in ("probe.c", "embinit_model.c", "embinit_xorshift32.c")]
#: For what links rand(), which a firmware need not have.
RAND = C_DIRECTORY / "probe_rand.c"

_ON_HOST = """
#include <stdio.h>
#include "probe.h"
int main(void) { return embinit_probe(putchar) + RAND < 0; }
"""
_ON_BOARD = """
#include <stdint.h>
#include "probe.h"
char said[4096];
static unsigned length;
static int put(int c) { if (length < sizeof said) said[length++] = (char)c; return c; }
int firmware_main(uint32_t seed);
int firmware_main(uint32_t seed) { (void)seed; return embinit_probe(put) + RAND; }
"""


@dataclass(frozen=True)
class Finding:
    """What a build turned out to be: a kind of multiply-add and a class of libm, or "other", and whose rand() it links.
    rand is None if there is none, or none of a known C library. text is the program's output.
    """

    cc: str
    ran_on: str
    multiply_add: str
    libm: str
    rand: str | None
    text: str

    @property
    def known(self) -> bool:
        """Whether a model file can describe the build."""
        return "other" not in (self.multiply_add, self.libm)

    def __str__(self) -> str:
        return f"# {self.cc}, run on {self.ran_on}\n{self.text}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        comments = [line.removeprefix("# ") for line in self.text.splitlines() if line.startswith("# ")]
        return {key: value for key, value in asdict(self).items() if key != "text"} | {"details": comments}


def probe(cc: str) -> Finding:
    """Compile known answers with a compiler command, run them, and return what they show.

    A build for a Cortex-M runs on an emulated board, any other on this machine. Raises DeviceError if the program does
    not compile or does not run.
    """
    try:
        compiler = shlex.split(cc)
    except ValueError as error:
        raise EmbinitError(f"cc must be a compiler command, got {shown(cc)}: {error}") from None
    if not compiler:
        raise EmbinitError("cc must be a compiler command, got an empty one")
    board = _board(cc, _macros(compiler))
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        folder = Path(scratch)
        text = _said_with_rand(cc, board, folder) or _said(cc, board, folder, None)
    entry = tomllib.loads(text)
    ran_on = "this machine" if board is None else f"an emulated {board.machine}"
    return Finding(cc, ran_on, entry["multiply_add"], entry["libm"], entry.get("rand"), text.rstrip())


def _macros(compiler: list[str]) -> dict[str, str]:
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


def _board(cc: str, macros: dict[str, str]) -> Board | None:
    """Return a board whose core runs code for any Cortex-M of an architecture; None for other code."""
    if macros.get("__ARM_ARCH_PROFILE") in ("77", "'M'"):
        return ANY_ARMV8 if int(macros["__ARM_ARCH"]) >= 8 else ANY_ARMV7
    if "__arm__" in macros and "__linux__" not in macros:
        raise DeviceError(f"{cc}: builds for no Cortex-M; name the core with -mcpu")
    return None


def _said_with_rand(cc: str, board: Board | None, folder: Path) -> str | None:
    """Return the output of the known answers with those of rand(), or None if rand() does not link. Newlib-nano's
    rand() allocates memory, and so needs functions of an operating system.
    """
    for extra in ("", *([" --specs=nosys.specs"] if board is not None else [])):
        with suppress(DeviceError):
            return _said(cc + extra, board, folder, RAND)
    return None


def _said(cc: str, board: Board | None, folder: Path, rand: Path | None) -> str:
    """Return the output of the known answers, with those of rand() if its source is given."""
    call = "0" if rand is None else "embinit_probe_rand(putchar)" if board is None else "embinit_probe_rand(put)"
    main = folder / "main.c"
    main.write_text(f"#define RAND {call}{_ON_HOST if board is None else _ON_BOARD}", encoding="utf-8")
    sources = [*SOURCES, main, *([] if rand is None else [rand])]
    return _said_by_host(cc, sources, folder) if board is None else _said_by_board(cc, sources, board, folder)


def _said_by_board(cc: str, sources: list[Path], board: Board, folder: Path) -> str:
    keep = ["firmware_main", "said"]
    elf = build(shlex.split(cc), sources, board, folder / "probe.elf", include=[C_DIRECTORY], keep=keep)
    machine = Machine(elf, board)
    machine.call("firmware_main")
    return machine.read("said").rstrip(b"\0").decode("ascii")


def _said_by_host(cc: str, sources: list[Path], folder: Path) -> str:
    program = folder / "probe"
    compile_sources([*shlex.split(cc), f"-I{C_DIRECTORY}"], sources, program)
    try:
        done = subprocess.run([program], stdout=subprocess.PIPE, encoding="ascii", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not end"
        raise DeviceError(f"{cc}: what it builds does not run on this machine: {reason}") from None
    if done.returncode != 0:
        raise DeviceError(f"{cc}: what it builds does not run on this machine: it ends with status {done.returncode}")
    return done.stdout
