"""The cores that toolchain zig builds for and Unicorn emulates."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Emulation:
    """How to build and run a target here.

    triple, cpu: what `zig cc` takes as -target and -mcpu.
    unicorn_cpu: the name of Unicorn's constant for the core.
    fpu: whether float arithmetic is instructions, not calls of the compiler's runtime library.
    """

    triple: str
    cpu: str
    unicorn_cpu: str
    fpu: bool


def _cortex_m(cpu: str, model: str, *, fpu: bool = False) -> Emulation:
    return Emulation(f"thumb-freestanding-eabi{'hf' if fpu else ''}", cpu, f"UC_CPU_ARM_CORTEX_{model}", fpu)


# zig's Cortex-M models have no FPU, whatever the triple says: each is named. Unicorn has no core with Armv8.1-M, whose
# loops and vectors zig would use: code for the Cortex-M55 and M85 is what it also is for a Cortex-M7.
EMULATIONS = {
    "cortex-m0": _cortex_m("cortex_m0", "M0"),
    "cortex-m0plus": _cortex_m("cortex_m0plus", "M0"),
    "cortex-m3": _cortex_m("cortex_m3", "M3"),
    "cortex-m4f": _cortex_m("cortex_m4+vfp4d16sp", "M4", fpu=True),
    "cortex-m7": _cortex_m("cortex_m7+fp_armv8d16", "M7", fpu=True),
    "cortex-m33": _cortex_m("cortex_m33+fp_armv8d16sp", "M33", fpu=True),
    "cortex-m4": _cortex_m("cortex_m4", "M4"),
    "cortex-m7-sp": _cortex_m("cortex_m7+fp_armv8d16sp", "M7", fpu=True),
    "cortex-m23": _cortex_m("cortex_m23", "M33"),
    "cortex-m33-nofp": _cortex_m("cortex_m33", "M33"),
    "cortex-m55": _cortex_m("cortex_m7+fp_armv8d16", "M7", fpu=True),
    "cortex-m85": _cortex_m("cortex_m7+fp_armv8d16", "M7", fpu=True),
    "riscv32imac": Emulation("riscv32-freestanding", "generic_rv32+m+a+c", "UC_CPU_RISCV32_SIFIVE_E31", fpu=False),
    "riscv32imafc": Emulation("riscv32-freestanding", "generic_rv32+m+a+f+c", "UC_CPU_RISCV32_SIFIVE_U34", fpu=True),
    "riscv64": Emulation("riscv64-freestanding", "generic_rv64+m+a+f+d+c", "UC_CPU_RISCV64_SIFIVE_U54", fpu=True),
    "aarch64": Emulation("aarch64-freestanding", "cortex_a53", "UC_CPU_ARM64_A53", fpu=True),
    "armv7-a": Emulation("arm-freestanding-eabihf", "cortex_a9-neon", "UC_CPU_ARM_CORTEX_A9", fpu=True),
    "cortex-a7": Emulation("arm-freestanding-eabihf", "cortex_a7-neon", "UC_CPU_ARM_CORTEX_A7", fpu=True),
}
