/* embinit: PCG64 and PCG64DXSM as in numpy.random: words of 64 bits from a state of 128.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_PCG64_H
#define EMBINIT_PCG64_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t low;
    uint64_t high;
} embinit_uint128;

typedef struct {
    embinit_uint128 state;
    embinit_uint128 increment; /* odd */
} embinit_pcg64;

static inline embinit_uint128 embinit_uint128_sum(embinit_uint128 a, embinit_uint128 b)
{
    embinit_uint128 sum;
    sum.low = a.low + b.low;
    sum.high = a.high + b.high + (sum.low < a.low);
    return sum;
}

/* Modulo 2^128, by halves of 32 bits. */
static inline embinit_uint128 embinit_uint128_product(embinit_uint128 a, embinit_uint128 b)
{
    embinit_uint128 product;
    uint64_t a0 = a.low & 0xffffffffu;
    uint64_t a1 = a.low >> 32;
    uint64_t b0 = b.low & 0xffffffffu;
    uint64_t b1 = b.low >> 32;
    uint64_t low = a0 * b0;
    uint64_t middle = a1 * b0 + (low >> 32); /* at most (2^32 - 1)^2 + 2^32 - 1, which is below 2^64; so is other */
    uint64_t other = a0 * b1 + (middle & 0xffffffffu);
    product.low = (other << 32) | (low & 0xffffffffu);
    product.high = a1 * b1 + (middle >> 32) + (other >> 32) + a.low * b.high + a.high * b.low;
    return product;
}

static inline embinit_uint128 embinit_pcg64_multiplier(void)
{
    embinit_uint128 multiplier = {4865540595714422341u, 2549297995355413924u};
    return multiplier;
}

static inline embinit_uint128 embinit_pcg64dxsm_multiplier(void)
{
    embinit_uint128 multiplier = {0xda942042e4dd58b5u, 0};
    return multiplier;
}

static inline void embinit_pcg64_step(embinit_pcg64 *generator, embinit_uint128 multiplier)
{
    embinit_uint128 product = embinit_uint128_product(generator->state, multiplier);
    generator->state = embinit_uint128_sum(product, generator->increment);
}

/* numpy.random.SeedSequence: how it hashes and mixes the words of its pool. */
static inline uint32_t embinit_seed_sequence_hash(uint32_t value, uint32_t *constant, uint32_t multiplier)
{
    value ^= *constant;
    *constant *= multiplier;
    value *= *constant;
    return value ^ (value >> 16);
}

static inline uint32_t embinit_seed_sequence_mix(uint32_t x, uint32_t y)
{
    uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
    return mixed ^ (mixed >> 16);
}

/* Write generate_state(8) of SeedSequence(seed). */
static inline void embinit_seed_sequence(uint64_t seed, uint32_t state[8])
{
    uint32_t pool[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    uint32_t constant = 0x43b0d7e5u;
    for (uint8_t i = 0; i < 4; i++) {
        pool[i] = embinit_seed_sequence_hash(pool[i], &constant, 0x931e8875u);
    }
    for (uint8_t i = 0; i < 4; i++) {
        for (uint8_t j = 0; j < 4; j++) {
            if (i != j) {
                uint32_t hashed = embinit_seed_sequence_hash(pool[i], &constant, 0x931e8875u);
                pool[j] = embinit_seed_sequence_mix(pool[j], hashed);
            }
        }
    }
    constant = 0x8b51f9ddu;
    for (uint8_t i = 0; i < 8; i++) {
        state[i] = embinit_seed_sequence_hash(pool[i & 3u], &constant, 0x58f38dedu);
    }
}

/* Start as numpy.random.PCG64(seed) and PCG64DXSM(seed) do. */
static inline void embinit_pcg64_seed(embinit_pcg64 *generator, uint64_t seed)
{
    uint32_t words[8];
    uint64_t wide[4];
    embinit_uint128 start;
    embinit_seed_sequence(seed, words);
    for (uint8_t i = 0; i < 4; i++) {
        wide[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
    }
    start.low = wide[1];
    start.high = wide[0];
    generator->increment.low = (wide[3] << 1) | 1u;
    generator->increment.high = (wide[2] << 1) | (wide[3] >> 63);
    generator->state = embinit_uint128_sum(generator->increment, start);
    embinit_pcg64_step(generator, embinit_pcg64_multiplier());
}

static inline uint64_t embinit_pcg64_next(embinit_pcg64 *generator)
{
    uint64_t mixed;
    uint8_t by;
    embinit_pcg64_step(generator, embinit_pcg64_multiplier());
    mixed = generator->state.high ^ generator->state.low;
    by = (uint8_t)(generator->state.high >> 58);
    return (mixed >> by) | (mixed << ((64 - by) & 63));
}

static inline uint64_t embinit_pcg64dxsm_next(embinit_pcg64 *generator)
{
    uint64_t high = generator->state.high;
    uint64_t low = generator->state.low | 1u;
    embinit_pcg64_step(generator, embinit_pcg64dxsm_multiplier());
    high ^= high >> 32;
    high *= 0xda942042e4dd58b5u;
    high ^= high >> 48;
    return high * low;
}

/* Move as if delta words had been drawn from the generator that has this multiplier. Brown's strides, as in
 * embinit_lcg.h. */
static inline void embinit_pcg64_advance(embinit_pcg64 *generator, embinit_uint128 multiplier, uint64_t delta)
{
    embinit_uint128 one = {1, 0};
    embinit_uint128 total = {1, 0};
    embinit_uint128 sum = {0, 0};
    embinit_uint128 increment = generator->increment;
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            total = embinit_uint128_product(total, multiplier);
            sum = embinit_uint128_sum(embinit_uint128_product(sum, multiplier), increment);
        }
        increment = embinit_uint128_product(increment, embinit_uint128_sum(multiplier, one));
        multiplier = embinit_uint128_product(multiplier, multiplier);
    }
    generator->state = embinit_uint128_sum(embinit_uint128_product(total, generator->state), sum);
}

#ifdef __cplusplus
}
#endif

#endif
