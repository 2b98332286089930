"""Requests to a C harness and the answers of kernels and oracle: generators, multiply-adds, distributions."""

import zlib

import numpy as np

from embinit import Generator, Pcg32, Xorshift32, initializers
from embinit._kernels.fma import fma32
from embinit._kernels.jit import kernel
from embinit.samplers.scaled_integer import offset_and_scale
from embinit.targets import LIBMS

from support import reference, reference_normal
from support.compilers import CORE

UNITS = (*CORE, "embinit_libm", "embinit_normal", "embinit_scaled")
SPECIAL = [0, 0x80000000, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000]


@kernel
def fused_multiply_add(a, b, c, out):
    for i in range(out.size):
        out[i] = fma32(a[i], b[i], c[i])


def halves(value):
    return [value & 0xFFFFFFFF, value >> 32]


def word_of(value):
    return int(np.float32(value).view(np.uint32))


def float_of(bits):
    return np.uint32(bits).view(np.float32)


def stream_requests(chance):
    for _ in range(40):
        state, n, delta = chance.getrandbits(32) or 1, chance.randrange(1300), chance.getrandbits(chance.randrange(65))
        g = Xorshift32(state)
        yield [0, state, n], [*g.random_raw(n).tolist(), g.state]
        yield [1, state, *halves(delta)], [Xorshift32(state).jumped(delta).state]
        seed, stream = chance.getrandbits(64), chance.getrandbits(63)
        p = Pcg32(seed, stream)
        before = [*halves(p.state[0]), *halves(p.state[1])]
        yield [3, *before, *halves(delta)], halves(p.jumped(delta).state[0])
        words = p.random_raw(n).tolist()
        yield [2, *halves(seed), *halves(stream), n], [*words, *halves(p.state[0]), *halves(p.state[1])]


def any_float(chance):
    """Draw bits of a finite float: special, of any size, or near 1 so that sums cancel."""
    kind = chance.random()
    if kind < 0.2:
        return chance.choice(SPECIAL[:9])
    if kind < 0.4:
        return word_of(chance.uniform(-2, 2))
    bits = chance.getrandbits(32)
    return bits if bits & 0x7F800000 != 0x7F800000 else bits & 0xBFFFFFFF


def multiply_add_requests(chance):
    triples = [[any_float(chance) for _ in range(3)] for _ in range(3000)]
    for _ in range(1500):  # c near -a * b: the sum cancels, and the rounded product would show
        a, b = word_of(chance.uniform(-2, 2)), word_of(chance.uniform(-2, 2))
        c = word_of(-np.float64(float_of(a)) * np.float64(float_of(b)))
        triples.append([a, b, min(c + chance.choice([-1, 0, 0, 1]) & 0xFFFFFFFF, 0xFF7FFFFF)])
    arrays = np.array(triples, np.uint32).view(np.float32)
    out = np.empty(len(triples), np.float32)
    fused_multiply_add(*(np.ascontiguousarray(column) for column in arrays.T), out)
    for (a, b, c), kernel_bits in zip(triples, out.view(np.uint32).tolist(), strict=True):
        fused = reference.fma(a, b, c)
        assert fused == kernel_bits
        yield [4, a, b, c], [reference.add(reference.mul(a, b), c), fused, fused]


def special_multiply_add_requests():
    """Infinities: NaN answers differ in their payload, so only the others are asked for."""
    for a in SPECIAL:
        for b in SPECIAL:
            for c in SPECIAL:
                with np.errstate(all="ignore"):
                    product = float_of(a) * float_of(b)
                    separate = product + float_of(c)
                finite_product = np.isfinite(float_of(a)) and np.isfinite(float_of(b))
                if not np.isnan(separate) and not (finite_product and np.isinf(product)):
                    fused = (
                        reference.fma(a, b, c)
                        if np.isfinite([float_of(x) for x in (a, b, c)]).all()
                        else word_of(separate)
                    )
                    yield [4, a, b, c], [word_of(separate), fused, fused]


def distribution_requests(chance):
    for _ in range(60):
        state, n, fused = chance.getrandbits(32) or 1, chance.randrange(600), chance.random() < 0.5
        low, high = (np.float32(chance.uniform(-3, 3)) for _ in range(2))
        out = np.empty(n, np.float32)
        g = Generator(Xorshift32(state), multiply_add="fused" if fused else "separate")
        g.uniform(low, high, out)
        values = out.view(np.uint32).tolist()
        yield [5, state, int(fused), word_of(low), word_of(high - low), n], [*values, g.bitgen.state]

        p, fill = np.float32(chance.random()), chance.choice([0, 0xFFFFFFFF])
        g = Generator(Xorshift32(state))
        bits = np.unpackbits(np.full(n // 32 + 1, fill, np.uint32).view(np.uint8), bitorder="little")
        bits[:n] = g.bernoulli(p, n)
        mask = np.packbits(bits, bitorder="little").view(np.uint32).tolist()
        yield [6, state, word_of(p), n, fill], [*mask, g.bitgen.state]

        order = list(range(n))
        g = Generator(Xorshift32(state))
        g.shuffle(order)
        yield [7, state, n], [*order, g.bitgen.state]

        words = np.array([chance.getrandbits(32) for _ in range(n)], np.uint32)
        yield [13, n, *words.tolist()], [zlib.crc32(words.tobytes())]


def normal_requests(chance):
    """Include states after which u1 is 0 or 2^-24, and is drawn again."""
    redrawn = [2093433617, 335585285]
    for i in range(60):
        state, n = redrawn[i] if i < 2 else chance.getrandbits(32) or 1, chance.randrange(200)
        dialect, fused = chance.choice(["odt", "odt-2026-06"]), chance.random() < 0.5
        target = chance.choice(["host", "cortex-m0", "cortex-m4f"])
        mean, stddev = np.float32(chance.uniform(-1, 1)), np.float32(chance.uniform(0, 2))
        out = np.empty(n, np.float32)
        g = Generator(Xorshift32(state), dialect, target, "fused" if fused else "separate")
        g.normal(mean, stddev, out)
        rule = [int(fused), LIBMS.index(g.build.libm), int(g.dialect.sampler.deviation_first)]
        yield [8, state, *rule, word_of(mean), word_of(stddev), n], [*out.view(np.uint32).tolist(), g.bitgen.state]

        x = chance.choice([0, 0x00800000, 0x3F800000, 0x40000000, 0x7F7FFFFF, chance.randrange(0x00800000, 0x7F800000)])
        yield [9, x], [reference.sqrt(x)]

        seed, stream = chance.getrandbits(64), chance.getrandbits(63)
        g = Generator(Pcg32(seed, stream), multiply_add="fused" if fused else "separate")
        g.uniform(mean, stddev, out)
        asked = [10, *halves(seed), *halves(stream), int(fused), word_of(mean), word_of(stddev - mean), n]
        yield asked, [*out.view(np.uint32).tolist(), *halves(g.bitgen.state[0])]


def scaled_requests(chance):
    samplers = [initializers.Uniform, initializers.Normal, initializers.TruncatedNormal]
    for i in range(90):
        state, n = chance.getrandbits(32) or 1, chance.randrange(300)
        distribution = samplers[i % 3](chance.uniform(-3, 3), chance.uniform(-3, 3) or 1.0)
        offset, scale = offset_and_scale(distribution)
        out = np.empty(n, np.float32)
        g = Generator(Xorshift32(state), "portable")
        g.draw(distribution, out)
        yield (
            [11, state, i % 3, word_of(scale), offset & 0xFFFFFFFF, n],
            [*out.view(np.uint32).tolist(), g.bitgen.state],
        )
    for word in [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, *(chance.getrandbits(32) for _ in range(1500))]:
        word >>= chance.choice([0, 0, 8, 16, 24, 30])
        codes = (reference_normal.code(word), reference_normal.truncated_code(word))
        yield [12, word], [code & 0xFFFFFFFF for code in codes]
