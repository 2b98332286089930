"""Requests to a C program and the answers of the kernels: MT19937 and PyTorch's fills."""

import math
import random

import numpy as np

from embinit._kernels import pytorch as kernels
from embinit.bitgen.mt19937 import MT19937
from embinit.clib import C_DIRECTORY

from support.torch_calls import standing_before, untempered

UNITS = [C_DIRECTORY / f"embinit_{name}.c" for name in ("mt19937", "pytorch", "normal", "libm", "fma", "distributions")]
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
    return lambda generator, out: kernels.normal(
        generator.kind, generator.words, True, out.size >= kernels.LARGE, mean, std, math.nan, out
    )


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
