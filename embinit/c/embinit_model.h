/* embinit: a model of float32 buffers, as a table with a row for each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_MODEL_H
#define EMBINIT_MODEL_H

#include "embinit_distributions.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One buffer of float32. */
typedef struct {
    embinit_distribution *draw;
    const void *rule;
    uint32_t count;
    uint32_t a;
    uint32_t b;
    uint32_t crc32; /* of the buffer's bytes after a fill from the seed of the golden vectors */
} embinit_row;

/* Fill buffers[i] by rows[i], in order. */
void embinit_fill(const embinit_row *rows, size_t row_count, const embinit_source *source, float *const *buffers);

/* Copy n bytes between buffers that do not overlap. */
void embinit_copy(void *to, const void *from, size_t n);

/* Return the index of the first buffer whose CRC-32 is not its row's, or row_count when all agree. */
size_t embinit_check(const embinit_row *rows, size_t row_count, const float *const *buffers);

/* CRC-32 (the one of zlib) of n bytes, continuing from crc, which is 0 at the start. The CRC-32 of a row is that of
 * float32 on a little-endian core. */
uint32_t embinit_crc32(uint32_t crc, const void *bytes, size_t n);

#ifdef __cplusplus
}
#endif

#endif
