/* embinit: multiplicative generators modulo 2^31 - 1, such as std::minstd_rand0. A word is the state after its step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_MINSTD_H
#define EMBINIT_MINSTD_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EMBINIT_MINSTD_PRIME 0x7fffffffu

/* a * b modulo 2^31 - 1, both below it. 2^31 is 1 there, so the bits of the product from 31 on are added to those
 * below. The product is below 2^62, its fold at most 2^32 - 2, and the fold of that at most 2^31 - 1, which is 0. */
static inline uint32_t embinit_minstd_product(uint32_t a, uint32_t b)
{
    uint64_t product = (uint64_t)a * b;
    product = (product & EMBINIT_MINSTD_PRIME) + (product >> 31);
    product = (product & EMBINIT_MINSTD_PRIME) + (product >> 31);
    return product == EMBINIT_MINSTD_PRIME ? 0 : (uint32_t)product;
}

/* multiplier^delta modulo 2^31 - 1. To go back by n, take delta = 2^31 - 2 - n % (2^31 - 2). */
static inline uint32_t embinit_minstd_power(uint32_t multiplier, uint64_t delta)
{
    uint32_t power = 1;
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            power = embinit_minstd_product(power, multiplier);
        }
        multiplier = embinit_minstd_product(multiplier, multiplier);
    }
    return power;
}

/* The residue of a word seen as an int32_t. A negative one is the word less 2^32, and 2^32 is 2 modulo 2^31 - 1. */
static inline uint32_t embinit_minstd_signed(uint32_t word)
{
    uint32_t residue = word % EMBINIT_MINSTD_PRIME;
    if (word >> 31) {
        residue = residue >= 2u ? residue - 2u : residue + (EMBINIT_MINSTD_PRIME - 2u);
    }
    return residue;
}

typedef struct {
    uint32_t state; /* 1 to 2^31 - 2 */
    uint32_t multiplier;
} embinit_minstd;

/* Start as the engines of C++ do: the seed is taken modulo 2^31 - 1, and 0 becomes 1. minstd_rand0 has multiplier
 * 16807. */
static inline void embinit_minstd_seed(embinit_minstd *generator, uint32_t seed, uint32_t multiplier)
{
    uint32_t residue = seed % EMBINIT_MINSTD_PRIME;
    generator->state = residue != 0 ? residue : 1u;
    generator->multiplier = multiplier;
}

static inline uint32_t embinit_minstd_next(embinit_minstd *generator)
{
    generator->state = embinit_minstd_product(generator->state, generator->multiplier);
    return generator->state;
}

static inline void embinit_minstd_advance(embinit_minstd *generator, uint64_t delta)
{
    uint32_t power = embinit_minstd_power(generator->multiplier, delta);
    generator->state = embinit_minstd_product(generator->state, power);
}

/* `next` of a source whose state is an embinit_minstd; its words have 31 bits. */
static inline uint32_t embinit_minstd_source(void *state)
{
    return embinit_minstd_next((embinit_minstd *)state);
}

#ifdef __cplusplus
}
#endif

#endif
