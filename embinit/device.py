"""Device: compile a model's init code for a core, run it there, and read its buffers back."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embinit import codegen
from embinit.bundle import Bundle
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.errors import EmbinitError, check_known, listed
from embinit.targets import TARGETS
from embinit.targets.device_error import DeviceError

if TYPE_CHECKING:
    from embinit.targets import gcc_qemu, zig_unicorn

TOOLCHAINS = ("zig", "gcc")


def run(
    bundle: Bundle,
    toolchain: str = "zig",
    source: Sequence[str | Path] = (),
    entry: str | None = None,
    cflags: Sequence[str] = (),
) -> dict[str, bytes]:
    """Return what init code leaves in each buffer, and beside its codes, on the emulated core of the model's target.

    The code is the generated <name>_init.c with the C library; or, where they are given, C files of the user's and
    their function `void entry(const <name>_buffers *buffers, uint32_t seed)`, which may include <name>_init.h and
    embinit.h. Toolchain zig is zig cc and Unicorn; gcc is arm-none-eabi-gcc, newlib and QEMU. cflags follow -O2, and
    win. Raises EmbinitError when the target has no emulated core, and DeviceError when a tool is missing or fails.
    """
    check_known("toolchain", toolchain, TOOLCHAINS)
    _check_foreign(source, entry)
    model = bundle.plan.model
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        folder = Path(scratch)
        texts = {f"{model.name}_init.h": codegen.init_header(bundle), "firmware.c": codegen.firmware(bundle, entry)}
        if entry is None:
            texts[f"{model.name}_init.c"] = codegen.init_source(bundle)
        else:  # behind a declaration, so that another signature does not compile
            head = f'#include "{model.name}_init.h"\n{codegen.init_signature(bundle, entry)};\n'
            texts |= {f"source{i}.c": f'{head}#include "{Path(path).resolve()}"\n' for i, path in enumerate(source)}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        sources = [*SOURCES, *(folder / name for name in texts if name.endswith(".c"))]
        try:
            machine = _machine(toolchain, bundle, sources, folder, cflags)
        except DeviceError as error:
            raise _explained(error, bundle, entry) from None
        for each in bundle.arrays:
            machine.write(f"device_{each.identifier}", b"\xa5" * len(each.payload))
        machine.call("firmware_main", model.seed & 0xFFFFFFFF)
        return {each.name: machine.read(f"device_{each.identifier}") for each in bundle.arrays}


def default_toolchain(source: Sequence[str | Path] = ()) -> str:
    """Return zig for generated code; for C files of the user's gcc, as targets were measured with it, where it is.

    Generated code has the same bits by any compiler, which code of the user's need not have.
    """
    from embinit.targets.gcc_qemu import PACKAGES

    return "gcc" if source and all(map(shutil.which, PACKAGES)) else "zig"


def _check_foreign(source: Sequence[str | Path], entry: str | None) -> None:
    if bool(source) != (entry is not None):
        raise EmbinitError(f"source and entry need one another, got {listed(source) or 'no source'} and {entry!r}")
    if entry is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", entry):
        raise EmbinitError(f"entry must be a C identifier, got {entry!r}")
    for path in source:
        if not Path(path).is_file():
            raise EmbinitError(f"{path}: is not a file")


def _machine(
    toolchain: str, bundle: Bundle, sources: Sequence[Path], folder: Path, flags: Sequence[str]
) -> "gcc_qemu.Machine | zig_unicorn.Machine":
    """Build a firmware in a folder and load it into the emulated core of a bundle's target."""
    from embinit.targets import gcc_qemu, zig_unicorn

    target, cores = bundle.plan.model.target, gcc_qemu.BOARDS if toolchain == "gcc" else zig_unicorn.EMULATIONS
    if target not in cores:
        emulated = listed(name for name in TARGETS if name in cores)
        raise EmbinitError(f"target {target} is not an emulated device; name one with --device: {emulated}")
    elf, include = folder / "firmware.elf", [C_DIRECTORY, folder]
    if toolchain == "gcc":
        board, keep = gcc_qemu.BOARDS[target], ["firmware_main", *(f"device_{a.identifier}" for a in bundle.arrays)]
        gcc_qemu.build(gcc_qemu.command(board, flags), sources, board, elf, include=include, keep=keep)
        return gcc_qemu.Machine(elf, board)
    emulation = zig_unicorn.EMULATIONS[target]
    zig_unicorn.build(sources, emulation, elf, include=include, flags=flags)
    return zig_unicorn.Machine(elf, emulation)


def _explained(error: DeviceError, bundle: Bundle, entry: str | None) -> DeviceError:
    """Add to a compiler's or linker's error what the entry must be, or which toolchain has the header."""
    about = rf"(undefined (reference to|symbol:?)|conflicting types for|static declaration of) [`'\"]?{entry}\b"
    if entry is not None and re.search(about, str(error)):
        return DeviceError(f"{error}; the entry must be: {codegen.init_signature(bundle, entry)}")
    if str(error).startswith("zig") and str(error).endswith("file not found"):
        return DeviceError(f"{error}; zig cc comes without a C library, toolchain gcc with one")
    return error
