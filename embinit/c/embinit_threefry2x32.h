/* embinit: Threefry2x32-20, which makes two words of a key and a counter, and the streams that JAX draws from keys.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_THREEFRY2X32_H
#define EMBINIT_THREEFRY2X32_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* by is from 1 to 31. */
static inline uint32_t embinit_rotated32(uint32_t x, uint8_t by)
{
    return (x << by) | (x >> (32 - by));
}

/* Replace a counter by the two words it gives. */
static inline void embinit_threefry2x32_block(const uint32_t key[2], uint32_t counter[2])
{
    static const uint8_t rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    uint32_t keys[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bdau};
    uint32_t x = counter[0] + keys[0];
    uint32_t y = counter[1] + keys[1];
    for (uint8_t group = 0; group < 5; group++) {
        for (uint8_t i = 0; i < 4; i++) {
            x += y;
            y = embinit_rotated32(y, rotations[4 * (group & 1) + i]) ^ x;
        }
        x += keys[(group + 1) % 3];
        y += keys[(group + 2) % 3] + group + 1u;
    }
    counter[0] = x;
    counter[1] = y;
}

/* Replace a key by jax.random.fold_in(key, data), which is also key `data` of jax.random.split(key, n). */
static inline void embinit_threefry2x32_fold_in(uint32_t key[2], uint32_t data)
{
    uint32_t counter[2] = {0, data};
    embinit_threefry2x32_block(key, counter);
    key[0] = counter[0];
    key[1] = counter[1];
}

/* The stream of JAX: word i is the XOR of the two words that the counter (i >> 32, i) gives. */
typedef struct {
    uint32_t key[2];
    uint64_t drawn;
} embinit_threefry2x32;

/* jax.random.key(seed) is the key (0, seed). */
static inline void embinit_threefry2x32_seed(embinit_threefry2x32 *generator, uint32_t k0, uint32_t k1)
{
    generator->key[0] = k0;
    generator->key[1] = k1;
    generator->drawn = 0;
}

static inline uint32_t embinit_threefry2x32_next(embinit_threefry2x32 *generator)
{
    uint32_t counter[2];
    counter[0] = (uint32_t)(generator->drawn >> 32);
    counter[1] = (uint32_t)generator->drawn;
    generator->drawn++;
    embinit_threefry2x32_block(generator->key, counter);
    return counter[0] ^ counter[1];
}

static inline void embinit_threefry2x32_advance(embinit_threefry2x32 *generator, uint64_t delta)
{
    generator->drawn += delta;
}

/* `next` of a source whose state is an embinit_threefry2x32. */
static inline uint32_t embinit_threefry2x32_source(void *state)
{
    return embinit_threefry2x32_next((embinit_threefry2x32 *)state);
}

#ifdef __cplusplus
}
#endif

#endif
