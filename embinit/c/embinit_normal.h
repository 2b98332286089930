/* embinit: normal values by Box-Muller, with the logf and cosf of a device build.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_NORMAL_H
#define EMBINIT_NORMAL_H

#include "embinit.h"
#include "embinit_libm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the build links (embinit_libm.h), and the order in which the framework multiplies. */
typedef struct {
    float (*logf)(float x);
    float (*cosf)(float x);
    uint8_t shift;           /* u = ((word >> shift) & 0xffffff) * 2^-24 */
    uint8_t multiply_add;    /* embinit_multiply_add */
    uint8_t deviation_first; /* not 0: (stddev * radius) * cosine, else stddev * (radius * cosine) */
} embinit_normal_rule;

/* Mean a, standard deviation b. A value takes two words, u1 and u2, and one more for each u1 of 0 or 2^-24. */
embinit_distribution embinit_normal;

/* Return the square root of 0 or of a float from 2^-126 up, rounded to nearest even, computed in integers. */
float embinit_sqrt(float x);

#ifdef __cplusplus
}
#endif

#endif
