/* embinit: the functions of declared expressions, the same bits on every core and under every compiler flag.
 *
 * Functions of <math.h> for every argument, and what depends on the device's libm by class: double (glibc, and newlib
 * where the FPU has double precision), fdlibm (newlib without an FPU), fdlibm_fused (newlib with a float FPU). logf
 * takes no subnormal floats, and the angles of cosf and sinf are below 120: other arguments give no meaningful result.
 * Nor do flags that flush subnormal numbers to 0, or NaN under -ffinite-math-only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_EXPRESSION_H
#define EMBINIT_EXPRESSION_H

#include "embinit.h"
#include "embinit_fma64.h"

#ifdef __cplusplus
extern "C" {
#endif

float embinit_c_sqrtf(float x);
float embinit_c_fabsf(float x);
float embinit_c_floorf(float x);
float embinit_c_ceilf(float x);
float embinit_c_truncf(float x);
float embinit_c_fminf(float a, float b);
float embinit_c_fmaxf(float a, float b);

float embinit_c_logf_fdlibm(float x);
float embinit_c_logf_fdlibm_fused(float x);
float embinit_c_cosf_fdlibm(float x);
float embinit_c_cosf_fdlibm_fused(float x);
float embinit_c_sinf_fdlibm(float x);
float embinit_c_sinf_fdlibm_fused(float x);

/* fmaf. newlib without an FPU computes it in double and rounds twice; the others round once. */
float embinit_c_fmaf_double(float a, float b, float c);
float embinit_c_fmaf_fdlibm_fused(float a, float b, float c);

#ifdef EMBINIT_DOUBLE
float embinit_c_logf_double(float x);
float embinit_c_cosf_double(float x);
float embinit_c_sinf_double(float x);
float embinit_c_fmaf_fdlibm(float a, float b, float c);

double embinit_c_sqrt(double x);
double embinit_c_fabs(double x);
#else
#define embinit_c_logf_double libm_double_needs_a_double_of_64_bits
#define embinit_c_cosf_double libm_double_needs_a_double_of_64_bits
#define embinit_c_sinf_double libm_double_needs_a_double_of_64_bits
#define embinit_c_fmaf_fdlibm fmaf_of_newlib_needs_a_double_of_64_bits
#define embinit_c_sqrt sqrt_needs_a_double_of_64_bits
#define embinit_c_fabs fabs_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
