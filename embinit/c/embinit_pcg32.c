/* SPDX-License-Identifier: MIT */
#include "embinit_pcg32.h"

#include "embinit_lcg.h"

#define PCG32_MULTIPLIER 6364136223846793005u

/* pcg32_srandom_r: from state 0, a step, the seed added, and a step. */
void embinit_pcg32_seed(embinit_pcg32 *generator, uint64_t seed, uint64_t stream)
{
    generator->increment = (stream << 1) | 1u;
    generator->state = (generator->increment + seed) * PCG32_MULTIPLIER + generator->increment;
}

uint32_t embinit_pcg32_next(embinit_pcg32 *generator)
{
    uint64_t state = generator->state;
    uint32_t shifted = (uint32_t)(((state >> 18) ^ state) >> 27);
    uint32_t rotation = (uint32_t)(state >> 59); /* the upper 5 bits, so at most 31 */
    generator->state = state * PCG32_MULTIPLIER + generator->increment;
    return (shifted >> rotation) | (shifted << ((32u - rotation) & 31u)); /* & 31: where rotation is 0, not by 32 */
}

void embinit_pcg32_advance(embinit_pcg32 *generator, uint64_t delta)
{
    generator->state = embinit_lcg_moved(generator->state, PCG32_MULTIPLIER, generator->increment, delta);
}

uint32_t embinit_pcg32_source(void *state)
{
    return embinit_pcg32_next((embinit_pcg32 *)state);
}
