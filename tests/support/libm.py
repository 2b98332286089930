"""The classes of device libm: what a normal draw passes to them, by kernels and by a C program."""

import subprocess
from functools import lru_cache

import numpy as np

from embinit._kernels.libm import DOUBLE, FDLIBM, FDLIBM_FUSED, cos_array, log_array

ARGUMENTS = 2**24
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


@lru_cache(maxsize=1)
def _kernel(function, libm, count, stride):
    """The draws and the kernel's results, which one compiler after the other is compared with."""
    k = np.arange(count, dtype=np.int64) * stride % ARGUMENTS
    return k, values(function, libm, k)


def first_difference(program, function, libm, count, stride):
    """The first draw whose C result is not the kernel's: (k, C bits, kernel bits), or None."""
    index = str(FUNCTIONS.index((function, libm)))
    run = subprocess.run([program, index, str(count), str(stride)], stdout=subprocess.PIPE, check=True)
    twin = np.frombuffer(run.stdout, np.uint32)
    assert count == twin.size
    k, kernel = _kernel(function, libm, count, stride)
    different = np.flatnonzero(twin != kernel)
    return tuple(int(each[different[0]]) for each in (k, twin, kernel)) if different.size else None
