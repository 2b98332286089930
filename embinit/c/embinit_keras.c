/* SPDX-License-Identifier: MIT */
#include "embinit_keras.h"

/* ---- The list of seeds ----
 *
 * Python's random.seed is init_by_array of the authors of MT19937, with a key of one word: two passes over what
 * init_genrand of 19650218 leaves. Both begin after element 0, whose place the last element takes, and end at element 1.
 * An element depends on the one before it in its pass and on itself in the pass before, so three numbers go along the
 * passes at once, and no pass is kept. */

#define KERAS_N EMBINIT_MT19937_WORDS
#define KERAS_M 397u

/* An element after all three passes, and where they are: at index 0 it is the state's highest bit, from 1 on the last. */
typedef struct {
    uint32_t index;
    uint32_t made; /* by init_genrand */
    uint32_t first;
    uint32_t last;
} keras_element;

typedef struct {
    keras_element one; /* element 1 as the second pass finds it, which is where that begins */
    uint32_t ended;    /* element 1 as it leaves it */
    keras_element middle;
    keras_element current; /* of word k the elements k, k + 1, k - 227, k - 454, and k + 397 within its lot of 227 */
    keras_element behind;
    keras_element far_behind;
    keras_element ahead;
    uint32_t drawn;
} keras_random;

static uint32_t keras_mixed(uint32_t word, uint32_t before, uint32_t multiplier)
{
    return word ^ ((before ^ (before >> 30)) * multiplier);
}

static void keras_step(keras_element *at, uint32_t key)
{
    at->index++;
    at->made = 1812433253u * (at->made ^ (at->made >> 30)) + at->index;
    at->first = keras_mixed(at->made, at->first, 1664525u) + key;
    at->last = keras_mixed(at->first, at->last, 1566083941u) - at->index;
}

/* The value of an element; from 0 the next is element 1. */
static uint32_t keras_value(const keras_random *random, const keras_element *at)
{
    return at->index == 0 ? 0x80000000u : at->index == 1 ? random->ended : at->last;
}

static void keras_next_element(const keras_random *random, keras_element *at, uint32_t key)
{
    if (at->index == 0) {
        *at = random->one;
    } else {
        keras_step(at, key);
    }
}

static void keras_seed(keras_random *random, uint32_t key)
{
    keras_element at = {0, 19650218u, 19650218u, 0};
    keras_step(&at, key);
    random->one = at;
    while (at.index < KERAS_N - 1) {
        keras_step(&at, key);
    }
    random->one.last = keras_mixed(random->one.first, at.first, 1664525u) + key;
    at = random->one;
    while (at.index < KERAS_M) {
        keras_step(&at, key);
    }
    random->middle = at;
    while (at.index < KERAS_N - 1) {
        keras_step(&at, key);
    }
    random->ended = keras_mixed(random->one.last, at.last, 1566083941u) - 1u;
    random->current.index = 0;
    random->behind.index = 0;
    random->far_behind.index = 0;
    random->ahead = random->middle;
    random->drawn = 0;
}

/* The twist of an element and the next one, which it becomes. */
static uint32_t keras_twisted_on(const keras_random *random, keras_element *at, uint32_t key)
{
    uint32_t before = keras_value(random, at);
    keras_next_element(random, at, key);
    uint32_t y = (before & 0x80000000u) | (keras_value(random, at) & 0x7fffffffu);
    return (y >> 1) ^ ((y & 1u) * 0x9908b0dfu);
}

/* A word, before the last one of the first block of 624, as in embinit_mt19937_small_next. That is enough for seeds 0 to
 * 500 of a list: one word in 14 is drawn again, so they take 538 words, give or take 6. */
static uint32_t keras_next(keras_random *random, uint32_t key)
{
    uint32_t k = random->drawn++;
    uint32_t y = keras_value(random, &random->ahead);
    y ^= keras_twisted_on(random, &random->current, key);
    if (k >= KERAS_N - KERAS_M) {
        y ^= keras_twisted_on(random, &random->behind, key);
    }
    if (k >= 2 * (KERAS_N - KERAS_M)) {
        y ^= keras_twisted_on(random, &random->far_behind, key);
    }
    if (k % (KERAS_N - KERAS_M) == KERAS_N - KERAS_M - 1) {
        random->ahead = random->middle;
    } else {
        keras_step(&random->ahead, key);
    }
    return embinit_mt19937_tempered(y);
}

uint32_t embinit_keras_seed(uint32_t seed, uint32_t a, uint32_t b)
{
    keras_random random;
    uint32_t drawn;
    if (b != 0) {
        return a;
    }
    keras_seed(&random, seed);
    do {
        do { /* 30 bits, until they are below 10^9 */
            drawn = keras_next(&random, seed) >> 2;
        } while (drawn >= 1000000000u);
    } while (a-- != 0);
    return drawn + 1u;
}

/* ---- Values ---- */

void embinit_keras_torch_truncated_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b,
                                          float *out, size_t n)
{
    float candidates[16];
    size_t rest = n % 4;
    (void)rule;
    if (n < 4) {
        return;
    }
    for (size_t i = 0; i < n; i += 4) {
        size_t first = i;
        if (n - i < 4) { /* PyTorch draws the last 16 candidates anew */
            embinit_skip(source, 0, 4 * (uint32_t)rest, 0, 0, 0);
            first = n - 4;
        }
        embinit_torch_normal(source, 0, embinit_bits(0.0f), embinit_bits(1.0f), candidates, 16);
        for (size_t j = 0; j < 4; j++) {
            const float *own = candidates + 4 * j;
            size_t k = 0;
            while (k < 4 && !(own[k] > -2.0f && own[k] < 2.0f)) {
                k++;
            }
            out[first + j] = embinit_rounded(own[k < 4 ? k : 0] * embinit_float(b)) + embinit_float(a);
        }
    }
}

void embinit_keras_jax_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                              size_t n)
{
    const embinit_keras_jax_rule *normal = (const embinit_keras_jax_rule *)rule;
    embinit_jax_normal(source, &normal->jax, a, b, out, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = embinit_rounded(out[i]) + embinit_float(normal->mean);
    }
}
