/* embinit: xorshift32, Marsaglia's generator with shifts 13, 17 and 5.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_XORSHIFT32_H
#define EMBINIT_XORSHIFT32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state is the last word drawn and is never 0; period 2^32 - 1. */
typedef struct {
    uint32_t state;
} embinit_xorshift32;

uint32_t embinit_xorshift32_next(embinit_xorshift32 *generator);

/* Move as if delta words had been drawn. To go back by n, move on by 2^32 - 1 - n % (2^32 - 1). */
void embinit_xorshift32_advance(embinit_xorshift32 *generator, uint64_t delta);

/* `next` of a source whose state is an embinit_xorshift32. */
uint32_t embinit_xorshift32_source(void *state);

#ifdef __cplusplus
}
#endif

#endif
