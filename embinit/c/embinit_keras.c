/* SPDX-License-Identifier: MIT */
#include "embinit_keras.h"

/* Python's random.seed: init_by_array of the authors of MT19937, with a key of one word. */
static void keras_python_seed(embinit_mt19937 *random, uint32_t key)
{
    uint32_t *x = random->words;
    uint32_t i = 1;
    embinit_mt19937_seed(random, 19650218u);
    for (uint32_t k = 0; k < EMBINIT_MT19937_WORDS; k++) {
        x[i] = (x[i] ^ ((x[i - 1] ^ (x[i - 1] >> 30)) * 1664525u)) + key;
        if (++i == EMBINIT_MT19937_WORDS) {
            x[0] = x[i - 1];
            i = 1;
        }
    }
    for (uint32_t k = 1; k < EMBINIT_MT19937_WORDS; k++) {
        x[i] = (x[i] ^ ((x[i - 1] ^ (x[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i == EMBINIT_MT19937_WORDS) {
            x[0] = x[i - 1];
            i = 1;
        }
    }
    x[0] = 0x80000000u;
}

uint32_t embinit_keras_listed(embinit_mt19937 *random, uint32_t seed, uint32_t i)
{
    uint32_t drawn;
    keras_python_seed(random, seed);
    for (;;) {
        do { /* 30 bits, until they are below 10^9 */
            drawn = embinit_mt19937_next(random) >> 2;
        } while (drawn >= 1000000000u);
        if (i-- == 0) {
            return drawn + 1u;
        }
    }
}

void embinit_keras_torch_start(embinit_keras_torch *generator, uint32_t seed, uint32_t a, uint32_t b)
{
    uint32_t own = b ? a : embinit_keras_listed(&generator->stream, seed, a);
    embinit_mt19937_seed(&generator->stream, own);
}

void embinit_keras_tensorflow_start(embinit_keras_tensorflow *generator, uint32_t seed, uint32_t a, uint32_t b)
{
    uint32_t own = b ? a : embinit_keras_listed(&generator->random, seed, a);
    embinit_tensorflow_seed(&generator->stream, own);
}

void embinit_keras_jax_start(embinit_keras_jax *generator, uint32_t seed, uint32_t a, uint32_t b)
{
    uint32_t own = b ? a : embinit_keras_listed(&generator->random, seed, a);
    embinit_threefry2x32_seed(&generator->stream, own, 0);
}

uint32_t embinit_keras_torch_source(void *state)
{
    return embinit_mt19937_next(&((embinit_keras_torch *)state)->stream);
}

uint32_t embinit_keras_tensorflow_source(void *state)
{
    return embinit_philox4x32_next(&((embinit_keras_tensorflow *)state)->stream);
}

uint32_t embinit_keras_jax_source(void *state)
{
    return embinit_threefry2x32_next(&((embinit_keras_jax *)state)->stream);
}

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
