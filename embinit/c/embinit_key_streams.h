/* embinit: values as tinygrad and MLX draw them. An array has a key, and threefry2x32 of the counter (i, i + h)
 * gives the words of elements i and i + h, where h is half the size of the array, rounded up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_KEY_STREAMS_H
#define EMBINIT_KEY_STREAMS_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The array that is being drawn. Members are private. */
typedef struct {
    uint32_t key[2];
    uint32_t element;
} embinit_array;

/* tinygrad's first device: a key is made of the seed and of how many values were drawn before an array. */
typedef struct {
    uint32_t seed;
    uint32_t drawn;
    embinit_array array;
} embinit_tinygrad;

/* Tensor.manual_seed(seed). */
void embinit_tinygrad_seed(embinit_tinygrad *keys, uint32_t seed);

/* MLX: a key is split in two for each array, which has the second one. */
typedef struct {
    uint32_t key[2];
    embinit_array array;
} embinit_mlx;

/* mx.random.seed(seed). */
void embinit_mlx_seed(embinit_mlx *keys, uint64_t seed);

/* `next` of a source whose state is one of these, from which only its function below draws: pass over a value of
 * tinygrad, or a key of MLX, and return 0. */
uint32_t embinit_tinygrad_source(void *state);
uint32_t embinit_mlx_source(void *state);

/* size: how many elements the array has; a fill may be of one element after the other. */
typedef struct {
    uint32_t size;
} embinit_array_rule;

/* a + u * b with one rounding; rule is an embinit_array_rule. */
embinit_distribution embinit_tinygrad_uniform;

/* a + u * b with two roundings. */
embinit_distribution embinit_mlx_uniform;

#ifdef EMBINIT_DOUBLE
/* z * b, and + a where a is not 0: z is erf_inv of a uniform value from -1 to 1, and b sqrt 2 times the deviation. */
embinit_distribution embinit_mlx_normal;
#else
#define embinit_mlx_normal mlx_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
