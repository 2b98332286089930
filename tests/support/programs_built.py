"""The programs of tests/declared/programs: their layers, and what their C leaves in its buffers, by gcc and QEMU."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

import embinit
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.targets import gcc_qemu, zig_unicorn

from support.compilers import compile_program

FOLDER = Path(__file__).parents[1] / "declared" / "programs"
SEEDS = (1, 0x9E3779B9)
HOSTS = {"host": [], "x86-64-v3": ["-march=x86-64-v3"]}
CORES = ("cortex-m0", "cortex-m4f", "cortex-m7")


def names():
    return sorted(path.stem for path in FOLDER.glob("*.c"))


def model(name, target, seed):
    hidden = embinit.Linear(name="hidden", in_features=7, out_features=5)
    out = embinit.Linear(name="out", in_features=5, out_features=3)
    if name == "pcg_conv":
        hidden = embinit.Conv1d(name="conv", in_channels=2, out_channels=4, kernel_size=3)
        out = embinit.Linear(name="out", in_features=8, out_features=3)
    return embinit.Model(name, [hidden, out], seed, embinit.load_dialect(FOLDER / f"{name}.toml"), target)


def values(name, target, seed):
    """Return what embinit says of each buffer, as words."""
    return {key: words(array) for key, array in model(name, target, seed).init().items()}


def words(array):
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")


def sizes(name):
    """Return the bytes of each buffer by its symbol."""
    return {key.replace(".", "_"): array.nbytes for key, array in values(name, "host", 1).items()}


def _split(name, payloads):
    kind = np.uint64 if name.startswith("double") else np.uint32
    return {key.replace("_", "."): np.frombuffer(data, kind) for key, data in payloads.items()}


def on_host(name, target, folder):
    """Return the words of each seed, from gcc of this machine: a process of its own for each, as statics last."""
    source, program = folder / "main.c", folder / f"{name}-{target}"
    writes = "".join(f"    fwrite({key}, 1, sizeof {key}, stdout);\n" for key in sizes(name))
    source.write_text(
        f'#include <stdio.h>\n#include <stdlib.h>\n#include "{FOLDER / name}.c"\nint main(int n, char **words)\n{{\n'
        f"    init_network((uint32_t)strtoul(words[n - 1], 0, 10));\n{writes}    return 0;\n}}\n",
        encoding="utf-8",
    )
    compile_program("gcc", [source], program, "-O2", "-std=gnu11", *HOSTS[target], "-lm", warnings=())
    found = {}
    for seed in SEEDS:
        data = subprocess.run([str(program), str(seed)], check=True, capture_output=True).stdout
        payloads, start = {}, 0
        for key, size in sizes(name).items():
            payloads[key], start = data[start : start + size], start + size
        found[seed] = _split(name, payloads)
    return found


def on_core(name, target, folder):
    """Return the words of each seed, from arm-none-eabi-gcc -O2 and QEMU."""
    board = gcc_qemu.BOARDS[target]
    keep = ("init_network", *sizes(name))
    command = gcc_qemu.command(board, ())
    elf = gcc_qemu.build(command, [FOLDER / f"{name}.c"], board, folder / "p.elf", include=[], keep=keep)
    found = {}
    for seed in SEEDS:
        machine = gcc_qemu.Machine(elf, board)
        machine.call("init_network", ctypes.c_int32(seed).value & 0xFFFFFFFF)
        found[seed] = _split(name, {key: machine.read(key) for key in sizes(name)})
    return found


def on_emulated_core(name, folder):
    """Return the words of each seed, from zig and Unicorn: of a Cortex-M0, where no compiler fuses."""
    emulation = zig_unicorn.EMULATIONS["cortex-m0"]
    sources = [FOLDER / f"{name}.c", *SOURCES]
    elf = zig_unicorn.build(sources, emulation, folder / "z.elf", include=[C_DIRECTORY], libm="fdlibm")
    found = {}
    for seed in SEEDS:
        machine = zig_unicorn.Machine(elf, emulation)
        machine.call("init_network", ctypes.c_int32(seed).value & 0xFFFFFFFF)
        found[seed] = _split(name, {key: machine.read(key) for key in sizes(name)})
    return found
