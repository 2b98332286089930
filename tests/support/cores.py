"""Emulated cores: those that test the C library one by one, one more of each other instruction set, and boards."""

import subprocess

import pytest

from embinit.targets.gcc_qemu import BOARDS, is_installed

CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33", "riscv32imac")
#: Their first use compiles zig's runtime library, which takes seconds; the other cores differ from these in flags.
OTHERS = ("riscv32imafc", "riscv64", "aarch64", "cortex-a7")


def left_out(board):
    """The mark that leaves a test out where a board's compiler or emulator is not installed."""
    tools = board.system.compiler, board.system.emulator
    return pytest.mark.skipif(not is_installed(board.system), reason=f"needs {' and '.join(tools)}")


#: Every target with a board, and the mark.
EVERY_BOARD = [pytest.param(core, marks=left_out(board)) for core, board in BOARDS.items()]


def with_libcs(*cores):
    """Return parameters: cores, and each C library besides the default, left out where it is not installed."""
    found = []
    for core in cores:
        for libc, specs in list(BOARDS[core].system.libcs.items())[1:]:
            compiler, file = BOARDS[core].system.compiler, specs[0].removeprefix("--specs=")
            there = (
                is_installed(BOARDS[core].system)
                and "/"
                in subprocess.run(
                    [compiler, f"-print-file-name={file}"], capture_output=True, text=True, check=True
                ).stdout
            )
            found.append(pytest.param(core, libc, marks=pytest.mark.skipif(not there, reason=f"needs {libc}")))
    return found
