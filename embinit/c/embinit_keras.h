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

/* Return the seed of initializer i, from 0, after set_random_seed(seed): the i-th randint(1, 10**9) of Python's
 * random.Random(seed). random is where that works. */
uint32_t embinit_keras_listed(embinit_mt19937 *random, uint32_t seed, uint32_t i);

typedef struct {
    embinit_mt19937 stream;
} embinit_keras_torch;

typedef struct {
    embinit_philox4x32 stream;
    embinit_mt19937 random;
} embinit_keras_tensorflow;

typedef struct {
    embinit_threefry2x32 stream;
    embinit_mt19937 random;
} embinit_keras_jax;

/* Start the stream of initializer a of the list that begins with seed or, if b is 1, that of seed a. */
void embinit_keras_torch_start(embinit_keras_torch *generator, uint32_t seed, uint32_t a, uint32_t b);
void embinit_keras_tensorflow_start(embinit_keras_tensorflow *generator, uint32_t seed, uint32_t a, uint32_t b);
void embinit_keras_jax_start(embinit_keras_jax *generator, uint32_t seed, uint32_t a, uint32_t b);

/* `next` of a source whose state is a generator of that name. */
uint32_t embinit_keras_torch_source(void *state);
uint32_t embinit_keras_tensorflow_source(void *state);
uint32_t embinit_keras_jax_source(void *state);

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
