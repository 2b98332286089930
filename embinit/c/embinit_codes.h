/* embinit: codes without floats: fixed point, packing, and uniform codes from integers alone.
 *
 * No function here holds a float instruction or calls a float helper, on any core.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_CODES_H
#define EMBINIT_CODES_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a number between two integers becomes one of them. EMBINIT_STOCHASTIC draws a word. */
typedef enum {
    EMBINIT_HALF_AWAY = 0, /* to the nearest, a half away from zero */
    EMBINIT_HALF_EVEN = 1, /* to the nearest, a half to the even one */
    EMBINIT_TRUNCATE = 2,  /* towards zero */
    EMBINIT_FLOOR = 3,     /* towards minus infinity */
    EMBINIT_STOCHASTIC = 4, /* x + u - 1/2, where u = (word >> 8) * 2^-24, by HALF_AWAY */
    EMBINIT_CEIL = 5,      /* towards infinity */
    /* What quantizers written by hand do, which add half a step in the precision of x: */
    EMBINIT_HALF_UP = 6,   /* floor(x + 0.5) */
    EMBINIT_HALF_DOWN = 7, /* ceil(x - 0.5) */
    EMBINIT_ADD_HALF = 8   /* (int)(x + 0.5) */
} embinit_rounding;

/* ---- Fixed point: codes of 2 to 32 bits in steps of 2^-frac_bits; frac_bits is from -32 to 64, modulo 2^32 ---- */

/* Return the code of a float, given as its bits, by one of the first four roundings. A value that the width
 * cannot hold becomes the nearest code, NaN the largest one; either adds 1 to clipped. */
int32_t embinit_q_encode(uint32_t float_bits, unsigned width, unsigned frac_bits, embinit_rounding rounding,
                         uint32_t *clipped);

/* Return the bits of the float nearest to a code's value, ties to even. */
uint32_t embinit_q_decode(int32_t code, unsigned frac_bits);

/* ---- Uniform codes from -bound to bound: one word and one multiplication each ---- */

/* From all 32 bits of a word, by a product of 64 bits; bound is not negative. */
int32_t embinit_q_uniform(uint32_t word, int32_t bound);

/* From the upper 16 bits of a word, by a product of 32 bits; bound is from 0 to 32767. */
int32_t embinit_q_uniform16(uint32_t word, int32_t bound);

/* Fill n codes: embinit_q_uniform16 for 8 and 16 bits, embinit_q_uniform for 32. */
void embinit_fill_q8(const embinit_source *source, int8_t bound, int8_t *out, size_t n);
void embinit_fill_q16(const embinit_source *source, int16_t bound, int16_t *out, size_t n);
void embinit_fill_q32(const embinit_source *source, int32_t bound, int32_t *out, size_t n);

/* ---- Packing: bit j of code i is bit i * bits + j of a stream whose bit k is bit k % 8 of byte k / 8 ---- */

/* How many bytes n codes of 1 to 32 bits take, a number that must fit in size_t. */
#define EMBINIT_PACKED_BYTES(n, bits) ((size_t)(n) / 8 * (bits) + ((size_t)(n) % 8 * (bits) + 7) / 8)

/* Store the low bits of a code at an index. All other bits of the payload stay as they are, so clear its last byte
 * before you store there. */
void embinit_pack(uint8_t *payload, size_t index, unsigned bits, int32_t code);

/* Return the code at an index: two's complement of up to 32 bits, or an unsigned number of up to 31. */
int32_t embinit_unpack_signed(const uint8_t *payload, size_t index, unsigned bits);
int32_t embinit_unpack_unsigned(const uint8_t *payload, size_t index, unsigned bits);

#ifdef __cplusplus
}
#endif

#endif
