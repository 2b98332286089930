/* SPDX-License-Identifier: MIT */
#include "embinit_mt19937.h"

#define MT19937_N EMBINIT_MT19937_WORDS
#define MT19937_M 397
#define MT19937_APART (MT19937_N - MT19937_M) /* how far back a word that is made needs one of its own block */

/* The word at an index of the seeding recurrence, from the one before it. */
static uint32_t mt19937_seeded(uint32_t before, uint32_t index)
{
    return 1812433253u * (before ^ (before >> 30)) + index;
}

/* The highest bit of a word and the 31 lower ones of the next, times the matrix A over GF(2). */
static uint32_t mt19937_twisted(uint32_t word, uint32_t next)
{
    uint32_t y = (word & 0x80000000u) | (next & 0x7fffffffu);
    return (y >> 1) ^ ((y & 1u) * 0x9908b0dfu);
}

uint32_t embinit_mt19937_tempered(uint32_t x)
{
    x ^= x >> 11;
    x ^= (x << 7) & 0x9d2c5680u;
    x ^= (x << 15) & 0xefc60000u;
    return x ^ (x >> 18);
}

void embinit_mt19937_seed(embinit_mt19937 *generator, uint32_t seed)
{
    generator->words[0] = seed;
    for (uint32_t i = 1; i < MT19937_N; i++) {
        generator->words[i] = mt19937_seeded(generator->words[i - 1], i);
    }
    generator->position = MT19937_N;
}

uint32_t embinit_mt19937_next(embinit_mt19937 *generator)
{
    uint32_t *x = generator->words;
    if (generator->position == MT19937_N) {
        for (uint32_t i = 0; i < MT19937_N; i++) {
            uint32_t other = i < MT19937_APART ? i + MT19937_M : i - MT19937_APART;
            x[i] = x[other] ^ mt19937_twisted(x[i], x[i < MT19937_N - 1 ? i + 1 : 0]);
        }
        generator->position = 0;
    }
    return embinit_mt19937_tempered(x[generator->position++]);
}

void embinit_mt19937_small_seed(embinit_mt19937_small *generator, uint32_t seed)
{
    uint32_t middle = seed;
    for (uint32_t i = 1; i <= MT19937_M; i++) {
        middle = mt19937_seeded(middle, i);
    }
    embinit_mt19937_small start = {seed, middle, seed, seed, seed, middle, 0};
    *generator = start;
}

/* The twist of a word of the seeding recurrence and the next one, which has the given index. The word becomes the
 * next. */
static uint32_t mt19937_twisted_on(uint32_t *word, uint32_t next_index)
{
    uint32_t before = *word;
    *word = mt19937_seeded(before, next_index);
    return mt19937_twisted(before, *word);
}

/* Word k of the first block is y[k] = x[k + 397] ^ twist of x[k] and x[k + 1], x being the words of the seeding
 * recurrence. From k = 227 on y[k - 227] takes the place of x[k + 397]. It is a sum of the same kind, so put in,
 * once for k < 454 and twice for the rest, it leaves words of x alone: x[397 + k % 227], and the twists at k, k -
 * 227 and k - 454. */
uint32_t embinit_mt19937_small_next(embinit_mt19937_small *generator)
{
    uint32_t k = generator->drawn;
    if (k == MT19937_N) {
        return 0;
    }
    uint32_t y = generator->ahead;
    if (k < MT19937_N - 1) {
        y ^= mt19937_twisted_on(&generator->current, k + 1);
    } else { /* after x[623] comes y[0] */
        uint32_t first = generator->middle ^ mt19937_twisted(generator->seed, mt19937_seeded(generator->seed, 1));
        y ^= mt19937_twisted(generator->current, first);
    }
    if (k >= MT19937_APART) {
        y ^= mt19937_twisted_on(&generator->behind, k - MT19937_APART + 1);
    }
    if (k >= 2 * MT19937_APART) {
        y ^= mt19937_twisted_on(&generator->far_behind, k - 2 * MT19937_APART + 1);
    }
    uint32_t step = k % MT19937_APART;
    int last = step == MT19937_APART - 1; /* of the words from x[397] on */
    generator->ahead = last ? generator->middle : mt19937_seeded(generator->ahead, MT19937_M + step + 1);
    generator->drawn = k + 1;
    return embinit_mt19937_tempered(y);
}

uint32_t embinit_mt19937_source(void *state)
{
    return embinit_mt19937_next((embinit_mt19937 *)state);
}

uint32_t embinit_mt19937_small_source(void *state)
{
    return embinit_mt19937_small_next((embinit_mt19937_small *)state);
}
