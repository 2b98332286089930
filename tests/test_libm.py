"""The three classes of device libm, over all 2^24 arguments of a normal draw: kernels against the recorded tables of
eight device builds, C twins against the kernels.
"""

import subprocess
import zlib
from functools import cache

import numpy as np
import pytest

from embinit._kernels.libm import DOUBLE, FDLIBM, FDLIBM_FUSED, cos_array, log_array

from compilers import HOST_COMPILERS, compile_program
from recorded import VECTORS, cases, words

ARGUMENTS = 2**24
BLOCK = 65536
CLASSES = {"double": DOUBLE, "fdlibm": FDLIBM, "fdlibm_fused": FDLIBM_FUSED}
KERNELS = {"logf": log_array, "cosf": cos_array}
FUNCTIONS = [(function, libm) for function in KERNELS for libm in CLASSES]
PLATFORMS = [
    ("x86", "double"),
    ("x86fma", "double"),
    ("m7", "double"),
    ("m7_nofma", "double"),
    ("m0", "fdlibm"),
    ("m3", "fdlibm"),
    ("m4f", "fdlibm_fused"),
    ("m4f_nofma", "fdlibm_fused"),
]


def arguments(function, k):
    """What a draw of k passes to logf, or to cosf."""
    u = k.astype(np.float32) * np.float32(2**-24)
    return u if function == "logf" else np.float32(6.2831855) * u


def values(function, libm, k):
    """Bits of the kernel's results for the draws k."""
    out = np.empty(k.size, np.float32)
    KERNELS[function](CLASSES[libm], arguments(function, k), out)
    return out.view(np.uint32)


# ---- Kernels ----


@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
def test_every_block_of_the_recorded_table(function, libm):
    recorded_on = next(name for name, its_class in PLATFORMS if its_class == libm)
    with np.load(VECTORS / "odt" / "libm.npz") as recorded:
        expected = recorded[f"libm_tables/{function}_block_crc32@{recorded_on}"]

    computed = [zlib.crc32(values(function, libm, np.arange(k, k + BLOCK))) for k in range(0, ARGUMENTS, BLOCK)]

    assert expected.tolist() == computed


@pytest.mark.parametrize(("name", "libm"), PLATFORMS)
def test_every_recorded_platform_belongs_to_its_class(name, libm):
    (case,) = (case for case in cases("libm") if "seed" in case["inputs"])
    out = np.empty(case["inputs"]["n"], np.float32)

    for kernel, argument, result in ((log_array, "u1", "logf_u1"), (cos_array, "angle", "cosf_angle")):
        kernel(CLASSES[libm], words(case, argument, name).view(np.float32), out)

        assert words(case, result, name).tolist() == out.view(np.uint32).tolist()


# ---- C twins ----

FLAGS = {"-O0": ["-O0", "-march=native"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}
# One unit of all the C: a compiler then sees into the multiply-adds, and could fuse whatever is not proof against it.
PROGRAM = """
#include "embinit_fma.c"
#include "embinit_libm.c"

#include <stdio.h>
#include <stdlib.h>

static float (*const functions[])(float) = {
    embinit_logf_double, embinit_logf_fdlibm, embinit_logf_fdlibm_fused,
    embinit_cosf_double, embinit_cosf_fdlibm, embinit_cosf_fdlibm_fused,
};

/* function, count, stride: write the results for the draws i * stride modulo 2^24. */
int main(int argc, char **argv)
{
    static float results[65536];
    if (argc != 4) {
        return 1;
    }
    size_t function = strtoul(argv[1], NULL, 10);
    uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);
    uint32_t stride = (uint32_t)strtoul(argv[3], NULL, 10);
    for (uint32_t i = 0; i < count; i++) {
        float u = (float)(int32_t)(i * stride & 0xffffffu) * 0x1p-24f;
        results[i % 65536] = functions[function](function < 3 ? u : 6.2831855f * u);
        if (i % 65536 == 65535 && fwrite(results, sizeof results, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Return a function that builds the program, once for each compiler and flags."""

    @cache
    def build(compiler, *flags):
        folder = tmp_path_factory.mktemp("twins")
        (folder / "main.c").write_text(PROGRAM)
        return compile_program(compiler, [folder / "main.c"], folder / "main", *flags)

    return build


def first_difference(program, function, libm, count, stride):
    """The first draw whose C result is not the kernel's: (k, C bits, kernel bits), or None."""
    index = str(FUNCTIONS.index((function, libm)))
    run = subprocess.run([program, index, str(count), str(stride)], stdout=subprocess.PIPE, check=True)
    twin = np.frombuffer(run.stdout, np.uint32)
    assert count == twin.size
    k = np.arange(count, dtype=np.int64) * stride % ARGUMENTS
    kernel = values(function, libm, k)
    different = np.flatnonzero(twin != kernel)
    return tuple(int(each[different[0]]) for each in (k, twin, kernel)) if different.size else None


@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_twins_on_every_argument(twins, compiler, flags, function, libm):
    assert first_difference(twins(compiler, *FLAGS[flags]), function, libm, ARGUMENTS, 1) is None


@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_twins_under_sanitizers_on_every_sixteenth_argument(twins, compiler, function, libm):
    program = twins(compiler, "-O1", *HOST_COMPILERS[compiler])

    assert first_difference(program, function, libm, ARGUMENTS // 16, 16) is None
