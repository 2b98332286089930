/* embinit: a * b + c, rounded as a build rounds it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_FMA_H
#define EMBINIT_FMA_H

#ifdef __cplusplus
extern "C" {
#endif

/* What a build makes of a * b + c: a product and a sum, or one operation. */
typedef enum { EMBINIT_SEPARATE = 0, EMBINIT_FUSED = 1 } embinit_multiply_add;

/* a * b + c with two roundings, under every compiler flag. */
float embinit_separate(float a, float b, float c);

/* a * b + c with one rounding: the instruction where the core has it, embinit_fused_software elsewhere. */
float embinit_fused(float a, float b, float c);

/* The same in integers. (fmaf of newlib without an FPU is not correctly rounded.) */
float embinit_fused_software(float a, float b, float c);

#ifdef __cplusplus
}
#endif

#endif
