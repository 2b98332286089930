"""Builds of a person's C, and how each rounds."""

from embinit.expressions import Arithmetic
from embinit.targets import boards

SEPARATE, FUSED, WRITTEN = (Arithmetic(name) for name in ("separate", "fused", "fused-expression"))
FUSED_X86 = Arithmetic("fused", fuses_negation=True)
PLAIN = {
    "gcc": (["gcc", "-O2", "-std=gnu11", "-w"], SEPARATE),
    "gcc-O0": (["gcc", "-O0", "-std=gnu11", "-w"], SEPARATE),
    "gcc-fma": (["gcc", "-O2", "-std=gnu11", "-march=x86-64-v3", "-w"], FUSED_X86),
    "clang-fma": (["clang", "-O2", "-std=gnu11", "-march=x86-64-v3", "-w"], WRITTEN),
}
BOARDS = {
    "cortex-m0": Arithmetic("separate", "fdlibm"),
    "cortex-m4f": Arithmetic("fused", "fdlibm-fused", fuses_double=False, hoists=False),
    "cortex-m7": Arithmetic("fused", "double", hoists=False),
    "cortex-a7": Arithmetic("fused", "double"),
    "aarch64": Arithmetic("fused", "double", fuses_negation=True),
    "riscv32imafc": Arithmetic("fused", "fdlibm", fuses_double=False, fuses_negation=True, roots_branch=False),
    "riscv64": Arithmetic("fused", "fdlibm", fuses_negation=True, roots_branch=False),
}


def tools_of(target):
    """Return the programs that a target of BOARDS needs."""
    system = boards.BOARDS[target].system
    return system.compiler, system.emulator
