/* SPDX-License-Identifier: MIT */
#include "embinit_expression.h"

#define EXPR_SIGN 0x80000000u
#define EXPR_INFINITY_BITS 0x7f800000u

static int expr_is_nan(uint32_t bits)
{
    return (bits & ~EXPR_SIGN) > EXPR_INFINITY_BITS;
}

/* The root of significand * 4^zeros, rounded down. Each step takes two bits of the significand, of which width
 * count, or two zeros, and gives one bit of the root: width / 2 + zeros steps. */
static uint64_t expr_root_of(uint64_t significand, int width, int zeros)
{
    uint64_t rest = 0;
    uint64_t root = 0;
    for (int place = width - 2; place >= -2 * zeros; place -= 2) {
        rest = (rest << 2) | (place >= 0 ? (significand >> place) & 3u : 0u);
        uint64_t trial = (root << 2) | 1u;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1u;
        }
    }
    return root;
}

float embinit_c_sqrtf(float x)
{
    uint32_t bits = embinit_bits(x);
    if ((bits & ~EXPR_SIGN) == 0 || bits == EXPR_INFINITY_BITS || expr_is_nan(bits)) {
        return x;
    }
    if (bits & EXPR_SIGN) {
        return embinit_float(0x7fc00000u);
    }
    int32_t exponent = (int32_t)(bits >> 23);
    uint64_t significand = exponent == 0 ? bits : (bits & 0x7fffffu) | 0x800000u;
    exponent = (exponent == 0 ? 1 : exponent) - 150;
    /* x = significand * 2^exponent with an even exponent and 25 or 26 bits; doubling gets there, as x is not 0. The
     * root has 25 bits, the last one for rounding. A root half way between two floats would be odd, and so would its
     * square, which is significand * 2^24: there are no ties. */
    while (!(significand >> 24) || (exponent & 1)) {
        significand <<= 1;
        exponent--;
    }
    uint32_t root = (uint32_t)expr_root_of(significand, 26, 12);
    return embinit_float(((uint32_t)(exponent / 2 - 12 + 150) << 23) + ((root + 1u) >> 1));
}

float embinit_c_fabsf(float x)
{
    return embinit_float(embinit_bits(x) & ~EXPR_SIGN);
}

float embinit_c_truncf(float x)
{
    uint32_t bits = embinit_bits(x);
    int32_t places = 150 - (int32_t)((bits >> 23) & 0xffu); /* of the fraction */
    if (places <= 0) {
        return x;
    }
    return embinit_float(places > 23 ? bits & EXPR_SIGN : bits & ~(((uint32_t)1 << places) - 1u));
}

static float expr_moved(float whole, float by)
{
    volatile float next = whole + by;
    return next;
}

float embinit_c_floorf(float x)
{
    float whole = embinit_c_truncf(x);
    int below = (embinit_bits(x) & EXPR_SIGN) && embinit_bits(whole) != embinit_bits(x);
    return below ? expr_moved(whole, -1.0f) : whole;
}

float embinit_c_ceilf(float x)
{
    float whole = embinit_c_truncf(x);
    int above = !(embinit_bits(x) & EXPR_SIGN) && embinit_bits(whole) != embinit_bits(x);
    return above ? expr_moved(whole, 1.0f) : whole;
}

float embinit_c_fminf(float a, float b)
{
    if (expr_is_nan(embinit_bits(a))) {
        return b;
    }
    return expr_is_nan(embinit_bits(b)) || a < b ? a : b;
}

float embinit_c_fmaxf(float a, float b)
{
    if (expr_is_nan(embinit_bits(a))) {
        return b;
    }
    return expr_is_nan(embinit_bits(b)) || a > b ? a : b;
}

float embinit_c_fmaf_double(float a, float b, float c)
{
    return embinit_fused(a, b, c);
}

float embinit_c_fmaf_fdlibm_fused(float a, float b, float c)
{
    return embinit_fused(a, b, c);
}

#ifdef EMBINIT_DOUBLE

float embinit_c_fmaf_fdlibm(float a, float b, float c)
{
    volatile double product = (double)a * (double)b;
    volatile double sum = product + (double)c;
    return (float)sum;
}

#define EXPR_SIGN64 ((uint64_t)1 << 63)
#define EXPR_INFINITY64 ((uint64_t)0x7ff << 52)
#define EXPR_FRACTION64 (((uint64_t)1 << 52) - 1u)

double embinit_c_fabs(double x)
{
    return embinit_double(embinit_bits64(x) & ~EXPR_SIGN64);
}

double embinit_c_sqrt(double x)
{
    uint64_t bits = embinit_bits64(x);
    if ((bits & ~EXPR_SIGN64) == 0 || (bits & ~EXPR_SIGN64) > EXPR_INFINITY64 || bits == EXPR_INFINITY64) {
        return x;
    }
    if (bits & EXPR_SIGN64) {
        return embinit_double((uint64_t)0x7ff8 << 48);
    }
    int32_t exponent = (int32_t)(bits >> 52);
    uint64_t significand = exponent == 0 ? bits : (bits & EXPR_FRACTION64) | (EXPR_FRACTION64 + 1u);
    exponent = (exponent == 0 ? 1 : exponent) - 1075;
    while (!(significand >> 52) || (exponent & 1)) {
        significand <<= 1;
        exponent--;
    }
    /* As above: 53 or 54 bits make a root of 54, and there are no ties. */
    uint64_t root = expr_root_of(significand, 54, 27);
    return embinit_double(((uint64_t)(exponent / 2 - 27 + 1075) << 52) + ((root + 1u) >> 1));
}

#endif /* EMBINIT_DOUBLE */
