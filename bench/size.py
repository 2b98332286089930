"""Prints what the C library takes on a device: text, data and bss of each unit, and the stack of a whole fill."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

import embinit
from embinit import codegen
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.errors import EmbinitError
from embinit.initializers import Initializer
from embinit.initializers import normal as normal_values
from embinit.initializers import uniform as uniform_values
from embinit.plan import table
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

CORES = {
    "cortex-m0": ["-mcpu=cortex-m0", "-mthumb"],
    "cortex-m4f": ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
}
#: What uniform weights take, and what normal ones add to it.
UNIFORM = ("xorshift32", "pcg32", "fma", "distributions", "model")
NORMAL = ("libm", "normal")
#: Dialects whose whole init code is measured, with what they need of libgcc.
WHOLE = (
    *("portable", "torch", "kaun", "flax-nnx", "gomlx", "gomlx-xla"),
    *("keras-torch", "keras-tensorflow", "keras-jax", "numpy", "numpy-legacy", "mlx", "tinygrad"),
)
EXAMPLE = Path(__file__).parent.parent / "examples" / "har_classifier.toml"


def compiler(core: str) -> list[str]:
    """Return gcc's cross-compiler where it is installed, else zig's."""
    if shutil.which("arm-none-eabi-gcc"):
        return ["arm-none-eabi-gcc", *CORES[core]]
    emulation = EMULATIONS[core]
    return [sys.executable, "-m", "ziglang", "cc", "-target", emulation.triple, f"-mcpu={emulation.cpu}"]


def sizes(source: Path, core: str, folder: Path) -> tuple[int, int, int]:
    """Return the bytes of text (code and constants), data and bss of one unit at -Os."""
    unit = folder / "unit.o"
    subprocess.run([*compiler(core), "-std=c99", "-Os", "-c", source, "-o", unit], check=True)
    text = data = bss = 0
    with unit.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or section.name.startswith((".ARM", ".eh_frame")):
                continue
            if section["sh_type"] == "SHT_NOBITS":
                bss += section["sh_size"]
            elif section["sh_flags"] & SH_FLAGS.SHF_WRITE:
                data += section["sh_size"]
            else:
                text += section["sh_size"]
    return text, data, bss


def stack(core: str, folder: Path) -> int:
    """Return the bytes of stack that filling and checking the whole example takes on the emulated core."""
    bundle = gather(embinit.load(EXAMPLE, target=core).plan())
    name = bundle.plan.model.name
    (folder / f"{name}_init.h").write_text(codegen.init_header(bundle))
    (folder / f"{name}_init.c").write_text(codegen.init_source(bundle))
    (folder / "firmware.c").write_text(codegen.firmware(bundle))
    sources = [*SOURCES, folder / f"{name}_init.c", folder / "firmware.c"]
    emulation = EMULATIONS[core]
    machine = Machine(build(sources, emulation, folder / "firmware.elf", include=[C_DIRECTORY]), emulation)
    if machine.call("firmware_main", 42) != 1:
        sys.exit(f"{core}: the firmware's check failed")
    return machine.stack_used()


def linked(dialect: str, initializer: Initializer, folder: Path) -> int:
    """Return the bytes of text of a whole init that arm-none-eabi-gcc links for a Cortex-M0, with what libgcc adds."""
    layer = embinit.Linear(in_features=4, out_features=4, bias=False, weight_init=initializer)
    bundle = gather(embinit.Model("m", [layer], seed=1, dialect=dialect, target="cortex-m0").plan())
    (folder / "m_init.h").write_text(codegen.init_header(bundle))
    (folder / "m_init.c").write_text(codegen.init_source(bundle))
    (folder / "main.c").write_text(codegen.firmware(bundle) + "int main(void)\n{\n    return firmware_main(1);\n}\n")
    flags = ["-std=c99", "-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-nostartfiles"]
    command = [*compiler("cortex-m0"), *flags, "-Wl,-e,main", f"-I{C_DIRECTORY}", *SOURCES]
    subprocess.run([*command, folder / "m_init.c", folder / "main.c", "-o", folder / "m.elf"], check=True)
    with (folder / "m.elf").open("rb") as stream:
        sections = list(ELFFile(stream).iter_sections())
    loaded = (each for each in sections if each["sh_flags"] & SH_FLAGS.SHF_ALLOC and each["sh_type"] != "SHT_NOBITS")
    return sum(section["sh_size"] for section in loaded)


def main() -> None:
    """Print the table."""
    cells = [("core", "unit", "text", "data", "bss")]
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for core in CORES:
            measured = {unit.name: sizes(unit, core, Path(scratch)) for unit in SOURCES}
            cells += [(core, name, *map(str, size)) for name, size in measured.items()]
            uniform, normal = (sum(measured[f"embinit_{room}.c"][0] for room in rooms) for rooms in (UNIFORM, NORMAL))
            lines.append(f"{core}: {uniform} bytes of text for uniform weights, {normal} more for normal ones")
            lines.append(f"{core}: {stack(core, Path(scratch))} bytes of stack to fill and check {EXAMPLE.stem}")
        for dialect in WHOLE if shutil.which("arm-none-eabi-gcc") else ():
            for what, initializer in (("uniform", uniform_values(-1, 1)), ("normal", normal_values(0, 1))):
                with suppress(EmbinitError):  # tinygrad's normal values are not known
                    found = linked(dialect, initializer, Path(scratch))
                    lines.append(f"cortex-m0: {found} bytes for a whole init of {what} weights in {dialect}")
    print("\n".join([f"{compiler('cortex-m0')[0]} -Os; bytes", *table(cells), *lines]))


if __name__ == "__main__":
    main()
