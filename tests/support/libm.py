"""The classes of device libm: what a normal draw passes to them, by kernels and by a C program."""

import subprocess
from functools import lru_cache

import numpy as np

from embinit._kernels.libm import DOUBLE, FDLIBM, FDLIBM_FUSED, cos_array, log_array

ARGUMENTS = range(2**24)
CLASSES = {"double": DOUBLE, "fdlibm": FDLIBM, "fdlibm_fused": FDLIBM_FUSED}
KERNELS = {"logf": log_array, "cosf": cos_array}
FUNCTIONS = [(function, libm) for function in KERNELS for libm in CLASSES]


def arguments(function, k):
    """What a draw of k passes to logf, or to cosf."""
    u = k.astype(np.float32) * np.float32(2**-24)
    return u if function == "logf" else np.float32(6.2831855) * u


def values(function, libm, k):
    """Bits of the kernel's results for the draws k."""
    out = np.empty(k.size, np.float32)
    KERNELS[function](CLASSES[libm], arguments(function, k), out)
    return out.view(np.uint32)


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

/* function, start, stop, stride: write the results for the draws from start to stop. */
int main(int argc, char **argv)
{
    static float results[65536];
    if (argc != 5) {
        return 1;
    }
    size_t function = strtoul(argv[1], NULL, 10);
    uint32_t start = (uint32_t)strtoul(argv[2], NULL, 10);
    uint32_t stop = (uint32_t)strtoul(argv[3], NULL, 10);
    uint32_t stride = (uint32_t)strtoul(argv[4], NULL, 10);
    size_t count = 0;
    for (uint32_t k = start; k < stop; k += stride) {
        float u = (float)(int32_t)k * 0x1p-24f;
        results[count++] = functions[function](function < 3 ? u : 6.2831855f * u);
        if (count == 65536 || k + stride >= stop) {
            if (fwrite(results, sizeof results[0], count, stdout) != count) {
                return 1;
            }
            count = 0;
        }
    }
    return 0;
}
"""


@lru_cache(maxsize=1)
def _kernel(function, libm, draws):
    """The draws and the kernel's results, which one compiler after the other is compared with."""
    k = np.arange(draws.start, draws.stop, draws.step)
    return k, values(function, libm, k)


def first_difference(program, function, libm, draws):
    """The first draw of a range whose C result is not the kernel's: (k, C bits, kernel bits), or None."""
    command = [program, *map(str, [FUNCTIONS.index((function, libm)), draws.start, draws.stop, draws.step])]
    twin = np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, np.uint32)
    assert len(draws) == twin.size
    k, kernel = _kernel(function, libm, draws)
    different = np.flatnonzero(twin != kernel)
    return tuple(int(each[different[0]]) for each in (k, twin, kernel)) if different.size else None
