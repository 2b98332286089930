/* embinit: rand() of glibc, the same on every device: RAND_MAX 2^31 - 1.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_RAND_GLIBC_H
#define EMBINIT_RAND_GLIBC_H

#include "embinit_minstd.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EMBINIT_RAND_GLIBC_WORDS 31

/* r[n] = r[n - 3] + r[n - 31] modulo 2^32; a word is r[n] >> 1. */
typedef struct {
    uint32_t words[EMBINIT_RAND_GLIBC_WORDS];
    uint8_t oldest; /* the place of r[n - 31] */
} embinit_rand_glibc;

static inline uint32_t embinit_rand_glibc_next(embinit_rand_glibc *generator)
{
    uint8_t oldest = generator->oldest;
    uint8_t near = (uint8_t)(oldest >= 3 ? oldest - 3 : oldest + EMBINIT_RAND_GLIBC_WORDS - 3);
    uint32_t word = generator->words[oldest] + generator->words[near];
    generator->words[oldest] = word;
    generator->oldest = (uint8_t)(oldest + 1 < EMBINIT_RAND_GLIBC_WORDS ? oldest + 1 : 0);
    return word >> 1;
}

/* srand. Without it the seed is 1, and 0 counts as 1. The first 310 words are dropped. */
static inline void embinit_rand_glibc_seed(embinit_rand_glibc *generator, uint32_t seed)
{
    generator->words[0] = seed != 0 ? seed : 1u;
    for (uint8_t i = 1; i < EMBINIT_RAND_GLIBC_WORDS; i++) {
        generator->words[i] = embinit_minstd_product(embinit_minstd_signed(generator->words[i - 1]), 16807);
    }
    generator->oldest = 3;
    for (uint16_t i = 0; i < 310; i++) {
        (void)embinit_rand_glibc_next(generator);
    }
}

/* a = a * b modulo x^31 - x^28 - 1, over the integers modulo 2^32. x^31 is x^28 + 1, so the powers from x^60 down to
 * x^31 are replaced, the highest first, since what they add may be replaced too. */
static inline void embinit_rand_glibc_times(uint32_t *a, const uint32_t *b)
{
    uint32_t product[2 * EMBINIT_RAND_GLIBC_WORDS - 1] = {0};
    for (uint8_t i = 0; i < EMBINIT_RAND_GLIBC_WORDS; i++) {
        for (uint8_t j = 0; j < EMBINIT_RAND_GLIBC_WORDS; j++) {
            product[i + j] += a[i] * b[j];
        }
    }
    for (uint8_t i = 2 * EMBINIT_RAND_GLIBC_WORDS - 2; i >= EMBINIT_RAND_GLIBC_WORDS; i--) {
        product[i - 3] += product[i];
        product[i - EMBINIT_RAND_GLIBC_WORDS] += product[i];
    }
    for (uint8_t i = 0; i < EMBINIT_RAND_GLIBC_WORDS; i++) {
        a[i] = product[i];
    }
}

/* Move as if delta words had been drawn. The recurrence has the characteristic polynomial x^31 - x^28 - 1, so a word
 * is the sum of the 31 words from delta before it on, times the coefficients of x^delta modulo the polynomial. */
static inline void embinit_rand_glibc_advance(embinit_rand_glibc *generator, uint64_t delta)
{
    uint32_t power[EMBINIT_RAND_GLIBC_WORDS] = {1};
    uint32_t square[EMBINIT_RAND_GLIBC_WORDS] = {0, 1};
    uint32_t moved[EMBINIT_RAND_GLIBC_WORDS] = {0};
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            embinit_rand_glibc_times(power, square);
        }
        embinit_rand_glibc_times(square, square);
    }
    for (uint8_t i = 0; i < EMBINIT_RAND_GLIBC_WORDS; i++) {
        for (uint8_t j = 0; j < EMBINIT_RAND_GLIBC_WORDS; j++) {
            uint8_t place = (uint8_t)((generator->oldest + j) % EMBINIT_RAND_GLIBC_WORDS);
            moved[i] += power[j] * generator->words[place];
        }
        (void)embinit_rand_glibc_next(generator);
    }
    for (uint8_t i = 0; i < EMBINIT_RAND_GLIBC_WORDS; i++) {
        generator->words[i] = moved[i];
    }
    generator->oldest = 0;
}

/* `next` of a source whose state is an embinit_rand_glibc; its words have 31 bits. */
static inline uint32_t embinit_rand_glibc_source(void *state)
{
    return embinit_rand_glibc_next((embinit_rand_glibc *)state);
}

#ifdef __cplusplus
}
#endif

#endif
