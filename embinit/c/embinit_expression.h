/* embinit: the functions of declared expressions, the same bits on every core and under every compiler flag.
 *
 * They are those of <math.h>, for every argument. Flags that flush subnormal numbers to 0 change their results, and so
 * does NaN under -ffinite-math-only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_EXPRESSION_H
#define EMBINIT_EXPRESSION_H

#include "embinit.h"
#include "embinit_fma64.h"
#include "embinit_trigonometry.h"

#ifdef __cplusplus
extern "C" {
#endif

float embinit_c_sqrtf(float x);
float embinit_c_fabsf(float x);
float embinit_c_floorf(float x);
float embinit_c_ceilf(float x);
float embinit_c_truncf(float x);
float embinit_c_roundf(float x);
float embinit_c_fmodf(float x, float y);
float embinit_c_ldexpf(float x, int32_t power); /* 0 if the result is subnormal */
float embinit_c_fminf(float a, float b);
float embinit_c_fmaxf(float a, float b);

/* fmaf. newlib without an FPU computes it in double and rounds twice; the others round once. */
float embinit_c_fmaf_double(float a, float b, float c);
float embinit_c_fmaf_fdlibm_fused(float a, float b, float c);

#ifdef EMBINIT_DOUBLE
float embinit_c_fmaf_fdlibm(float a, float b, float c);

double embinit_c_sqrt(double x);
double embinit_c_fabs(double x);
double embinit_c_floor(double x);
double embinit_c_ceil(double x);
double embinit_c_trunc(double x);
double embinit_c_round(double x);
double embinit_c_fmin(double a, double b);
double embinit_c_fmax(double a, double b);
double embinit_c_fmod(double x, double y);
double embinit_c_ldexp(double x, int32_t power);
#else
#define embinit_c_fmaf_fdlibm fmaf_of_newlib_needs_a_double_of_64_bits
#define embinit_c_sqrt sqrt_needs_a_double_of_64_bits
#define embinit_c_fabs fabs_needs_a_double_of_64_bits
#define embinit_c_floor floor_needs_a_double_of_64_bits
#define embinit_c_ceil ceil_needs_a_double_of_64_bits
#define embinit_c_trunc trunc_needs_a_double_of_64_bits
#define embinit_c_round round_needs_a_double_of_64_bits
#define embinit_c_fmin fmin_needs_a_double_of_64_bits
#define embinit_c_fmax fmax_needs_a_double_of_64_bits
#define embinit_c_fmod fmod_needs_a_double_of_64_bits
#define embinit_c_ldexp ldexp_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
