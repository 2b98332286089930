/* embinit: xoroshiro128+, and the variant of it in KANN: words of 64 bits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_XOROSHIRO128PLUS_H
#define EMBINIT_XOROSHIRO128PLUS_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t s0; /* not both 0 */
    uint64_t s1;
} embinit_xoroshiro128plus_state;

typedef struct {
    embinit_xoroshiro128plus_state state;
    uint8_t rotations[3]; /* that of s0, the shift of s0 ^ s1, and the rotation that gives s1; each from 1 to 63 */
    uint8_t kann;         /* not 0: s1 is s0, rotated, instead of s0 ^ s1 */
} embinit_xoroshiro128plus;

static inline uint64_t embinit_rotated64(uint64_t x, uint8_t by)
{
    return (x << by) | (x >> (64 - by));
}

static inline uint64_t embinit_splitmix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Start as kann_srand does, with KANN's step. */
static inline void embinit_xoroshiro128plus_seed(embinit_xoroshiro128plus *generator, uint64_t seed)
{
    generator->state.s0 = embinit_splitmix64(seed);
    generator->state.s1 = embinit_splitmix64(generator->state.s0);
    generator->rotations[0] = 55;
    generator->rotations[1] = 14;
    generator->rotations[2] = 36;
    generator->kann = 1;
}

static inline embinit_xoroshiro128plus_state embinit_xoroshiro128plus_step(const embinit_xoroshiro128plus *rule,
                                                                           embinit_xoroshiro128plus_state state)
{
    embinit_xoroshiro128plus_state next;
    uint64_t both = state.s0 ^ state.s1;
    next.s0 = embinit_rotated64(state.s0, rule->rotations[0]) ^ both ^ (both << rule->rotations[1]);
    next.s1 = embinit_rotated64(rule->kann ? state.s0 : both, rule->rotations[2]);
    return next;
}

static inline uint64_t embinit_xoroshiro128plus_next(embinit_xoroshiro128plus *generator)
{
    uint64_t word = generator->state.s0 + generator->state.s1;
    generator->state = embinit_xoroshiro128plus_step(generator, generator->state);
    return word;
}

/* Return the image of a state under a linear map, given by the images of its bits: those of s0 first, the lowest
 * first. */
static inline embinit_xoroshiro128plus_state embinit_xoroshiro128plus_image(
    const embinit_xoroshiro128plus_state *columns, embinit_xoroshiro128plus_state state)
{
    embinit_xoroshiro128plus_state image = {0, 0};
    for (uint8_t bit = 0; bit < 128; bit++) {
        uint64_t half = bit < 64 ? state.s0 : state.s1;
        if ((half >> (bit & 63)) & 1u) {
            image.s0 ^= columns[bit].s0;
            image.s1 ^= columns[bit].s1;
        }
    }
    return image;
}

/* Move as if delta words had been drawn. The maps of 1, 2, 4 ... steps are squares of each other; they take 4 KB of
 * stack. */
static inline void embinit_xoroshiro128plus_advance(embinit_xoroshiro128plus *generator, uint64_t delta)
{
    embinit_xoroshiro128plus_state square[128];
    embinit_xoroshiro128plus_state next[128];
    for (uint8_t bit = 0; bit < 128; bit++) {
        embinit_xoroshiro128plus_state unit = {0, 0};
        unit.s0 = bit < 64 ? (uint64_t)1 << bit : 0;
        unit.s1 = bit < 64 ? 0 : (uint64_t)1 << (bit - 64);
        square[bit] = embinit_xoroshiro128plus_step(generator, unit);
    }
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            generator->state = embinit_xoroshiro128plus_image(square, generator->state);
        }
        for (uint8_t bit = 0; bit < 128; bit++) {
            next[bit] = embinit_xoroshiro128plus_image(square, square[bit]);
        }
        for (uint8_t bit = 0; bit < 128; bit++) {
            square[bit] = next[bit];
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
