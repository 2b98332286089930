/* embinit: the formats of buffers, one element at a time, so that no float copy of a tensor is needed.
 *
 * A format lays a grid over each group of a buffer. Find the range of a group with embinit_range_add, make the grid,
 * then encode each value:
 *
 *     code = saturate(round(value / scale - offset) + zero),  value = ((float)(code - zero) + offset) * scale
 *
 * Every operation rounds once, to float. In a format with several groups all grids are made before the first code: with
 * EMBINIT_STOCHASTIC each zero point draws a word, and then each element does, in order.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_FORMATS_H
#define EMBINIT_FORMATS_H

#include "embinit_codes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The smallest and the largest value of a group, as integers that sort as floats do. */
typedef struct {
    uint32_t least;
    uint32_t most;
} embinit_range;

#define EMBINIT_EMPTY_RANGE {0xffffffffu, 0u}

void embinit_range_add(embinit_range *range, float value);

/* Return the largest magnitude of a range; infinity or NaN where a value is not finite. */
float embinit_largest(const embinit_range *range);

/* Return a float whose integer part is x rounded; word is a draw for EMBINIT_STOCHASTIC. */
float embinit_round(float x, embinit_rounding rounding, uint32_t word);

/* A grid. Decoding needs scale, offset and zero alone: offset is the zero point of asym<b>, as a float, and zero is
 * that of affine<b>; elsewhere they are 0. */
typedef struct {
    float scale;
    float offset;
    int32_t zero;
    int32_t low; /* the outermost codes */
    int32_t high;
    uint8_t limited; /* bfp: a value outside low to high before it is rounded counts as clipped */
} embinit_grid;

/* q<m>.<n>: width = m + n; n from -32 to 64, modulo 2^32. */
embinit_grid embinit_q_grid(unsigned width, unsigned frac_bits);

/* Make the grid of a group and return 1. Return 0 where the format has no code for its values: one that is not
 * finite, a scale that underflows to 0, a zero point outside int32, sym above 25 bits with a positive largest
 * magnitude. */
int embinit_int_grid(embinit_grid *grid, const embinit_range *range, unsigned bits);       /* int8, int4: bits 8, 4 */
int embinit_sym_grid(embinit_grid *grid, const embinit_range *range, unsigned bits);       /* sym<b>, 1 to 31 */
int embinit_sym_int32_grid(embinit_grid *grid, const embinit_range *range, unsigned bits); /* sym_int32/<b>, 0 to 31 */

/* int<b>/<steps>: steps is the largest code and so many halves more; int<b> has 0 of them. q<b>/auto: 8, 16 or 32. */
int embinit_int_steps_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, unsigned halves);
int embinit_chosen_grid(embinit_grid *grid, const embinit_range *range, unsigned bits);

/* asym<b>, 1 to 30, and affine<b>, 1 to 16. The zero point is rounded too; EMBINIT_STOCHASTIC takes the word for it. */
int embinit_asym_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, embinit_rounding rounding,
                      uint32_t word);
int embinit_affine_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, embinit_rounding rounding,
                        uint32_t word);

/* bfp<m>e<e>: mantissas of 2 to 16 bits, exponents of 2 to 8; exponent receives the stored byte. */
int embinit_bfp_grid(embinit_grid *grid, const embinit_range *range, unsigned mantissa_bits, unsigned exponent_bits,
                     uint8_t *exponent);

/* The scale of a stored exponent. */
float embinit_bfp_scale(uint8_t exponent, unsigned exponent_bits);

/* Return the code of a value. word is a draw for EMBINIT_STOCHASTIC and is not used otherwise. A code that saturates
 * adds 1 to clipped. */
int32_t embinit_encode(const embinit_grid *grid, embinit_rounding rounding, float value, uint32_t word,
                       uint32_t *clipped);

/* float16 and bfloat16, with 10 and 7 fraction_bits: return the bits of a value. One that is too large becomes infinity,
 * or the largest number where it is rounded towards 0, and adds 1 to clipped. */
uint16_t embinit_half(float value, unsigned fraction_bits, embinit_rounding rounding, uint32_t word, uint32_t *clipped);

/* int32 and int64 biases: return the code of a quotient of a value and a scale. */
int64_t embinit_bias_code(float quotient, unsigned bits, embinit_rounding rounding, uint32_t word,
                          uint32_t *clipped);

/* Return the value of a code. */
float embinit_decode(const embinit_grid *grid, int32_t code);

#ifdef __cplusplus
}
#endif

#endif
