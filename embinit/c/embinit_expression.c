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

static uint64_t expr_bits64(double value)
{
    union { double value; uint64_t bits; } both;
    both.value = value;
    return both.bits;
}

static double expr_double_of(uint64_t bits)
{
    union { uint64_t bits; double value; } both;
    both.bits = bits;
    return both.value;
}

double embinit_c_fabs(double x)
{
    return expr_double_of(expr_bits64(x) & ~EXPR_SIGN64);
}

double embinit_c_sqrt(double x)
{
    uint64_t bits = expr_bits64(x);
    if ((bits & ~EXPR_SIGN64) == 0 || (bits & ~EXPR_SIGN64) > EXPR_INFINITY64 || bits == EXPR_INFINITY64) {
        return x;
    }
    if (bits & EXPR_SIGN64) {
        return expr_double_of((uint64_t)0x7ff8 << 48);
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
    return expr_double_of(((uint64_t)(exponent / 2 - 27 + 1075) << 52) + ((root + 1u) >> 1));
}

double embinit_fused64(double a, double b, double c)
{
#if defined(__FMA__) || defined(__FP_FAST_FMA) || (defined(__ARM_FEATURE_FMA) && defined(__ARM_FP) && (__ARM_FP & 8))
    return __builtin_fma(a, b, c);
#else
    return embinit_fused64_software(a, b, c);
#endif
}

/* An unsigned integer of 128 bits, times 2^exponent. */
typedef struct {
    uint64_t high;
    uint64_t low;
    int32_t exponent;
} expr_wide;

static expr_wide expr_shifted_left(expr_wide x, int32_t places)
{
    if (places >= 64) {
        x.high = x.low;
        x.low = 0;
        places -= 64;
        x.exponent -= 64;
    }
    if (places > 0) {
        x.high = (x.high << places) | (x.low >> (64 - places));
        x.low <<= places;
        x.exponent -= places;
    }
    return x;
}

/* Bits that are lost leave a 1 in the lowest place, where rounding sees that there were some. */
static expr_wide expr_shifted_right(expr_wide x, int32_t places)
{
    uint64_t lost = 0;
    x.exponent += places;
    if (places >= 64) {
        lost = x.low;
        x.low = x.high;
        x.high = 0;
        places -= 64;
    }
    if (places >= 64) {
        lost |= x.low;
        x.low = 0;
    } else if (places > 0) {
        lost |= x.low << (64 - places);
        x.low = (x.low >> places) | (x.high << (64 - places));
        x.high >>= places;
    }
    x.low |= lost != 0;
    return x;
}

/* By halves of 32 bits: middle and carried are at most (2^32 - 1)^2 + 2^32 - 1, which is below 2^64. */
static expr_wide expr_product_of(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & 0xffffffffu;
    uint64_t a1 = a >> 32;
    uint64_t b0 = b & 0xffffffffu;
    uint64_t b1 = b >> 32;
    uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
    uint64_t carried = (middle & 0xffffffffu) + a0 * b1;
    expr_wide x;
    x.high = a1 * b1 + (middle >> 32) + (carried >> 32);
    x.low = (carried << 32) | ((a0 * b0) & 0xffffffffu);
    x.exponent = 0;
    return x;
}

static int32_t expr_width_of(expr_wide x)
{
    int32_t width = x.high ? 64 : 0;
    for (uint64_t rest = x.high ? x.high : x.low; rest; rest >>= 1) {
        width++;
    }
    return width;
}

static int expr_less(expr_wide a, expr_wide b)
{
    if (a.exponent != b.exponent) {
        return a.exponent < b.exponent;
    }
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

static uint64_t expr_significand64(uint64_t bits)
{
    return (bits & EXPR_INFINITY64) ? (bits & EXPR_FRACTION64) | (EXPR_FRACTION64 + 1u) : bits & EXPR_FRACTION64;
}

static int32_t expr_exponent64(uint64_t bits)
{
    int32_t biased = (int32_t)((bits & EXPR_INFINITY64) >> 52);
    return (biased ? biased : 1) - 1075;
}

/* The bits of x, rounded to nearest even. x is below 2^128, so its width is at most 128; 190 places leave nothing of
 * it but the mark that there was something. */
static uint64_t expr_rounded64(expr_wide x)
{
    int32_t unit = x.exponent + expr_width_of(x) - 53; /* the exponent of the last place of the result */
    if (unit < -1074) {
        unit = -1074;
    }
    int32_t excess = unit - 2 - x.exponent; /* two places more, for rounding */
    x = excess > 0 ? expr_shifted_right(x, excess > 190 ? 190 : excess) : expr_shifted_left(x, -excess);
    uint64_t kept = x.low >> 2;
    kept += (x.low & 3u) > 2u || ((x.low & 3u) == 2u && (kept & 1u));
    /* The leading 1 of a normal number adds itself to the exponent, and so does the carry of a rounding up. */
    uint64_t bits = kept + ((uint64_t)(unit + 1074) << 52);
    return bits < EXPR_INFINITY64 ? bits : EXPR_INFINITY64;
}

double embinit_fused64_software(double a, double b, double c)
{
    uint64_t bits_a = expr_bits64(a);
    uint64_t bits_b = expr_bits64(b);
    uint64_t bits_c = expr_bits64(c);
    int special = (bits_a & EXPR_INFINITY64) == EXPR_INFINITY64 || (bits_b & EXPR_INFINITY64) == EXPR_INFINITY64;
    if (special || !(bits_a << 1) || !(bits_b << 1)) {
        volatile double exact = a * b;
        return exact + c;
    }
    if ((bits_c & EXPR_INFINITY64) == EXPR_INFINITY64) {
        return c;
    }
    uint64_t sign = (bits_a ^ bits_b) & EXPR_SIGN64;
    expr_wide larger = expr_product_of(expr_significand64(bits_a), expr_significand64(bits_b));
    larger.exponent = expr_exponent64(bits_a) + expr_exponent64(bits_b);
    larger = expr_shifted_left(larger, 126 - expr_width_of(larger));
    if (bits_c << 1) {
        expr_wide smaller;
        smaller.high = 0;
        smaller.low = expr_significand64(bits_c);
        smaller.exponent = expr_exponent64(bits_c);
        smaller = expr_shifted_left(smaller, 126 - expr_width_of(smaller));
        int subtract = sign != (bits_c & EXPR_SIGN64);
        if (expr_less(larger, smaller)) {
            expr_wide product = larger;
            larger = smaller;
            smaller = product;
            sign = bits_c & EXPR_SIGN64;
        }
        int32_t apart = larger.exponent - smaller.exponent;
        smaller = expr_shifted_right(smaller, apart > 190 ? 190 : apart);
        if (subtract) {
            larger.high -= smaller.high + (larger.low < smaller.low);
            larger.low -= smaller.low;
        } else {
            larger.low += smaller.low;
            larger.high += smaller.high + (larger.low < smaller.low);
        }
        if (!(larger.high | larger.low)) {
            return 0.0;
        }
    }
    return expr_double_of(sign | expr_rounded64(larger));
}

#endif /* EMBINIT_DOUBLE */
