/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include "embinit.h"


static void put_text(int (*put)(int), const char *text)
{
    while (*text != '\0') {
        (void)put(*text++);
    }
}

static void put_hex(int (*put)(int), uint32_t value)
{
    put_text(put, "0x");
    for (int shift = 28; shift >= 0; shift -= 4) {
        (void)put("0123456789abcdef"[(value >> shift) & 15u]);
    }
}

static void put_line(int (*put)(int), const char *before, const char *what, const char *between, const char *kind,
                     const char *after)
{
    put_text(put, before);
    put_text(put, what);
    put_text(put, between);
    put_text(put, kind);
    put_text(put, after);
}

/* The kinds, compared by address. */
static const char separate[] = "separate";
static const char fused[] = "fused";
static const char other[] = "other";

/* ---- Multiply-add ---- */

/* A float of 24 bits in [0, 1), exact. */
static float next_float(embinit_xorshift32 *generator)
{
    return (float)(embinit_xorshift32_next(generator) >> 8) * 0x1p-24f;
}

/* These are written as weight initialization in C usually is, and no more carefully. */

static float uniform(embinit_xorshift32 *generator, float low, float high)
{
    return low + next_float(generator) * (high - low);
}

static float symmetric(embinit_xorshift32 *generator, float unused, float limit)
{
    (void)unused;
    return uniform(generator, -limit, limit);
}

static float plain(embinit_xorshift32 *generator, float mean, float stddev)
{
    float x = next_float(generator);
    return x * stddev + mean;
}

typedef struct {
    const char *text;
    float (*draw)(embinit_xorshift32 *generator, float a, float b);
    uint32_t separate; /* CRC-32 of 100 values drawn from xorshift32 seeded with 42, a = -0.3, b = 0.4 */
    uint32_t fused;
} shape;

static const shape shapes[] = {
    {"low + r * (high - low)", uniform, 0xcfa7d023u, 0x90d0405cu},
    {"the same from -limit to limit", symmetric, 0xc2eb0ab7u, 0xa8a96e70u},
    {"x * y + z", plain, 0xb5583b68u, 0xa5ed1780u},
};

static const char *multiply_add_of(const shape *which)
{
    /* Volatile, so that the compiler does not compute the values itself. */
    volatile float a = -0.3f;
    volatile float b = 0.4f;
    embinit_xorshift32 generator = {42};
    float values[100];
    uint32_t crc32;
    for (size_t i = 0; i < 100; i++) {
        values[i] = which->draw(&generator, a, b);
    }
    crc32 = embinit_crc32(0, values, sizeof values);
    return crc32 == which->separate ? separate : crc32 == which->fused ? fused : other;
}

/* ---- libm ---- */

/* Declared here, as some freestanding compilers have the functions but no <math.h>. */
float logf(float x);
float cosf(float x);

#define ARGUMENTS 16384u
#define CLASSES 3
#define ANSWERS 8

static const char *const classes[CLASSES] = {"double", "fdlibm", "fdlibm-fused"};

typedef struct {
    uint32_t argument;
    uint32_t results[CLASSES];
} answer;

typedef struct {
    const char *name;
    float (*function)(float x);
    float scale;             /* an argument is scale * ((k * 2654435769 mod 2^32) >> 8) */
    uint32_t crc32[CLASSES]; /* of the results for k from 1 to ARGUMENTS */
    answer answers[ANSWERS]; /* where the classes differ from one another */
} libm_function;

static const libm_function functions[] = {
    {"logf",
     logf,
     0x1p-24f,
     {0x8b8d2a0bu, 0x82c6a314u, 0xfd547ee4u},
     {{0x3eadec26u, {0xbf8a341bu, 0xbf8a341au, 0xbf8a341au}},
      {0x3f211dcau, {0xbeed14f7u, 0xbeed14f8u, 0xbeed14f8u}},
      {0x3f2d5839u, {0xbec7a06cu, 0xbec7a06cu, 0xbec7a06du}},
      {0x3f372d1eu, {0xbeab618fu, 0xbeab6190u, 0xbeab618fu}},
      {0x3f571033u, {0xbe326d52u, 0xbe326d52u, 0xbe326d51u}},
      {0x3f579514u, {0xbe2ff565u, 0xbe2ff564u, 0xbe2ff565u}},
      {0x3f6ab850u, {0xbdb1bbf1u, 0xbdb1bbf2u, 0xbdb1bbf2u}},
      {0x3f7c4e88u, {0xbc6e16bau, 0xbc6e16b9u, 0xbc6e16b9u}}}},
    {"cosf",
     cosf,
     0x1.921fb6p-22f,
     {0x70fdc1ddu, 0x01c4c923u, 0x3a599a5du},
     {{0x3fe35237u, {0xbe509a74u, 0xbe509a73u, 0xbe509a73u}},
      {0x400474ffu, {0xbef4f251u, 0xbef4f251u, 0xbef4f250u}},
      {0x40051b4fu, {0xbef97f6cu, 0xbef97f6du, 0xbef97f6cu}},
      {0x401dee3bu, {0xbf480851u, 0xbf480850u, 0xbf480850u}},
      {0x409d523bu, {0x3e4f5948u, 0x3e4f5947u, 0x3e4f5947u}},
      {0x40a521ebu, {0x3eddc7cfu, 0x3eddc7cfu, 0x3eddc7ceu}},
      {0x40a642feu, {0x3eedec59u, 0x3eedec58u, 0x3eedec59u}},
      {0x40b0f3d2u, {0x3f3ab6cfu, 0x3f3ab6d0u, 0x3f3ab6d0u}}}},
};

/* The bits of a function's result. The argument is volatile, so that the compiler does not compute it itself. */
static uint32_t result_of(const libm_function *which, float argument)
{
    volatile float x = argument;
    return embinit_bits(which->function(x));
}

static const char *class_of(const libm_function *which)
{
    uint32_t crc32 = 0;
    for (uint32_t k = 1; k <= ARGUMENTS; k++) {
        uint32_t bits = result_of(which, which->scale * (float)((k * 2654435769u) >> 8));
        crc32 = embinit_crc32(crc32, &bits, sizeof bits);
    }
    for (size_t c = 0; c < CLASSES; c++) {
        if (crc32 == which->crc32[c]) {
            return classes[c];
        }
    }
    return other;
}

/* Print which class is nearest to a function that belongs to none, and the known answers that it does not share. */
static void put_differences(int (*put)(int), const libm_function *which)
{
    size_t equal[CLASSES] = {0, 0, 0};
    size_t nearest = 0;
    for (size_t i = 0; i < ANSWERS; i++) {
        uint32_t result = result_of(which, embinit_float(which->answers[i].argument));
        for (size_t c = 0; c < CLASSES; c++) {
            equal[c] += result == which->answers[i].results[c];
        }
    }
    for (size_t c = 1; c < CLASSES; c++) {
        nearest = equal[c] > equal[nearest] ? c : nearest;
    }
    put_line(put, "# ", which->name, " is nearest to ", classes[nearest], "\n");
    for (size_t i = 0; i < ANSWERS; i++) {
        const answer *known = &which->answers[i];
        uint32_t result = result_of(which, embinit_float(known->argument));
        if (result != known->results[nearest]) {
            put_line(put, "# ", which->name, "(", "", "");
            put_hex(put, known->argument);
            put_text(put, ") = ");
            put_hex(put, result);
            put_line(put, ", ", classes[nearest], " has ", "", "");
            put_hex(put, known->results[nearest]);
            put_text(put, "\n");
        }
    }
}

int embinit_probe(int (*put)(int))
{
    const char *multiply_add = 0;
    const char *libm = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const char *kind = multiply_add_of(&shapes[i]);
        put_line(put, "# ", shapes[i].text, ": ", kind, "\n");
        multiply_add = multiply_add == 0 || multiply_add == kind ? kind : other;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const char *kind = class_of(&functions[i]);
        put_line(put, "# ", functions[i].name, ": ", kind, "\n");
        if (kind == other) {
            put_differences(put, &functions[i]);
        }
        libm = libm == 0 || libm == kind ? kind : other;
    }
    put_line(put, "", "multiply_add", " = \"", multiply_add, "\"\n");
    put_line(put, "", "libm", " = \"", libm, "\"\n");
    return (multiply_add == other) + (libm == other);
}
