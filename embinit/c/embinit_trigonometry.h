/* embinit: logf, cosf and sinf for the arguments that an expression can have, by class of device libm.
 *
 * double: glibc, and newlib where the FPU has double precision. fdlibm: newlib without an FPU. fdlibm_fused: newlib with
 * a float FPU. logf takes no subnormal floats, angles are below 120; other arguments give no meaningful result.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_TRIGONOMETRY_H
#define EMBINIT_TRIGONOMETRY_H

#include "embinit_fma64.h"

#ifdef __cplusplus
extern "C" {
#endif

float embinit_c_logf_fdlibm(float x);
float embinit_c_logf_fdlibm_fused(float x);

#ifdef EMBINIT_DOUBLE
float embinit_c_logf_double(float x);
float embinit_c_cosf_double(float x);
float embinit_c_sinf_double(float x);
#else
#define embinit_c_logf_double libm_double_needs_a_double_of_64_bits
#define embinit_c_cosf_double libm_double_needs_a_double_of_64_bits
#define embinit_c_sinf_double libm_double_needs_a_double_of_64_bits
#endif
float embinit_c_cosf_fdlibm(float x);
float embinit_c_cosf_fdlibm_fused(float x);
float embinit_c_sinf_fdlibm(float x);
float embinit_c_sinf_fdlibm_fused(float x);

#ifdef __cplusplus
}
#endif

#endif
