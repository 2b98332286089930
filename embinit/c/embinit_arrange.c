/* SPDX-License-Identifier: MIT */
#include "embinit_arrange.h"

/* ---- The order of elements ---- */

static uint64_t arrange_get(const uint8_t *data, uint32_t index, unsigned bits)
{
    uint64_t element = 0;
    if (bits % 8 == 0) {
        const uint8_t *from = data + (size_t)index * (bits / 8);
        for (unsigned i = 0; i < bits / 8; i++) {
            element |= (uint64_t)from[i] << 8 * i;
        }
        return element;
    }
    size_t first = (size_t)index / 8 * bits;
    unsigned at = (unsigned)(index % 8) * bits;
    for (unsigned i = 0; i < bits; i++, at++) {
        element |= (uint64_t)((unsigned)data[first + at / 8] >> at % 8 & 1u) << i;
    }
    return element;
}

static void arrange_put(uint8_t *data, uint32_t index, unsigned bits, uint64_t element)
{
    if (bits % 8 == 0) {
        uint8_t *to = data + (size_t)index * (bits / 8);
        for (unsigned i = 0; i < bits / 8; i++) {
            to[i] = (uint8_t)(element >> 8 * i);
        }
        return;
    }
    size_t first = (size_t)index / 8 * bits;
    unsigned at = (unsigned)(index % 8) * bits;
    for (unsigned i = 0; i < bits; i++, at++) {
        unsigned bit = 1u << at % 8;
        unsigned rest = data[first + at / 8] & ~bit;
        data[first + at / 8] = (uint8_t)((element >> i & 1u) != 0 ? rest | bit : rest);
    }
}

/* The place in memory of the element that is drawn as number i. */
static uint32_t arrange_place(uint32_t i, const uint32_t *sizes, const uint32_t *strides, unsigned axes)
{
    uint32_t place = 0;
    while (axes-- != 0) {
        place += i % sizes[axes] * strides[axes];
        i /= sizes[axes];
    }
    return place;
}

void embinit_permute(void *data, unsigned bits, const uint32_t *sizes, const uint32_t *strides, unsigned axes)
{
    uint8_t *bytes = (uint8_t *)data;
    uint32_t n = 1;
    for (unsigned i = 0; i < axes; i++) {
        n *= sizes[i];
    }
    for (uint32_t start = 0; start < n; start++) {
        uint32_t place = arrange_place(start, sizes, strides, axes);
        while (place > start) {
            place = arrange_place(place, sizes, strides, axes);
        }
        if (place < start) {
            continue; /* the cycle was moved from its first element on */
        }
        uint64_t moving = arrange_get(bytes, start, bits);
        place = arrange_place(start, sizes, strides, axes);
        while (place != start) {
            uint64_t next = arrange_get(bytes, place, bits);
            arrange_put(bytes, place, bits, moving);
            moving = next;
            place = arrange_place(place, sizes, strides, axes);
        }
        arrange_put(bytes, start, bits, moving);
    }
}

void embinit_reorder(void *data, unsigned bits, const uint32_t *places, uint32_t block, uint32_t n)
{
    uint8_t *bytes = (uint8_t *)data;
    for (uint32_t base = 0; block <= n - base && block != 0; base += block) {
        for (uint32_t start = 0; start < block; start++) {
            uint32_t from = places[start];
            while (from > start) {
                from = places[from];
            }
            if (from < start || places[start] == start) {
                continue; /* the cycle was moved from its first element on, or stays */
            }
            uint64_t first = arrange_get(bytes, base + start, bits);
            uint32_t to = start;
            for (from = places[start]; from != start; to = from, from = places[from]) {
                arrange_put(bytes, base + to, bits, arrange_get(bytes, base + from, bits));
            }
            arrange_put(bytes, base + to, bits, first);
        }
    }
}

void embinit_spread_rows(void *data, size_t rows, size_t row_bytes, size_t stride_bytes)
{
    uint8_t *bytes = (uint8_t *)data;
    for (size_t row = rows; row-- != 0;) {
        const uint8_t *from = bytes + row * row_bytes;
        uint8_t *to = bytes + row * stride_bytes;
        for (size_t i = row_bytes; i-- != 0;) {
            to[i] = from[i];
        }
        for (size_t i = row_bytes; i < stride_bytes; i++) {
            to[i] = 0;
        }
    }
}

/* ---- The order of bits and bytes ---- */

static unsigned arrange_bit(const uint8_t *bytes, size_t at)
{
    return (unsigned)bytes[at / 8] >> (7 - at % 8) & 1u;
}

static void arrange_flip(uint8_t *bytes, size_t at)
{
    bytes[at / 8] = (uint8_t)(bytes[at / 8] ^ 1u << (7 - at % 8));
}

void embinit_high_bits_first(void *payload, size_t n, unsigned bits)
{
    uint8_t *bytes = (uint8_t *)payload;
    size_t size = n / 8 * bits + (n % 8 * bits + 7) / 8;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = bytes[i];
        byte = (byte >> 4 | byte << 4) & 0xffu;
        byte = (byte >> 2 & 0x33u) | (byte & 0x33u) << 2;
        byte = (byte >> 1 & 0x55u) | (byte & 0x55u) << 1;
        bytes[i] = (uint8_t)byte;
    }
    for (size_t i = 0; i < n; i++) { /* from here on bits count from the high end of each byte */
        uint8_t *from = bytes + i / 8 * bits;
        size_t low = i % 8 * bits;
        for (size_t high = low + bits - 1; low < high; low++, high--) {
            if (arrange_bit(from, low) != arrange_bit(from, high)) {
                arrange_flip(from, low);
                arrange_flip(from, high);
            }
        }
    }
}

void embinit_big_endian(void *data, size_t n, size_t bytes)
{
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 0) {
        return;
    }
    uint8_t *element = (uint8_t *)data;
    for (; n != 0; n--, element += bytes) {
        for (size_t low = 0, high = bytes - 1; low < high; low++, high--) {
            uint8_t kept = element[low];
            element[low] = element[high];
            element[high] = kept;
        }
    }
}
