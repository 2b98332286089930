/* embinit: GoMLX's random state, the words that its backends draw from it, and the values that it makes of them.
 *
 * A tensor of uniform values is one call of the generator, a tensor of normal values two: all the first units, then all
 * the second ones. What a call has not used of the last block it drew is dropped, and the Go backend then reverses the
 * bytes of its state. So rows before and after those of a tensor say where calls begin and end; they fill nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_GOMLX_H
#define EMBINIT_GOMLX_H

#include "embinit.h"
#include "embinit_pcg64.h"
#include "embinit_philox4x32.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Write the state that RNGStateFromSeed makes of a seed: the first three numbers of Go's math/rand. */
void embinit_gomlx_state(uint64_t state[3], int64_t seed);

/* ---- The Go backend: PCG-DXSM, each number as two words ---- */

typedef struct {
    embinit_uint128 state;
    uint32_t high; /* of the last number, if it is still to be drawn */
    uint8_t left;
} embinit_gomlx_numbers;

typedef struct {
    embinit_gomlx_numbers call[2]; /* [1]: the second call of a normal tensor */
    uint8_t begun; /* whether the call has drawn a word */
    uint8_t calls; /* 1, or 2 in a normal tensor, which then give a word in turn */
    uint8_t turn;
} embinit_gomlx_pcg;

void embinit_gomlx_pcg_seed(embinit_gomlx_pcg *generator, int64_t seed);

/* `next` of a source whose state is an embinit_gomlx_pcg. */
uint32_t embinit_gomlx_pcg_source(void *state);

/* Begin the two calls of a normal tensor of a elements, where a is an integer; end the calls of a tensor. They fill
 * nothing and use no other parameter. The state of their source is an embinit_gomlx_pcg. */
embinit_distribution embinit_gomlx_pcg_pair;
embinit_distribution embinit_gomlx_pcg_end;

/* ---- XLA: Philox4x32 ---- */

typedef struct {
    embinit_philox4x32 call[2];
    uint8_t calls;
    uint8_t turn;
} embinit_gomlx_philox;

void embinit_gomlx_philox_seed(embinit_gomlx_philox *generator, int64_t seed);
uint32_t embinit_gomlx_philox_source(void *state);
embinit_distribution embinit_gomlx_philox_pair;
embinit_distribution embinit_gomlx_philox_end;

/* ---- Values ---- */

/* a + b * u, where u is a word times 2^-32, from 0 to 1, 1 excluded; fused: with one rounding. rule is not used. */
embinit_distribution embinit_gomlx_uniform;
embinit_distribution embinit_gomlx_uniform_fused;

/* Standard deviation a, mean 0, by logarithm and cosine of Go, of XLA where it fuses multiply-adds, and of XLA where it
 * does not; two words each. rule and b are not used. XLA gives an infinity where the first word is 0. */
#ifdef EMBINIT_DOUBLE
embinit_distribution embinit_gomlx_normal_go;
embinit_distribution embinit_gomlx_normal_xla;
embinit_distribution embinit_gomlx_normal_xla_nofma;
#else
#define embinit_gomlx_normal_go normal_of_gomlx_needs_a_double_of_64_bits
#define embinit_gomlx_normal_xla normal_of_gomlx_needs_a_double_of_64_bits
#define embinit_gomlx_normal_xla_nofma normal_of_gomlx_needs_a_double_of_64_bits
#endif

#ifdef __cplusplus
}
#endif

#endif
