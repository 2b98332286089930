"""Builds: a compiler, a target and flags; and those that this machine can make and run."""

import importlib.util
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.targets import TARGETS, gcc_qemu, simavr, zig_unicorn
from embinit.targets.host_gcc import HOSTS, has_fma

COMPILERS = ("gcc", "clang", "zig")
#: What firmware is usually built with, and what tells most about its code.
FLAG_SETS = ("-O0", "-O1", "-O2", "-Os", "-O2 -std=c11", "-O2 -ffast-math")
#: Emulated cores whose long has 64 bits.
WIDE = ("riscv64", "aarch64")


@dataclass(frozen=True)
class Build:
    """A compiler, the target that it builds for, and its flags."""

    target: str
    compiler: str
    flags: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.target, self.compiler, *self.flags])

    @property
    def on_host(self) -> bool:
        """Whether this machine itself runs it."""
        return self.target in HOSTS

    @property
    def integers(self) -> tuple[int, int]:
        """The bits of int and of long."""
        return TARGETS[self.target].int_bits, 64 if self.on_host or self.target in WIDE else 32

    @property
    def double_bits(self) -> int:
        """The bits of double."""
        return TARGETS[self.target].double_bits


def builds(
    targets: Sequence[str] | None = None,
    compilers: Sequence[str] | None = None,
    flag_sets: Sequence[str] = FLAG_SETS,
) -> list[Build]:
    """Return the builds of all sets of flags that can be made and run here, by target and compiler; by default with
    every compiler, for the first target of each kind of arithmetic. What is asked for by name and cannot be had is an
    error.
    """
    for name in targets or ():
        check_known("target", name, TARGETS)
    for name in compilers or ():
        check_known("compiler", name, COMPILERS)
    found = [
        (target, compiler)
        for target in (_kinds() if targets is None else TARGETS)
        if targets is None or target in targets
        for compiler in COMPILERS
        if (compilers is None or compiler in compilers) and _is_here(target, compiler)
    ]
    missing = [name for name in targets or () if name not in {target for target, _ in found}]
    missing += [name for name in compilers or () if name not in {compiler for _, compiler in found}]
    if missing or not found:
        raise EmbinitError(
            f"no build of {listed(missing) or 'any target'} can be made and run here: cores need arm-none-eabi-gcc and "
            "qemu-system-arm, or pip install 'embinit[device]'; this machine needs gcc or clang"
        )
    return [Build(*where, flags) for where in found for flags in map(_words, flag_sets)]


def _kinds() -> list[str]:
    """Return the first target, of those run here, of each arithmetic, C library and widths of integers; no AVR, whose
    RAM holds small models only.
    """
    kinds: dict[object, str] = {}
    for target in TARGETS.values():
        if target.isa != "avr" and any(_is_here(target.name, compiler) for compiler in COMPILERS):
            integers = Build(target.name, "", ()).integers
            kinds.setdefault(
                (target.multiply_add, target.libm, target.rand, target.fuses_double, integers), target.name
            )
    return list(kinds.values())


def _words(flags: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(flags))
    except ValueError as error:
        raise EmbinitError(f"--flags must be flags as in a shell, got {shown(flags)}: {error}") from None


def _is_here(target: str, compiler: str) -> bool:
    """Whether a compiler for a target is installed, and what runs its code."""
    if target in HOSTS:
        return compiler != "zig" and shutil.which(compiler) is not None and (not HOSTS[target] or has_fma())
    if TARGETS[target].isa == "avr":
        return compiler == "gcc" and simavr.is_installed()
    if compiler == "gcc":
        return target in gcc_qemu.BOARDS and gcc_qemu.is_installed(gcc_qemu.BOARDS[target].system)
    wheels = all(importlib.util.find_spec(wheel) for wheel in ("ziglang", "unicorn", "elftools"))
    return compiler == "zig" and target in zig_unicorn.EMULATIONS and wheels
