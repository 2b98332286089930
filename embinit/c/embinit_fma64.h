/* embinit: a * b + c in double, with one rounding.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_FMA64_H
#define EMBINIT_FMA64_H

#include "embinit_float.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef EMBINIT_DOUBLE
/* By the instruction where the core has it, embinit_fused64_software elsewhere. */
double embinit_fused64(double a, double b, double c);

/* The same in integers. */
double embinit_fused64_software(double a, double b, double c);
#else
#define embinit_fused64 fma_needs_a_double_of_64_bits
#define embinit_fused64_software fma_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
