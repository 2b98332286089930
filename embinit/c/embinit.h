/* embinit: the weight initialization of a device, bit for bit what the host simulates.
 *
 * Promises, for every function here:
 * - C99 without a library: no heap, no recursion, no global state, no file of the C library but freestanding headers.
 * - Every float32 operation rounds once, to nearest even, whatever -O, -std, -ffp-contract and -ffast-math say: a fused
 *   multiply-add is written as one, and what must not be fused or regrouped passes through embinit_rounded. Two things
 *   are the program's: with -ffinite-math-only (part of -ffast-math) it hands over no infinity and no NaN, and it leaves
 *   the CPU's handling of subnormals alone (linked with -ffast-math, programs for x86 turn them into 0).
 * - int may have 16 bits, and double 32.
 * - Pointers must be valid and must not overlap unless a comment says so; n may be 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_H
#define EMBINIT_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

/* The version of SPEC.md whose bits this library computes; generated files refuse another one. */
#define EMBINIT_SPEC_VERSION 1

#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128
#error "embinit needs float to be IEEE 754 binary32"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2
#error "embinit needs float arithmetic in float: on x86 compile with -msse2 -mfpmath=sse"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Bits and floats ---- */

static inline uint32_t embinit_bits(float value)
{
    union { float value; uint32_t bits; } both;
    both.value = value;
    return both.bits;
}

static inline float embinit_float(uint32_t bits)
{
    union { uint32_t bits; float value; } both;
    both.bits = bits;
    return both.value;
}

/* A value as it was rounded: no compiler looks through the object that holds it. */
static inline float embinit_rounded(float value)
{
    volatile float rounded = value;
    return rounded;
}

/* ---- Bit generators ---- */

/* xorshift32 (13, 17, 5): the state is the last word drawn and is never 0; period 2^32 - 1. */
typedef struct {
    uint32_t state;
} embinit_xorshift32;

uint32_t embinit_xorshift32_next(embinit_xorshift32 *generator);

/* Move as if delta words had been drawn. To go back by n, move on by 2^32 - 1 - n % (2^32 - 1). */
void embinit_xorshift32_advance(embinit_xorshift32 *generator, uint64_t delta);

/* PCG32 XSH-RR 64/32: the increment names the stream and is always odd; period 2^64. */
typedef struct {
    uint64_t state;
    uint64_t increment;
} embinit_pcg32;

/* Start as pcg32_srandom_r does; stream is below 2^63. */
void embinit_pcg32_seed(embinit_pcg32 *generator, uint64_t seed, uint64_t stream);

uint32_t embinit_pcg32_next(embinit_pcg32 *generator);

/* Move as if delta words had been drawn; delta is modulo 2^64, so (uint64_t)-n goes back by n. */
void embinit_pcg32_advance(embinit_pcg32 *generator, uint64_t delta);

/* ---- Multiply-add ---- */

/* a * b + c with two roundings, under every compiler flag. */
float embinit_separate(float a, float b, float c);

/* a * b + c with one rounding: the instruction where the core has it, embinit_fused_software elsewhere. */
float embinit_fused(float a, float b, float c);

/* The same in integers. (fmaf of newlib without an FPU is not correctly rounded.) */
float embinit_fused_software(float a, float b, float c);

/* What a build makes of a * b + c. */
typedef enum { EMBINIT_SEPARATE = 0, EMBINIT_FUSED = 1 } embinit_multiply_add;

/* ---- Distributions ---- */

/* A stream of words: next draws one from the generator at state. */
typedef struct {
    uint32_t (*next)(void *state);
    void *state;
} embinit_source;

/* `next` of a source whose state is an embinit_xorshift32 or an embinit_pcg32. */
uint32_t embinit_xorshift32_source(void *state);
uint32_t embinit_pcg32_source(void *state);

/* Fill n values; a and b are the parameters of the distribution, rule says how a framework and a build draw it.
 * Parameters are words: the bits of a float, unless a comment says integer. */
typedef void embinit_distribution(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                  size_t n);

/* Every value is a; draws nothing; b and rule are not used. */
embinit_distribution embinit_constant;

/* Element i has the bits base[i % b]; draws nothing; a is not used, b an integer from 1 up; rule is an
 * embinit_broadcast_rule. */
embinit_distribution embinit_broadcast;

typedef struct {
    const uint32_t *base;
} embinit_broadcast_rule;

/* A matrix or the weight of a convolution: output i of each per_group outputs passes input i on, if it is one of inputs:
 * there element middle of receptive is 1. All else is 0; draws nothing; a and b are not used; rule is an
 * embinit_ones_rule. n is a multiple of inputs * receptive: one block for each output; another n ends within a block. */
embinit_distribution embinit_ones;

typedef struct {
    uint32_t per_group;
    uint32_t inputs;
    uint32_t receptive;
    uint32_t middle;
} embinit_ones_rule;

/* a + b * k * 2^-24, k = (word >> shift) & 0xffffff: one word each; rule is an embinit_uniform_rule. */
embinit_distribution embinit_uniform;

typedef struct {
    uint8_t shift;
    uint8_t multiply_add; /* embinit_multiply_add */
} embinit_uniform_rule;

/* Bit i, the lowest of a byte first, is k * 2^-24 < p; the bits of the last byte beyond n keep their value. */
void embinit_bernoulli(const embinit_source *source, const embinit_uniform_rule *rule, float p, uint8_t *bits, size_t n);

/* Permute n <= 2^31 indices, from the end to the start, without modulo bias. */
void embinit_shuffle(const embinit_source *source, uint32_t *indices, size_t n);

/* ---- A model ---- */

/* One buffer of float32. */
typedef struct {
    embinit_distribution *draw;
    const void *rule;
    uint32_t count;
    uint32_t a;
    uint32_t b;
    uint32_t crc32; /* of the buffer's bytes after a fill from the seed of the golden vectors */
} embinit_row;

/* Fill buffers[i] by rows[i], in order. */
void embinit_fill(const embinit_row *rows, size_t row_count, const embinit_source *source, float *const *buffers);

/* Return the index of the first buffer whose CRC32 is not its row's, or row_count when all agree. */
size_t embinit_check(const embinit_row *rows, size_t row_count, const float *const *buffers);

/* CRC-32 (the one of zlib) of n bytes, continuing from crc; 0 starts. Of float32 on a little-endian core. */
uint32_t embinit_crc32(uint32_t crc, const void *bytes, size_t n);

#ifdef __cplusplus
}
#endif

#endif
