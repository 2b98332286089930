/* embinit: uniform and normal values as TensorFlow computes them on the CPU: tf.random.stateless_uniform and so on. The
 * state of the source begins with an embinit_philox4x32 of whose last block no words are left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_TENSORFLOW_H
#define EMBINIT_TENSORFLOW_H

#include "embinit_philox4x32.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Start the stream of the seed (seed, 0), modulo 2^31 - 2 as Keras takes it. */
void embinit_tensorflow_seed(embinit_philox4x32 *generator, uint32_t seed);

/* u * (b - a) + a, every operation rounded, where u = (word & 0x7fffff) * 2^-23: one word per value. rule is not used. */
embinit_distribution embinit_tensorflow_uniform;

#ifdef EMBINIT_DOUBLE
/* z * b + a, where z is by Box-Muller with glibc's logf, sinf and cosf: two words for two values, or for a last one
 * alone. rule is not used. */
embinit_distribution embinit_tensorflow_normal;

/* The same with z from -2 to 2, in groups of four: a group takes its words from 256 blocks of its own. rule is not
 * used. */
embinit_distribution embinit_tensorflow_truncated_normal;
#else
#define embinit_tensorflow_normal tensorflow_needs_a_double_of_64_bits
#define embinit_tensorflow_truncated_normal tensorflow_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
