/* SPDX-License-Identifier: MIT */
#include "embinit_fma64.h"

#ifdef EMBINIT_DOUBLE

#define FMA64_SIGN ((uint64_t)1 << 63)
#define FMA64_INFINITY ((uint64_t)0x7ff << 52)
#define FMA64_FRACTION (((uint64_t)1 << 52) - 1u)

double embinit_fused64(double a, double b, double c)
{
#if defined(__FMA__) || defined(__FP_FAST_FMA) || (defined(__ARM_FEATURE_FMA) && defined(__ARM_FP) && (__ARM_FP & 8))
    return __builtin_fma(a, b, c);
#else
    return embinit_fused64_software(a, b, c);
#endif
}

/* An unsigned integer of 128 bits, times 2^exponent. This is embinit_fma.c with twice the bits: normalized, the
 * highest bit is bit 125, and what is said there of 48 bits, of a shift by 15 and of 61 bits holds here of 106, 21
 * and 125. */
typedef struct {
    uint64_t high;
    uint64_t low;
    int32_t exponent;
} fma64_wide;

/* places is below 128; where it is 64 or more, high is 0. */
static fma64_wide fma64_shifted_left(fma64_wide x, int32_t places)
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
static fma64_wide fma64_shifted_right(fma64_wide x, int32_t places)
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
static fma64_wide fma64_product_of(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & 0xffffffffu;
    uint64_t a1 = a >> 32;
    uint64_t b0 = b & 0xffffffffu;
    uint64_t b1 = b >> 32;
    uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
    uint64_t carried = (middle & 0xffffffffu) + a0 * b1;
    fma64_wide x;
    x.high = a1 * b1 + (middle >> 32) + (carried >> 32);
    x.low = (carried << 32) | ((a0 * b0) & 0xffffffffu);
    x.exponent = 0;
    return x;
}

static int32_t fma64_width_of(fma64_wide x)
{
    int32_t width = x.high ? 64 : 0;
    for (uint64_t rest = x.high ? x.high : x.low; rest; rest >>= 1) {
        width++;
    }
    return width;
}

static int fma64_less(fma64_wide a, fma64_wide b)
{
    if (a.exponent != b.exponent) {
        return a.exponent < b.exponent;
    }
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

static uint64_t fma64_significand(uint64_t bits)
{
    return (bits & FMA64_INFINITY) ? (bits & FMA64_FRACTION) | (FMA64_FRACTION + 1u) : bits & FMA64_FRACTION;
}

static int32_t fma64_exponent(uint64_t bits)
{
    int32_t biased = (int32_t)((bits & FMA64_INFINITY) >> 52);
    return (biased ? biased : 1) - 1075;
}

/* The bits of x, rounded to nearest even. A shift by 190 places leaves nothing of x but the mark that it was not 0. */
static uint64_t fma64_rounded(fma64_wide x)
{
    int32_t unit = x.exponent + fma64_width_of(x) - 53; /* the exponent of the last place of the result */
    if (unit < -1074) {
        unit = -1074;
    }
    int32_t excess = unit - 2 - x.exponent; /* two places more, for rounding */
    x = excess > 0 ? fma64_shifted_right(x, excess > 190 ? 190 : excess) : fma64_shifted_left(x, -excess);
    uint64_t kept = x.low >> 2;
    kept += (x.low & 3u) > 2u || ((x.low & 3u) == 2u && (kept & 1u));
    /* The leading 1 of a normal number adds itself to the exponent, and so does the carry of a rounding up. Products
     * are below 2^2048, so unit is at most 1996 and the sum below 2^64. */
    uint64_t bits = kept + ((uint64_t)(unit + 1074) << 52);
    return bits < FMA64_INFINITY ? bits : FMA64_INFINITY;
}

double embinit_fused64_software(double a, double b, double c)
{
    uint64_t bits_a = embinit_bits64(a);
    uint64_t bits_b = embinit_bits64(b);
    uint64_t bits_c = embinit_bits64(c);
    int special = (bits_a & FMA64_INFINITY) == FMA64_INFINITY || (bits_b & FMA64_INFINITY) == FMA64_INFINITY;
    if (special || !(bits_a << 1) || !(bits_b << 1)) {
        volatile double exact = a * b;
        return exact + c;
    }
    if ((bits_c & FMA64_INFINITY) == FMA64_INFINITY) {
        return c;
    }
    uint64_t sign = (bits_a ^ bits_b) & FMA64_SIGN;
    fma64_wide larger = fma64_product_of(fma64_significand(bits_a), fma64_significand(bits_b));
    larger.exponent = fma64_exponent(bits_a) + fma64_exponent(bits_b);
    /* Both get 126 bits, so that their sum has at most 127. */
    larger = fma64_shifted_left(larger, 126 - fma64_width_of(larger));
    if (bits_c << 1) {
        fma64_wide smaller;
        smaller.high = 0;
        smaller.low = fma64_significand(bits_c);
        smaller.exponent = fma64_exponent(bits_c);
        smaller = fma64_shifted_left(smaller, 126 - fma64_width_of(smaller));
        int subtract = sign != (bits_c & FMA64_SIGN);
        if (fma64_less(larger, smaller)) {
            fma64_wide product = larger;
            larger = smaller;
            smaller = product;
            sign = bits_c & FMA64_SIGN;
        }
        int32_t apart = larger.exponent - smaller.exponent;
        smaller = fma64_shifted_right(smaller, apart > 190 ? 190 : apart);
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
    return embinit_double(sign | fma64_rounded(larger));
}

#endif /* EMBINIT_DOUBLE */
