/* embinit: values as Kaun draws them with Nx.Rng. A scope gives keys, an array has one or two of them, and an element
 * has its place under the array's keys; the angle and the radius of a normal value have one key each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_KAUN_H
#define EMBINIT_KAUN_H

#include "embinit.h"
#include "embinit_libm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A scope, and the array that is being drawn from it. A key of 1.0.0 alpha3 is the first word alone. */
typedef struct {
    uint32_t root[2];
    uint32_t taken;      /* keys that the scope has given to arrays before */
    uint32_t element;    /* of the array under way */
    uint32_t attempts;   /* how many times the array has been drawn, because values were cut off */
    uint32_t keys[2][2]; /* of the array: the first, or those of angle and radius */
    uint32_t second[2];  /* the second word of a block, for each key */
} embinit_kaun;

/* Begin the scope of Nx.Rng.run ~seed: of today's Kaun, and of 1.0.0 alpha3. A seed is an int of OCaml, from -2^62 to
 * 2^62 - 1. */
void embinit_kaun_seed(embinit_kaun *scope, int64_t seed);
void embinit_kaun_alpha3_seed(embinit_kaun *scope, int64_t seed);

/* Go from the scope of 1.0.0 alpha3, as it is seeded, to that of a layer of a sequential model; layers count from 0. */
void embinit_kaun_alpha3_layer(embinit_kaun *scope, uint32_t layer);

/* `next` of a source whose state is a scope, from which only the functions below draw: pass over a key, and return 0,
 * because a key is not one word of 32 bits. */
uint32_t embinit_kaun_source(void *state);

/* How keys are made: those of an array that is drawn for the attempt-th time, from 0, and the two words of a block of
 * elements, of which the first one is even. Members are private. */
typedef struct {
    void (*uniform)(const embinit_kaun *scope, uint32_t keys[2][2]);
    void (*normal)(const embinit_kaun *scope, uint32_t attempt, uint32_t keys[2][2]);
    void (*block)(const uint32_t key[2], uint32_t element, uint32_t block[2]);
    uint8_t keys_of_normal;
} embinit_kaun_way;

extern const embinit_kaun_way embinit_kaun_today;
extern const embinit_kaun_way embinit_kaun_of_alpha3;

/* size: how many elements the array has; a fill may be of one element after the other. */
typedef struct {
    const embinit_kaun_way *way;
    float (*logf)(float x); /* what the build links (embinit_libm.h) */
    float (*cosf)(float x);
    uint32_t size;
} embinit_kaun_rule;

/* a + u * b, u from 0 to 1; rule is an embinit_kaun_rule, whose functions are not used. */
embinit_distribution embinit_kaun_uniform;

/* z * b, and + a where a is not 0; rule is an embinit_kaun_rule. */
embinit_distribution embinit_kaun_normal;

/* The same with z from -2 to 2. As long as an element has had no such z, the array is drawn again from further keys; an
 * element keeps the first that it had. */
embinit_distribution embinit_kaun_truncated_normal;

#ifdef __cplusplus
}
#endif

#endif
