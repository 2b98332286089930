/* embinit: log, sin and cos of double, the same bits on every core and under every compiler flag.
 *
 * log is that of a class of libm: `double` as glibc has it on a CPU that fuses, and newlib where the FPU has double
 * precision; `fdlibm` and `fdlibm_fused` as newlib has it elsewhere. sin and cos are newlib's, for angles below 120.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_DOUBLE_H
#define EMBINIT_DOUBLE_H

#include "embinit_expression.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef EMBINIT_DOUBLE
double embinit_c_log_double(double x);
double embinit_c_log_fdlibm(double x);
double embinit_c_log_fdlibm_fused(double x);
double embinit_c_sin(double x);
double embinit_c_cos(double x);
#endif

#ifdef __cplusplus
}
#endif

#endif
