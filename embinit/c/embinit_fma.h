/* embinit: a * b + c, rounded as a build rounds it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_FMA_H
#define EMBINIT_FMA_H

#include "embinit_float.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a build makes of a * b + c: a product and a sum, or one operation. */
typedef enum { EMBINIT_SEPARATE = 0, EMBINIT_FUSED = 1 } embinit_multiply_add;

/* a * b + c with two roundings, under every compiler flag. */
static inline float embinit_separate(float a, float b, float c)
{
    float product = embinit_rounded(embinit_rounded(a) * embinit_rounded(b));
    return product + embinit_rounded(c);
}

/* a * b + c with one rounding, in integers. (fmaf of newlib without an FPU is not correctly rounded.) */
float embinit_fused_software(float a, float b, float c);

/* The same by the instruction where the core has it. */
static inline float embinit_fused(float a, float b, float c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__FP_FAST_FMAF)
    return __builtin_fmaf(embinit_rounded(a), embinit_rounded(b), embinit_rounded(c));
#else
    return embinit_fused_software(a, b, c);
#endif
}

#ifdef __cplusplus
}
#endif

#endif
