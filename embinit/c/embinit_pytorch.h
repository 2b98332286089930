/* embinit: the float32 fills of PyTorch on the CPU.
 *
 * The promises of embinit.h hold. The bits are those of PyTorch 2.12 and later: "fused" those of its build for x86-64
 * with AVX2 or AVX-512, "separate" those of its `default` one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_PYTORCH_H
#define EMBINIT_PYTORCH_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* tensor.uniform_(a, b): one word per value; b - a must not overflow. A value that rounds to b becomes a, so b itself
 * only comes out where it is a. rule is an embinit_uniform_rule of shift 0. */
embinit_distribution embinit_torch_uniform;

/* tensor.uniform_(-a, a), fused, as PyTorch's layers start; a from 2^-103 to 2^126. The bits are those of the one
 * above, but a value takes a single rounding, that of a product: fast without an FPU. b and rule are not used. */
embinit_distribution embinit_torch_symmetric;

/* tensor.normal_(a, b), fused: n words, and 16 more unless n is a multiple of 16. For fewer than 16 elements PyTorch
 * takes log1p, sin and cos in double: here these elements stay as they are and nothing is drawn. rule is not used. */
embinit_distribution embinit_torch_normal;

/* The same, and then 0 in count elements from first on; rule is an embinit_torch_row. */
embinit_distribution embinit_torch_padded_normal;

typedef struct {
    uint32_t first;
    uint32_t count;
} embinit_torch_row;

#ifdef __cplusplus
}
#endif

#endif
