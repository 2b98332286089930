/* embinit: linear congruential generators of 32 and 64 bits. A word is the state after its step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_LCG_H
#define EMBINIT_LCG_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Return the state after delta steps of state * multiplier + increment, modulo 2^64 and so modulo 2^32 too;
 * (uint64_t)-n goes back by n. Brown, "Random Number Generation with Arbitrary Strides", 1994: multiplier and
 * increment become those of 2, 4, 8 ... steps, and the steps that are bits of delta are put together, in 64 turns at
 * most. */
static inline uint64_t embinit_lcg_moved(uint64_t state, uint64_t multiplier, uint64_t increment, uint64_t delta)
{
    uint64_t total_multiplier = 1;
    uint64_t total_increment = 0;
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            total_multiplier *= multiplier;
            total_increment = total_increment * multiplier + increment;
        }
        increment *= multiplier + 1u;
        multiplier *= multiplier;
    }
    return total_multiplier * state + total_increment;
}

typedef struct {
    uint32_t state;
    uint32_t multiplier;
    uint32_t increment;
} embinit_lcg32;

static inline void embinit_lcg32_seed(embinit_lcg32 *generator, uint32_t state, uint32_t multiplier, uint32_t increment)
{
    generator->state = state;
    generator->multiplier = multiplier;
    generator->increment = increment;
}

static inline uint32_t embinit_lcg32_next(embinit_lcg32 *generator)
{
    generator->state = generator->state * generator->multiplier + generator->increment;
    return generator->state;
}

static inline void embinit_lcg32_advance(embinit_lcg32 *generator, uint64_t delta)
{
    uint64_t moved = embinit_lcg_moved(generator->state, generator->multiplier, generator->increment, delta);
    generator->state = (uint32_t)moved;
}

/* `next` of a source whose state is an embinit_lcg32. */
static inline uint32_t embinit_lcg32_source(void *state)
{
    return embinit_lcg32_next((embinit_lcg32 *)state);
}

typedef struct {
    uint64_t state;
    uint64_t multiplier;
    uint64_t increment;
} embinit_lcg64;

static inline void embinit_lcg64_seed(embinit_lcg64 *generator, uint64_t state, uint64_t multiplier, uint64_t increment)
{
    generator->state = state;
    generator->multiplier = multiplier;
    generator->increment = increment;
}

static inline uint64_t embinit_lcg64_next(embinit_lcg64 *generator)
{
    generator->state = generator->state * generator->multiplier + generator->increment;
    return generator->state;
}

static inline void embinit_lcg64_advance(embinit_lcg64 *generator, uint64_t delta)
{
    generator->state = embinit_lcg_moved(generator->state, generator->multiplier, generator->increment, delta);
}

#ifdef __cplusplus
}
#endif

#endif
