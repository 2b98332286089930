/* SPDX-License-Identifier: MIT */
#include "embinit_integer.h"

#include "embinit_codes.h"
#include "embinit_scaled.h"

/* ---- Codes ---- */

int32_t embinit_uniform_code16(uint32_t word, int32_t a, int32_t b, unsigned shift)
{
    (void)b;
    (void)shift;
    return embinit_q_uniform16(word, a);
}

int32_t embinit_uniform_code32(uint32_t word, int32_t a, int32_t b, unsigned shift)
{
    (void)b;
    (void)shift;
    return embinit_q_uniform(word, a);
}

/* a + z * b * 2^-shift, saturated to int32_t. |z| < 2^27 and |b| < 2^24, so the product is below 2^51, and with half of
 * 2^shift, at most 2^61, below 2^62. */
static int32_t integer_moved(int32_t z, int32_t a, int32_t b, unsigned shift)
{
    int64_t product = (int64_t)z * b;
    uint64_t half = (uint64_t)1 << (shift - 1);
    int64_t steps = (int64_t)(((uint64_t)(product < 0 ? -product : product) + half) >> shift);
    int64_t code = product < 0 ? a - steps : a + steps;
    return code < INT32_MIN ? INT32_MIN : code > INT32_MAX ? INT32_MAX : (int32_t)code;
}

int32_t embinit_scaled_normal_code(uint32_t word, int32_t a, int32_t b, unsigned shift)
{
    return integer_moved(embinit_normal_code(word), a, b, shift);
}

int32_t embinit_scaled_truncated_normal_code(uint32_t word, int32_t a, int32_t b, unsigned shift)
{
    return integer_moved(embinit_truncated_normal_code(word), a, b, shift);
}

/* ---- A model ---- */

static void integer_fill(const embinit_integer_row *row, const embinit_source *source, uint8_t *payload)
{
    int32_t high = (int32_t)(((uint32_t)1 << (row->width - 1)) - 1u); /* width is at most 32 */
    int32_t low = -high - 1;
    for (size_t i = 0; i < row->count; i++) {
        int32_t code = row->a;
        if (row->code != 0) {
            uint32_t word = source->next(source->state);
            code = row->code(word, row->a, row->b, row->shift);
        }
        embinit_pack(payload, i, row->bits, code < low ? low : code > high ? high : code);
    }
}

void embinit_fill_integers(const embinit_integer_row *rows, size_t row_count, const embinit_source *source,
                           void *const *buffers)
{
    for (size_t i = 0; i < row_count; i++) {
        integer_fill(&rows[i], source, (uint8_t *)buffers[i]);
    }
}

size_t embinit_check_integers(const embinit_integer_row *rows, size_t row_count, const void *const *buffers)
{
    size_t i = 0;
    while (i < row_count && embinit_crc32(0, buffers[i], (size_t)rows[i].count * (rows[i].bits / 8u)) == rows[i].crc32) {
        i++;
    }
    return i;
}
