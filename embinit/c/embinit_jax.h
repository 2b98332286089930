/* embinit: uniform and normal values as JAX computes them on x86-64, where XLA compiles them. A value takes one word.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_JAX_H
#define EMBINIT_JAX_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How XLA rounds a * b + c on the host: in two steps, or in one. FUSED_0_6 is what JAX up to 0.6.2 fuses. */
typedef enum { EMBINIT_JAX_SEPARATE = 0, EMBINIT_JAX_FUSED = 1, EMBINIT_JAX_FUSED_0_6 = 2 } embinit_jax_arithmetic;

/* a * u, where u = low + width * (word >> 9) * 2^-23, but no less than low. b is not used. rule is an
 * embinit_jax_uniform_rule: low and width are bits of floats. */
embinit_distribution embinit_jax_uniform;

typedef struct {
    uint32_t low;
    uint32_t width;
    uint8_t multiply_add; /* embinit_multiply_add */
} embinit_jax_uniform_rule;

/* a * z, where z is b * erf_inv(u), cut at lowest and highest. u is as above, from -1 to 1. rule is an
 * embinit_jax_normal_rule, whose numbers are bits of floats. */
embinit_distribution embinit_jax_normal;

typedef struct {
    uint32_t low;
    uint32_t width;
    uint32_t lowest;
    uint32_t highest;
    uint8_t arithmetic; /* embinit_jax_arithmetic */
} embinit_jax_normal_rule;

#ifdef __cplusplus
}
#endif

#endif
