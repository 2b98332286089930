/* embinit: PCG32, O'Neill's XSH-RR 64/32.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_PCG32_H
#define EMBINIT_PCG32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The increment chooses the stream and is always odd; period 2^64. */
typedef struct {
    uint64_t state;
    uint64_t increment;
} embinit_pcg32;

/* Start as pcg32_srandom_r does; stream is below 2^63. */
void embinit_pcg32_seed(embinit_pcg32 *generator, uint64_t seed, uint64_t stream);

uint32_t embinit_pcg32_next(embinit_pcg32 *generator);

/* Move as if delta words had been drawn; delta is modulo 2^64, so (uint64_t)-n goes back by n. */
void embinit_pcg32_advance(embinit_pcg32 *generator, uint64_t delta);

/* `next` of a source whose state is an embinit_pcg32. */
uint32_t embinit_pcg32_source(void *state);

#ifdef __cplusplus
}
#endif

#endif
