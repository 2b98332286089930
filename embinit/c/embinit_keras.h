/* embinit: the weights of Keras on its backends. Each initializer has a seed, of its own or of the list that
 * keras.utils.set_random_seed begins, and each tensor a stream from it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_KERAS_H
#define EMBINIT_KERAS_H

#include "embinit_jax.h"
#include "embinit_mt19937.h"
#include "embinit_tensorflow.h"
#include "embinit_threefry2x32.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Return the seed of initializer a, from 0 to 500, after set_random_seed(seed): the a-th randint(1, 10**9) of Python's
 * random.Random(seed). If b is 1, return a, which is then the seed itself. */
uint32_t embinit_keras_seed(uint32_t seed, uint32_t a, uint32_t b);

/* z * b + a, both operations rounded, where z is the first within 2 of four candidates of torch.normal, or the first of
 * all. n is at least 4: for fewer PyTorch takes log1p, sin and cos in double, and these elements stay as they are. rule
 * is not used. */
embinit_distribution embinit_keras_torch_truncated_normal;

/* A mean, added to what embinit_jax_normal gives by its rule. rule is an embinit_keras_jax_rule. */
embinit_distribution embinit_keras_jax_normal;

typedef struct {
    embinit_jax_normal_rule jax;
    uint32_t mean; /* the bits of a float */
} embinit_keras_jax_rule;

#ifdef __cplusplus
}
#endif

#endif
