"""Code: a user's C, built and run, and what it leaves in the buffers."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Protocol

from embinit import codegen
from embinit.bundle import Bundle
from embinit.clib import C_DIRECTORY, SOURCES, amalgamated, sources_of
from embinit.matrix.builds import Build
from embinit.matrix.changes import SAME, UNCHANGED, Change
from embinit.matrix.widths import of_widths
from embinit.targets import TARGETS, gcc_qemu, simavr, zig_unicorn
from embinit.targets.device_error import DeviceError
from embinit.targets.host_gcc import FILL, HOSTS, Program, StrayWriteError
from embinit.targets.probe import macros_of

#: The function that calls the user's.
CALL = "embinit_matrix_call"
#: Without these a call with other arguments than the entry takes would only be warned of.
_STRICT = ("-Werror=implicit-function-declaration", "-Werror=incompatible-pointer-types")
#: What C leaves undefined, and conversions of a float that an integer cannot hold.
_SANITIZED = ("-O0", "-g", "-fsanitize=undefined,float-cast-overflow", "-fno-sanitize=float-divide-by-zero")
_SAYING = """\
__attribute__((weak)) const char *__ubsan_default_options(void);
__attribute__((weak)) const char *__ubsan_default_options(void) { return "log_path=said:print_stacktrace=0"; }
"""
_EMULATING = Lock()

#: Runs a build in buffers that were filled with a byte before, and returns what it leaves in each.
_Run = Callable[[int], dict[str, bytes]]


class _Machine(Protocol):
    def call(self, function: str, *arguments: int) -> object: ...
    def read(self, symbol: str) -> bytes: ...
    def write(self, symbol: str, data: bytes) -> None: ...


@dataclass
class Code:
    """C files of the user's, the entry that fills a model's buffers, flags that every build has, and a folder for
    builds.
    """

    bundle: Bundle
    sources: Sequence[Path]
    entry: str
    cflags: Sequence[str]
    folder: Path
    _library: tuple[Path, ...] = ()
    _with_same: bool = False
    _runs: dict[Build, _Run] = field(default_factory=dict)
    _known: dict[tuple[Build, Change], dict[str, bytes] | DeviceError] = field(default_factory=dict)

    def left(self, build: Build, change: Change = UNCHANGED) -> dict[str, bytes]:
        """Return what the code leaves in each buffer, in a process of its own or on an emulated core.

        Raises DeviceError if it does not build, or does not return.
        """
        key = build, change
        if key not in self._known:
            try:
                self._known[key] = self._built_and_run(build, change)
            except DeviceError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, DeviceError):
            raise found
        return found

    def _built_and_run(self, build: Build, change: Change) -> dict[str, bytes]:
        """Build with as little besides the code as it links with, because all of it takes longer."""
        libraries = iter((sources_of(self._texts), SOURCES))
        while True:
            try:
                return self._in_a_folder(build, change)
            except DeviceError as error:
                missing = re.search(r"undefined.*\b(embinit_\w+)", str(error))
                if missing is None:
                    raise
                if missing[1].startswith("embinit_same_") and not self._with_same:
                    self._with_same = True
                elif (library := next(libraries, None)) is not None:
                    self._library = library
                else:
                    raise

    def again(self, build: Build, fill: int = FILL) -> dict[str, bytes]:
        """Return what a build leaves when it is run again, in buffers that were filled with a byte before."""
        return self._runs[build](fill)

    def says(self, words: Iterable[str]) -> bool:
        """Return whether one of some words is in a source."""
        return any(re.search(rf"\b{word}\b", text) for word in words for text in self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        return [path.read_text(encoding="utf-8", errors="replace") for path in self.sources]

    @cached_property
    def undefined(self) -> list[str]:
        """What a compiler's sanitizer says of a run on this machine about behaviour that C leaves undefined, each place
        once; nothing if there is no such compiler.
        """
        for compiler in ("gcc", "clang"):
            build = Build("host", compiler, _SANITIZED)
            with suppress(DeviceError):
                folder = Path(tempfile.mkdtemp(dir=self.folder))
                sources = self._written(Change(head=_SAYING), folder)
                self._on_host(build, [*build.flags, *self.cflags], sources, folder)(FILL)
                said = "".join(path.read_text(errors="replace") for path in sorted(folder.glob("said.*")))
                found: dict[str, str] = {}
                for place, what in re.findall(r"^(?:.*/)?(.*:\d+):\d+: runtime error: (.*)$", said, re.MULTILINE):
                    found.setdefault(place, what)
                return [f"{place}: {what}" for place, what in found.items()]
        return []

    def _in_a_folder(self, build: Build, change: Change) -> dict[str, bytes]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            sources = self._written(change, folder, TARGETS[build.target].int_bits)
            flags = [*build.flags, *self.cflags, *_STRICT, *change.flags]
            run = (self._on_host if build.on_host else self._on_core)(build, flags, sources, folder)
            found = run(FILL)
        except DeviceError:
            shutil.rmtree(folder)
            raise
        if change == UNCHANGED:
            self._runs[build] = run
        else:
            shutil.rmtree(folder)
        return found

    def _written(self, change: Change, folder: Path, int_bits: int = 32) -> list[Path]:
        """Write the files of a build and return its sources, the one with the entry first."""
        name, whole = self.bundle.plan.model.name, amalgamated()["embinit.h"].decode()
        texts = {f"{name}_init.h": codegen.init_header(self.bundle), "embinit.h": whole}
        for i, source in enumerate(self.sources):
            path = of_widths(source, folder, change.widths, int_bits) if change.widths else source.resolve()
            texts[f"unit{i}.c"] = f'#include "{name}_init.h"\n{change.head}{self._around(i, path)}'
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8", errors="surrogateescape")
        same = change.sources if self._with_same else ()
        return [*(folder / file for file in texts if file.endswith(".c")), *same, *self._library]

    def _around(self, number: int, path: Path) -> str:
        """Return the text that includes a source, with what calls the entry after the first."""
        if number:
            return f'#include "{path}"\n'
        name = self.bundle.plan.model.name
        signature = codegen.init_signature(self.bundle, self.entry)
        declared = "" if self.entry == f"{name}_init" else f"{signature};\n"
        call = codegen.init_signature(self.bundle, CALL)
        return f'{declared}#include "{path}"\n{call};\n{call}\n{{\n    (void){self.entry}(buffers, seed);\n}}\n'

    def _on_host(self, build: Build, flags: Sequence[str], sources: Sequence[Path], folder: Path) -> _Run:
        arrays, model = self.bundle.arrays, self.bundle.plan.model
        first, *others = sources
        parameters = "".join(f"{array.ctype} *p{i}, " for i, array in enumerate(arrays))
        pointers = ", ".join(f"p{i}" for i in range(len(arrays)))
        (folder / "host.c").write_text(
            f'#include "{first}"\nstatic void on_host({parameters}uint32_t low, uint32_t high)\n{{\n'
            f"    const {model.name}_buffers buffers = {{{pointers}}};\n"
            f"    {CALL}(&buffers, (uint64_t)high << 32 | low);\n}}\n",
            encoding="utf-8",
        )
        words = [*HOSTS[build.target], *flags, f"-I{folder}", f"-I{C_DIRECTORY}", f"-I{SAME}", *map(str, others)]
        types = [array.ctype for array in arrays]
        program = Program.build(folder / "host.c", "on_host", types, 2, words, folder, build.compiler)
        sizes, seed = [len(array.payload) for array in arrays], [model.seed & 0xFFFFFFFF, _high(model.seed)]

        def run(fill: int) -> dict[str, bytes]:
            try:
                left = program.run(sizes, seed, fill)
            except StrayWriteError as stray:
                array = arrays[stray.buffer]
                place = f"{array.name}, which has {len(array.payload)} bytes"
                raise DeviceError(f"the code writes outside of {place}, at byte {stray.byte}") from None
            return {array.name: held for array, held in zip(arrays, left, strict=True)}

        return run

    def _on_core(self, build: Build, flags: Sequence[str], sources: Sequence[Path], folder: Path) -> _Run:
        elf, firmware = folder / "firmware.elf", folder / "firmware.c"
        firmware.write_text(codegen.firmware(self.bundle, CALL), encoding="utf-8")
        sources, include = [firmware, *sources], [folder, C_DIRECTORY, SAME]
        names = {array.name: f"device_{array.identifier}" for array in self.bundle.arrays}
        if TARGETS[build.target].isa == "avr":
            command = simavr.command(flags)
            return lambda fill: self._called(
                simavr.Machine(command, sources, include, macros_of(command), folder), names, fill
            )
        if build.compiler == "gcc":
            board, keep = gcc_qemu.BOARDS[build.target], ["firmware_main", *names.values()]
            gcc_qemu.build(gcc_qemu.command(board, flags), sources, board, elf, include=include, keep=keep)
            return lambda fill: self._called(gcc_qemu.Machine(elf, board), names, fill)
        emulation, libm = zig_unicorn.EMULATIONS[build.target], TARGETS[build.target].libm
        zig_unicorn.build(sources, emulation, elf, include=include, flags=flags, libm=libm)

        def run(fill: int) -> dict[str, bytes]:
            with _EMULATING:
                return self._called(zig_unicorn.Machine(elf, emulation), names, fill)

        return run

    def _called(self, machine: _Machine, names: Mapping[str, str], fill: int) -> dict[str, bytes]:
        for array in self.bundle.arrays:
            machine.write(names[array.name], bytes([fill]) * len(array.payload))
        seed = self.bundle.plan.model.seed
        machine.call("firmware_main", seed & 0xFFFFFFFF, _high(seed))
        return {name: machine.read(symbol) for name, symbol in names.items()}


def _high(seed: int) -> int:
    return seed >> 32 & 0xFFFFFFFF
