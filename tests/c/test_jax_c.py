"""The C twins of JAX's values: the kernels' bits for every mantissa, by each compiler, under -ffast-math too."""

import subprocess
from functools import cache

import numpy as np
import pytest

from embinit._kernels import jax
from embinit.bitgen import Threefry2x32
from embinit.distributions import BoundedNormal, Normal, ScaledUniform, TruncatedNormal, Uniform
from embinit.samplers import Jax
from embinit.samplers.jax import ARITHMETICS, recipe
from embinit.targets import build_of

from support.compilers import HOST_COMPILERS, compile_program
from support.sweeps import swept

MANTISSAS = range(2**23)
SAMPLE = MANTISSAS[: 65536 * 127 : 127]
DISTRIBUTIONS = [
    Uniform(-0.05, 0.05), ScaledUniform(-0.3, 0.3), Normal(0.0, 0.37), TruncatedNormal(0.0, 0.65),
    BoundedNormal(1.5, -6.0, 7.0),
]  # fmt: skip
# One unit of all the C: a compiler then sees into the multiply-adds, and could fuse whatever is not proof against it.
PROGRAM = """
#include "embinit_fma.c"
#include "embinit_normal.c"
#include "embinit_jax.c"

#include <stdio.h>
#include <stdlib.h>

static uint32_t word, stride;
static uint32_t next_word(void *state)
{
    uint32_t drawn = word << 9;
    (void)state;
    word += stride;
    return drawn;
}

/* start, stop, stride, then a, b and the numbers of the rule; without lowest and highest it is uniform. */
int main(int argc, char **argv)
{
    static float results[8192];
    const embinit_source source = {next_word, 0};
    uint32_t numbers[10] = {0};
    for (int i = 1; i < argc; i++) {
        numbers[i - 1] = (uint32_t)strtoul(argv[i], NULL, 10);
    }
    const embinit_jax_uniform_rule uniform = {numbers[5], numbers[6], (uint8_t)numbers[7]};
    const embinit_jax_normal_rule normal = {numbers[5], numbers[6], numbers[7], numbers[8], (uint8_t)numbers[9]};
    word = numbers[0];
    stride = numbers[2];
    while (word < numbers[1]) {
        if (argc == 9) {
            embinit_jax_uniform(&source, &uniform, numbers[3], numbers[4], results, 8192);
        } else {
            embinit_jax_normal(&source, &normal, numbers[3], numbers[4], results, 8192);
        }
        if (fwrite(results, sizeof results, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""


class Mantissas(Threefry2x32):
    """Words whose upper 23 bits are those of a range, one after the other."""

    numbers = range(0)

    def draw(self, out):
        some = self.numbers[self.state[1] :][: out.size]
        out[:] = np.arange(some.start, some.stop, some.step, np.uint32) << 9
        self.advance(out.size)


def by_kernel(arithmetic, distribution, numbers):
    low, width, scale, factor, limits = recipe(distribution, jit=False)
    bitgen, out = Mantissas(0), np.empty(len(numbers), np.float32)
    bitgen.numbers = numbers
    if limits is None:
        jax.uniform(*bitgen.stream, arithmetic != "separate", low, width, scale, out)
    else:
        jax.normal(*bitgen.stream, ARITHMETICS.index(arithmetic), low, width, factor, limits, scale, out)
    return out.view(np.uint32)


def by_c(program, arithmetic, distribution, numbers):
    """What the program makes of the row that generated code has."""
    draw = Jax(arithmetic).c_draw(distribution, len(numbers), build_of("host"))
    *words, kind = draw.rule[1].split(", ")
    kinds = ("EMBINIT_SEPARATE", "EMBINIT_FUSED") if len(words) == 2 else (
        "EMBINIT_JAX_SEPARATE", "EMBINIT_JAX_FUSED", "EMBINIT_JAX_FUSED_0_6",
    )  # fmt: skip
    rule = [*(int(each.rstrip("u"), 16) for each in words), kinds.index(kind)]
    command = [str(program), *map(str, [numbers.start, numbers.stop, numbers.step, draw.a, draw.b, *rule])]
    return np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, np.uint32)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    @cache
    def build(compiler, *flags):
        folder = tmp_path_factory.mktemp("jax")
        (folder / "main.c").write_text(PROGRAM)
        return compile_program(compiler, [folder / "main.c"], folder / "main", *flags)

    return build


OPTIMIZED = ("-O3", "-march=native", "-ffp-contract=fast")
#: Every mantissa by one compiler in turn; a sample by each.
EVERY = [
    pytest.param(
        [*HOST_COMPILERS][(i + j) % len(HOST_COMPILERS)], arithmetic, distribution, id=f"{arithmetic}-{distribution}"
    )
    for i, arithmetic in enumerate(ARITHMETICS)
    for j, distribution in enumerate(DISTRIBUTIONS[2:4])
]


@pytest.mark.parametrize(("compiler", "arithmetic", "distribution"), EVERY)
def test_every_mantissa(program, compiler, arithmetic, distribution):
    mantissas = swept(MANTISSAS)
    twin = by_c(program(compiler, *OPTIMIZED), arithmetic, distribution, mantissas)
    assert np.array_equal(by_kernel(arithmetic, distribution, mantissas), twin)


@pytest.mark.parametrize("flags", [OPTIMIZED, ("-O2", "-ffast-math", "-march=native")], ids=" ".join)
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_a_sample_under_other_flags(program, compiler, arithmetic, flags):
    for distribution in DISTRIBUTIONS:
        twin = by_c(program(compiler, *flags), arithmetic, distribution, SAMPLE)
        assert np.array_equal(by_kernel(arithmetic, distribution, SAMPLE), twin)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_a_sample_under_sanitizers(program, compiler, arithmetic):
    for distribution in DISTRIBUTIONS:
        twin = by_c(program(compiler, "-O1", *HOST_COMPILERS[compiler]), arithmetic, distribution, SAMPLE[::8])
        assert np.array_equal(by_kernel(arithmetic, distribution, SAMPLE[::8]), twin)
