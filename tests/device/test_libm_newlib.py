"""The kernels and the C twins against newlib's own logf and cosf on emulated boards, for one draw in thirty-two."""

import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from embinit.clib import C_DIRECTORY

from support.libm import values

COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
BLOCK = 4096
BLOCKS = 128
FLASH = 0
SECURE_FLASH = 0x10000000
BOARDS = {  # core -> class, board, address of its code, compiler flags
    "cortex-m0": ("fdlibm", "mps2-an385", FLASH, ["-mcpu=cortex-m0"]),
    "cortex-m3": ("fdlibm", "mps2-an385", FLASH, ["-mcpu=cortex-m3"]),
    "cortex-m4f": ("fdlibm_fused", "mps2-an386", FLASH, ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]),
    "cortex-m7": ("double", "mps2-an500", FLASH, ["-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"]),
    "cortex-m33": (
        "fdlibm_fused", "mps2-an505", SECURE_FLASH, ["-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"],
    ),
}  # fmt: skip

LAYOUT = """
MEMORY
{
    code (rx) : ORIGIN = FLASH, LENGTH = 4M
    data (rw) : ORIGIN = RAM, LENGTH = 4M
}
SECTIONS
{
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > code
    .exidx : { *(.ARM.exidx*) } > code
    .data : { *(.data*) } > data
    .bss : { *(.bss*) *(COMMON) } > data
}
"""

# The emulator loads .data where it lies and starts with a cleared .bss, so there is nothing to copy.
PROGRAM = """
#include <math.h>
#include "embinit.h"
#include "embinit_libm.h"

#define BLOCK 4096
#define BLOCKS 128

static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print_hex(uint32_t word, char end)
{
    char text[10];
    for (int i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[(word >> (28 - 4 * i)) & 15u];
    }
    text[8] = end;
    text[9] = 0;
    semihosting(0x04, text);
}

static uint32_t bits_of(float value)
{
    union { float value; uint32_t bits; } both;
    both.value = value;
    return both.bits;
}

static float results[BLOCK];
static uint32_t differences;

/* Call newlib and the twin for the draws 32 i + i % 32 of a block; print the CRC32 of what newlib returned. */
static void evaluate(uint32_t block, float scale, float (*newlib)(float), float (*twin)(float), char end)
{
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint32_t k = (block * BLOCK + i) * 32 + i % 32;
        float x = scale * ((float)k * 0x1p-24f);
        results[i] = newlib(x);
        differences += bits_of(results[i]) != bits_of(twin(x));
    }
    print_hex(embinit_crc32(0, results, sizeof results), end);
}

__attribute__((noinline)) static void run(void)
{
    for (uint32_t block = 0; block < BLOCKS; block++) {
        evaluate(block, 1.0f, logf, LOGF_TWIN, ' ');
        evaluate(block, 6.2831855f, cosf, COSF_TWIN, '\\n');
    }
    print_hex(differences, '\\n');
    semihosting(0x18, (const void *)0x20026); /* exit: no error */
}

static void reset(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: full access to the FPU */
    __asm__ volatile("dsb\\n isb");
#endif
    run();
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {RAM + 0x400000u, (uintptr_t)reset};
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)), reason=f"needs {COMPILER} and {EMULATOR}"
)


def run_on_board(folder: Path, libm: str, board: str, flash: int, flags: list[str]) -> list[int]:
    """Build the program with newlib, run it, and return the words that it printed."""
    (folder / "main.c").write_text(PROGRAM)
    ram = 0x80000000 if flash else 0x20000000
    (folder / "layout.ld").write_text(LAYOUT.replace("FLASH", hex(flash)).replace("RAM", hex(ram)))
    twins = [
        f"-DRAM={ram:#x}u",
        f"-DLOGF_TWIN=embinit_logf_{libm}",
        f"-DCOSF_TWIN=embinit_cosf_{libm}",
        f"-I{C_DIRECTORY}",
    ]
    options = ["-mthumb", *flags, "-O2", "-fno-builtin", *twins, "-nostartfiles", f"-T{folder / 'layout.ld'}"]
    sources = [folder / "main.c", *(C_DIRECTORY / f"embinit_{unit}.c" for unit in ("fma", "libm", "model"))]
    image = folder / "main.elf"
    subprocess.run([COMPILER, *options, *sources, "-lm", "-o", image], check=True)
    command = [EMULATOR, "-M", board, "-kernel", image, "-nographic", "-monitor", "none", "-serial", "none"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    run = subprocess.run([*command, *semihosting], capture_output=True, text=True, timeout=300, check=True)
    return [int(word, 16) for word in (run.stdout + run.stderr).split()]


@pytest.mark.parametrize("core", BOARDS)
def test_newlib_kernels_and_twins_agree(tmp_path, core):
    libm, board, flash, flags = BOARDS[core]

    *printed, differences = run_on_board(tmp_path, libm, board, flash, flags)

    i = np.arange(BLOCK * BLOCKS).reshape(BLOCKS, BLOCK)
    expected = [[zlib.crc32(values(function, libm, k)) for function in ("logf", "cosf")] for k in i * 32 + i % 32]
    assert expected == np.reshape(printed, (BLOCKS, 2)).tolist()
    assert differences == 0
