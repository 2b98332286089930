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

/* Put elements of 1 to 64 bits, without gaps from the low bits of the first byte on, from the order of their draws into
 * that of memory. sizes: of the axes of the draws, the slowest first. strides: how many elements of memory lie between
 * two indices of each. The product of the sizes is below 2^32, and each element has one place. */
void embinit_permute(void *data, unsigned bits, const uint32_t *sizes, const uint32_t *strides, unsigned axes);

/* Put elements of 1 to 64 bits where they stand in memory: in each whole block of so many elements, the one of index
 * places[j] comes j-th. n counts all elements; those that fill no whole block stay where they are. */
void embinit_reorder(void *data, unsigned bits, const uint32_t *places, uint32_t block, uint32_t n);

/* Move rows of row_bytes apart, so that each begins stride_bytes after the one before, and fill what follows each row
 * with zeros. data has room for rows * stride_bytes; stride_bytes is at least row_bytes. */
void embinit_spread_rows(void *data, size_t rows, size_t row_bytes, size_t stride_bytes);

/* Pack n codes of 1 to 32 bits from the high bits of each byte down, where they are packed from the low bits up. */
void embinit_high_bits_first(void *payload, size_t n, unsigned bits);

/* Store n elements of some bytes each in big-endian order, whatever the order of the core is. */
void embinit_big_endian(void *data, size_t n, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
