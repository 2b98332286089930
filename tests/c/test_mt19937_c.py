"""The C twins of MT19937 and PyTorch's fills beside their kernels: on the host under sanitizers, for every argument of
the polynomials, and on emulated cores with and without an FPU.
"""

import subprocess

import numpy as np
import pytest

from embinit.bitgen.mt19937 import MT19937
from embinit.clib import C_DIRECTORY
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

from support.compilers import HOST_COMPILERS, compile_program
from support.requests.mt19937 import ON_HOST, PROGRAM, UNITS, UNTOUCHED, normal, requests
from support.sweeps import swept
from support.torch_calls import untempered

FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}


EVERY_ARGUMENT = """
#include <stdio.h>
#include <stdlib.h>
#include "embinit_mt19937.h"

static uint32_t drawn, start, step, fixed;
static int angles;

/* Blocks of eight words for radii and eight for angles: one half counts up by steps, the other is fixed. */
static uint32_t next(void *state)
{
    (void)state;
    uint32_t i = drawn++;
    int second = (i & 8u) != 0;
    return second == angles ? start + step * (((i >> 4) << 3) + (i & 7u)) : fixed;
}

int main(int argc, char **argv)
{
    static float out[1u << 16];
    const embinit_source source = {next, 0};
    if (argc != 6) {
        return 1;
    }
    angles = atoi(argv[1]);
    fixed = (uint32_t)strtoul(argv[2], NULL, 10);
    start = (uint32_t)strtoul(argv[3], NULL, 10);
    step = (uint32_t)strtoul(argv[4], NULL, 10);
    uint32_t words = 2u * (uint32_t)strtoul(argv[5], NULL, 10);
    while (drawn < words) {
        embinit_torch_normal(&source, 0, 0, 0x3f800000u, out, 1u << 16);
        if (fwrite(out, sizeof out, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def asked():
    return list(requests())


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_on_the_host_under_sanitizers(compiler, flags, asked, tmp_path):
    (tmp_path / "main.c").write_text(PROGRAM + ON_HOST)
    options = [*FLAGS[flags], *HOST_COMPILERS[compiler]]
    program = compile_program(compiler, [tmp_path / "main.c", *UNITS], tmp_path / "twins", *options)
    stdin = b"".join(np.array([len(request), *request], np.uint32).tobytes() for request, _ in asked)
    done = subprocess.run([program], input=stdin, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    words = np.frombuffer(done.stdout, np.uint32).tolist()
    for request, answer in asked:
        assert words[: len(answer) + 2] == [len(answer), *answer, UNTOUCHED], request[:6]
        del words[: len(answer) + 2]
    assert not words


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_on_emulated_cores(core, asked, tmp_path):
    (tmp_path / "main.c").write_text(PROGRAM)
    elf = build([tmp_path / "main.c", *UNITS], EMULATIONS[core], tmp_path / "twins.elf", include=[C_DIRECTORY])
    machine = Machine(elf, EMULATIONS[core])
    for request, answer in asked:
        machine.write("request", np.array(request, np.uint32).tobytes())
        machine.write("answer", b"\xa5" * 2048 * 4)

        assert machine.call("run") == len(answer)
        got = np.frombuffer(machine.read("answer"), np.uint32).tolist()
        assert got[: len(answer) + 1] == [*answer, UNTOUCHED], request[:6]


@pytest.mark.parametrize(
    ("compiler", "angles", "fixed"),
    [(next(iter(HOST_COMPILERS)), False, 0), (next(reversed(HOST_COMPILERS)), True, 2**24 - 1)],
    ids=["radii", "angles"],
)
def test_every_argument_of_the_polynomials(compiler, angles, fixed, tmp_path):
    """All 2^24 radii at angle 0, whose cosine is 1; all 2^24 angles at the largest radius."""
    (tmp_path / "main.c").write_text(EVERY_ARGUMENT)
    program = compile_program(compiler, [tmp_path / "main.c", *UNITS], tmp_path / "every", *FLAGS["-O3"])
    arguments = swept(range(2**24))
    numbers = [int(angles), fixed, arguments.start, arguments.step, len(arguments)]
    generator, fill, compared = MT19937(0), normal(0.0, 1.0), 0
    with subprocess.Popen([program, *map(str, numbers)], stdout=subprocess.PIPE) as process:
        while chunk := process.stdout.read(2**12 * 624):
            twin = np.frombuffer(chunk, np.uint32)
            some = arguments[compared // 2 :][: twin.size // 2]
            k = np.arange(some.start, some.stop, some.step, np.uint32)
            constant = np.full(k.size, fixed, np.uint32)
            halves = (constant, k) if angles else (k, constant)
            words = untempered(np.stack([half.reshape(-1, 8) for half in halves], axis=1).reshape(-1))
            out = np.empty(twin.size, np.float32)
            for start in range(0, twin.size, 624):
                some = words[start : start + 624]
                generator.words[: some.size] = some
                generator.words[624] = 0
                fill(generator, out[start : start + 624])
            different = np.flatnonzero(twin != out.view(np.uint32))
            assert not different.size, (arguments, compared + different[0])
            compared += twin.size
    assert compared == 2 * len(arguments)


def test_sizes_of_the_generators(tmp_path):
    """What the header promises."""
    checks = "char a[sizeof(embinit_mt19937) == 2500 ? 1 : -1]; char b[sizeof(embinit_mt19937_small) == 28 ? 1 : -1];"
    (tmp_path / "main.c").write_text(
        f'#include "embinit_mt19937.h"\n{checks}\nint main(void) {{ return a[0] + b[0]; }}\n'
    )
    compiler = next(iter(HOST_COMPILERS))

    assert compile_program(compiler, [tmp_path / "main.c"], tmp_path / "sizes").is_file()
