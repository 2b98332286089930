"""The C twins of MT19937 and PyTorch's fills beside their kernels: on the host under sanitizers, for every argument of
the polynomials, and on emulated cores with and without an FPU.
"""

import math
import random
import subprocess

import numpy as np
import pytest

from embinit._kernels import pytorch as kernels
from embinit.bitgen.mt19937 import MT19937
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

from compilers import HOST_COMPILERS, compile_program
from test_torch_kernels import standing_before, untempered

FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}
WORDS, SMALL, UNIFORM, SYMMETRIC, NORMAL, SMALL_SYMMETRIC, GIVEN = range(7)
UNTOUCHED = 0xA5A5A5A5

PROGRAM = """
#include "embinit_mt19937.h"

uint32_t request[640];
uint32_t answer[2048];
uint32_t run(void);

static embinit_mt19937 generator;
static embinit_mt19937_small small;
static const embinit_source source = {embinit_mt19937_source, &generator};
static const embinit_source small_source = {embinit_mt19937_small_source, &small};

/* function, seed, n, a, b, multiply_add -> n words or the bits of n floats, and the words drawn next. */
uint32_t run(void)
{
    uint32_t n = request[2];
    uint32_t a = request[3];
    uint32_t b = request[4];
    float *out = (float *)(void *)answer;
    embinit_uniform_rule rule = {0, (uint8_t)request[5]};
    embinit_mt19937_seed(&generator, request[1]);
    embinit_mt19937_small_seed(&small, request[1]);
    switch (request[0]) {
    case 0:
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_mt19937_next(&generator);
        }
        break;
    case 1:
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_mt19937_small_next(&small);
        }
        return n;
    case 2:
        embinit_torch_uniform(&source, &rule, a, b, out, n);
        break;
    case 3:
        embinit_torch_symmetric(&source, 0, a, 0, out, n);
        break;
    case 4:
        embinit_torch_normal(&source, 0, a, b, out, n);
        break;
    case 5:
        embinit_torch_symmetric(&small_source, 0, a, 0, out, n);
        answer[n] = embinit_mt19937_small_next(&small);
        return n + 1;
    default:
        for (uint32_t i = 0; i < n; i++) {
            generator.words[i] = request[6 + i];
        }
        generator.position = 0;
        embinit_torch_normal(&source, 0, a, b, out, n);
        return n;
    }
    answer[n] = generator.position;
    answer[n + 1] = embinit_mt19937_next(&generator);
    return n + 2;
}
"""

ON_HOST = """
#include <stdio.h>

/* Requests as their length and their words; answers as their length, their words and the one behind them. */
int main(void)
{
    uint32_t length;
    while (fread(&length, sizeof length, 1, stdin) == 1) {
        if (fread(request, sizeof *request, length, stdin) != length) {
            return 1;
        }
        for (size_t i = 0; i < sizeof answer / sizeof *answer; i++) {
            answer[i] = 0xa5a5a5a5u;
        }
        uint32_t n = run();
        (void)fwrite(&n, sizeof n, 1, stdout);
        (void)fwrite(answer, sizeof *answer, n + 1, stdout);
    }
    return 0;
}
"""

EVERY_ARGUMENT = """
#include <stdio.h>
#include <stdlib.h>
#include "embinit_mt19937.h"

static uint32_t drawn;
static uint32_t fixed;
static int angles;

/* Blocks of eight words for radii and eight for angles: one half counts up, the other is fixed. */
static uint32_t next(void *state)
{
    (void)state;
    uint32_t i = drawn++;
    int second = (i & 8u) != 0;
    return second == angles ? ((i >> 4) << 3) + (i & 7u) : fixed;
}

int main(int argc, char **argv)
{
    static float out[1u << 16];
    const embinit_source source = {next, 0};
    if (argc != 3) {
        return 1;
    }
    angles = atoi(argv[1]);
    fixed = (uint32_t)strtoul(argv[2], NULL, 10);
    while (drawn < (1u << 25)) {
        embinit_torch_normal(&source, 0, 0, 0x3f800000u, out, 1u << 16);
        if (fwrite(out, sizeof out, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""


def bits(value):
    return int(np.float32(value).view(np.uint32))


def filled(seed, n, fill):
    """The answer to a fill: bits, the position of the stream, and the word drawn next."""
    generator, out = MT19937(seed), np.empty(n, np.float32)
    fill(generator, out)
    position = int(generator.words[624])
    return [*out.view(np.uint32).tolist(), position, *generator.random_raw(1).tolist()]


def uniform(low, high, fused):
    low, high = np.float32(low), np.float32(high)
    return lambda generator, out: kernels.uniform(generator.kind, generator.words, fused, low, high, out)


def normal(mean, std):
    return lambda generator, out: kernels.normal(generator.kind, generator.words, True, mean, std, math.nan, out)


def requests():
    """Requests and the answers of the kernels; the same every time."""
    chance = random.Random(3)
    for seed in (0, 1, 42, 0xFFFFFFFF, 0x80000000, chance.getrandbits(32)):
        for n in (0, 1, 227, 623, 624, 625, 1300):
            yield (
                [WORDS, seed, n, 0, 0, 0],
                filled(seed, n, lambda g, out: out.view(np.uint32).__setitem__(..., g.random_raw(out.size))),
            )
        words = MT19937(seed).random_raw(624).tolist()
        yield [SMALL, seed, 630, 0, 0, 0], [*words, *[0] * 6]
        for n in (0, 1, 16, 17, 33, 100):
            mean, std = bits(chance.uniform(-1, 1)), bits(chance.uniform(0, 2))
            answer = filled(seed, n, normal(*np.array([mean, std], np.uint32).view(np.float32).tolist()))
            if n < 16:
                answer = [*[UNTOUCHED] * n, 624, words[0]]
            yield [NORMAL, seed, n, mean, std, 0], answer
        for bounds in ((-0.577, 0.577), (-0.1, 0.3), (0.0, 1.0), (3.0, 1e6), (-0.0, 0.0), (2.0**24, 2.0**24 + 2)):
            low, high = map(bits, bounds)
            for fused in (False, True):
                yield [UNIFORM, seed, 150, low, high, int(fused)], filled(seed, 150, uniform(*bounds, fused))
        bound = chance.choice([2.0**-103, 2.0**126, chance.random(), 1e-30])
        answer = filled(seed, 600, uniform(-np.float32(bound), bound, True))
        yield [SYMMETRIC, seed, 600, bits(bound), 0, 0], answer
        yield [SMALL_SYMMETRIC, seed, 600, bits(bound), 0, 0], [*answer[:600], answer[-1]]
    for mean, std in ((0.0, 1.0), (-0.0, 1.0), (0.1, 0.3)):
        k = [0, 1, 2, 2**24 - 1, 2**23, 2**21, 2**22 + 1, 3 * 2**21 - 1]
        words = np.array([*k, *k[::-1], *k, *k, *[0] * 8, *k, *k, *[0] * 8], np.uint32)
        generator, out = standing_before(words), np.empty(words.size, np.float32)
        normal(mean, std)(generator, out)
        yield (
            [GIVEN, 0, words.size, bits(mean), bits(std), 0, *untempered(words).tolist()],
            out.view(np.uint32).tolist(),
        )


@pytest.fixture(scope="module")
def asked():
    return list(requests())


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_on_the_host_under_sanitizers(compiler, flags, asked, tmp_path):
    (tmp_path / "main.c").write_text(PROGRAM + ON_HOST)
    options = [*FLAGS[flags], *HOST_COMPILERS[compiler]]
    program = compile_program(compiler, [tmp_path / "main.c", *SOURCES], tmp_path / "twins", *options)
    stdin = b"".join(np.array([len(request), *request], np.uint32).tobytes() for request, _ in asked)
    done = subprocess.run([program], input=stdin, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    words = np.frombuffer(done.stdout, np.uint32).tolist()
    for request, answer in asked:
        assert words[: len(answer) + 2] == [len(answer), *answer, UNTOUCHED], request[:6]
        del words[: len(answer) + 2]
    assert not words


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_on_emulated_cores(core, asked, tmp_path):
    (tmp_path / "main.c").write_text(PROGRAM)
    elf = build([tmp_path / "main.c", *SOURCES], EMULATIONS[core], tmp_path / "twins.elf", include=[C_DIRECTORY])
    machine = Machine(elf, EMULATIONS[core])
    for request, answer in asked:
        machine.write("request", np.array(request, np.uint32).tobytes())
        machine.write("answer", b"\xa5" * 2048 * 4)

        assert machine.call("run") == len(answer)
        got = np.frombuffer(machine.read("answer"), np.uint32).tolist()
        assert got[: len(answer) + 1] == [*answer, UNTOUCHED], request[:6]


@pytest.mark.parametrize(("angles", "fixed"), [(False, 0), (True, 2**24 - 1)], ids=["radii", "angles"])
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_every_argument_of_the_polynomials(compiler, angles, fixed, tmp_path):
    """All 2^24 radii at angle 0, whose cosine is 1; all 2^24 angles at the largest radius."""
    (tmp_path / "main.c").write_text(EVERY_ARGUMENT)
    program = compile_program(compiler, [tmp_path / "main.c", *SOURCES], tmp_path / "every", *FLAGS["-O3"])
    generator, out = MT19937(0), np.empty(624, np.float32)
    fill = normal(0.0, 1.0)
    compared = 0
    with subprocess.Popen([program, str(int(angles)), str(fixed)], stdout=subprocess.PIPE) as process:
        while chunk := process.stdout.read(2**18 * 624):
            twin = np.frombuffer(chunk, np.uint32)
            k = np.arange(twin.size // 2, dtype=np.uint32) + np.uint32(compared // 2)
            constant = np.full(k.size, fixed, np.uint32)
            halves = (constant, k) if angles else (k, constant)
            words = untempered(np.stack([half.reshape(-1, 8) for half in halves], axis=1).reshape(-1))
            for start in range(0, twin.size, 624):
                some = words[start : start + 624]
                generator.words[: some.size] = some
                generator.words[624] = 0
                fill(generator, out[: some.size])
                assert np.array_equal(twin[start : start + 624], out[: some.size].view(np.uint32)), hex(
                    compared + start
                )
            compared += twin.size
    assert compared == 2**25


def test_sizes_of_the_generators(tmp_path):
    """What the header promises."""
    checks = "char a[sizeof(embinit_mt19937) == 2500 ? 1 : -1]; char b[sizeof(embinit_mt19937_small) == 28 ? 1 : -1];"
    (tmp_path / "main.c").write_text(
        f'#include "embinit_mt19937.h"\n{checks}\nint main(void) {{ return a[0] + b[0]; }}\n'
    )
    compiler = next(iter(HOST_COMPILERS))

    compile_program(compiler, [tmp_path / "main.c"], tmp_path / "sizes")
