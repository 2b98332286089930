"""Device: compile a model's generated C for a core, run it there, and read its buffers back."""

import tempfile
from importlib.resources import files
from pathlib import Path

from embinit import codegen
from embinit.bundle import Bundle
from embinit.errors import EmbinitError
from embinit.targets import TARGETS, target_named

C_DIRECTORY = Path(str(files("embinit"))) / "c"
#: The C library: what a firmware compiles with the generated code.
UNITS = ("embinit", "embinit_libm", "embinit_normal", "embinit_scaled")
SOURCES = tuple(C_DIRECTORY / f"{unit}.c" for unit in UNITS)
HEADERS = tuple(C_DIRECTORY / f"{unit}.h" for unit in UNITS)
#: Known answers for a new board; no part of a firmware.
SELFTEST = (C_DIRECTORY / "selftest.h", C_DIRECTORY / "selftest.c")


def run(bundle: Bundle) -> dict[str, bytes]:
    """Return what the model's init code leaves in each buffer on the emulated core of its target.

    The code is the generated <name>_init.c with the C library, compiled by zig cc and run by Unicorn. Raises
    EmbinitError when the target has no emulated core or a tool is missing.
    """
    from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

    model = bundle.plan.model
    if not target_named(model.target).emulated:
        emulated = ", ".join(name for name, target in TARGETS.items() if target.emulated)
        raise EmbinitError(f"target {model.target} is not an emulated device; name one with --device: {emulated}")
    emulation = EMULATIONS[model.target]
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        folder = Path(scratch)
        for name, text in {
            f"{model.name}_init.h": codegen.init_header(bundle),
            f"{model.name}_init.c": codegen.init_source(bundle),
            "firmware.c": codegen.firmware(bundle),
        }.items():
            (folder / name).write_text(text, encoding="utf-8")
        sources = [*SOURCES, folder / f"{model.name}_init.c", folder / "firmware.c"]
        machine = Machine(build(sources, emulation, folder / "firmware.elf", include=[C_DIRECTORY]), emulation)
        for entry in bundle.entries:
            machine.write(f"device_{entry.identifier}", b"\xa5" * len(entry.payload))
        machine.call("firmware_main", model.seed & 0xFFFFFFFF)
        return {entry.row.name: machine.read(f"device_{entry.identifier}") for entry in bundle.entries}
