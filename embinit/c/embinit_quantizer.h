/* embinit: codes that a device computes in another way than their format does.
 *
 * A quantizer takes the place of a format's family in an embinit_storage. It keeps what the format keeps, in the same
 * places.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_QUANTIZER_H
#define EMBINIT_QUANTIZER_H

#include "embinit_store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a scale is kept: rounded to float, then to float16, or to the power of two at or above it, or at or below it;
 * or in double. */
typedef enum {
    EMBINIT_SCALE_FLOAT32 = 0,
    EMBINIT_SCALE_FLOAT16 = 1,
#ifdef EMBINIT_DOUBLE
    EMBINIT_SCALE_DOUBLE = 2,
#endif
    EMBINIT_SCALE_POWER_OF_TWO = 3,
    EMBINIT_SCALE_POWER_OF_TWO_BELOW = 4
} embinit_scale;

/* How a value becomes a quotient: divided by the scale, multiplied by 1 / scale or by steps / absmax, or divided in
 * double. */
typedef enum {
    EMBINIT_QUOTIENT_DIVIDE = 0,
    EMBINIT_QUOTIENT_RECIPROCAL = 1,
#ifdef EMBINIT_DOUBLE
    EMBINIT_QUOTIENT_DOUBLE = 3,
#endif
    EMBINIT_QUOTIENT_MULTIPLY = 2
} embinit_quotient;

#ifndef EMBINIT_DOUBLE
#define EMBINIT_SCALE_DOUBLE scale_in_double_needs_a_double_of_64_bits
#define EMBINIT_QUOTIENT_DOUBLE quotient_in_double_needs_a_double_of_64_bits
#endif

/* The family of a single buffer. as: the format's own family, which makes the grids where neither steps nor factor is
 * given. factor: not 0 where every value is multiplied by it; inverse is then 1 / factor, the scale that is kept. steps:
 * not 0 where the largest magnitude of a group has that many steps; scale and quotient then say how. Codes are limited
 * to low..high, or wrap around, and offset is added after that. lanes: not 0 where the last elements of a row that do
 * not fill `lanes` are rounded by tail; a row has `row` elements. */
typedef struct {
    embinit_family family;
    const embinit_family *as;
    double factor;
    float inverse;
    float steps;
    int32_t low;
    int32_t high;
    uint32_t offset;
    uint32_t row;
    uint8_t scale;
    uint8_t quotient;
    uint8_t wraps;
    uint8_t lanes;
    uint8_t tail;
} embinit_quantizer;

int embinit_make_quantizer(embinit_grid *grid, const embinit_range *range, const struct embinit_storage *storage,
                           uint32_t word, const embinit_buffer *buffer, uint32_t group);
void embinit_load_quantizer(embinit_grid *grid, const struct embinit_storage *storage, const embinit_buffer *buffer,
                            uint32_t group);
void embinit_put_quantizer(void *data, size_t i, const embinit_grid *grid, const struct embinit_storage *storage,
                           float value, uint32_t word);

/* Finish the scales of a buffer after embinit_store. Where the quotient is EMBINIT_QUOTIENT_MULTIPLY or the scale is
 * EMBINIT_SCALE_DOUBLE, embinit_store leaves the largest magnitudes of the groups in their place, because it computes
 * the quotients from those. */
void embinit_finish_scales(const embinit_quantizer *quantizer, float *scale, uint32_t groups);

#ifdef __cplusplus
}
#endif

#endif
