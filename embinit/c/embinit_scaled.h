/* embinit: values as an integer times a scale. There is no libm, no addition of floats and no branch on a rounded
 * value: the bits are the same on every CPU under every compiler flag, -ffast-math included. A value takes one word.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_SCALED_H
#define EMBINIT_SCALED_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Return a standard normal value z in units of 2^-24, from one word; |z| < 6.4 * 2^24, and so below 2^27. */
int32_t embinit_normal_code(uint32_t word);

/* The same, truncated to [-2, 2]. */
int32_t embinit_truncated_normal_code(uint32_t word);

/* (code + b) * a: a is the bits of a float, b an integer from -(2^31 - 2^27) to 2^31 - 2^27, so that code + b is an
 * int32_t. code is word >> 8 or one of the two above. rule is not used. */
embinit_distribution embinit_scaled_uniform;
embinit_distribution embinit_scaled_normal;
embinit_distribution embinit_scaled_truncated_normal;

#ifdef __cplusplus
}
#endif

#endif
