/* SPDX-License-Identifier: MIT */
#include "selftest.h"

#include "embinit.h"
#include "embinit_libm.h"
#include "embinit_normal.h"

#define VALUES 100

static void put_text(int (*put)(int), const char *text)
{
    while (*text != '\0') {
        (void)put(*text++);
    }
}

static void put_hex(int (*put)(int), uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        (void)put("0123456789abcdef"[(value >> shift) & 15u]);
    }
}

/* Print a line; return 1 when the answer is wrong. */
static int wrong(int (*put)(int), const char *what, uint32_t expected, uint32_t actual)
{
    put_text(put, expected == actual ? "ok " : "WRONG ");
    put_text(put, what);
    if (expected != actual) {
        put_text(put, ": expected 0x");
        put_hex(put, expected);
        put_text(put, " got 0x");
        put_hex(put, actual);
    }
    put_text(put, "\n");
    return expected != actual;
}

/* The CRC-32 of values drawn from xorshift32 seeded with 42. */
static uint32_t drawn(embinit_distribution *distribution, const void *rule, float a, float b)
{
    float values[VALUES];
    embinit_xorshift32 generator = {42};
    const embinit_source source = {embinit_xorshift32_source, &generator};
    distribution(&source, rule, embinit_bits(a), embinit_bits(b), values, VALUES);
    return embinit_crc32(0, values, sizeof values);
}

/* What the compiler makes of a * b + c. The operands are volatile, so that it does not compute the result itself. */
static float natural_multiply_add(void)
{
    volatile float a = 0x1.001p0f;
    volatile float c = -0x1.002p0f;
    float x = a;
    float y = a;
    float z = c;
    return x * y + z;
}

int embinit_selftest(int (*put)(int))
{
    static const embinit_uniform_rule separate = {8, EMBINIT_SEPARATE};
    static const embinit_uniform_rule fused = {8, EMBINIT_FUSED};
#ifdef EMBINIT_DOUBLE
    static const embinit_normal_rule normal_double = {embinit_logf_double, embinit_cosf_double, 8, EMBINIT_SEPARATE, 1};
#endif
    static const embinit_normal_rule normal_fdlibm = {embinit_logf_fdlibm, embinit_cosf_fdlibm, 8, EMBINIT_SEPARATE, 1};
    static const embinit_normal_rule normal_fdlibm_fused = {embinit_logf_fdlibm_fused, embinit_cosf_fdlibm_fused, 8,
                                                            EMBINIT_SEPARATE, 1};
    int failures = 0;
    embinit_xorshift32 xorshift = {42};
    embinit_pcg32 pcg;

    failures += wrong(put, "crc32", 0xcbf43926u, embinit_crc32(0, "123456789", 9));
    failures += wrong(put, "xorshift32", 0x00ad4528u, embinit_xorshift32_next(&xorshift));
    xorshift.state = 42;
    embinit_xorshift32_advance(&xorshift, 1000000000000u);
    failures += wrong(put, "xorshift32 advance", 0xe310665bu, xorshift.state);
    embinit_pcg32_seed(&pcg, 42, 54);
    failures += wrong(put, "pcg32", 0xa15c02b7u, embinit_pcg32_next(&pcg));
    embinit_pcg32_seed(&pcg, 42, 54);
    embinit_pcg32_advance(&pcg, 1000000000000u);
    failures += wrong(put, "pcg32 advance", 0x4e760141u, embinit_pcg32_next(&pcg));
    failures += wrong(put, "separate", 0x00000000u, embinit_bits(embinit_separate(0x1.001p0f, 0x1.001p0f, -0x1.002p0f)));
    failures += wrong(put, "fused", 0x33800000u, embinit_bits(embinit_fused(0x1.001p0f, 0x1.001p0f, -0x1.002p0f)));
    failures += wrong(put, "fused in software", 0x33800000u,
                      embinit_bits(embinit_fused_software(0x1.001p0f, 0x1.001p0f, -0x1.002p0f)));
    failures += wrong(put, "fused in software, tie", 0x3f800000u, embinit_bits(embinit_fused_software(1.0f, 1.0f, 0x1p-24f)));
    failures += wrong(put, "square root", 0x3fb504f3u, embinit_bits(embinit_sqrt(2.0f)));
    failures += wrong(put, "uniform, separate", 0xcfa7d023u, drawn(embinit_uniform, &separate, -0.3f, 0.4f + 0.3f));
    failures += wrong(put, "uniform, fused", 0x90d0405cu, drawn(embinit_uniform, &fused, -0.3f, 0.4f + 0.3f));
#ifdef EMBINIT_DOUBLE
    failures += wrong(put, "normal, double", 0x2de07a3bu, drawn(embinit_normal, &normal_double, 0.0f, 1.0f));
#else
    put_text(put, "# normal, double: double has fewer than 64 bits here, so no libm is of that class\n");
#endif
    failures += wrong(put, "normal, fdlibm", 0xfc2cca11u, drawn(embinit_normal, &normal_fdlibm, 0.0f, 1.0f));
    failures += wrong(put, "normal, fdlibm-fused", 0x51f729c5u,
                      drawn(embinit_normal, &normal_fdlibm_fused, 0.0f, 1.0f));

    put_text(put, "multiply_add = \"");
    put_text(put, natural_multiply_add() != 0.0f ? "fused" : "separate");
    put_text(put, "\"\n");
    return failures;
}
