"""Compilers and other programs of this machine: where they are, and what a failed one says first."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from embinit.errors import EmbinitError, shown
from embinit.targets.device_error import DeviceError

#: The Debian packages of programs.
PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "gcc": "gcc",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-system-riscv64": "qemu-system-misc",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
    "qemu-aarch64": "qemu-user",
    "qemu-arm": "qemu-user",
    "xtensa-lx106-elf-gcc": "gcc-xtensa-lx106 picolibc-xtensa-lx106-elf",
    "qemu-system-xtensa": "qemu-system-misc",
    "avr-gcc": "gcc-avr avr-libc",
    "simavr": "simavr",
}
_LINKER = re.compile(r"^\S*/ld(\.\w+)?: ")
_MARKS = ("undefined reference", "multiple definition", "is not within region", "error:")


def installed(program: str) -> str:
    """Return the path of a program, or raise DeviceError that says which Debian package has it."""
    path = shutil.which(program)
    if path is None:
        package = PACKAGES.get(program)
        raise DeviceError(f"{program} is not installed" + (f": apt-get install {package}" if package else ""))
    return path


def words_of(command: str, what: str) -> list[str]:
    """Return the words of a compiler command; what names it in an error."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise EmbinitError(f"{what} must be a compiler command, got {shown(command)}: {error}") from None
    if not words:
        raise EmbinitError(f"{what} must be a compiler command, got an empty one")
    return words


#: How flags begin that make a compiler read files besides its sources and its own.
_READ = ("-i", "-I", "-B", "-L", "-T", "-Wl,", "-l", "-fprofile", "-fplugin", "--sysroot", "-Xlinker", "@")


def read_files(flags: Sequence[str]) -> bool:
    """Whether flags may name files whose content decides what is built; so does a word that is no flag."""
    return any(flag.startswith(_READ) or not flag.startswith("-") for flag in flags)


def compile_by(command: Sequence[str], name: str, environment: Mapping[str, str] = os.environ) -> None:
    """Run a compiler command; raise DeviceError with the compiler's name and its or its linker's first error line."""
    done = subprocess.run(
        command,
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
    if done.returncode != 0:
        raise DeviceError(f"{name}: {_first_error(done.stderr).removeprefix(f'{name}: ')}")


def _first_error(messages: str) -> str:
    lines = [_LINKER.sub("", line) for line in messages.splitlines() if "collect2:" not in line]
    errors = (line for line in lines if any(mark in line for mark in _MARKS))
    return next(errors, lines[0] if lines else "failed without a message").strip()
