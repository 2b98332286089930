/* SPDX-License-Identifier: MIT */
#include "embinit_trigonometry.h"

#include "embinit_expression.h"

#include "embinit_libm.h"

#define TRIG_NOT_A_NUMBER 0x7fc00000u
#define TRIG_INFINITY_BITS 0x7f800000u
#define TRIG_LIMIT 0x42f00000u /* 120, which is 76.4 times pi/2 */

/* ---- logf ---- */

typedef float trig_function(float x);

static float trig_log(float x, trig_function *positive)
{
    uint32_t bits = embinit_bits(x);
    if ((bits << 1) == 0) {
        return embinit_float(TRIG_INFINITY_BITS | 0x80000000u);
    }
    if (bits == TRIG_INFINITY_BITS) {
        return x;
    }
    return bits > TRIG_INFINITY_BITS ? embinit_float(TRIG_NOT_A_NUMBER) : positive(x);
}

#ifdef EMBINIT_DOUBLE

float embinit_c_logf_double(float x)
{
    return trig_log(x, embinit_logf_double);
}

#endif /* EMBINIT_DOUBLE */

float embinit_c_logf_fdlibm(float x)
{
    return trig_log(x, embinit_logf_fdlibm);
}

float embinit_c_logf_fdlibm_fused(float x)
{
    return trig_log(x, embinit_logf_fdlibm_fused);
}

/* ---- sinf and cosf, as sin(x + quarter pi/2) ---- */

static int trig_is_known(float x)
{
    return (embinit_bits(x) & 0x7fffffffu) < TRIG_LIMIT;
}

static float trig_turned(int32_t n, float magnitude)
{
    return n & 2 ? -magnitude : magnitude;
}

#ifdef EMBINIT_DOUBLE

/* The subtraction is fused, as these libraries are built. Otherwise no result is so near to a boundary of rounding to
 * float that fusing products would move it across. */
#define TRIG_QUADRANTS 0x1.45f306dc9c883p+23 /* 2/pi * 2^24 */
#define TRIG_HALF_PI 0x1.921fb54442d18p+0
#define TRIG_C2 (-0x1.ffffffd0c621cp-2)
#define TRIG_C4 0x1.55553e1068f19p-5
#define TRIG_C6 (-0x1.6c087e89a359dp-10)
#define TRIG_C8 0x1.99343027bf8c3p-16
#define TRIG_S3 (-0x1.555545995a603p-3)
#define TRIG_S5 0x1.1107605230bc4p-7
#define TRIG_S7 (-0x1.994eb3774cf24p-13)

static float trig_from_double(float x, int32_t quarter)
{
    if (!trig_is_known(x)) {
        return embinit_float(TRIG_NOT_A_NUMBER);
    }
    /* At most 76.4 * 2^24 + 2^23, which is below 2^31. */
    int32_t n = ((int32_t)((double)x * TRIG_QUADRANTS) + 0x800000) >> 24;
    double y = embinit_fused64(-(double)n, TRIG_HALF_PI, (double)x);
    double y2 = y * y;
    n += quarter;
    if (n & 1) {
        double y4 = y2 * y2;
        return trig_turned(n, (float)(((1.0 + y2 * TRIG_C2) + y4 * TRIG_C4) + (y4 * y2) * (TRIG_C6 + y2 * TRIG_C8)));
    }
    double y3 = y2 * y;
    return trig_turned(n, (float)((y + y3 * TRIG_S3) + (y3 * y2) * (TRIG_S5 + y2 * TRIG_S7)));
}

float embinit_c_sinf_double(float x)
{
    return trig_from_double(x, 0);
}

float embinit_c_cosf_double(float x)
{
    return trig_from_double(x, 1);
}

#endif /* EMBINIT_DOUBLE */

static float trig_fma(float a, float b, float c, embinit_multiply_add kind)
{
    return kind == EMBINIT_FUSED ? embinit_fused(a, b, c) : embinit_separate(a, b, c);
}

static float trig_product(float a, float b)
{
    return embinit_rounded(a * b);
}

static float trig_difference(float a, float b)
{
    return embinit_rounded(a - b);
}

#define TRIG_TWO_OVER_PI 0x1.45f308p-1f
/* pi/2 = A + A_REST = A + B + B_REST = A + B + C + C_REST; A times 1 to 127 is exact. */
#define TRIG_A 0x1.921fp+0f
#define TRIG_A_REST 0x1.6a8886p-17f
#define TRIG_B 0x1.6a88p-17f
#define TRIG_B_REST 0x1.0b461p-34f
#define TRIG_C 0x1.0b46p-34f
#define TRIG_C_REST 0x1.1a6264p-54f

/* How many bits of x cancel in high - low. */
static int32_t trig_lost(float x, float high, float low)
{
    uint32_t left = embinit_bits(trig_difference(high, low));
    return (int32_t)((embinit_bits(x) >> 23) & 0xffu) - (int32_t)((left >> 23) & 0xffu);
}

/* Subtract one more part of pi/2, times multiple, from high. low becomes what is left to subtract: the rest of pi/2
 * and the error of this subtraction. */
static void trig_take(float *high, float *low, float multiple, float part, float rest, embinit_multiply_add kind)
{
    float taken = trig_product(multiple, part);
    float before = *high;
    *high = trig_difference(before, taken);
    *low = trig_fma(multiple, rest, -trig_difference(trig_difference(before, *high), taken), kind);
}

/* Return n and set y and its tail: x = y + tail + n pi/2, for x from pi/4 to 120. n is from 1 to 76, and from 2 to 31
 * where the table is read: it has the upper 24 bits of pi/2, 2 pi/2, ... 31 pi/2. Next to these multiples, and from the
 * 32nd on, fdlibm takes a second part of pi/2 where more than 8 bits cancel, and a third one where more than 25 do. */
static int32_t trig_reduced(float x, float *y, float *tail, embinit_multiply_add kind)
{
    static const uint32_t trig_next_to_multiples[31] = {
        0x3fc90f00u, 0x40490f00u, 0x4096cb00u, 0x40c90f00u, 0x40fb5300u, 0x4116cb00u, 0x412fed00u, 0x41490f00u,
        0x41623100u, 0x417b5300u, 0x418a3a00u, 0x4196cb00u, 0x41a35c00u, 0x41afed00u, 0x41bc7e00u, 0x41c90f00u,
        0x41d5a000u, 0x41e23100u, 0x41eec200u, 0x41fb5300u, 0x4203f200u, 0x420a3a00u, 0x42108300u, 0x4216cb00u,
        0x421d1400u, 0x42235c00u, 0x4229a500u, 0x422fed00u, 0x42363600u, 0x423c7e00u, 0x4242c700u,
    };
    uint32_t bits = embinit_bits(x);
    int next_to_one = bits < 0x4016cbe4u; /* 3 pi/4 */
    int32_t n = next_to_one ? 1 : (int32_t)trig_fma(x, TRIG_TWO_OVER_PI, 0.5f, kind);
    float multiple = (float)n;
    float high = trig_difference(x, trig_product(multiple, TRIG_A));
    float low = trig_product(multiple, TRIG_A_REST);
    if (next_to_one) {
        if ((bits & 0xfffffff0u) == 0x3fc90fd0u) {
            high = trig_difference(high, TRIG_B);
            low = TRIG_B_REST;
        }
    } else if ((n >= 32 || (bits & 0xffffff00u) == trig_next_to_multiples[n - 1]) && trig_lost(x, high, low) > 8) {
        trig_take(&high, &low, multiple, TRIG_B, TRIG_B_REST, kind);
        if (trig_lost(x, high, low) > 25) {
            trig_take(&high, &low, multiple, TRIG_C, TRIG_C_REST, kind);
        }
    }
    *y = trig_difference(high, low);
    *tail = trig_difference(trig_difference(high, *y), low);
    return n;
}

#define TRIG_SIN3 (-0x1.555556p-3f)
#define TRIG_SIN5 0x1.111112p-7f
#define TRIG_SIN7 (-0x1.a01a02p-13f)
#define TRIG_SIN9 0x1.71de36p-19f
#define TRIG_SIN11 (-0x1.ae5e68p-26f)
#define TRIG_SIN13 0x1.5d93a6p-33f

/* sin x, |x| below pi/4. */
static float trig_sin_below(float x, embinit_multiply_add kind)
{
    float z = trig_product(x, x);
    float p = trig_fma(trig_fma(trig_fma(TRIG_SIN13, z, TRIG_SIN11, kind), z, TRIG_SIN9, kind), z, TRIG_SIN7, kind);
    p = trig_fma(trig_fma(p, z, TRIG_SIN5, kind), z, TRIG_SIN3, kind);
    return trig_fma(trig_product(z, x), p, x, kind);
}

static float trig_from_fdlibm(float x, int32_t quarter, embinit_multiply_add kind)
{
    uint32_t bits = embinit_bits(x);
    int32_t n = 0;
    float y = x;
    float tail = 0.0f;
    if (!trig_is_known(x)) {
        return embinit_float(TRIG_NOT_A_NUMBER);
    }
    if ((bits & 0x7fffffffu) <= 0x3f490fd8u) { /* pi/4 */
        return quarter ? embinit_small_cosf(x, 0.0f, kind) : trig_sin_below(x, kind);
    }
    n = trig_reduced(embinit_float(bits & 0x7fffffffu), &y, &tail, kind);
    if (bits >> 31) {
        n = -n;
        y = -y;
        tail = -tail;
    }
    n += quarter;
    return trig_turned(n, n & 1 ? embinit_small_cosf(y, tail, kind) : embinit_small_sinf(y, tail, kind));
}

float embinit_c_sinf_fdlibm(float x)
{
    return trig_from_fdlibm(x, 0, EMBINIT_SEPARATE);
}

float embinit_c_sinf_fdlibm_fused(float x)
{
    return trig_from_fdlibm(x, 0, EMBINIT_FUSED);
}

float embinit_c_cosf_fdlibm(float x)
{
    return trig_from_fdlibm(x, 1, EMBINIT_SEPARATE);
}

float embinit_c_cosf_fdlibm_fused(float x)
{
    return trig_from_fdlibm(x, 1, EMBINIT_FUSED);
}
