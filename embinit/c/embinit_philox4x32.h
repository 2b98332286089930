/* embinit: Philox4x32-10, which makes four words of a key and a counter.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_PHILOX4X32_H
#define EMBINIT_PHILOX4X32_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint32_t key[2];
    uint32_t counter[4]; /* of the next block, the lowest word first */
    uint32_t block[4];
    uint8_t left; /* how many of its words have not been drawn */
} embinit_philox4x32;

/* Start from a key and counter * 2^64. */
static inline void embinit_philox4x32_seed(embinit_philox4x32 *generator, uint64_t key, uint64_t counter)
{
    generator->key[0] = (uint32_t)key;
    generator->key[1] = (uint32_t)(key >> 32);
    generator->counter[0] = 0;
    generator->counter[1] = 0;
    generator->counter[2] = (uint32_t)counter;
    generator->counter[3] = (uint32_t)(counter >> 32);
    generator->left = 0;
}

/* Move the counter, of 128 bits, on by a number of blocks. A sum of 64 bits that is below an addend has carried. */
static inline void embinit_philox4x32_skip(embinit_philox4x32 *generator, uint64_t blocks)
{
    uint64_t low = generator->counter[0] | (uint64_t)generator->counter[1] << 32;
    uint64_t high = generator->counter[2] | (uint64_t)generator->counter[3] << 32;
    low += blocks;
    high += low < blocks;
    generator->counter[0] = (uint32_t)low;
    generator->counter[1] = (uint32_t)(low >> 32);
    generator->counter[2] = (uint32_t)high;
    generator->counter[3] = (uint32_t)(high >> 32);
}

static inline void embinit_philox4x32_block(embinit_philox4x32 *generator)
{
    uint32_t *x = generator->block;
    uint32_t k0 = generator->key[0];
    uint32_t k1 = generator->key[1];
    for (uint8_t i = 0; i < 4; i++) {
        x[i] = generator->counter[i];
    }
    for (uint8_t round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)x[0] * 0xd2511f53u;
        uint64_t p1 = (uint64_t)x[2] * 0xcd9e8d57u;
        x[0] = (uint32_t)(p1 >> 32) ^ x[1] ^ k0;
        x[1] = (uint32_t)p1;
        x[2] = (uint32_t)(p0 >> 32) ^ x[3] ^ k1;
        x[3] = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    embinit_philox4x32_skip(generator, 1);
    generator->left = 4;
}

static inline uint32_t embinit_philox4x32_next(embinit_philox4x32 *generator)
{
    if (generator->left == 0) {
        embinit_philox4x32_block(generator);
    }
    generator->left--;
    return generator->block[3 - generator->left];
}

/* Move as if delta words had been drawn. */
static inline void embinit_philox4x32_advance(embinit_philox4x32 *generator, uint64_t delta)
{
    if (delta < generator->left) {
        generator->left = (uint8_t)(generator->left - delta);
        return;
    }
    delta -= generator->left;
    generator->left = 0;
    embinit_philox4x32_skip(generator, delta / 4u);
    if (delta % 4u != 0) {
        embinit_philox4x32_block(generator);
        generator->left = (uint8_t)(4u - delta % 4u);
    }
}

/* `next` of a source whose state is an embinit_philox4x32. */
static inline uint32_t embinit_philox4x32_source(void *state)
{
    return embinit_philox4x32_next((embinit_philox4x32 *)state);
}

#ifdef __cplusplus
}
#endif

#endif
