/* embinit: the logf and cosf of three classes of device libm, the same bits on every core and under every compiler flag.
 *
 * double: glibc, and newlib where the FPU has double precision. fdlibm: newlib without an FPU. fdlibm_fused: newlib
 * with a float FPU. logf takes normal floats from 2^-24 to 1, and 0 (-infinity); cosf takes angles from 0 to 2 pi,
 * 2 pi excluded. These are all the arguments that a normal draw can have; other arguments give no meaningful result.
 * Where double is not IEEE 754 binary64, as on AVR, no libm is of class double, and naming it does not compile.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_LIBM_H
#define EMBINIT_LIBM_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

#if DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024
#define EMBINIT_DOUBLE 1
/* Does not compile under -fsingle-precision-constant, which rounds the constants of double to float. */
typedef char embinit_constants_of_double_must_be_double[(long)16777217.0 == 16777217L ? 1 : -1];
float embinit_logf_double(float x);
float embinit_cosf_double(float x);
#else
#define embinit_logf_double libm_double_needs_a_double_of_64_bits
#define embinit_cosf_double libm_double_needs_a_double_of_64_bits
#endif

float embinit_logf_fdlibm(float x);
float embinit_logf_fdlibm_fused(float x);

float embinit_cosf_fdlibm(float x);
float embinit_cosf_fdlibm_fused(float x);

/* fdlibm's cosf and sinf of y + tail, |y| below pi/4: what is left of an angle. */
float embinit_small_cosf(float y, float tail, embinit_multiply_add kind);
float embinit_small_sinf(float y, float tail, embinit_multiply_add kind);

#ifdef __cplusplus
}
#endif

#endif
