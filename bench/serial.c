/* What a device does, one value after the other, for a host's compiler to make as fast as it can: the library's
 * generators and formats, glibc's libm, no pointer to a generator. Compiled with the library in one piece (-flto). */
#include <math.h>

#include "embinit_formats.h"
#include "embinit_mt19937.h"
#include "embinit_scaled.h"

static float unit(uint32_t word)
{
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

void xorshift32_uniform(embinit_xorshift32 *generator, float low, float width, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = low + unit(embinit_xorshift32_next(generator)) * width;
    }
}

void pcg32_uniform(embinit_pcg32 *generator, float low, float width, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = low + unit(embinit_pcg32_next(generator)) * width;
    }
}

void mt19937_uniform(embinit_mt19937 *generator, float low, float width, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = fmaf((float)(int32_t)(embinit_mt19937_next(generator) & 0xffffffu) * 0x1p-24f, width, low);
    }
}

void declared_uniform(uint32_t *state, float low, float width, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *state = *state * 1103515245u + 12345u;
        out[i] = low + (float)((*state >> 16) & 0x7fffu) / 32767.0f * width;
    }
}

void xorshift32_normal(embinit_xorshift32 *generator, float mean, float stddev, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float u1 = unit(embinit_xorshift32_next(generator));
        float u2 = unit(embinit_xorshift32_next(generator));
        while (u1 <= 0x1p-24f) {
            u1 = unit(embinit_xorshift32_next(generator));
        }
        out[i] = mean + stddev * (sqrtf(-2.0f * logf(u1)) * cosf(6.2831855f * u2));
    }
}

void portable_normal(embinit_pcg32 *generator, float mean, float stddev, float *out, size_t n)
{
    (void)mean;
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)embinit_normal_code(embinit_pcg32_next(generator)) * (stddev * 0x1p-24f);
    }
}

void sym8(const float *values, int8_t *codes, size_t n)
{
    embinit_range range = EMBINIT_EMPTY_RANGE;
    embinit_grid grid;
    uint32_t clipped = 0;
    for (size_t i = 0; i < n; i++) {
        embinit_range_add(&range, values[i]);
    }
    (void)embinit_sym_grid(&grid, &range, 8);
    for (size_t i = 0; i < n; i++) {
        codes[i] = (int8_t)embinit_encode(&grid, EMBINIT_HALF_AWAY, values[i], 0, &clipped);
    }
}

void q15(const float *values, int16_t *codes, size_t n)
{
    embinit_grid grid = embinit_q_grid(16, 15);
    uint32_t clipped = 0;
    for (size_t i = 0; i < n; i++) {
        codes[i] = (int16_t)embinit_encode(&grid, EMBINIT_HALF_AWAY, values[i], 0, &clipped);
    }
}
