/* SPDX-License-Identifier: MIT */
#include "embinit_tensorflow.h"

#include "embinit_libm.h"
#include "embinit_normal.h"
#include "embinit_trigonometry.h"

void embinit_tensorflow_seed(embinit_philox4x32 *generator, uint32_t seed)
{
    const uint32_t *mixed = generator->block;
    uint64_t key;
    uint64_t counter;
    /* The seed counts one block under TensorFlow's own key; that block is the key and the counter of the stream. */
    embinit_philox4x32_seed(generator, 0x02461e293ec8f720u, 0);
    generator->counter[0] = seed % 0x7ffffffeu;
    embinit_philox4x32_block(generator);
    key = mixed[0] | (uint64_t)mixed[1] << 32;
    counter = mixed[2] | (uint64_t)mixed[3] << 32;
    embinit_philox4x32_seed(generator, key, counter);
}

static float tensorflow_unit(uint32_t word)
{
    return embinit_rounded(embinit_float((word & 0x7fffffu) | 0x3f800000u) - 1.0f);
}

static float tensorflow_scaled(float value, float scale, float offset)
{
    return embinit_rounded(value * scale) + offset;
}

void embinit_tensorflow_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                size_t n)
{
    float width = embinit_rounded(embinit_float(b) - embinit_float(a));
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = tensorflow_scaled(tensorflow_unit(word), width, embinit_float(a));
    }
}

#ifdef EMBINIT_DOUBLE

static void tensorflow_pair(uint32_t first, uint32_t second, float pair[2])
{
    float u = tensorflow_unit(first);
    float radius = embinit_sqrt(-2.0f * embinit_logf_double(u < 1e-7f ? 1e-7f : u));
    float angle = embinit_rounded((float)((double)tensorflow_unit(second) * 6.283185307179586));
    pair[0] = embinit_rounded(embinit_c_sinf_double(angle) * radius);
    pair[1] = embinit_rounded(embinit_c_cosf_double(angle) * radius);
}

void embinit_tensorflow_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                               size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i += 2) {
        float pair[2];
        uint32_t first = source->next(source->state);
        uint32_t second = source->next(source->state);
        tensorflow_pair(first, second, pair);
        out[i] = tensorflow_scaled(pair[0], embinit_float(b), embinit_float(a));
        if (i + 1 < n) {
            out[i + 1] = tensorflow_scaled(pair[1], embinit_float(b), embinit_float(a));
        }
    }
}

void embinit_tensorflow_truncated_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b,
                                         float *out, size_t n)
{
    embinit_philox4x32 *generator = (embinit_philox4x32 *)source->state;
    (void)rule;
    for (size_t i = 0; i < n; i += 4) {
        embinit_philox4x32 own = *generator;
        size_t end = n - i < 4 ? n : i + 4;
        size_t j = i;
        embinit_philox4x32_skip(generator, 256);
        while (j < end) {
            float pair[2];
            uint32_t first = embinit_philox4x32_next(&own);
            uint32_t second = embinit_philox4x32_next(&own);
            tensorflow_pair(first, second, pair);
            for (uint8_t k = 0; k < 2 && j < end; k++) {
                if (pair[k] > -2.0f && pair[k] < 2.0f) {
                    out[j++] = tensorflow_scaled(pair[k], embinit_float(b), embinit_float(a));
                }
            }
        }
    }
}

#endif
