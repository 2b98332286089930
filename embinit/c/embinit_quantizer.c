/* SPDX-License-Identifier: MIT */
#include "embinit_quantizer.h"

static const embinit_quantizer *quantizer_of(const embinit_storage *storage)
{
    return (const embinit_quantizer *)(const void *)storage->family;
}

/* Whether the scales are computed in double, of 64 bits: elsewhere no code that says so compiles. */
static int quantizer_scales_in_double(const embinit_quantizer *quantizer)
{
#ifdef EMBINIT_DOUBLE
    return quantizer->scale == EMBINIT_SCALE_DOUBLE;
#else
    (void)quantizer;
    return 0;
#endif
}

/* ---- Scales ---- */

/* A float rounded to float16. */
static float quantizer_half(float value)
{
    uint32_t clipped = 0;
    uint32_t bits = embinit_half(value, 10, EMBINIT_HALF_EVEN, 0, &clipped);
    uint32_t exponent = bits >> 10 & 0x1fu;
    uint32_t fraction = bits & 0x3ffu;
    if (exponent == 0x1fu) {
        return embinit_float(0x7f800000u);
    }
    if (exponent == 0) {
        return (float)(int32_t)fraction * 0x1p-24f;
    }
    return embinit_float((exponent + 112u) << 23 | fraction << 13);
}

/* The power of two at or above a normal float, or at or below it; 0 for any other. */
static float quantizer_power(float value, int above)
{
    uint32_t bits = embinit_bits(value);
    uint32_t exponent = (bits >> 23) + (uint32_t)(above && (bits & 0x7fffffu) != 0);
    return bits < 0x800000u || exponent > 254u ? 0.0f : embinit_float(exponent << 23);
}

static float quantizer_scale(const embinit_quantizer *quantizer, float span)
{
    if (span == 0.0f) {
        return 1.0f;
    }
#ifdef EMBINIT_DOUBLE
    if (quantizer_scales_in_double(quantizer)) {
        return (float)((double)span / (double)quantizer->steps);
    }
#endif
    float scale = embinit_rounded(span / quantizer->steps);
    switch (quantizer->scale) {
    case EMBINIT_SCALE_FLOAT16:
        return quantizer_half(scale);
    case EMBINIT_SCALE_POWER_OF_TWO:
        return quantizer_power(scale, 1);
    case EMBINIT_SCALE_POWER_OF_TWO_BELOW:
        return quantizer_power(scale, 0);
    default:
        return scale;
    }
}

/* Whether the scales of a buffer are the largest magnitudes until all codes are made. */
static int quantizer_keeps_spans(const embinit_quantizer *quantizer)
{
    return quantizer->quotient == EMBINIT_QUOTIENT_MULTIPLY || quantizer_scales_in_double(quantizer);
}

void embinit_finish_scales(const embinit_quantizer *quantizer, float *scale, uint32_t groups)
{
    for (uint32_t group = 0; quantizer_keeps_spans(quantizer) && group < groups; group++) {
        scale[group] = quantizer_scale(quantizer, scale[group]);
    }
}

int embinit_make_quantizer(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                           const embinit_buffer *buffer, uint32_t group)
{
    const embinit_quantizer *quantizer = quantizer_of(storage);
    const embinit_grid plain = {1.0f, 0.0f, 0, 0, 0, 0};
    *grid = plain;
    if (quantizer->factor != 0.0) {
        if (buffer->scale != 0) {
            buffer->scale[group] = quantizer->inverse;
        }
        return 1;
    }
    if (quantizer->steps == 0.0f) {
        return quantizer->as->make(grid, range, storage, word, buffer, group);
    }
    float span = embinit_largest(range);
    float scale = quantizer_scale(quantizer, span);
    grid->scale = quantizer_keeps_spans(quantizer) ? span : scale;
    buffer->scale[group] = grid->scale;
    return span <= FLT_MAX && scale > 0.0f && scale <= FLT_MAX;
}

void embinit_load_quantizer(embinit_grid *grid, const embinit_storage *storage, const embinit_buffer *buffer,
                            uint32_t group)
{
    const embinit_quantizer *quantizer = quantizer_of(storage);
    if (quantizer->steps != 0.0f) {
        grid->scale = buffer->scale[group];
    } else if (quantizer->factor == 0.0 && quantizer->as->load != 0) {
        quantizer->as->load(grid, storage, buffer, group);
    }
}

/* ---- Codes ---- */

static float quantizer_quotient(const embinit_quantizer *quantizer, const embinit_grid *grid, float value)
{
    if (quantizer->factor != 0.0) {
        return embinit_rounded(value * (float)quantizer->factor);
    }
    if (quantizer->quotient == EMBINIT_QUOTIENT_RECIPROCAL) {
        float reciprocal = embinit_rounded(1.0f / grid->scale);
        return embinit_rounded(value * reciprocal);
    }
    if (quantizer->quotient == EMBINIT_QUOTIENT_MULTIPLY) {
        float factor = grid->scale == 0.0f ? 0.0f : embinit_rounded(quantizer->steps / grid->scale);
        return embinit_rounded(value * factor);
    }
    float quotient = embinit_rounded(value / grid->scale);
    return embinit_rounded(quotient - grid->offset);
}

/* The code that a float is the whole of. Beyond 2^62 it is a multiple of 2^39, and its low 32 bits are 0, as those of
 * 2^62 are: no other bits of a code that wraps around are kept. */
static int64_t quantizer_whole(float whole)
{
    return whole < -0x1p62f ? -((int64_t)1 << 62) : whole > 0x1p62f ? (int64_t)1 << 62 : (int64_t)whole;
}

#ifdef EMBINIT_DOUBLE

static double quantizer_floor(double x)
{
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1.0 : whole;
}

static int64_t quantizer_code_of_double(double x, embinit_rounding rounding, uint32_t word)
{
    if (rounding == EMBINIT_STOCHASTIC) {
        return quantizer_whole(embinit_round((float)x, rounding, word));
    }
    if (!(x > -0x1p52 && x < 0x1p52)) { /* an integer already */
        return x < -0x1p62 ? -((int64_t)1 << 62) : x > 0x1p62 ? (int64_t)1 << 62 : (int64_t)x;
    }
    int64_t whole = (int64_t)x;
    double rest = x - (double)whole;
    double beyond = rest < 0.0 ? -rest : rest;
    int64_t step = x < 0.0 ? -1 : 1;
    switch (rounding) {
    case EMBINIT_HALF_AWAY:
        return beyond >= 0.5 ? whole + step : whole;
    case EMBINIT_HALF_EVEN:
        return beyond > 0.5 || (beyond == 0.5 && whole % 2 != 0) ? whole + step : whole;
    case EMBINIT_FLOOR:
        return (int64_t)quantizer_floor(x);
    case EMBINIT_CEIL:
        return -(int64_t)quantizer_floor(-x);
    case EMBINIT_HALF_UP:
        return (int64_t)quantizer_floor(x + 0.5);
    case EMBINIT_HALF_DOWN:
        return -(int64_t)quantizer_floor(-(x - 0.5));
    case EMBINIT_ADD_HALF:
        return (int64_t)(x + 0.5);
    default:
        return whole;
    }
}

static double quantizer_quotient_in_double(const embinit_quantizer *quantizer, const embinit_grid *grid, float value)
{
    if (quantizer->factor != 0.0) {
        return (double)value * quantizer->factor;
    }
    if (quantizer_scales_in_double(quantizer)) {
        double scale = grid->scale == 0.0f ? 1.0 : (double)grid->scale / (double)quantizer->steps;
        return quantizer->quotient == EMBINIT_QUOTIENT_RECIPROCAL ? (double)value * (1.0 / scale) : (double)value / scale;
    }
    return (double)value / (double)grid->scale;
}

#endif

static int64_t quantizer_code(const embinit_quantizer *quantizer, const embinit_grid *grid, float value,
                              embinit_rounding rounding, uint32_t word)
{
#ifdef EMBINIT_DOUBLE
    if (quantizer->quotient == EMBINIT_QUOTIENT_DOUBLE ||
        (quantizer_scales_in_double(quantizer) && quantizer->quotient != EMBINIT_QUOTIENT_MULTIPLY)) {
        return quantizer_code_of_double(quantizer_quotient_in_double(quantizer, grid, value), rounding, word);
    }
#endif
    return quantizer_whole(embinit_round(quantizer_quotient(quantizer, grid, value), rounding, word));
}

void embinit_put_quantizer(void *data, size_t i, const embinit_grid *grid, const embinit_storage *storage, float value,
                           uint32_t word)
{
    const embinit_quantizer *quantizer = quantizer_of(storage);
    embinit_rounding rounding = (embinit_rounding)storage->rounding;
    if (quantizer->lanes != 0 && i % quantizer->row >= quantizer->row / quantizer->lanes * quantizer->lanes) {
        rounding = (embinit_rounding)quantizer->tail;
    }
    int64_t code = quantizer_code(quantizer, grid, value, rounding, word) + grid->zero;
    if (!quantizer->wraps) {
        code = code < quantizer->low ? quantizer->low : code > quantizer->high ? quantizer->high : code;
    }
    embinit_pack((uint8_t *)data, i, storage->bits, (int32_t)((uint32_t)code + quantizer->offset));
}
