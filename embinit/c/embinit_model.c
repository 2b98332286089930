/* SPDX-License-Identifier: MIT */
#include "embinit_model.h"

void embinit_fill(const embinit_row *rows, size_t row_count, const embinit_source *source, float *const *buffers)
{
    for (size_t i = 0; i < row_count; i++) {
        rows[i].draw(source, rows[i].rule, rows[i].a, rows[i].b, buffers[i], (size_t)rows[i].count);
    }
}

void embinit_copy(void *to, const void *from, size_t n)
{
    uint8_t *written = (uint8_t *)to;
    const uint8_t *read = (const uint8_t *)from;
    for (size_t i = 0; i < n; i++) {
        written[i] = read[i];
    }
}

size_t embinit_check(const embinit_row *rows, size_t row_count, const float *const *buffers)
{
    size_t i = 0;
    while (i < row_count && embinit_crc32(0, buffers[i], (size_t)rows[i].count * sizeof(float)) == rows[i].crc32) {
        i++;
    }
    return i;
}

uint32_t embinit_crc32(uint32_t crc, const void *bytes, size_t n)
{
    /* What four bits that leave the register do to it, for the reflected polynomial 0xedb88320: two steps per byte. */
    static const uint32_t nibble[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    const uint8_t *byte = (const uint8_t *)bytes;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        crc = (crc >> 4) ^ nibble[crc & 15u];
        crc = (crc >> 4) ^ nibble[crc & 15u];
    }
    return ~crc;
}
