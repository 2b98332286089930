"""Emulated cores: those on which the C library is tested one by one, and one more of each other instruction set."""

CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33", "riscv32imac")
#: Their first use compiles zig's runtime library, which takes seconds; the other cores differ from these in flags.
OTHERS = ("riscv32imafc", "riscv64", "aarch64", "cortex-a7")
