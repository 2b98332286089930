/* SPDX-License-Identifier: MIT */
#include "embinit_distributions.h"

#include "embinit_float.h"
#include "embinit_fma.h"

/* k * 2^-24, exactly, since k < 2^24. Cores without an FPU convert an int32_t faster than a uint32_t. */
static float distribution_unit(const embinit_source *source, const embinit_uniform_rule *rule)
{
    uint32_t word = source->next(source->state);
    return (float)(int32_t)((word >> rule->shift) & 0xffffffu) * 0x1p-24f;
}

void embinit_constant(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)source;
    (void)rule;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        out[i] = embinit_float(a);
    }
}

void embinit_skip(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    (void)b;
    (void)out;
    (void)n;
    for (uint32_t i = 0; i < a; i++) {
        (void)source->next(source->state);
    }
}

void embinit_ones(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_ones_rule *ones = (const embinit_ones_rule *)rule;
    (void)source;
    (void)a;
    (void)b;
    uint32_t output = 0;
    uint32_t input = 0;
    uint32_t place = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = output == input && place == ones->middle ? 1.0f : 0.0f;
        if (++place >= ones->receptive) {
            place = 0;
            if (++input >= ones->inputs) {
                input = 0;
                output = output + 1 < ones->per_group ? output + 1 : 0;
            }
        }
    }
}

void embinit_broadcast(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const uint32_t *base = ((const embinit_broadcast_rule *)rule)->base;
    (void)source;
    (void)a;
    uint32_t element = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = embinit_float(base[element]);
        element = element + 1 < b ? element + 1 : 0;
    }
}

void embinit_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    float low = embinit_float(a);
    float width = embinit_float(b);
    const embinit_uniform_rule *uniform = (const embinit_uniform_rule *)rule;
    for (size_t i = 0; i < n; i++) {
        float r = distribution_unit(source, uniform);
        out[i] = uniform->multiply_add == EMBINIT_FUSED ? embinit_fused(r, width, low) : embinit_separate(r, width, low);
    }
}

void embinit_bernoulli(const embinit_source *source, const embinit_uniform_rule *rule, float p, uint8_t *bits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        float r = distribution_unit(source, rule);
        bits[i / 8] = (uint8_t)(r < p ? bits[i / 8] | bit : bits[i / 8] & ~bit);
    }
}

void embinit_shuffle(const embinit_source *source, uint32_t *indices, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        /* Words below a multiple of choices give each choice equally often; limit is the largest that a word can hold.
         * choices is at most 2^31, so half of all words or more are below it: two draws on average, or fewer. */
        uint32_t choices = (uint32_t)i + 1u;
        uint32_t limit = 0xffffffffu - 0xffffffffu % choices;
        uint32_t word = source->next(source->state);
        while (word >= limit) {
            word = source->next(source->state);
        }
        uint32_t j = word % choices;
        uint32_t swapped = indices[i];
        indices[i] = indices[j];
        indices[j] = swapped;
    }
}
