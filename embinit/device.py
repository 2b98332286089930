"""Device: compile a model's init code for a core, run it there, and read its buffers back."""

import re
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embinit import codegen
from embinit.bundle import Array, Bundle, gather
from embinit.cache import fetch, key_of, written
from embinit.clib import C_DIRECTORY, HEADERS, SOURCES, amalgamated, sources_of
from embinit.errors import EmbinitError, listed, shown
from embinit.plan import plan
from embinit.progress import say
from embinit.readback import Readback
from embinit.targets import MULTIPLY_ADDS, TARGETS, target_named
from embinit.targets.compilers import read_files
from embinit.targets.device_error import DeviceError
from embinit.targets.toolchains import is_command
from embinit.verify import Report, verify

if TYPE_CHECKING:
    from embinit.targets import gcc_qemu, simavr, zig_unicorn

TOOLCHAINS = ("zig", "gcc")
#: The bytes that buffers hold before init code runs.
FILLS = (0xA5, 0x5A)
BOARD_FILES = sorted((Path(str(files("embinit"))) / "targets").glob("*.[chl]*"))
_CONSTRUCTORS = next(path for path in BOARD_FILES if path.name == "constructors.c")


def run(
    bundle: Bundle,
    toolchain: str = "zig",
    source: Sequence[str | Path] = (),
    entry: str | None = None,
    cflags: Sequence[str] = (),
) -> Readback:
    """Return what init code leaves in each buffer, and in what is kept besides codes, on the emulated core of the
    model's target. Notes name the buffers, or count the elements, that the code never wrote.

    The code is the generated <name>_init.c with the C library, and with the C that generators, dialects and formats
    from outside bring. Or it is the user's: the C files in source, with the function
    `void entry(const <name>_buffers *buffers, uint32_t seed)`. They may include <name>_init.h and the library's
    headers, or embinit.h alone, which here declares everything; files that end in .cpp, .cc, .cxx or .C are C++.

    toolchain: "zig" is zig cc and Unicorn, with those functions of the C library that have the same bits everywhere;
    "gcc" is the cross-gcc of the target's core with its C library, and QEMU; anything else is the command of a
    compiler. cflags come after -O2, so they win. Firmware of generated code is not built again from the same input.

    Raises EmbinitError if the target has no emulated core, and DeviceError if a tool is missing or fails.
    """
    if toolchain not in TOOLCHAINS and not is_command(toolchain):
        raise EmbinitError(
            f"toolchain must be one of {listed(TOOLCHAINS)}, or the command of a compiler, got {shown(toolchain)}"
        )
    _check_foreign(source, entry)
    model = bundle.plan.model
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        before = ["embinit_construct"] if any(map(_is_cpp, source)) else []
        try:
            say(f"building for {model.target} with {toolchain}")
            load = _built(toolchain, bundle, source, entry, cflags, Path(scratch), before)
        except DeviceError as error:
            raise _explained(error, bundle, entry) from None

        def left(fill: int, run: str) -> dict[str, bytes]:
            core = f"the emulated {model.target}"
            say(f"loading it into {core}{run}")
            machine = load()
            for each in bundle.arrays:
                machine.write(f"device_{each.identifier}", bytes([fill]) * len(each.payload))
            for function in before:
                machine.call(function)
            say(f"running it on {core}{run}")
            machine.call("firmware_main", model.seed & 0xFFFFFFFF, model.seed >> 32 & 0xFFFFFFFF)
            say(f"reading what it left{run}")
            return {each.name: machine.read(f"device_{each.identifier}") for each in bundle.arrays}

        found = left(FILLS[0], "")
        if not any(_filled(each, found[each.name], FILLS[0]) for each in bundle.arrays):
            return Readback(found)
        # Code may have written the same bytes as the fill, so another one is tried.
        again = left(FILLS[1], ", from another content")
        return Readback(found, list(_unwritten(bundle, found, again)))


def _filled(array: Array, held: bytes, fill: int) -> int:
    """Return how many elements of an array still hold the fill."""
    elements = np.frombuffer(held, np.uint8).reshape(array.room, -1)
    return int((elements == fill).all(axis=1).sum())


def _unwritten(bundle: Bundle, found: Mapping[str, bytes], again: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a note about each array with elements that held the fill after both runs, so that no code wrote them."""
    for array in bundle.arrays:
        elements = [np.frombuffer(held[array.name], np.uint8).reshape(array.room, -1) for held in (found, again)]
        kept = [(each == fill).all(axis=1) for each, fill in zip(elements, FILLS, strict=True)]
        never = int((kept[0] & kept[1]).sum())
        if never == array.room:
            yield f"the code never wrote {array.name}"
        elif never:
            yield f"the code never wrote {never} of the {array.room} elements of {array.name}"


def default_toolchain(source: Sequence[str | Path] = (), target: str = "cortex-m0") -> str:
    """Return the toolchain that is used if none is named: zig, or gcc in two cases. For a target that zig does not
    build for there is only gcc. The user's own C files, whose bits may depend on the compiler, are built by gcc if it
    is installed, since the targets were measured with it.
    """
    from embinit.targets import gcc_qemu
    from embinit.targets.emulations import EMULATIONS

    name = target_named(target).name
    if name not in EMULATIONS:
        return "gcc"
    board = gcc_qemu.BOARDS.get(name)
    return "gcc" if source and board is not None and gcc_qemu.is_installed(board.system) else "zig"


def by_its_arithmetic(bundle: Bundle, found: Readback, report: Report, toolchain: str) -> tuple[Bundle, Report]:
    """Return the bundle and the report to show for code that differs from the model's bundle. If zig built the code and
    the other multiply-add fits it better, these are that one's; else they are the given ones. A note says in which
    multiply-add the code differs.

    What zig makes of a multiply-add says nothing about the device's compiler, so its code is compared with what zig
    does. The targets were measured with gcc, so a difference in gcc's build is one that the device has too.
    """
    model = bundle.plan.model
    said = model.build.multiply_add
    kind = next(each for each in MULTIPLY_ADDS if each != said)
    other = gather(plan(replace(model, multiply_add=kind)))
    as_built = verify(other, found, report.source.replace(f"multiply-add {said}", f"multiply-add {kind}"))
    does = {"fused": "fuses", "separate": "does not fuse"}[kind]
    if toolchain == "zig" and as_built.equal > report.equal:
        verdict = "the code is right, but" if as_built.agrees else f"compared with multiply_add = {kind}, since"
        note = f"{verdict} zig's compiler {does} multiply-adds here, unlike the model's target: "
        note += "--toolchain gcc builds as the target does"
        return other, replace(as_built, notes=(*as_built.notes, note))
    if not as_built.agrees:
        return bundle, report
    note = f"the code is right, but this build {does} multiply-adds, and the model file says {said}: "
    note += f'let it say multiply_add = "{kind}", or change the flags'
    return bundle, replace(report, notes=(*report.notes, note))


def _check_foreign(source: Sequence[str | Path], entry: str | None) -> None:
    if bool(source) != (entry is not None):
        raise EmbinitError(f"source and entry need one another, got {listed(source) or 'no source'} and {entry!r}")
    if entry is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", entry):
        raise EmbinitError(f"entry must be a C identifier, got {shown(entry)}")
    for path in source:
        if not Path(path).is_file():
            raise EmbinitError(f"{str(path)[:200]}: is not a file")
        if re.search(r'["\\\x00-\x1f]', str(Path(path).resolve())):
            raise EmbinitError(f"source: a path must have no quote, backslash or line break, got {str(path)[:200]!r}")


def _is_cpp(path: str | Path) -> bool:
    return Path(path).suffix in (".cpp", ".cc", ".cxx", ".C")


def _texts(bundle: Bundle, source: Sequence[str | Path], entry: str | None) -> dict[str, str]:
    """Return the generated files of a firmware: with the model's init code, or around the user's own."""
    name = bundle.plan.model.name
    texts = {f"{name}_init.h": codegen.init_header(bundle), "firmware.c": codegen.firmware(bundle, entry)}
    if entry is None:
        return texts | {f"{name}_init.c": codegen.init_source(bundle)}
    # After a declaration, so that another signature does not compile.
    texts["embinit.h"] = amalgamated()["embinit.h"].decode()
    head = f'#include "{name}_init.h"\n{codegen.init_signature(bundle, entry)};\n'
    for i, path in enumerate(source):
        suffix = ".cpp" if _is_cpp(path) else ".c"
        declared = head if suffix == ".c" else head.replace(f"void {entry}(", f'extern "C" void {entry}(')
        texts[f"source{i}{suffix}"] = f'{declared}#include "{Path(path).resolve()}"\n'
    return texts


def _built(
    toolchain: str,
    bundle: Bundle,
    source: Sequence[str | Path],
    entry: str | None,
    flags: Sequence[str],
    scratch: Path,
    before: list[str],
) -> "Callable[[], gcc_qemu.Machine | zig_unicorn.Machine | simavr.Machine]":
    """Build a firmware in a folder, and return the function that loads it into a new core of the bundle's target.

    before: functions that the caller will call first; it is emptied if the core's own startup code calls them.
    """
    from embinit.targets import gcc_qemu, simavr, toolchains, zig_unicorn
    from embinit.targets.compilers import words_of
    from embinit.targets.probe import macros_of

    model, texts = bundle.plan.model, _texts(bundle, source, entry)
    own = codegen.own_files(bundle) if entry is None else []
    # In a folder named by its content, zig finds again what it compiled there; the user's files it looks at itself.
    folder = written("sources", texts, scratch)
    files = [*own, *(folder / name for name in texts)]
    known = entry is None and not own
    library = sources_of(texts.values()) if known else SOURCES
    sources = [*library, *(path for path in files if path.suffix != ".h")]
    include = [*([] if entry is None else [folder]), C_DIRECTORY, *dict.fromkeys(path.parent for path in own)]
    elf = scratch / "firmware.elf"
    if toolchain == "zig":
        _check_emulated(model.target, toolchain, zig_unicorn.EMULATIONS)
        emulation, libm = zig_unicorn.EMULATIONS[model.target], None if entry is None else model.build.known_libm
        sources += [_CONSTRUCTORS] if before else []
        parts = [zig_unicorn.version(), repr(emulation), *flags]

        def by_zig(output: Path) -> None:
            zig_unicorn.build(sources, emulation, output, include=include, flags=flags, libm=libm)

        _fetched(by_zig, [*parts, *texts.values()], elf, known and not read_files(flags))
        return lambda: zig_unicorn.Machine(elf, emulation)
    if target_named(model.target).isa == "avr":
        command = simavr.command(flags) if toolchain == "gcc" else [*words_of(toolchain, "toolchain"), *flags]
        macros = macros_of(command)
        return lambda: simavr.Machine(command, sources, include, macros, scratch)
    if toolchain == "gcc":
        _check_emulated(model.target, toolchain, gcc_qemu.BOARDS)
        board = gcc_qemu.BOARDS[model.target]
        command = gcc_qemu.command(board, flags, model.libc)
    else:
        board, command = toolchains.board_and_command(toolchain, model.target)
        command += flags
    if not board.system.is_bare:
        before.clear()
    sources += [_CONSTRUCTORS] if before else []
    keep = ["firmware_main", *before, *(f"device_{array.identifier}" for array in bundle.arrays)]

    def by_gcc(output: Path) -> None:
        gcc_qemu.build(command, sources, board, output, include=include, keep=keep)

    parts = [gcc_qemu.identity(command), repr(board), *command, *texts.values()]
    _fetched(by_gcc, parts, elf, known and not read_files(command[1:]))
    return lambda: gcc_qemu.Machine(elf, board)


def _fetched(build: Callable[[Path], None], parts: Sequence[str], elf: Path, known: bool) -> None:
    """Build a firmware, or take it from the cache if everything that it is made from is known."""
    if known:
        fetch(
            "firmware",
            key_of([*parts, *(path.read_bytes() for path in (*SOURCES, *HEADERS, *BOARD_FILES))]),
            build,
            elf,
        )
    else:
        build(elf)


def _check_emulated(target: str, toolchain: str, cores: Container[str]) -> None:
    if target not in cores:
        emulated = listed(name for name in TARGETS if name in cores)
        raise EmbinitError(
            f"target {target} is not an emulated device; name one of toolchain {toolchain} with --device: {emulated}"
        )


def _explained(error: DeviceError, bundle: Bundle, entry: str | None) -> DeviceError:
    """Add to a compiler's or linker's error how the entry must be declared, or which toolchain has the header."""
    about = rf"(undefined (reference to|symbol:?)|conflicting types for|static declaration of) [`'\"]?{entry}\b"
    if entry is not None and re.search(about, str(error)):
        return DeviceError(f"{error}; the entry must be: {codegen.init_signature(bundle, entry)}")
    missing = r"file not found|call to undeclared|undefined symbol|no member named|use of undeclared"
    if str(error).startswith("zig") and re.search(missing, str(error)):
        return DeviceError(f"{error}; toolchain zig has little of a C library, toolchain gcc has newlib")
    if re.search(r"\bc?[a-z_]+: No such file or directory$", str(error)):
        return DeviceError(f"{error}; C++ headers are in Debian's libstdc++-arm-none-eabi-newlib")
    return error
