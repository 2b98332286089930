/* embinit: buffers as a device's memory holds them, where that is not the order in which they are drawn.
 *
 * Everything happens in place, and takes a few words of stack whatever the sizes are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_ARRANGE_H
#define EMBINIT_ARRANGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Move elements from the order in which they are drawn to that of memory. They have 1 to 64 bits each, and lie without
 * gaps from the low bits of the first byte on. sizes: of the axes as drawn, the slowest first. strides: how many
 * elements apart in memory two neighbours along each axis are. The product of the sizes is below 2^32, and each element
 * has one place. */
void embinit_permute(void *data, unsigned bits, const uint32_t *sizes, const uint32_t *strides, unsigned axes);

/* Reorder elements of 1 to 64 bits within each whole block of `block` elements: the one at index places[j] moves to
 * index j. n counts all elements; those after the last whole block stay where they are. */
void embinit_reorder(void *data, unsigned bits, const uint32_t *places, uint32_t block, uint32_t n);

/* Move rows of row_bytes apart, so that each begins stride_bytes after the one before, and fill what follows each row
 * with zeros. data has room for rows * stride_bytes; stride_bytes is at least row_bytes. */
void embinit_spread_rows(void *data, size_t rows, size_t row_bytes, size_t stride_bytes);

/* Pack n codes of 1 to 32 bits anew: from the high bits of each byte down, where they were packed from the low bits
 * up. */
void embinit_high_bits_first(void *payload, size_t n, unsigned bits);

/* Store n elements of some bytes each in big-endian order, whatever the order of the core is. */
void embinit_big_endian(void *data, size_t n, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
