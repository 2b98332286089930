/* embinit: the generator of PyTorch on the CPU, and the float32 fills that torch.manual_seed(seed) decides.
 *
 * The promises of embinit.h hold. The bits are those of PyTorch 2.12 and later: "fused" those of its build for x86-64
 * with AVX2 or AVX-512, "separate" those of its `default` one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_MT19937_H
#define EMBINIT_MT19937_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- MT19937 ---- */

#define EMBINIT_MT19937_WORDS 624

/* A block of 624 words of the recurrence, and how many of them have been drawn: 2500 bytes; period 2^19937 - 1. */
typedef struct {
    uint32_t words[EMBINIT_MT19937_WORDS];
    uint32_t position; /* 0 to 624 */
} embinit_mt19937;

/* Start as torch.manual_seed does; of its seed only the low 32 bits count. */
void embinit_mt19937_seed(embinit_mt19937 *generator, uint32_t seed);

uint32_t embinit_mt19937_next(embinit_mt19937 *generator);

/* The first 624 words alone, in 28 bytes. They need no more than words of the seeding recurrence, here x: with k words
 * drawn, the cursors hold x[k], x[k - 227], x[k - 454] and x[397 + k % 227]. */
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

/* ---- Fills ---- */

/* tensor.uniform_(a, b): one word each; b - a must not overflow. b itself never comes out, unless it is a. rule is an
 * embinit_uniform_rule of shift 0. */
embinit_distribution embinit_torch_uniform;

/* tensor.uniform_(-a, a), fused, as PyTorch's layers start; a from 2^-103 to 2^126. The same bits as the one above, but
 * one product is all that is rounded: fast without an FPU. b and rule are not used. */
embinit_distribution embinit_torch_symmetric;

/* tensor.normal_(a, b), fused: n words, and 16 more unless n is a multiple of 16. Fewer than 16 elements take log1p, sin
 * and cos of double in PyTorch: here they stay as they are and nothing is drawn. rule is not used. */
embinit_distribution embinit_torch_normal;

/* The same, and then 0 in the elements from first to first + count; rule is an embinit_torch_row. */
embinit_distribution embinit_torch_padded_normal;

typedef struct {
    uint32_t first;
    uint32_t count;
} embinit_torch_row;

#ifdef __cplusplus
}
#endif

#endif
