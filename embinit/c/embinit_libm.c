/* SPDX-License-Identifier: MIT */
#include "embinit_libm.h"

#include "embinit.h"

#define MINUS_INFINITY 0xff800000u

/* cos(y + n pi/2), n >= 0, from sin y for odd n and cos y for even n. */
static float turned(int32_t n, float magnitude)
{
    return (n + 1) & 2 ? -magnitude : magnitude;
}

#ifdef EMBINIT_DOUBLE

/* ---- double ----
 * Compilers may fuse and regroup these few sums and products: that moves no result by 5 units in the last place of a
 * double, and none lies that near to where float rounds to another value. (One cosine does, by pi/2. It is y itself.)
 */

/* 1/c and log c; c lies in the i-th of 16 equal parts, in the bits of floats, of [0x1.66p-1, 0x1.66p0). */
static const double INVERSE[16] = {
    0x1.661ec79f8f3bep+0, 0x1.571ed4aaf883dp+0, 0x1.49539f0f010bp+0,  0x1.3c995b0b80385p+0,
    0x1.30d190c8864a5p+0, 0x1.25e227b0b8eap+0,  0x1.1bb4a4a1a343fp+0, 0x1.12358f08ae5bap+0,
    0x1.0953f419900a7p+0, 0x1p+0,               0x1.e608cfd9a47acp-1, 0x1.ca4b31f026aap-1,
    0x1.b2036576afce6p-1, 0x1.9c2d163a1aa2dp-1, 0x1.886e6037841edp-1, 0x1.767dcf5534862p-1,
};
static const double LOGARITHM[16] = {
    -0x1.57bf7808caadep-2, -0x1.2bef0a7c06ddbp-2, -0x1.01eae7f513a67p-2, -0x1.b31d8a68224e9p-3,
    -0x1.6574f0ac07758p-3, -0x1.1aa2bc79c81p-3,   -0x1.a4e76ce8c0e5ep-4, -0x1.1973c5a611cccp-4,
    -0x1.252f438e10c1ep-5, 0x0p+0,                0x1.aa5aa5df25984p-5,  0x1.c5e53aa362eb4p-4,
    0x1.526e57720db08p-3,  0x1.bc2860d22477p-3,   0x1.1058bc8a07ee1p-2,  0x1.4043057b6ee09p-2,
};
#define LN2 0x1.62e42fefa39efp-1
#define A2 (-0x1.ffffef20a4123p-2)
#define A3 0x1.5575b0be00b6ap-2
#define A4 (-0x1.00ea348b88334p-2)

/* log x = k ln 2 + log c + log(1 + r), where x = 2^k z and 1 + r = z / c. */
float embinit_logf_double(float x)
{
    uint32_t bits = embinit_bits(x);
    if (bits == 0) {
        return embinit_float(MINUS_INFINITY);
    }
    uint32_t shifted = bits + (0x3f800000u - 0x3f330000u); /* its exponent is 0 for [0x1.66p-1, 0x1.66p0) */
    int32_t k = (int32_t)(shifted >> 23) - 127;
    uint32_t i = (shifted >> 19) & 15u;
    double z = (double)embinit_float(bits - ((uint32_t)k << 23));
    double r = z * INVERSE[i] - 1.0;
    double r2 = r * r;
    return (float)((A4 * r2 + (A3 * r + A2)) * r2 + ((k * LN2 + LOGARITHM[i]) + r));
}

#define QUADRANTS 0x1.45f306dc9c883p+23 /* 2/pi * 2^24 */
#define HALF_PI 0x1.921fb54442d18p+0    /* times 0 to 4 exact */
#define C2 (-0x1.ffffffd0c621cp-2)
#define C4 0x1.55553e1068f19p-5
#define C6 (-0x1.6c087e89a359dp-10)
#define C8 0x1.99343027bf8c3p-16
#define S3 (-0x1.555545995a603p-3)
#define S5 0x1.1107605230bc4p-7
#define S7 (-0x1.994eb3774cf24p-13)

/* From y = x - n pi/2. */
float embinit_cosf_double(float x)
{
    int32_t n = ((int32_t)((double)x * QUADRANTS) + 0x800000) >> 24;
    double y = (double)x - n * HALF_PI;
    double y2 = y * y;
    double y3 = y2 * y;
    double y4 = y2 * y2;
    double cosine = ((1.0 + y2 * C2) + y4 * C4) + (y4 * y2) * (C6 + y2 * C8);
    double sine = (y + y3 * S3) + (y3 * y2) * (S5 + y2 * S7);
    return turned(n, (float)(n & 1 ? sine : cosine));
}

#endif /* EMBINIT_DOUBLE */

/* ---- fdlibm ----
 * A product that stands in a multiply_add is one that newlib's compiler fused; any other is rounded in both classes.
 * What another sum or product takes up is rounded before, lest a compiler fuse or regroup them, unless it is exact.
 */

static float multiply_add(float a, float b, float c, embinit_multiply_add kind)
{
    return embinit_rounded(kind == EMBINIT_FUSED ? embinit_fused(a, b, c) : embinit_separate(a, b, c));
}

#define THIRD 0x1.555556p-2f
#define LN2_HIGH 0x1.62e3p-1f /* times an exponent exact */
#define LN2_LOW 0x1.2fefa2p-17f
#define L1 0x1.555556p-1f
#define L2 0x1.99999ap-2f
#define L3 0x1.24924ap-2f
#define L4 0x1.c71c52p-3f
#define L5 0x1.74664ap-3f
#define L6 0x1.39a09ep-3f
#define L7 0x1.2f112ep-3f

/* log x = k ln 2 + f - f^2/2 + s (f^2/2 + R(s^2)), where x = 2^k (1 + f) and s = f / (2 + f). */
static float log_of(float x, embinit_multiply_add kind)
{
    uint32_t bits = embinit_bits(x);
    if (bits == 0) {
        return embinit_float(MINUS_INFINITY);
    }
    uint32_t mantissa = bits & 0x7fffffu;
    uint32_t above = (mantissa + 0x4afb20u) & 0x800000u; /* the mantissa is over sqrt 2 */
    float k = (float)((int32_t)((bits + above) >> 23) - 127);
    float f = embinit_rounded(embinit_float(mantissa | (above ^ 0x3f800000u)) - 1.0f);
    /* log x = k LN2_HIGH - (correction - f), by three formulas: f next to 0, at an end of its range, anywhere else. */
    if (((mantissa + 15u) & 0x7ffff0u) == 0) {
        float f2 = embinit_rounded(f * f);
        float series = embinit_rounded(f2 * multiply_add(-THIRD, f, 0.5f, kind));
        return k * LN2_HIGH - embinit_rounded(multiply_add(-k, LN2_LOW, series, kind) - f);
    }
    float f2_half = embinit_rounded(f * 0.5f * f);
    float s = embinit_rounded(f / embinit_rounded(2.0f + f));
    float z = embinit_rounded(s * s);
    float w = embinit_rounded(z * z);
    float R = multiply_add(multiply_add(multiply_add(L7, w, L5, kind), w, L3, kind), w, L1, kind);
    float even = multiply_add(multiply_add(L6, w, L4, kind), w, L2, kind);
    R = multiply_add(even, w, embinit_rounded(z * R), kind);
    int extreme = mantissa - 0x30a3d0u <= 0x35c288u - 0x30a3d0u;
    float factor = embinit_rounded(extreme ? f2_half + R : f - R);
    /* For k = 0 the terms of k were left out, and the product by s takes part in one subtraction more. */
    if (k == 0.0f) {
        return extreme ? f - multiply_add(-s, factor, f2_half, kind) : multiply_add(-s, factor, f, kind);
    }
    float k_low = embinit_rounded(k * LN2_LOW);
    float correction = extreme ? embinit_rounded(f2_half - multiply_add(s, factor, k_low, kind))
                               : multiply_add(s, factor, -k_low, kind);
    return k * LN2_HIGH - embinit_rounded(correction - f);
}

float embinit_logf_fdlibm(float x)
{
    return log_of(x, EMBINIT_SEPARATE);
}

float embinit_logf_fdlibm_fused(float x)
{
    return log_of(x, EMBINIT_FUSED);
}

#define TWO_OVER_PI 0x1.45f308p-1f
/* pi/2 = A + A_REST = A + B + B_REST; A and B times 1 to 4 are exact. */
#define A 0x1.921fp+0f
#define A_REST 0x1.6a8886p-17f
#define B 0x1.6a88p-17f
#define B_REST 0x1.0b461p-34f

/* Return n and set y and its tail: x = y + tail + n pi/2.
 *
 * Next to pi/2 and 3 pi/2 fdlibm subtracts more of pi/2, for other patterns of bits at each. Its thresholds for n, its
 * care next to pi and 2 pi, and its third subtraction never show in a cosine below 2 pi, so they are left out.
 */
static int32_t reduced(float x, float *y, float *tail)
{
    x = embinit_rounded(x);
    int32_t n = (int32_t)(x * TWO_OVER_PI + 0.5f);
    float multiple = (float)n;
    uint32_t bits = embinit_bits(x);
    int second = (bits & 0xfffffff0u) == 0x3fc90fd0u || (bits & 0xffffff00u) == 0x4096cb00u;
    float high = embinit_rounded(x - multiple * A);
    if (second) {
        high = embinit_rounded(high - multiple * B);
    }
    float low = embinit_rounded(multiple * (second ? B_REST : A_REST));
    *y = embinit_rounded(high - low);
    *tail = embinit_rounded(embinit_rounded(high - *y) - low);
    return n;
}

#define COS4 0x1.555556p-5f
#define COS6 (-0x1.6c16c2p-10f)
#define COS8 0x1.a01a02p-16f
#define COS10 (-0x1.27e4f8p-22f)
#define COS12 0x1.1ee9ecp-29f
#define COS14 (-0x1.8fae9cp-37f)

/* cos(y + tail), |y| below pi/4. */
float embinit_small_cosf(float y, float tail, embinit_multiply_add kind)
{
    float z = embinit_rounded(y * y);
    float p = multiply_add(multiply_add(multiply_add(COS14, z, COS12, kind), z, COS10, kind), z, COS8, kind);
    p = embinit_rounded(z * multiply_add(multiply_add(p, z, COS6, kind), z, COS4, kind));
    /* About |y| / 4 is taken from both sides of the difference of 1 and z / 2, to lose less in it. */
    uint32_t size = embinit_bits(y) & 0x7fffffffu;
    float quarter = 0.0f;
    if (size > 0x3f480000u) {
        quarter = 0.28125f;
    } else if (size >= 0x3e99999au) {
        quarter = embinit_float(size - 0x01000000u);
    }
    float most = embinit_rounded(1.0f - quarter);
    float half = embinit_rounded(0.5f * z - quarter);
    float rest = multiply_add(z, p, -embinit_rounded(y * tail), kind);
    return most - embinit_rounded(half - rest);
}

#define SIN3 (-0x1.555556p-3f)
#define SIN5 0x1.111112p-7f
#define SIN7 (-0x1.a01a02p-13f)
#define SIN9 0x1.71de36p-19f
#define SIN11 (-0x1.ae5e68p-26f)
#define SIN13 0x1.5d93a6p-33f

/* sin(y + tail), |y| below pi/4. */
float embinit_small_sinf(float y, float tail, embinit_multiply_add kind)
{
    float z = embinit_rounded(y * y);
    float y3 = embinit_rounded(z * y);
    float p = multiply_add(multiply_add(multiply_add(SIN13, z, SIN11, kind), z, SIN9, kind), z, SIN7, kind);
    p = embinit_rounded(y3 * multiply_add(p, z, SIN5, kind));
    float rest = embinit_rounded(0.5f * tail - p);
    return y - multiply_add(-SIN3, y3, multiply_add(z, rest, -tail, kind), kind);
}

static float cos_of(float x, embinit_multiply_add kind)
{
    float y;
    float tail;
    int32_t n = reduced(x, &y, &tail);
    return turned(n, n & 1 ? embinit_small_sinf(y, tail, kind) : embinit_small_cosf(y, tail, kind));
}

float embinit_cosf_fdlibm(float x)
{
    return cos_of(x, EMBINIT_SEPARATE);
}

float embinit_cosf_fdlibm_fused(float x)
{
    return cos_of(x, EMBINIT_FUSED);
}
