/* SPDX-License-Identifier: MIT */
#include "embinit_pytorch.h"

#include "embinit_normal.h"

/* n multiples of 2^-24, each from the low 24 bits of a word. */
static void torch_draw_units(const embinit_source *source, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (float)(int32_t)(word & 0xffffffu) * 0x1p-24f;
    }
}

void embinit_torch_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    float low = embinit_float(a);
    float high = embinit_float(b);
    embinit_uniform(source, rule, a, embinit_bits(high - low), out, n);
    for (size_t i = 0; i < n; i++) {
        if (out[i] == high) {
            out[i] = low;
        }
    }
}

void embinit_torch_symmetric(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    (void)b;
    /* Exact, as a >= 2^-103 leaves it a normal number; and so is the integer, from -2^23 to 2^23 - 1, as a float. */
    float unit = embinit_rounded(embinit_float(a) * 0x1p-23f);
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (float)((int32_t)(word & 0xffffffu) - 0x800000) * unit;
    }
}

/* Logarithm, sine and cosine of the Cephes library (Moshier, 1992) in single precision. */
#define TORCH_ROOT_HALF 0x1.6a09e6p-1f
#define TORCH_LN2_HIGH 0x1.63p-1f
#define TORCH_LN2_LOW (-0x1.bd0106p-13f)
static const float TORCH_LOG[9] = {
    0x1.204376p-4f, -0x1.d7a37p-4f, 0x1.de4a34p-4f,  -0x1.fcba9ep-4f, 0x1.23d37ep-3f,
    -0x1.555cap-3f, 0x1.999d58p-3f, -0x1.fffff8p-3f, 0x1.555554p-2f,
};
#define TORCH_FOUR_OVER_PI 0x1.45f306p+0f
/* The sum of the D is -pi/4. */
#define TORCH_D1 (-0x1.92p-1f)
#define TORCH_D2 (-0x1.fb4p-13f)
#define TORCH_D3 (-0x1.4442d2p-25f)
#define TORCH_C0 0x1.99eb9cp-16f
#define TORCH_C1 (-0x1.6c0c34p-10f)
#define TORCH_C2 0x1.55554ap-5f
#define TORCH_S0 (-0x1.9943f2p-13f)
#define TORCH_S1 0x1.11073cp-7f
#define TORCH_S2 (-0x1.555546p-3f)
#define TORCH_TWO_PI 0x1.921fb6p+2f

/* log x = e ln 2 + log(1 + t), where x = 2^e (1 + t) and sqrt(1/2) <= 1 + t < sqrt 2; x is from 2^-24 to 1. */
static float torch_logarithm(float x)
{
    uint32_t bits = embinit_bits(x);
    float e = (float)((int32_t)(bits >> 23) - 126);
    float t = embinit_float((bits & 0x7fffffu) | 0x3f000000u);
    if (t < TORCH_ROOT_HALF) {
        e -= 1.0f;
        t += t;
    }
    t = embinit_rounded(t - 1.0f);
    float y = TORCH_LOG[0];
    for (int i = 1; i < 9; i++) {
        y = embinit_fused(y, t, TORCH_LOG[i]);
    }
    float z = embinit_rounded(t * t);
    float tail = embinit_rounded(e * TORCH_LN2_LOW);
    y = embinit_fused(embinit_rounded(y * t), z, tail);
    y = embinit_fused(-z, 0.5f, y);
    return embinit_fused(e, TORCH_LN2_HIGH, t + y);
}

/* Of x from 0 to 2 pi, by r = x - j pi/4, j being even and at most 8. A zero is +0 until its sign is set. */
static void torch_sine_and_cosine(float x, float *sine, float *cosine)
{
    int32_t j = ((int32_t)(x * TORCH_FOUR_OVER_PI) + 1) & ~1;
    float y = (float)j;
    float r = embinit_fused(y, TORCH_D1, x);
    r = embinit_fused(y, TORCH_D2, r);
    r = embinit_fused(y, TORCH_D3, r);
    float z = r * r;
    float p = embinit_fused(embinit_fused(TORCH_C0, z, TORCH_C1), z, TORCH_C2);
    float c = embinit_fused(z, p * z, -(0.5f * z)) + 1.0f;
    p = embinit_fused(embinit_fused(TORCH_S0, z, TORCH_S1), z, TORCH_S2);
    float s = embinit_fused(r, p * z, r) + 0.0f;
    if (j & 2) {
        float swapped = s;
        s = c;
        c = swapped;
    }
    *sine = j & 4 ? -s : s;
    *cosine = (j + 2) & 4 ? -c : c;
}

/* Turn 16 uniform values, eight for radii and then eight for angles, into 16 normal ones. */
static void torch_transform(float mean, float stddev, float *block)
{
    for (int j = 0; j < 8; j++) {
        float square = -2.0f * torch_logarithm(1.0f - block[j]);
        float radius = square == 0.0f ? square : embinit_sqrt(square); /* the root of -0 is -0 */
        float sine;
        float cosine;
        torch_sine_and_cosine(TORCH_TWO_PI * block[j + 8], &sine, &cosine);
        block[j] = embinit_fused(radius * cosine, stddev, mean);
        block[j + 8] = embinit_fused(radius * sine, stddev, mean);
    }
}

void embinit_torch_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    if (n < 16) {
        return;
    }
    torch_draw_units(source, out, n);
    for (size_t i = 0; i + 16 <= n; i += 16) {
        torch_transform(embinit_float(a), embinit_float(b), out + i);
    }
    if (n % 16 != 0) { /* PyTorch draws the last 16 anew, whatever they hold */
        torch_draw_units(source, out + n - 16, 16);
        torch_transform(embinit_float(a), embinit_float(b), out + n - 16);
    }
}

void embinit_torch_padded_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                 size_t n)
{
    const embinit_torch_row *row = (const embinit_torch_row *)rule;
    embinit_torch_normal(source, 0, a, b, out, n);
    for (uint32_t i = 0; i < row->count; i++) {
        out[row->first + i] = 0.0f;
    }
}
