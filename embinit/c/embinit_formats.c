/* SPDX-License-Identifier: MIT */
#include "embinit_formats.h"

#define FORMAT_SIGN 0x80000000u
#define FORMAT_INFINITY_BITS 0x7f800000u

/* ---- Ranges ---- */

void embinit_range_add(embinit_range *range, float value)
{
    uint32_t bits = embinit_bits(value);
    uint32_t key = bits & FORMAT_SIGN ? ~bits : bits | FORMAT_SIGN;
    range->least = key < range->least ? key : range->least;
    range->most = key > range->most ? key : range->most;
}

static uint32_t format_bits_of_key(uint32_t key)
{
    return key & FORMAT_SIGN ? key & ~FORMAT_SIGN : ~key;
}

typedef struct {
    float least;
    float most;
    float magnitude; /* the largest */
} format_extremes;

/* Return 0 if a value is not finite. */
static int format_extremes_of(const embinit_range *range, format_extremes *found)
{
    uint32_t least = format_bits_of_key(range->least);
    uint32_t most = format_bits_of_key(range->most);
    uint32_t magnitude = (least & ~FORMAT_SIGN) > (most & ~FORMAT_SIGN) ? least & ~FORMAT_SIGN : most & ~FORMAT_SIGN;
    found->least = embinit_float(least);
    found->most = embinit_float(most);
    found->magnitude = embinit_float(magnitude);
    return magnitude < FORMAT_INFINITY_BITS;
}

float embinit_largest(const embinit_range *range)
{
    format_extremes found;
    (void)format_extremes_of(range, &found);
    return found.magnitude;
}

static float format_divided(float a, float b)
{
    return embinit_rounded(embinit_rounded(a) / embinit_rounded(b));
}

/* ---- Rounding: to a float whose integer part is the rounded value ---- */

static float format_half_away(float x)
{
    /* Adding the float just below 1/2 lifts halves to the next integer, and nothing below them. */
    return embinit_rounded(x + (x < 0.0f ? -0x1.fffffep-2f : 0x1.fffffep-2f));
}

/* A sum from 2^23 to 2^24 has no bits for a fraction, so adding 2^23 rounds, to nearest even. */
static float format_half_even(float x)
{
    float anchor = x < 0.0f ? -0x1p23f : 0x1p23f;
    float sum = embinit_rounded(x + anchor);
    return x > -0x1p23f && x < 0x1p23f ? sum - anchor : x;
}

/* From 2^23 on floats are integers; below, they fit in an int32_t. */
static float format_floored(float x)
{
    if (!(x > -0x1p23f && x < 0x1p23f)) {
        return x;
    }
    float whole = (float)(int32_t)x;
    return whole > x ? whole - 1.0f : whole;
}

static float format_jittered(float x, uint32_t word)
{
    float u = (float)(int32_t)(word >> 8) * 0x1p-24f; /* exact, so fusing the product into the sum changes nothing */
    float sum = embinit_rounded(x + u);
    return embinit_rounded(sum - 0.5f);
}

float embinit_round(float x, embinit_rounding rounding, uint32_t word)
{
    switch (rounding) {
    case EMBINIT_HALF_AWAY:
        return format_half_away(x);
    case EMBINIT_HALF_EVEN:
        return format_half_even(x);
    case EMBINIT_FLOOR:
        return format_floored(x);
    case EMBINIT_STOCHASTIC:
        return format_half_away(format_jittered(x, word));
    case EMBINIT_CEIL:
        return -format_floored(-x);
    case EMBINIT_HALF_UP:
        return format_floored(embinit_rounded(x + 0.5f));
    case EMBINIT_HALF_DOWN:
        return -format_floored(-embinit_rounded(x - 0.5f));
    case EMBINIT_ADD_HALF:
        return embinit_rounded(x + 0.5f);
    default:
        return x;
    }
}

/* ---- Grids ---- */

static embinit_grid format_plain_grid(float scale, int32_t low, int32_t high)
{
    embinit_grid grid = {scale, 0.0f, 0, low, high, 0};
    return grid;
}

/* Set scale to span / steps, or to 1 where there is no span. Return 0 where the quotient underflows. */
static int format_scale_of(float span, float steps, float *scale)
{
    *scale = span == 0.0f ? 1.0f : format_divided(span, steps);
    return *scale != 0.0f;
}

embinit_grid embinit_q_grid(unsigned width, unsigned frac_bits)
{
    int32_t high = (int32_t)(((uint32_t)1 << (width - 1)) - 1u);
    return format_plain_grid(embinit_float((uint32_t)(127u - frac_bits) << 23), -high - 1, high);
}

int embinit_int_steps_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, unsigned halves)
{
    format_extremes found;
    int32_t high = (int32_t)(((uint32_t)1 << (bits - 1)) - 1u);
    float steps = (float)(2 * high + (int32_t)halves) * 0.5f; /* at most 17 bits: exact */
    *grid = format_plain_grid(1.0f, halves == 0 ? -high : -high - 1, high);
    return format_extremes_of(range, &found) && format_scale_of(found.magnitude, steps, &grid->scale);
}

int embinit_int_grid(embinit_grid *grid, const embinit_range *range, unsigned bits)
{
    return embinit_int_steps_grid(grid, range, bits, 0);
}

int embinit_sym_int32_grid(embinit_grid *grid, const embinit_range *range, unsigned bits)
{
    format_extremes found;
    int32_t high = bits == 0 ? 0 : (int32_t)(((uint32_t)1 << (bits - 1)) - 1u);
    float steps = bits == 0 ? -0.5f : (float)high; /* from 26 bits on it rounds up to 2^(bits - 1) */
    *grid = format_plain_grid(1.0f, bits == 0 ? 0 : -high - 1, (int32_t)steps);
    return format_extremes_of(range, &found) && format_scale_of(found.magnitude, steps, &grid->scale);
}

int embinit_sym_grid(embinit_grid *grid, const embinit_range *range, unsigned bits)
{
    format_extremes found;
    if (!embinit_sym_int32_grid(grid, range, bits)) {
        return 0;
    }
    int32_t high = -(grid->low + 1);
    if (grid->high == high) {
        return 1;
    }
    grid->high = high;
    (void)format_extremes_of(range, &found);
    return format_divided(found.most, grid->scale) < (float)high; /* the float is one more than the integer */
}

int embinit_asym_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, embinit_rounding rounding,
                      uint32_t word)
{
    format_extremes found;
    int32_t high = (int32_t)(((uint32_t)1 << bits) - 1u);
    *grid = format_plain_grid(1.0f, 0, high);
    if (!format_extremes_of(range, &found)) {
        return 0;
    }
    if (found.least == found.most) {
        grid->scale = found.least == 0.0f ? 1.0f : found.magnitude;
    } else if (!format_scale_of(found.most - found.least, (float)high, &grid->scale)) {
        return 0;
    }
    float zero_point = embinit_round(format_divided(found.least, grid->scale), rounding, word);
    if (!(zero_point >= -0x1p31f && zero_point < 0x1p31f)) {
        return 0;
    }
    grid->offset = (float)(int32_t)zero_point;
    return 1;
}

int embinit_affine_grid(embinit_grid *grid, const embinit_range *range, unsigned bits, embinit_rounding rounding,
                        uint32_t word)
{
    format_extremes found;
    int32_t high = (int32_t)(((uint32_t)1 << bits) - 1u);
    *grid = format_plain_grid(1.0f, 0, high);
    if (!format_extremes_of(range, &found)) {
        return 0;
    }
    float least = found.least < 0.0f ? found.least : 0.0f;
    float most = found.most > 0.0f ? found.most : 0.0f;
    if (!format_scale_of(most - least, (float)high, &grid->scale)) {
        return 0;
    }
    /* -least is at most the span, so this is at most high, and twice that where scale is subnormal: an int32_t holds
     * it. */
    int32_t zero = (int32_t)embinit_round(format_divided(-least, grid->scale), rounding, word);
    grid->zero = zero < 0 ? 0 : zero > high ? high : zero;
    return 1;
}

float embinit_bfp_scale(uint8_t exponent, unsigned exponent_bits)
{
    int32_t biased = 127 + (int32_t)exponent - ((1 << (exponent_bits - 1)) - 1);
    return embinit_float(biased > 0 ? (uint32_t)biased << 23 : 0x400000u);
}

/* The least exponent with quotient <= 2^exponent, but at least -127; 0 for a quotient of 0. */
static int32_t format_exponent_above(float quotient)
{
    uint32_t bits = embinit_bits(quotient);
    uint32_t fraction = bits & 0x7fffffu;
    if (bits < 0x800000u) {
        return bits == 0 ? 0 : bits > 0x400000u ? -126 : -127;
    }
    return (int32_t)(bits >> 23) - 127 + (fraction != 0);
}

int embinit_bfp_grid(embinit_grid *grid, const embinit_range *range, unsigned mantissa_bits, unsigned exponent_bits,
                     uint8_t *exponent)
{
    format_extremes found;
    int32_t high = (int32_t)(((uint32_t)1 << (mantissa_bits - 1)) - 1u);
    int32_t bias = (1 << (exponent_bits - 1)) - 1;
    int32_t top = exponent_bits == 8 ? 254 : (1 << exponent_bits) - 1; /* 2^128 is no float */
    if (!format_extremes_of(range, &found)) {
        return 0;
    }
    int32_t stored = format_exponent_above(format_divided(found.magnitude, (float)high)) + bias;
    *exponent = (uint8_t)(stored < 0 ? 0 : stored > top ? top : stored);
    *grid = format_plain_grid(embinit_bfp_scale(*exponent, exponent_bits), -high - 1, high);
    grid->limited = 1;
    return 1;
}

int embinit_chosen_grid(embinit_grid *grid, const embinit_range *range, unsigned bits)
{
    format_extremes found;
    int32_t high = (int32_t)(((uint32_t)1 << (bits - 1)) - 1u);
    *grid = format_plain_grid(1.0f, -high - 1, high);
    if (!format_extremes_of(range, &found)) {
        return 0;
    }
    if (found.magnitude != 0.0f) {
        int32_t exponent = format_exponent_above(found.magnitude) - (int32_t)bits + 1;
        grid->scale = embinit_float((uint32_t)((exponent < -126 ? -126 : exponent) + 127) << 23);
    }
    return 1;
}

/* ---- Elements ---- */

int32_t embinit_encode(const embinit_grid *grid, embinit_rounding rounding, float value, uint32_t word,
                       uint32_t *clipped)
{
    float x = embinit_rounded(format_divided(value, grid->scale) - grid->offset);
    float whole = embinit_round(x, rounding, word);
    /* zero is not 0 in affine<b> and affine_int<b> alone, of at most 16 bits: nothing here leaves int32_t. */
    int32_t low = grid->low - grid->zero;
    int32_t high = grid->high - grid->zero;
    int32_t code = high;
    int clips = 1;
    if (whole < -0x1p31f) {
        code = low;
    } else if (whole < 0x1p31f) {
        int32_t exact = (int32_t)whole;
        code = exact < low ? low : exact > high ? high : exact;
        clips = code != exact || (grid->limited && (x < (float)low || x > (float)high));
    }
    *clipped += (uint32_t)clips;
    return code + grid->zero;
}

uint16_t embinit_half(float value, unsigned fraction_bits, embinit_rounding rounding, uint32_t word, uint32_t *clipped)
{
    uint32_t bits = embinit_bits(value);
    uint32_t infinity = ((1u << (15u - fraction_bits)) - 1u) << fraction_bits;
    int32_t least = 2 - ((int32_t)1 << (14u - fraction_bits)); /* the exponent of the smallest normal number */
    int32_t exponent = (int32_t)(bits >> 23 & 0xffu) - 127;
    if (exponent == 128) {
        uint32_t quiet = bits & 0x7fffffu ? 1u << (fraction_bits - 1u) : 0u;
        return (uint16_t)((bits & FORMAT_SIGN) >> 16 | infinity | quiet);
    }
    exponent = exponent < least ? least : exponent;
    /* A step of the narrow float at this magnitude; below 2^-126 it is a subnormal float. */
    int32_t biased = exponent - (int32_t)fraction_bits + 127;
    float step = embinit_float(biased > 0 ? (uint32_t)biased << 23 : 0x400000u >> -biased);
    int32_t count = (int32_t)embinit_round(format_divided(value, step), rounding, word);
    uint32_t negative = count == 0 ? bits & FORMAT_SIGN : count < 0 ? FORMAT_SIGN : 0u;
    uint32_t magnitude = ((uint32_t)(exponent - least) << fraction_bits) + (uint32_t)(count < 0 ? -count : count);
    if (magnitude >= infinity) {
        int inward = rounding == EMBINIT_TRUNCATE || (rounding == EMBINIT_FLOOR && count > 0);
        magnitude = inward ? infinity - 1u : infinity;
        *clipped += 1u;
    }
    return (uint16_t)(negative >> 16 | magnitude);
}

int64_t embinit_bias_code(float quotient, unsigned bits, embinit_rounding rounding, uint32_t word, uint32_t *clipped)
{
    float whole = embinit_round(quotient, rounding, word);
    float beyond = bits == 32 ? 0x1p31f : 0x1p63f;
    int64_t high = bits == 32 ? INT32_MAX : INT64_MAX;
    if (whole > -beyond && whole < beyond) {
        return (int64_t)whole;
    }
    *clipped += 1u;
    return whole < 0.0f ? -high : high;
}

float embinit_decode(const embinit_grid *grid, int32_t code)
{
    float steps = embinit_rounded((float)(code - grid->zero) + grid->offset);
    return steps * grid->scale;
}
