/* embinit: MT19937, the generator of PyTorch on the CPU.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_MT19937_H
#define EMBINIT_MT19937_H

/* Generated files include this header alone, for the generator and the fills. */
#include "embinit_pytorch.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EMBINIT_MT19937_WORDS 624

/* A block of 624 words of the recurrence, and how many of them have been drawn: 2500 bytes; period 2^19937 - 1. */
typedef struct {
    uint32_t words[EMBINIT_MT19937_WORDS];
    uint32_t position; /* 0 to 624 */
} embinit_mt19937;

/* Start as torch.manual_seed does, of whose seed only the low 32 bits count. */
void embinit_mt19937_seed(embinit_mt19937 *generator, uint32_t seed);

uint32_t embinit_mt19937_next(embinit_mt19937 *generator);

/* The word that is made of a word of the recurrence. */
uint32_t embinit_mt19937_tempered(uint32_t x);

/* The first 624 words only, in 28 bytes. They are made of words of the seeding recurrence, here x: after k draws the
 * cursors hold x[k], x[k - 227], x[k - 454] and x[397 + k % 227]. */
typedef struct {
    uint32_t seed;   /* x[0] */
    uint32_t middle; /* x[397] */
    uint32_t current;
    uint32_t behind;
    uint32_t far_behind;
    uint32_t ahead;
    uint32_t drawn;
} embinit_mt19937_small;

void embinit_mt19937_small_seed(embinit_mt19937_small *generator, uint32_t seed);

/* The 625th word and all after it, which need the whole state, are 0. */
uint32_t embinit_mt19937_small_next(embinit_mt19937_small *generator);

/* `next` of a source whose state is an embinit_mt19937 or an embinit_mt19937_small. */
uint32_t embinit_mt19937_source(void *state);
uint32_t embinit_mt19937_small_source(void *state);

#ifdef __cplusplus
}
#endif

#endif
