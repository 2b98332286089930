/* SPDX-License-Identifier: MIT */
#include "embinit.h"

/* ---- Bit generators ---- */

uint32_t embinit_xorshift32_next(embinit_xorshift32 *generator)
{
    uint32_t x = generator->state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    generator->state = x;
    return x;
}

/* The step is linear over GF(2). Its characteristic polynomial is z^32 plus these powers, bit i for z^i. */
#define CHARACTERISTIC 0x003ec241u

/* a * z, and a * b, modulo the characteristic polynomial. */
static uint32_t times_z(uint32_t a)
{
    return (a << 1) ^ ((a >> 31) * CHARACTERISTIC);
}

static uint32_t times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int bit = 31; bit >= 0; bit--) {
        product = times_z(product) ^ (a * ((b >> bit) & 1u));
    }
    return product;
}

void embinit_xorshift32_advance(embinit_xorshift32 *generator, uint64_t delta)
{
    uint32_t exponent = (uint32_t)(delta % 0xffffffffu);
    uint32_t power = 1; /* z^delta: what stands at z^i says whether the state i steps on takes part */
    for (int bit = 31; bit >= 0; bit--) {
        power = times(power, power);
        if ((exponent >> bit) & 1u) {
            power = times_z(power);
        }
    }
    uint32_t moved = 0;
    for (int i = 0; i < 32; i++) {
        if ((power >> i) & 1u) {
            moved ^= generator->state;
        }
        (void)embinit_xorshift32_next(generator);
    }
    generator->state = moved;
}

#define PCG32_MULTIPLIER 6364136223846793005u

void embinit_pcg32_seed(embinit_pcg32 *generator, uint64_t seed, uint64_t stream)
{
    generator->increment = (stream << 1) | 1u;
    generator->state = (generator->increment + seed) * PCG32_MULTIPLIER + generator->increment;
}

uint32_t embinit_pcg32_next(embinit_pcg32 *generator)
{
    uint64_t state = generator->state;
    uint32_t shifted = (uint32_t)(((state >> 18) ^ state) >> 27);
    uint32_t rotation = (uint32_t)(state >> 59);
    generator->state = state * PCG32_MULTIPLIER + generator->increment;
    return (shifted >> rotation) | (shifted << ((32u - rotation) & 31u));
}

/* Brown, "Random Number Generation with Arbitrary Strides", 1994. */
void embinit_pcg32_advance(embinit_pcg32 *generator, uint64_t delta)
{
    uint64_t multiplier = PCG32_MULTIPLIER;
    uint64_t increment = generator->increment;
    uint64_t total_multiplier = 1;
    uint64_t total_increment = 0;
    for (; delta != 0; delta >>= 1) {
        if (delta & 1u) {
            total_multiplier *= multiplier;
            total_increment = total_increment * multiplier + increment;
        }
        increment *= multiplier + 1u;
        multiplier *= multiplier;
    }
    generator->state = total_multiplier * generator->state + total_increment;
}

/* ---- Multiply-add ---- */

float embinit_separate(float a, float b, float c)
{
    float product = embinit_rounded(embinit_rounded(a) * embinit_rounded(b));
    return product + embinit_rounded(c);
}

float embinit_fused(float a, float b, float c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__FP_FAST_FMAF)
    return __builtin_fmaf(embinit_rounded(a), embinit_rounded(b), embinit_rounded(c));
#else
    return embinit_fused_software(a, b, c);
#endif
}

/* significand * 2^exponent with the highest bit of the significand at 2^61; 0 has significand 0. */
typedef struct {
    uint64_t significand;
    int32_t exponent;
} unpacked;

static unpacked normalized(uint64_t significand, int32_t exponent)
{
    unpacked x = {significand, exponent};
    while (x.significand != 0 && !(x.significand >> 61)) {
        x.significand <<= 1;
        x.exponent--;
    }
    return x;
}

static int32_t exponent_of(uint32_t bits)
{
    int32_t biased = (int32_t)((bits >> 23) & 0xffu);
    return (biased == 0 ? 1 : biased) - 150;
}

static uint32_t significand_of(uint32_t bits)
{
    return (bits & 0x7fffffu) | (((bits >> 23) & 0xffu) == 0 ? 0 : 0x800000u);
}

/* Shift right; bits that fall off leave a 1 at the lowest place, which rounding then sees. */
static uint64_t shifted_sticky(uint64_t x, int32_t places)
{
    if (places == 0) {
        return x;
    }
    if (places > 62) {
        return x != 0;
    }
    return (x >> places) | ((x << (64 - places)) != 0);
}

/* The bits of significand * 2^exponent, rounded to nearest even; significand < 2^63. */
static uint32_t rounded_bits(uint64_t significand, int32_t exponent)
{
    int32_t width = 0;
    while (significand >> width) {
        width++;
    }
    int32_t unit = exponent + width - 24; /* the exponent of the last place of the result */
    if (unit < -149) {
        unit = -149;
    }
    int32_t excess = unit - exponent;
    uint64_t kept = 0;
    if (excess <= 0) {
        kept = significand << -excess;
    } else if (excess < 64) {
        uint64_t half = (uint64_t)1 << (excess - 1);
        uint64_t rest = significand & (half * 2 - 1);
        kept = significand >> excess;
        kept += rest > half || (rest == half && (kept & 1u));
    }
    /* The leading 1 of a normal number adds itself to the exponent, and so does the carry of a rounding up. */
    uint32_t bits = (uint32_t)kept + ((uint32_t)(unit + 149) << 23);
    return bits < 0x7f800000u ? bits : 0x7f800000u;
}

float embinit_fused_software(float a, float b, float c)
{
    const uint32_t infinity = 0x7f800000u;
    uint32_t bits_a = embinit_bits(a);
    uint32_t bits_b = embinit_bits(b);
    uint32_t bits_c = embinit_bits(c);
    if ((bits_a & infinity) == infinity || (bits_b & infinity) == infinity || !(bits_a << 1) || !(bits_b << 1)) {
        return embinit_separate(a, b, c); /* the product is exact */
    }
    if ((bits_c & infinity) == infinity) {
        return c;
    }
    uint32_t sign = (bits_a ^ bits_b) & 0x80000000u;
    unpacked larger = normalized((uint64_t)significand_of(bits_a) * significand_of(bits_b),
                                 exponent_of(bits_a) + exponent_of(bits_b));
    unpacked smaller = normalized(significand_of(bits_c), exponent_of(bits_c));
    int subtract = sign != (bits_c & 0x80000000u);
    if (smaller.significand != 0 && (smaller.exponent > larger.exponent ||
                                     (smaller.exponent == larger.exponent && smaller.significand > larger.significand))) {
        unpacked product = larger;
        larger = smaller;
        smaller = product;
        sign = bits_c & 0x80000000u;
    }
    uint64_t addend = smaller.significand ? shifted_sticky(smaller.significand, larger.exponent - smaller.exponent) : 0;
    uint64_t sum = subtract ? larger.significand - addend : larger.significand + addend;
    return sum != 0 ? embinit_float(sign | rounded_bits(sum, larger.exponent)) : 0.0f;
}

/* ---- Distributions ---- */

uint32_t embinit_xorshift32_source(void *state)
{
    return embinit_xorshift32_next((embinit_xorshift32 *)state);
}

uint32_t embinit_pcg32_source(void *state)
{
    return embinit_pcg32_next((embinit_pcg32 *)state);
}

static float next_unit(const embinit_source *source, const embinit_uniform_rule *rule)
{
    uint32_t word = source->next(source->state);
    return (float)(int32_t)((word >> rule->shift) & 0xffffffu) * 0x1p-24f;
}

void embinit_constant(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)source;
    (void)rule;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        out[i] = embinit_float(a);
    }
}

void embinit_ones(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_ones_rule *ones = (const embinit_ones_rule *)rule;
    (void)source;
    (void)a;
    (void)b;
    uint32_t output = 0;
    uint32_t input = 0;
    uint32_t place = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = output == input && place == ones->middle ? 1.0f : 0.0f;
        if (++place >= ones->receptive) {
            place = 0;
            if (++input >= ones->inputs) {
                input = 0;
                output = output + 1 < ones->per_group ? output + 1 : 0;
            }
        }
    }
}

void embinit_broadcast(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const uint32_t *base = ((const embinit_broadcast_rule *)rule)->base;
    (void)source;
    (void)a;
    uint32_t element = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = embinit_float(base[element]);
        element = element + 1 < b ? element + 1 : 0;
    }
}

void embinit_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    float low = embinit_float(a);
    float width = embinit_float(b);
    const embinit_uniform_rule *uniform = (const embinit_uniform_rule *)rule;
    for (size_t i = 0; i < n; i++) {
        float r = next_unit(source, uniform);
        out[i] = uniform->multiply_add == EMBINIT_FUSED ? embinit_fused(r, width, low) : embinit_separate(r, width, low);
    }
}

void embinit_bernoulli(const embinit_source *source, const embinit_uniform_rule *rule, float p, uint8_t *bits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        float r = next_unit(source, rule);
        bits[i / 8] = (uint8_t)(r < p ? bits[i / 8] | bit : bits[i / 8] & ~bit);
    }
}

void embinit_shuffle(const embinit_source *source, uint32_t *indices, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        uint32_t choices = (uint32_t)i + 1u;
        uint32_t limit = 0xffffffffu - 0xffffffffu % choices;
        uint32_t word = source->next(source->state);
        while (word >= limit) {
            word = source->next(source->state);
        }
        uint32_t j = word % choices;
        uint32_t swapped = indices[i];
        indices[i] = indices[j];
        indices[j] = swapped;
    }
}

/* ---- A model ---- */

void embinit_fill(const embinit_row *rows, size_t row_count, const embinit_source *source, float *const *buffers)
{
    for (size_t i = 0; i < row_count; i++) {
        rows[i].draw(source, rows[i].rule, rows[i].a, rows[i].b, buffers[i], (size_t)rows[i].count);
    }
}

size_t embinit_check(const embinit_row *rows, size_t row_count, const float *const *buffers)
{
    size_t i = 0;
    while (i < row_count && embinit_crc32(0, buffers[i], (size_t)rows[i].count * sizeof(float)) == rows[i].crc32) {
        i++;
    }
    return i;
}

uint32_t embinit_crc32(uint32_t crc, const void *bytes, size_t n)
{
    static const uint32_t nibble[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    const uint8_t *byte = (const uint8_t *)bytes;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        crc = (crc >> 4) ^ nibble[crc & 15u];
        crc = (crc >> 4) ^ nibble[crc & 15u];
    }
    return ~crc;
}
