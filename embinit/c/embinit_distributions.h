/* embinit: distributions, which turn the words of a generator into the values of a buffer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_DISTRIBUTIONS_H
#define EMBINIT_DISTRIBUTIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A stream of words: next draws one from the generator at state. */
typedef struct {
    uint32_t (*next)(void *state);
    void *state;
} embinit_source;

/* Fill n values. a and b are the parameters of the distribution; rule says how a framework and a build draw it.
 * Parameters are words: the bits of a float, unless a comment says integer. */
typedef void embinit_distribution(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                  size_t n);

/* Every value is a. Draws nothing; b and rule are not used. */
embinit_distribution embinit_constant;

/* Fills nothing, but draws a words, where a is an integer: their values would be overwritten later. b, rule, out and n
 * are not used. */
embinit_distribution embinit_skip;

/* Element i has the bits base[i % b]. Draws nothing; a is not used, and b is an integer of at least 1. rule is an
 * embinit_broadcast_rule. */
embinit_distribution embinit_broadcast;

typedef struct {
    const uint32_t *base;
} embinit_broadcast_rule;

/* The identity, as a matrix or the weight of a convolution: of every per_group outputs, output i passes on input i if
 * there is one, by a 1 in element middle of the receptive ones; all else is 0. Draws nothing; a and b are not used.
 * rule is an embinit_ones_rule. Each output has a block of inputs * receptive elements; n may end within a block. */
embinit_distribution embinit_ones;

typedef struct {
    uint32_t per_group;
    uint32_t inputs;
    uint32_t receptive;
    uint32_t middle;
} embinit_ones_rule;

/* a + b * k * 2^-24, where k = (word >> shift) & 0xffffff: one word per value. rule is an embinit_uniform_rule. */
embinit_distribution embinit_uniform;

typedef struct {
    uint8_t shift;
    uint8_t multiply_add; /* embinit_multiply_add */
} embinit_uniform_rule;

/* Bit i, counted from the lowest of each byte, says whether k * 2^-24 < p: one word per bit, k as above. Bits of the
 * last byte from n on keep their values. */
void embinit_bernoulli(const embinit_source *source, const embinit_uniform_rule *rule, float p, uint8_t *bits, size_t n);

/* Permute n <= 2^31 indices by Fisher and Yates, from the end to the start, without modulo bias. */
void embinit_shuffle(const embinit_source *source, uint32_t *indices, size_t n);

#ifdef __cplusplus
}
#endif

#endif
