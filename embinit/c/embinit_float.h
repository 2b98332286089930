/* embinit: floats by their bits, and what the library asks of a compiler's float and double.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_FLOAT_H
#define EMBINIT_FLOAT_H

#include <float.h>
#include <stdint.h>

#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128
#error "embinit needs float to be IEEE 754 binary32"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2
#error "embinit needs float arithmetic in float: on x86 compile with -msse2 -mfpmath=sse"
#endif

/* Defined where double is IEEE 754 binary64. What needs one does not compile elsewhere, and its name there says why. */
#if DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024
#define EMBINIT_DOUBLE 1
/* Does not compile under -fsingle-precision-constant, which rounds the constants of double to float. */
typedef char embinit_constants_of_double_must_be_double[(long)16777217.0 == 16777217L ? 1 : -1];
#endif

#ifdef __cplusplus
extern "C" {
#endif

static inline uint32_t embinit_bits(float value)
{
    union { float value; uint32_t bits; } both;
    both.value = value;
    return both.bits;
}

static inline float embinit_float(uint32_t bits)
{
    union { uint32_t bits; float value; } both;
    both.bits = bits;
    return both.value;
}

/* A value as it was rounded: no compiler looks through the object that holds it. */
static inline float embinit_rounded(float value)
{
    volatile float rounded = value;
    return rounded;
}

#ifdef EMBINIT_DOUBLE

static inline uint64_t embinit_bits64(double value)
{
    union { double value; uint64_t bits; } both;
    both.value = value;
    return both.bits;
}

static inline double embinit_double(uint64_t bits)
{
    union { uint64_t bits; double value; } both;
    both.bits = bits;
    return both.value;
}

/* The same of double: an operation whose result goes through it rounds once, whatever the compiler's flags are. */
static inline double embinit_rounded64(double value)
{
    volatile double rounded = value;
    return rounded;
}

#endif /* EMBINIT_DOUBLE */

#ifdef __cplusplus
}
#endif

#endif
