/* embinit: rand() of newlib, musl, Microsoft and avr-libc, the same on every device.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_RAND_H
#define EMBINIT_RAND_H

#include "embinit_lcg.h"
#include "embinit_minstd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each has four functions: seed is srand, next is rand, advance moves as if delta words had been drawn, and source
 * is the `next` of an embinit_source. */

/* newlib, newlib-nano, picolibc 1.8: RAND_MAX 2^31 - 1. Without srand the seed is 1. */
typedef struct {
    uint64_t state;
} embinit_rand_newlib;

static inline void embinit_rand_newlib_seed(embinit_rand_newlib *generator, uint32_t seed)
{
    generator->state = seed;
}

static inline uint32_t embinit_rand_newlib_next(embinit_rand_newlib *generator)
{
    generator->state = generator->state * 6364136223846793005u + 1u;
    return (uint32_t)(generator->state >> 32) & 0x7fffffffu;
}

static inline void embinit_rand_newlib_advance(embinit_rand_newlib *generator, uint64_t delta)
{
    generator->state = embinit_lcg_moved(generator->state, 6364136223846793005u, 1, delta);
}

static inline uint32_t embinit_rand_newlib_source(void *state)
{
    return embinit_rand_newlib_next((embinit_rand_newlib *)state);
}

/* musl: RAND_MAX 2^31 - 1. Without srand the seed is 1. */
typedef struct {
    uint64_t state;
} embinit_rand_musl;

static inline void embinit_rand_musl_seed(embinit_rand_musl *generator, uint32_t seed)
{
    generator->state = (uint32_t)(seed - 1u);
}

static inline uint32_t embinit_rand_musl_next(embinit_rand_musl *generator)
{
    generator->state = generator->state * 6364136223846793005u + 1u;
    return (uint32_t)(generator->state >> 33);
}

static inline void embinit_rand_musl_advance(embinit_rand_musl *generator, uint64_t delta)
{
    generator->state = embinit_lcg_moved(generator->state, 6364136223846793005u, 1, delta);
}

static inline uint32_t embinit_rand_musl_source(void *state)
{
    return embinit_rand_musl_next((embinit_rand_musl *)state);
}

/* Microsoft's C runtime: RAND_MAX 32767. Without srand the seed is 1. */
typedef struct {
    uint32_t state;
} embinit_rand_msvc;

static inline void embinit_rand_msvc_seed(embinit_rand_msvc *generator, uint32_t seed)
{
    generator->state = seed;
}

static inline uint32_t embinit_rand_msvc_next(embinit_rand_msvc *generator)
{
    generator->state = generator->state * 214013u + 2531011u;
    return (generator->state >> 16) & 0x7fffu;
}

static inline void embinit_rand_msvc_advance(embinit_rand_msvc *generator, uint64_t delta)
{
    generator->state = (uint32_t)embinit_lcg_moved(generator->state, 214013, 2531011, delta);
}

static inline uint32_t embinit_rand_msvc_source(void *state)
{
    return embinit_rand_msvc_next((embinit_rand_msvc *)state);
}

/* A step of avr-libc's do_random: state * 16807 modulo 2^31 - 1, the state seen as an int32_t, and 0 as 123459876. */
static inline uint32_t embinit_avr_step(uint32_t state)
{
    uint32_t residue = embinit_minstd_signed(state != 0 ? state : 123459876u);
    return embinit_minstd_product(residue, 16807);
}

/* The same delta times. Steps lead from any seed, by way of 0 where it is a multiple of 2^31 - 1, to states from 1 to
 * 2^31 - 2, where powers of 16807 take over: the loop ends after two steps at most. */
static inline uint32_t embinit_avr_moved(uint32_t state, uint64_t delta)
{
    while (delta != 0 && (state == 0 || state >= EMBINIT_MINSTD_PRIME)) {
        state = embinit_avr_step(state);
        delta--;
    }
    return delta == 0 ? state : embinit_minstd_product(state, embinit_minstd_power(16807, delta));
}

/* rand() of avr-libc, where int has 16 bits: RAND_MAX 32767. The low 16 bits of a seed count. Without srand it is 1. */
typedef struct {
    uint32_t state;
} embinit_rand_avr;

static inline void embinit_rand_avr_seed(embinit_rand_avr *generator, uint32_t seed)
{
    generator->state = seed & 0xffffu;
}

static inline uint32_t embinit_rand_avr_next(embinit_rand_avr *generator)
{
    generator->state = embinit_avr_step(generator->state);
    return generator->state & 0x7fffu;
}

static inline void embinit_rand_avr_advance(embinit_rand_avr *generator, uint64_t delta)
{
    generator->state = embinit_avr_moved(generator->state, delta);
}

static inline uint32_t embinit_rand_avr_source(void *state)
{
    return embinit_rand_avr_next((embinit_rand_avr *)state);
}

/* random() of avr-libc: RANDOM_MAX 2^31 - 1. All 32 bits of a seed count. Without srandom it is 1. */
typedef struct {
    uint32_t state;
} embinit_random_avr;

static inline void embinit_random_avr_seed(embinit_random_avr *generator, uint32_t seed)
{
    generator->state = seed;
}

static inline uint32_t embinit_random_avr_next(embinit_random_avr *generator)
{
    generator->state = embinit_avr_step(generator->state);
    return generator->state & 0x7fffffffu;
}

static inline void embinit_random_avr_advance(embinit_random_avr *generator, uint64_t delta)
{
    generator->state = embinit_avr_moved(generator->state, delta);
}

static inline uint32_t embinit_random_avr_source(void *state)
{
    return embinit_random_avr_next((embinit_random_avr *)state);
}

#ifdef __cplusplus
}
#endif

#endif
