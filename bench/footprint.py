"""Measures what generated init code takes on a device, by core and feature: text, data and stack, in bytes.

`python bench/footprint.py` prints the table, `--check` compares it with footprint.csv and fails where something has
grown by more than 2 %, and `--write` puts what was measured there. Sizes are a compiler's: rows of another version, or
of a compiler that is not installed, are left as they are, and named.
"""

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

import embinit
from embinit import codegen
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.initializers import normal, uniform
from embinit.targets.boards import BOARDS
from embinit.targets.gcc_qemu import SECTIONS
from embinit.targets.zig_unicorn import EMULATIONS, Machine
from embinit.text import table

TABLE = Path(__file__).with_name("footprint.csv")
RAM_SCRIPT = Path(embinit.__file__).parent / "targets" / "ram.ld"
#: What ram.ld keeps though nothing refers to it; a firmware of a person's own keeps nothing.
KEPT = re.compile(r"KEEP\((\*\((?:[^()]|\([^()]*\))*\))\)")
CORES = ("cortex-m0", "cortex-m4f", "riscv32imac", "riscv32imafc")
#: The most that a number may grow, as a part of it.
GROWTH = 0.02
FEATURES = {
    "odt, uniform": {"weight_init": uniform(-1, 1)},
    "odt, normal": {"weight_init": normal(0, 1)},
    "portable, uniform": {"dialect": "portable", "weight_init": uniform(-1, 1)},
    "portable, normal": {"dialect": "portable", "weight_init": normal(0, 1)},
    "torch, uniform": {"dialect": "torch", "weight_init": uniform(-1, 1)},
    "jax, uniform": {"dialect": "flax-nnx"},
    "gomlx, uniform": {"dialect": "gomlx"},
    "keras-torch, uniform": {"dialect": "keras-torch"},
    "keras-tensorflow, uniform": {"dialect": "keras-tensorflow"},
    "numpy, normal": {"dialect": "numpy", "weight_init": normal(0, 1)},
    "int8 per channel": {"weight_format": "int8"},
    "sym8, groups of 8": {"weight_format": "sym8", "group_size": 8},
    "q7": {"weight_format": "q7"},
    "int4": {"weight_format": "int4"},
}


class Row(NamedTuple):
    """What a feature takes on a core, as a compiler builds it."""

    core: str
    feature: str
    compiler: str
    text: int
    data: int
    stack: int


def version(compiler: str) -> str:
    """Return the name and the version of a compiler."""
    done = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"{compiler} {done.stdout.strip()}"


def library(core: str, folder: Path) -> list[Path]:
    """Compile the C library for a core, with -Os, and return its objects."""
    subprocess.run([*command(core), "-c", *SOURCES], check=True, cwd=folder)
    return sorted(folder.glob("*.o"))


def command(core: str) -> list[str | Path]:
    """Return the compiler of a core and its flags."""
    board = BOARDS[core]
    specs = next(iter(board.system.libcs.values()))
    flags = [*board.system.flags, *board.flags, *SECTIONS, *specs]
    return [board.system.compiler, *flags, "-std=c99", "-Os", f"-I{C_DIRECTORY}"]


def measured(core: str, feature: str, objects: list[Path], folder: Path) -> Row:
    """Return what the init code and the check of a small model take, linked without what they do not use."""
    given: dict[str, Any] = dict(FEATURES[feature])
    dialect = given.pop("dialect", "odt")
    layer = embinit.Linear(name="fc", in_features=16, out_features=8, **given)
    bundle = gather(embinit.Model("m", [layer], dialect=dialect, target=core, seed=1).plan())
    texts = {
        "m_init.h": codegen.init_header(bundle),
        "m_init.c": codegen.init_source(bundle),
        "firmware.c": codegen.firmware(bundle),
        "m.ld": KEPT.sub(r"\1", RAM_SCRIPT.read_text(encoding="utf-8")),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    link = ["-nostartfiles", "-Tm.ld", "-Wl,--gc-sections", "-Wl,--undefined=firmware_main", "-Wl,-e,0"]
    subprocess.run(
        [*command(core), *link, "m_init.c", "firmware.c", *objects, "-o", "m.elf"],
        check=True,
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    text, data = loaded(folder / "m.elf", sum(len(each.payload) for each in bundle.arrays))
    machine = Machine(folder / "m.elf", EMULATIONS[core])
    if machine.call("firmware_main", 1, 0) != 1:
        sys.exit(f"{core}, {feature}: the firmware's check failed")
    return Row(core, feature, version(BOARDS[core].system.compiler), text, data, machine.stack_used())


def loaded(elf: Path, buffers: int) -> tuple[int, int]:
    """Return the bytes of code and constants, and of variables without the buffers themselves."""
    text = data = 0
    with elf.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and not section.name.startswith((".ARM", ".eh_frame")):
                if section["sh_flags"] & SH_FLAGS.SHF_WRITE:
                    data += section["sh_size"]
                else:
                    text += section["sh_size"]
    return text, data - buffers


def recorded() -> dict[tuple[str, str], Row]:
    """Return the table that is kept."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = [Row(*row[:3], *map(int, row[3:])) for row in list(csv.reader(file))[1:]]
    return {(row.core, row.feature): row for row in rows}


def grown(row: Row, kept: Row) -> list[str]:
    """Return what has grown too much against the table."""
    return [
        f"{row.core}, {row.feature}: {what} has grown from {before} to {now} bytes"
        for what, before, now in zip(Row._fields[3:], kept[3:], row[3:], strict=True)
        if now > before * (1 + GROWTH)
    ]


def main(arguments: list[str]) -> int:
    """Measure, and print, compare or write; return 1 where something has grown too much."""
    rows = list[Row]()
    for core in CORES:
        if which(BOARDS[core].system.compiler) is None:
            print(f"not measured: {core}, for which {BOARDS[core].system.compiler} is not installed")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            objects = library(core, Path(scratch))
            rows += [measured(core, feature, objects, Path(scratch)) for feature in FEATURES]
    print("\n".join(table([Row._fields, *(tuple(map(str, row)) for row in rows)])))
    kept = recorded() if TABLE.exists() else {}
    if "--write" in arguments:
        kept |= {(row.core, row.feature): row for row in rows}
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([Row._fields, *kept.values()])
        return 0
    if "--check" not in arguments:
        return 0
    found = list[str]()
    for row in rows:
        before = kept.get((row.core, row.feature))
        if before is None:
            found.append(f"{row.core}, {row.feature}: is not in {TABLE.name}")
        elif before.compiler != row.compiler:
            print(
                f"not compared: {row.core}, {row.feature}: {TABLE.name} has {before.compiler}, here is {row.compiler}"
            )
        else:
            found += grown(row, before)
    print(
        "\n".join([*found, "if that is meant: python bench/footprint.py --write"] if found else ["nothing has grown"])
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
