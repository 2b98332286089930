"""Compilers of the user's own: a command with its flags, and the board on which what it builds for a target runs."""

from dataclasses import replace
from shutil import which

from embinit.errors import EmbinitError, shown
from embinit.targets.boards import AARCH64, ARMHF, BOARDS, Board
from embinit.targets.compilers import installed, words_of
from embinit.targets.gcc_qemu import SECTIONS
from embinit.targets.probe import board_of, macros_of
from embinit.targets.table import target_named

_ISAS = {
    "arm": "__arm__",
    "arm-a": "__arm__",
    "aarch64": "__aarch64__",
    "riscv": "__riscv",
    "avr": "__AVR__",
    "xtensa": "__XTENSA__",
}


def is_command(toolchain: str) -> bool:
    """Whether the name of a toolchain is a compiler command: its first word is a program of this machine."""
    words = toolchain.split()
    return bool(words) and which(words[0]) is not None


def board_and_command(toolchain: str, target: str) -> tuple[Board, list[str]]:
    """Return the board on which code of a compiler command runs, and the command with what the board needs.

    Raises EmbinitError if it builds for another instruction set than the target's, or for what nothing here emulates.
    """
    words = words_of(toolchain, "toolchain")
    macros = macros_of(words)
    isa = target_named(target).isa
    if _ISAS.get(isa, "") not in macros:
        raise EmbinitError(f"toolchain {shown(toolchain)} does not build for target {target}, whose core is {isa}")
    board = board_of(toolchain, macros)
    if board is None:
        systems = {"__aarch64__": AARCH64, "__arm__": ARMHF}
        system = next((systems[macro] for macro in systems if macro in macros), None)
        if system is None or "__linux__" not in macros:
            raise EmbinitError(f"nothing here emulates what toolchain {shown(toolchain)} builds for target {target}")
        board = replace(BOARDS["aarch64"], system=system)
    specs = [] if any(word.startswith("--specs") for word in words) else next(iter(board.system.libcs.values()))
    if "clang" in macros.get("__VERSION__", "").lower():
        specs = []
    return board, [installed(words[0]), *words[1:], *board.system.flags, *SECTIONS, *specs]
