/* embinit: the logf and cosf of three classes of device libm, the same bits on every core and under every compiler
 * flag.
 *
 * double: glibc, and newlib where the FPU has double precision. fdlibm: newlib without an FPU. fdlibm_fused: newlib
 * with a float FPU. logf takes normal floats from 2^-24 to 1, and 0, which gives -infinity; cosf takes angles from 0 to
 * 2 pi. These are all the arguments that a normal draw can have; others give no meaningful result. Where
 * double is not IEEE 754 binary64, as on AVR, no libm is of class double, and naming it does not compile.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_LIBM_H
#define EMBINIT_LIBM_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef EMBINIT_DOUBLE
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

/* fdlibm's cosf and sinf of y + tail, the rest of an angle after multiples of pi/2; |y| is below pi/4. */
float embinit_small_cosf(float y, float tail, embinit_multiply_add kind);
float embinit_small_sinf(float y, float tail, embinit_multiply_add kind);

#ifdef __cplusplus
}
#endif

#endif
