/* SPDX-License-Identifier: MIT */
#include "embinit_fma.h"

/* significand * 2^exponent. Normalized, the highest bit of the significand is bit 61, which leaves room for the
 * carry of a sum; 0 has significand 0. */
typedef struct {
    uint64_t significand;
    int32_t exponent;
} fma_unpacked;

/* significand < 2^62, so doubling reaches bit 61 unless it is 0. */
static fma_unpacked fma_normalized(uint64_t significand, int32_t exponent)
{
    fma_unpacked x = {significand, exponent};
    while (x.significand != 0 && !(x.significand >> 61)) {
        x.significand <<= 1;
        x.exponent--;
    }
    return x;
}

/* A float is significand * 2^exponent: the stored exponent has a bias of 127, and the significand 23 places. */
static int32_t fma_exponent(uint32_t bits)
{
    int32_t biased = (int32_t)((bits >> 23) & 0xffu);
    return (biased == 0 ? 1 : biased) - 150;
}

static uint32_t fma_significand(uint32_t bits)
{
    return (bits & 0x7fffffu) | (((bits >> 23) & 0xffu) == 0 ? 0 : 0x800000u);
}

/* Shift right. Bits that are lost leave a 1 in the lowest place, where rounding sees that there were some. */
static uint64_t fma_shifted(uint64_t x, int32_t places)
{
    if (places == 0) {
        return x;
    }
    if (places > 62) {
        return x != 0;
    }
    return (x >> places) | ((x << (64 - places)) != 0);
}

/* The bits of significand * 2^exponent, rounded to nearest even; significand < 2^63, so its width is at most 63. */
static uint32_t fma_rounded(uint64_t significand, int32_t exponent)
{
    int32_t width = 0;
    while (significand >> width) {
        width++;
    }
    int32_t unit = exponent + width - 24; /* the exponent of the last place of the result */
    if (unit < -149) {
        unit = -149; /* a subnormal result */
    }
    int32_t excess = unit - exponent;
    uint64_t kept = 0; /* also where excess >= 64, as significand is less than half of 2^excess */
    if (excess <= 0) {
        kept = significand << -excess; /* by 24 - width places at most: kept < 2^24 */
    } else if (excess < 64) {
        uint64_t half = (uint64_t)1 << (excess - 1);
        uint64_t rest = significand & (half * 2 - 1); /* half * 2 may be 2^64, which is 0: then the mask is all ones */
        kept = significand >> excess;
        kept += rest > half || (rest == half && (kept & 1u));
    }
    /* The leading 1 of a normal number adds itself to the exponent, and so does the carry of a rounding up. Products
     * are below 2^256, so unit is at most 232 and the sum below 2^32, and numbers too large for a float are seen
     * here. */
    uint32_t bits = (uint32_t)kept + ((uint32_t)(unit + 149) << 23);
    return bits < 0x7f800000u ? bits : 0x7f800000u;
}

/* Both addends are normalized; then the smaller is shifted to the exponent of the larger, and added to it or subtracted
 * from it. A product has at most 48 bits, so at least 14 zeros below them, and c has more: only a shift by 15 places or
 * more loses bits. The result then has at least 61 bits. Rounding reads the upper 24 and the next one, and whether any
 * bit below those is set: the lowest is, because it is 0 in the larger and 1 in the shifted addend. */
float embinit_fused_software(float a, float b, float c)
{
    const uint32_t infinity = 0x7f800000u;
    uint32_t bits_a = embinit_bits(a);
    uint32_t bits_b = embinit_bits(b);
    uint32_t bits_c = embinit_bits(c);
    if ((bits_a & infinity) == infinity || (bits_b & infinity) == infinity || !(bits_a << 1) || !(bits_b << 1)) {
        return embinit_separate(a, b, c); /* the product is 0, infinite or NaN: it needs no rounding */
    }
    if ((bits_c & infinity) == infinity) {
        return c;
    }
    uint32_t sign = (bits_a ^ bits_b) & 0x80000000u;
    fma_unpacked larger = fma_normalized((uint64_t)fma_significand(bits_a) * fma_significand(bits_b),
                                         fma_exponent(bits_a) + fma_exponent(bits_b));
    fma_unpacked smaller = fma_normalized(fma_significand(bits_c), fma_exponent(bits_c));
    int subtract = sign != (bits_c & 0x80000000u);
    if (smaller.significand != 0 && (smaller.exponent > larger.exponent ||
                                     (smaller.exponent == larger.exponent && smaller.significand > larger.significand))) {
        fma_unpacked product = larger;
        larger = smaller;
        smaller = product;
        sign = bits_c & 0x80000000u;
    }
    uint64_t addend = smaller.significand ? fma_shifted(smaller.significand, larger.exponent - smaller.exponent) : 0;
    uint64_t sum = subtract ? larger.significand - addend : larger.significand + addend; /* below 2^63 */
    return sum != 0 ? embinit_float(sign | fma_rounded(sum, larger.exponent)) : 0.0f;
}
