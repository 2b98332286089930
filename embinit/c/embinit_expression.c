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

float embinit_c_floorf(float x)
{
    float whole = embinit_c_truncf(x);
    int below = (embinit_bits(x) & EXPR_SIGN) && embinit_bits(whole) != embinit_bits(x);
    return below ? embinit_rounded(whole - 1.0f) : whole;
}

float embinit_c_ceilf(float x)
{
    float whole = embinit_c_truncf(x);
    int above = !(embinit_bits(x) & EXPR_SIGN) && embinit_bits(whole) != embinit_bits(x);
    return above ? embinit_rounded(whole + 1.0f) : whole;
}

float embinit_c_roundf(float x)
{
    uint32_t bits = embinit_bits(x);
    int32_t places = 150 - (int32_t)((bits >> 23) & 0xffu); /* of the fraction */
    if (places <= 0) {
        return x;
    }
    if (places >= 24) { /* below 1 */
        return embinit_float((bits & EXPR_SIGN) | (places == 24 ? 0x3f800000u : 0u));
    }
    return embinit_float((bits + ((uint32_t)1 << (places - 1))) & ~(((uint32_t)1 << places) - 1u));
}

/* The remainder of significand * 2^shift. */
static uint64_t expr_rest(uint64_t significand, int32_t shift, uint64_t divisor)
{
    uint64_t rest = significand % divisor;
    while (shift-- > 0) {
        rest <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
        }
    }
    return rest;
}

float embinit_c_fmodf(float x, float y)
{
    uint32_t a = embinit_bits(x) & ~EXPR_SIGN;
    uint32_t b = embinit_bits(y) & ~EXPR_SIGN;
    if (a >= EXPR_INFINITY_BITS || b == 0 || expr_is_nan(b)) {
        return embinit_float(0x7fc00000u);
    }
    if (a < b) {
        return x;
    }
    int32_t high = a >> 23 ? (int32_t)(a >> 23) : 1;
    int32_t low = b >> 23 ? (int32_t)(b >> 23) : 1;
    uint32_t dividend = a >> 23 ? (a & 0x7fffffu) | 0x800000u : a;
    uint32_t divisor = b >> 23 ? (b & 0x7fffffu) | 0x800000u : b;
    uint32_t rest = (uint32_t)expr_rest(dividend, high - low, divisor);
    while (rest != 0 && !(rest >> 23) && low > 1) {
        rest <<= 1;
        low--;
    }
    uint32_t sign = embinit_bits(x) & EXPR_SIGN;
    return embinit_float(sign | (rest >> 23 ? ((uint32_t)low << 23) | (rest & 0x7fffffu) : rest));
}

float embinit_c_ldexpf(float x, int32_t power)
{
    uint32_t bits = embinit_bits(x) & ~EXPR_SIGN;
    uint32_t sign = embinit_bits(x) & EXPR_SIGN;
    if (bits == 0 || bits >= EXPR_INFINITY_BITS) {
        return x;
    }
    int32_t exponent = bits >> 23 ? (int32_t)(bits >> 23) : 1;
    uint32_t significand = bits >> 23 ? (bits & 0x7fffffu) | 0x800000u : bits;
    while (!(significand >> 23)) {
        significand <<= 1;
        exponent--;
    }
    exponent += power > 1000 ? 1000 : power < -1000 ? -1000 : power;
    if (exponent >= 255) {
        return embinit_float(sign | EXPR_INFINITY_BITS);
    }
    return embinit_float(sign | (exponent < 1 ? 0u : ((uint32_t)exponent << 23) | (significand & 0x7fffffu)));
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
    double product = embinit_rounded64((double)a * (double)b);
    return (float)embinit_rounded64(product + (double)c);
}

#define EXPR_SIGN64 ((uint64_t)1 << 63)
#define EXPR_INFINITY64 ((uint64_t)0x7ff << 52)
#define EXPR_FRACTION64 (((uint64_t)1 << 52) - 1u)

double embinit_c_fabs(double x)
{
    return embinit_double(embinit_bits64(x) & ~EXPR_SIGN64);
}

static int expr_is_nan64(uint64_t bits)
{
    return (bits & ~EXPR_SIGN64) > EXPR_INFINITY64;
}

double embinit_c_trunc(double x)
{
    uint64_t bits = embinit_bits64(x);
    int32_t places = 1075 - (int32_t)((bits >> 52) & 0x7ffu); /* of the fraction */
    if (places <= 0) {
        return x;
    }
    return embinit_double(places > 52 ? bits & EXPR_SIGN64 : bits & ~(((uint64_t)1 << places) - 1u));
}

double embinit_c_floor(double x)
{
    double whole = embinit_c_trunc(x);
    int below = (embinit_bits64(x) & EXPR_SIGN64) && embinit_bits64(whole) != embinit_bits64(x);
    return below ? embinit_rounded64(whole - 1.0) : whole;
}

double embinit_c_ceil(double x)
{
    double whole = embinit_c_trunc(x);
    int above = !(embinit_bits64(x) & EXPR_SIGN64) && embinit_bits64(whole) != embinit_bits64(x);
    return above ? embinit_rounded64(whole + 1.0) : whole;
}

double embinit_c_round(double x)
{
    uint64_t bits = embinit_bits64(x);
    int32_t places = 1075 - (int32_t)((bits >> 52) & 0x7ffu); /* of the fraction */
    if (places <= 0) {
        return x;
    }
    if (places >= 53) { /* below 1 */
        return embinit_double((bits & EXPR_SIGN64) | (places == 53 ? (uint64_t)0x3ff << 52 : 0u));
    }
    return embinit_double((bits + ((uint64_t)1 << (places - 1))) & ~(((uint64_t)1 << places) - 1u));
}

double embinit_c_fmin(double a, double b)
{
    if (expr_is_nan64(embinit_bits64(a))) {
        return b;
    }
    return expr_is_nan64(embinit_bits64(b)) || a < b ? a : b;
}

double embinit_c_fmax(double a, double b)
{
    if (expr_is_nan64(embinit_bits64(a))) {
        return b;
    }
    return expr_is_nan64(embinit_bits64(b)) || a > b ? a : b;
}

double embinit_c_fmod(double x, double y)
{
    uint64_t a = embinit_bits64(x) & ~EXPR_SIGN64;
    uint64_t b = embinit_bits64(y) & ~EXPR_SIGN64;
    if (a >= EXPR_INFINITY64 || b == 0 || expr_is_nan64(b)) {
        return embinit_double((uint64_t)0x7ff8 << 48);
    }
    if (a < b) {
        return x;
    }
    int32_t high = a >> 52 ? (int32_t)(a >> 52) : 1;
    int32_t low = b >> 52 ? (int32_t)(b >> 52) : 1;
    uint64_t dividend = a >> 52 ? (a & EXPR_FRACTION64) | (EXPR_FRACTION64 + 1u) : a;
    uint64_t divisor = b >> 52 ? (b & EXPR_FRACTION64) | (EXPR_FRACTION64 + 1u) : b;
    uint64_t rest = expr_rest(dividend, high - low, divisor);
    while (rest != 0 && !(rest >> 52) && low > 1) {
        rest <<= 1;
        low--;
    }
    uint64_t sign = embinit_bits64(x) & EXPR_SIGN64;
    return embinit_double(sign | (rest >> 52 ? ((uint64_t)low << 52) | (rest & EXPR_FRACTION64) : rest));
}

double embinit_c_ldexp(double x, int32_t power)
{
    uint64_t bits = embinit_bits64(x) & ~EXPR_SIGN64;
    uint64_t sign = embinit_bits64(x) & EXPR_SIGN64;
    if (bits == 0 || bits >= EXPR_INFINITY64) {
        return x;
    }
    int32_t exponent = bits >> 52 ? (int32_t)(bits >> 52) : 1;
    uint64_t significand = bits >> 52 ? (bits & EXPR_FRACTION64) | (EXPR_FRACTION64 + 1u) : bits;
    while (!(significand >> 52)) {
        significand <<= 1;
        exponent--;
    }
    exponent += power > 5000 ? 5000 : power < -5000 ? -5000 : power;
    if (exponent >= 2047) {
        return embinit_double(sign | EXPR_INFINITY64);
    }
    return embinit_double(sign | (exponent < 1 ? 0u : ((uint64_t)exponent << 52) | (significand & EXPR_FRACTION64)));
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
