/* SPDX-License-Identifier: MIT */
#include "embinit_normal.h"

float embinit_sqrt(float x)
{
    uint32_t bits = embinit_bits(x);
    if (bits == 0) {
        return x;
    }
    /* x = significand * 2^exponent. The significand, shifted so that the exponent is even, has 49 or 50 bits and a
     * root of 25, the last one for rounding. Each of the 25 steps decides one bit of the root. */
    int32_t exponent = (int32_t)(bits >> 23) - 150;
    uint64_t rest = (uint64_t)((bits & 0x7fffffu) | 0x800000u) << ((exponent & 1) ? 25 : 26);
    int32_t half = (exponent - ((exponent & 1) ? 25 : 26)) / 2;
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 48; bit != 0; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    /* A root half way between two floats would be odd here, and so would its square. But that is the shifted
     * significand, which is even: there are no ties. */
    return embinit_float(((uint32_t)(half + 150) << 23) + (((uint32_t)root + 1u) >> 1));
}

void embinit_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_normal_rule *normal = (const embinit_normal_rule *)rule;
    float mean = embinit_float(a);
    float stddev = embinit_float(b);
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        uint32_t k1 = (word >> normal->shift) & 0xffffffu;
        word = source->next(source->state);
        uint32_t k2 = (word >> normal->shift) & 0xffffffu;
        while (k1 <= 1u) { /* 0 and 1 are drawn again, once in 2^23 draws */
            word = source->next(source->state);
            k1 = (word >> normal->shift) & 0xffffffu;
        }
        float radius = embinit_sqrt(-2.0f * normal->logf((float)(int32_t)k1 * 0x1p-24f));
        float cosine = embinit_rounded(normal->cosf(6.2831855f * ((float)(int32_t)k2 * 0x1p-24f)));
        float product = embinit_rounded(normal->deviation_first ? stddev * radius : radius * cosine);
        float factor = normal->deviation_first ? cosine : stddev;
        out[i] = normal->multiply_add == EMBINIT_FUSED ? embinit_fused(product, factor, mean)
                                                       : embinit_separate(product, factor, mean);
    }
}
