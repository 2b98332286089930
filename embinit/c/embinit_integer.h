/* embinit: a model of fixed-point buffers in integers alone, for devices without an FPU.
 *
 * No function here has a float instruction or calls a float helper, on any core. A code of q<m>.<n> counts steps of
 * 2^-n; the host has turned bounds, means and deviations into integers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_INTEGER_H
#define EMBINIT_INTEGER_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Return the code that a word draws, saturated to int32_t. */
typedef int32_t embinit_code(uint32_t word, int32_t a, int32_t b, unsigned shift);

/* From -a to a: the upper 16 bits of the word, or all 32 of it (embinit_codes.h); b and shift are not used. */
embinit_code embinit_uniform_code16;
embinit_code embinit_uniform_code32;

/* a + z * b * 2^-shift, the product rounded half away from zero. z is embinit_normal_code(word) or
 * embinit_truncated_normal_code(word) of embinit_scaled.h; |b| < 2^24; shift is from 1 to 62. */
embinit_code embinit_scaled_normal_code;
embinit_code embinit_scaled_truncated_normal_code;

/* One buffer of codes. */
typedef struct {
    embinit_code *code; /* draws a word for each element; 0: every code is a, and nothing is drawn */
    uint32_t count;
    int32_t a;
    int32_t b;
    uint32_t crc32; /* of the buffer's bytes after a fill from the seed of the golden vectors */
    uint8_t shift;
    uint8_t bits;  /* of an element in memory: 8, 16 or 32 */
    uint8_t width; /* of a code, m + n bits; a code that it cannot hold becomes the nearest it can */
} embinit_integer_row;

/* Fill buffers[i], of int8_t, int16_t or int32_t, by rows[i], in order. */
void embinit_fill_integers(const embinit_integer_row *rows, size_t row_count, const embinit_source *source,
                           void *const *buffers);

/* Return the index of the first buffer whose CRC32 is not its row's, or row_count when all agree. */
size_t embinit_check_integers(const embinit_integer_row *rows, size_t row_count, const void *const *buffers);

#ifdef __cplusplus
}
#endif

#endif
