/* embinit: functions that all builds share, by which `embinit matrix` finds out whether those of C's library make a difference.
 * They are near to what they stand for, and have the same bits everywhere.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_SAME_H
#define EMBINIT_SAME_H

#include <stddef.h>

/* Every function of <math.h> whose bits differ between C libraries: of one argument, and of two. */
#define EMBINIT_SAME(ONE, TWO)                                                     \
    ONE(exp) ONE(exp2) ONE(expm1) ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(sin) \
    ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh) ONE(cosh) ONE(tanh)   \
    ONE(erf) ONE(cbrt) TWO(atan2) TWO(pow) TWO(hypot)

#define EMBINIT_SAME_1(function)               \
    double embinit_same_##function(double x);  \
    float embinit_same_##function##f(float x);
#define EMBINIT_SAME_2(function)                        \
    double embinit_same_##function(double x, double y); \
    float embinit_same_##function##f(float x, float y);

EMBINIT_SAME(EMBINIT_SAME_1, EMBINIT_SAME_2)

void embinit_same_srand(unsigned seed);
int embinit_same_rand(void);

void embinit_same_qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));

#endif
