/* embinit: the values of numpy.random, which are computed in double and rounded to float once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_NUMPY_H
#define EMBINIT_NUMPY_H

#include "embinit_mt19937.h"
#include "embinit_pcg64.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Generator, of default_rng ---- */

/* PCG64, and the high half of a word whose low half was drawn by itself. Draws of whole words pass it by. */
typedef struct {
    embinit_pcg64 stream;
    uint32_t half;
    uint8_t kept; /* whether the half is still to be drawn */
} embinit_numpy;

void embinit_numpy_seed(embinit_numpy *generator, uint64_t seed);

/* `next` of a source whose state is an embinit_numpy: a draw of 32 bits. */
uint32_t embinit_numpy_source(void *state);

/* Fills nothing, but drops a words of 64 bits, where a is an integer. The state of its source is an embinit_numpy. */
embinit_distribution embinit_numpy_skip;

/* random(dtype=float32): (draw of 32 bits >> 8) * 2^-24. a, b and rule are not used. */
embinit_distribution embinit_numpy_random;

/* ---- RandomState ---- */

/* MT19937, and a normal value that is kept for the next one. */
typedef struct {
    embinit_mt19937 stream;
    uint64_t normal; /* the bits of a double */
    uint8_t kept;
} embinit_numpy_legacy;

void embinit_numpy_legacy_seed(embinit_numpy_legacy *generator, uint32_t seed);
uint32_t embinit_numpy_legacy_source(void *state);

/* ---- Values of double; rule is an embinit_numpy_rule, a and b are not used ---- */

typedef struct {
    double start;
    double scale;
} embinit_numpy_rule;

#ifdef EMBINIT_DOUBLE

/* start + scale * u, u from 0 to 1; and start + scale * z, z normal by the ziggurat. The state of their source is an
 * embinit_numpy. */
embinit_distribution embinit_numpy_uniform;
embinit_distribution embinit_numpy_normal;

/* start + scale * u, two words of any source each; and start + scale * z, z by the polar method, where the state of the
 * source is an embinit_numpy_legacy. */
embinit_distribution embinit_numpy_legacy_uniform;
embinit_distribution embinit_numpy_legacy_normal;

#else
#define embinit_numpy_uniform uniform_of_numpy_needs_a_double_of_64_bits
#define embinit_numpy_normal normal_of_numpy_needs_a_double_of_64_bits
#define embinit_numpy_legacy_uniform uniform_of_numpy_needs_a_double_of_64_bits
#define embinit_numpy_legacy_normal normal_of_numpy_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
