/* embinit: a model straight into quantized buffers, without a float copy of any tensor.
 *
 * Each buffer's values are drawn one by one and drawn again where they are needed once more: first for the ranges of
 * its groups, where the format has any to find, then for the codes. With EMBINIT_STOCHASTIC the stream runs through
 * the values of the whole model beforehand, to where rounding begins to draw.
 *
 * Beside the buffers a fill takes three states of the generator and a few words of stack, whatever the sizes are. What
 * a format keeps itself, for each group: sym<b>, int8 and int4 a float, sym_int32/<b> one float, asym<b> one float and
 * one int32_t, affine<b> a float and a uint16_t, bfp<m>e<e> a byte, q<m>.<n> and float32 nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_STORE_H
#define EMBINIT_STORE_H

#include "embinit_formats.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stream that can be read more than once. */
typedef struct {
    uint32_t (*next)(void *state);
    void (*copy)(void *to, const void *from); /* of a state */
    void *state;                              /* seeded; moves through all words of the model */
    void *values;                             /* room for two more states of the same type */
    void *ahead;
} embinit_stream;

/* A buffer in the device's memory: elements or packed payload, and what its format keeps for each group, else 0. */
typedef struct {
    void *data;
    float *scale;
    void *zero_point; /* int32_t of asym<b>, uint16_t of affine<b> */
    uint8_t *exponents;
} embinit_buffer;

/* Formats whose grids come about in one way. The linker keeps those that a model names. */
typedef struct embinit_family embinit_family;

extern const embinit_family embinit_family_q;         /* q<m>.<n> */
extern const embinit_family embinit_family_int;       /* int8, int4 */
extern const embinit_family embinit_family_sym;       /* sym<b> */
extern const embinit_family embinit_family_sym_int32; /* sym_int32/<b> */
extern const embinit_family embinit_family_asym;      /* asym<b> */
extern const embinit_family embinit_family_affine;    /* affine<b> */
extern const embinit_family embinit_family_bfp;       /* bfp<m>e<e> */

/* How a buffer is held. Element i belongs to group i / run % groups. groups and run are from 1 up, and groups * run is the
 * number of elements; of int8 and int4, which may give a group several runs, it divides that number. */
typedef struct {
    const embinit_family *family; /* 0: float32, and what follows is not used */
    uint8_t bits;                 /* of an element in memory */
    uint8_t width;                /* of a code: m + n of q<m>.<n>, m of bfp<m>e<e>, else the number in the name */
    uint8_t part;                 /* n of q<m>.<n>, e of bfp<m>e<e>, else 0 */
    uint8_t rounding;             /* embinit_rounding */
    uint8_t at_once;              /* draws for rounding right after its values, not after all values; has one group */
    uint32_t groups;
    uint32_t run;
} embinit_storage;

/* A buffer of a model. The values of one that is not float32 are drawn with n = 1: its distribution must give each
 * element whatever its index. crc32 is of the payload and, continued, of scale, zero points and exponents. */
typedef struct {
    embinit_row row;
    embinit_storage storage;
} embinit_stored_row;

/* Fill and store buffers[i] by rows[i], in order. Return row_count; or the index of a row whose format has no code for
 * its values (embinit_formats.h): then this buffer and those behind it are not what the plan says. Also the index of a
 * row whose groups do not make up its elements (embinit_storage): then no buffer is touched and nothing is drawn. */
size_t embinit_store(const embinit_stored_row *rows, size_t row_count, const embinit_stream *stream,
                     const embinit_buffer *buffers);

/* Return the index of the first buffer whose CRC32 is not its row's, or row_count when all agree. */
size_t embinit_check_stored(const embinit_stored_row *rows, size_t row_count, const embinit_buffer *buffers);

#ifdef __cplusplus
}
#endif

#endif
