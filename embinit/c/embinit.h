/* embinit: the weight initialization of a device, bit for bit what the host simulates.
 *
 * Every function of the library keeps these promises:
 * - It is C99 without a library: no heap, no recursion, no global state, no headers but the freestanding ones.
 * - Every float32 operation rounds once, to nearest even, whatever -O, -std, -ffp-contract and -ffast-math say: a fused
 *   multiply-add is written as one, and what must not be fused or regrouped passes through embinit_rounded. Two things
 *   are up to the program: with -ffinite-math-only (part of -ffast-math) it passes no infinity and no NaN, and it
 *   leaves the CPU's handling of subnormals alone (linked with -ffast-math, programs for x86 turn them into 0).
 * - int may have 16 bits, and double 32.
 * - Pointers must be valid and must not overlap unless a comment says otherwise; n may be 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_H
#define EMBINIT_H

/* The version of this library, as a string and as major * 10000 + minor * 100 + patch. */
#define EMBINIT_VERSION "0.1.0"
#define EMBINIT_VERSION_NUMBER 100

/* The version of SPEC.md whose bits this library computes; generated files refuse any other. */
#define EMBINIT_SPEC_VERSION 1

#include "embinit_distributions.h"
#include "embinit_float.h"
#include "embinit_fma.h"
#include "embinit_model.h"
#include "embinit_pcg32.h"
#include "embinit_xorshift32.h"

#endif
