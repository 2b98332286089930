/* embinit: values as an integer times a scale. No libm, no addition of floats, no branch on a rounded value: the same
 * bits on every CPU under every compiler flag, -ffast-math included. One word of the stream each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_SCALED_H
#define EMBINIT_SCALED_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* z of a standard normal in units of 2^-24, from one word; |z| < 6.4 * 2^24. */
int32_t embinit_normal_code(uint32_t word);

/* The same, truncated to [-2, 2]. */
int32_t embinit_truncated_normal_code(uint32_t word);

/* (code + b) * a: a is the bits of a float, b an integer; code is word >> 8 or one of the two above. rule is not used. */
embinit_distribution embinit_scaled_uniform;
embinit_distribution embinit_scaled_normal;
embinit_distribution embinit_scaled_truncated_normal;

#ifdef __cplusplus
}
#endif

#endif
