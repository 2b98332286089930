/* embinit: the table of the ziggurat by which NumPy draws normal values.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_NUMPY_STRIPS_H
#define EMBINIT_NUMPY_STRIPS_H

#include "embinit_float.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef EMBINIT_DOUBLE

/* A strip of the ziggurat. An integer of 52 bits that is below limit, times width, lies under the curve; height is that
 * of the curve where the strip ends. */
typedef struct {
    uint64_t limit;
    double width;
    double height;
} embinit_numpy_strip;

extern const embinit_numpy_strip embinit_numpy_strips[256];

#endif

#ifdef __cplusplus
}
#endif

#endif
