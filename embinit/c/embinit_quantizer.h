/* embinit: codes of a device that gets to them in its own way, where that is not the way of the format.
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
 * or in double, where double is binary64. */
typedef enum {
    EMBINIT_SCALE_FLOAT32 = 0,
    EMBINIT_SCALE_FLOAT16 = 1,
    EMBINIT_SCALE_DOUBLE = 2,
    EMBINIT_SCALE_POWER_OF_TWO = 3,
    EMBINIT_SCALE_POWER_OF_TWO_BELOW = 4
} embinit_scale;

/* How a value becomes a quotient: divided by the scale, multiplied by 1 / scale or by steps / absmax, or divided in
 * double. */
typedef enum {
    EMBINIT_QUOTIENT_DIVIDE = 0,
    EMBINIT_QUOTIENT_RECIPROCAL = 1,
    EMBINIT_QUOTIENT_MULTIPLY = 2,
    EMBINIT_QUOTIENT_DOUBLE = 3
} embinit_quotient;

/* A family of one buffer. as: the format's own family, which makes the grids where neither steps nor factor is given.
 * factor: not 0 where all values are multiplied by it. steps: not 0 where so many make the largest magnitude of a group;
 * then scale and quotient say how. Codes are limited to low..high, or wrap around; offset is added after that. Elements
 * that fill no whole group of lanes, counted in rows of so many elements, are rounded by tail; lanes 0: none are. */
typedef struct {
    embinit_family family;
    const embinit_family *as;
    double factor;
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

/* Turn what embinit_store leaves in the scales of a buffer into scales: it keeps the largest magnitudes there, from
 * which quotients follow, where the quotient is EMBINIT_QUOTIENT_MULTIPLY or the scale EMBINIT_SCALE_DOUBLE. */
void embinit_finish_scales(const embinit_quantizer *quantizer, float *scale, uint32_t groups);

#ifdef __cplusplus
}
#endif

#endif
