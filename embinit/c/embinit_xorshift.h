/* embinit: xorshift with any shifts, in unsigned or signed states of up to 64 bits. A word is the state after its step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_XORSHIFT_H
#define EMBINIT_XORSHIFT_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t state; /* never 0 */
    int8_t shifts[3]; /* in order: positive to the left, negative to the right, 0 for none */
    uint8_t bits;     /* of the state, 1 to 64; no shift reaches it */
    uint8_t is_signed; /* not 0: >> copies the sign */
} embinit_xorshift;

static inline uint64_t embinit_xorshift_step(const embinit_xorshift *rule, uint64_t state)
{
    uint64_t mask = ~(uint64_t)0 >> (64 - rule->bits);
    for (uint8_t i = 0; i < 3; i++) {
        int8_t shift = rule->shifts[i];
        if (shift > 0) {
            state ^= (state << shift) & mask;
        } else if (shift < 0) {
            uint64_t moved = state >> -shift;
            if (rule->is_signed && (state >> (rule->bits - 1)) != 0) {
                moved |= mask & ~(mask >> -shift);
            }
            state ^= moved;
        }
    }
    return state;
}

static inline uint64_t embinit_xorshift_next(embinit_xorshift *generator)
{
    generator->state = embinit_xorshift_step(generator, generator->state);
    return generator->state;
}

/* Move as if delta words had been drawn. The maps of 1, 2, 4 ... steps are squares of each other, each kept as the
 * images of the bits of a state; they take 1 KB of stack. */
static inline void embinit_xorshift_advance(embinit_xorshift *generator, uint64_t delta)
{
    uint64_t square[64];
    uint64_t next[64];
    for (uint8_t bit = 0; bit < generator->bits; bit++) {
        square[bit] = embinit_xorshift_step(generator, (uint64_t)1 << bit);
    }
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            uint64_t moved = 0;
            for (uint8_t bit = 0; bit < generator->bits; bit++) {
                moved ^= ((generator->state >> bit) & 1u) != 0 ? square[bit] : 0;
            }
            generator->state = moved;
        }
        for (uint8_t column = 0; column < generator->bits; column++) {
            next[column] = 0;
            for (uint8_t bit = 0; bit < generator->bits; bit++) {
                next[column] ^= ((square[column] >> bit) & 1u) != 0 ? square[bit] : 0;
            }
        }
        for (uint8_t bit = 0; bit < generator->bits; bit++) {
            square[bit] = next[bit];
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
