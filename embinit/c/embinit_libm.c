/* SPDX-License-Identifier: MIT */
#include "embinit_libm.h"

#define LIBM_MINUS_INFINITY 0xff800000u

/* cos(y + n pi/2), n >= 0, from sin y for odd n and cos y for even n. */
static float libm_turned(int32_t n, float magnitude)
{
    return (n + 1) & 2 ? -magnitude : magnitude;
}

#ifdef EMBINIT_DOUBLE

/* ---- double ----
 *
 * Compilers may fuse and regroup these few sums and products. That moves no result by as much as 5 units in the last
 * place of a double, and no result is so near to a value where float rounds otherwise. (One cosine is, near pi/2: it is
 * y itself, without a sum.)
 */

/* 1/c and log c. The bits of the floats in [0x1.66p-1, 0x1.66p0) are divided into 16 equal parts; c lies in the
 * i-th. */
static const double LIBM_INVERSE[16] = {
    0x1.661ec79f8f3bep+0, 0x1.571ed4aaf883dp+0, 0x1.49539f0f010bp+0,  0x1.3c995b0b80385p+0,
    0x1.30d190c8864a5p+0, 0x1.25e227b0b8eap+0,  0x1.1bb4a4a1a343fp+0, 0x1.12358f08ae5bap+0,
    0x1.0953f419900a7p+0, 0x1p+0,               0x1.e608cfd9a47acp-1, 0x1.ca4b31f026aap-1,
    0x1.b2036576afce6p-1, 0x1.9c2d163a1aa2dp-1, 0x1.886e6037841edp-1, 0x1.767dcf5534862p-1,
};
static const double LIBM_LOGARITHM[16] = {
    -0x1.57bf7808caadep-2, -0x1.2bef0a7c06ddbp-2, -0x1.01eae7f513a67p-2, -0x1.b31d8a68224e9p-3,
    -0x1.6574f0ac07758p-3, -0x1.1aa2bc79c81p-3,   -0x1.a4e76ce8c0e5ep-4, -0x1.1973c5a611cccp-4,
    -0x1.252f438e10c1ep-5, 0x0p+0,                0x1.aa5aa5df25984p-5,  0x1.c5e53aa362eb4p-4,
    0x1.526e57720db08p-3,  0x1.bc2860d22477p-3,   0x1.1058bc8a07ee1p-2,  0x1.4043057b6ee09p-2,
};
#define LIBM_LN2 0x1.62e42fefa39efp-1
#define LIBM_A2 (-0x1.ffffef20a4123p-2)
#define LIBM_A3 0x1.5575b0be00b6ap-2
#define LIBM_A4 (-0x1.00ea348b88334p-2)

/* log x = k ln 2 + log c + log(1 + r), where x = 2^k z and 1 + r = z / c. */
float embinit_logf_double(float x)
{
    uint32_t bits = embinit_bits(x);
    if (bits == 0) {
        return embinit_float(LIBM_MINUS_INFINITY);
    }
    uint32_t shifted = bits + (0x3f800000u - 0x3f330000u); /* its exponent is 0 for [0x1.66p-1, 0x1.66p0) */
    int32_t k = (int32_t)(shifted >> 23) - 127;
    uint32_t i = (shifted >> 19) & 15u;
    double z = (double)embinit_float(bits - ((uint32_t)k << 23));
    double r = z * LIBM_INVERSE[i] - 1.0;
    double r2 = r * r;
    return (float)((LIBM_A4 * r2 + (LIBM_A3 * r + LIBM_A2)) * r2 + ((k * LIBM_LN2 + LIBM_LOGARITHM[i]) + r));
}

#define LIBM_QUADRANTS 0x1.45f306dc9c883p+23 /* 2/pi * 2^24 */
#define LIBM_HALF_PI 0x1.921fb54442d18p+0    /* ends in three zero bits: exact times 0 to 4 */
#define LIBM_C2 (-0x1.ffffffd0c621cp-2)
#define LIBM_C4 0x1.55553e1068f19p-5
#define LIBM_C6 (-0x1.6c087e89a359dp-10)
#define LIBM_C8 0x1.99343027bf8c3p-16
#define LIBM_S3 (-0x1.555545995a603p-3)
#define LIBM_S5 0x1.1107605230bc4p-7
#define LIBM_S7 (-0x1.994eb3774cf24p-13)

/* From y = x - n pi/2. x is below 2 pi, so its quadrants times 2^24 are below 2^26. */
float embinit_cosf_double(float x)
{
    int32_t n = ((int32_t)((double)x * LIBM_QUADRANTS) + 0x800000) >> 24;
    double y = (double)x - n * LIBM_HALF_PI;
    double y2 = y * y;
    double y3 = y2 * y;
    double y4 = y2 * y2;
    double cosine = ((1.0 + y2 * LIBM_C2) + y4 * LIBM_C4) + (y4 * y2) * (LIBM_C6 + y2 * LIBM_C8);
    double sine = (y + y3 * LIBM_S3) + (y3 * y2) * (LIBM_S5 + y2 * LIBM_S7);
    return libm_turned(n, (float)(n & 1 ? sine : cosine));
}

#endif /* EMBINIT_DOUBLE */

/* ---- fdlibm ----
 *
 * A product in a libm_fma is one that newlib's compiler fused; every other product is rounded in both classes. A value
 * that goes into another sum or product is rounded first, lest a compiler fuse or regroup the two, unless it is exact.
 */

static float libm_fma(float a, float b, float c, embinit_multiply_add kind)
{
    return embinit_rounded(kind == EMBINIT_FUSED ? embinit_fused(a, b, c) : embinit_separate(a, b, c));
}

#define LIBM_THIRD 0x1.555556p-2f
#define LIBM_LN2_HIGH 0x1.62e3p-1f /* 17 bits: exact times an exponent, of up to 7 */
#define LIBM_LN2_LOW 0x1.2fefa2p-17f
#define LIBM_L1 0x1.555556p-1f
#define LIBM_L2 0x1.99999ap-2f
#define LIBM_L3 0x1.24924ap-2f
#define LIBM_L4 0x1.c71c52p-3f
#define LIBM_L5 0x1.74664ap-3f
#define LIBM_L6 0x1.39a09ep-3f
#define LIBM_L7 0x1.2f112ep-3f

/* log x = k ln 2 + f - f^2/2 + s (f^2/2 + R(s^2)), where x = 2^k (1 + f) and s = f / (2 + f). */
static float libm_log(float x, embinit_multiply_add kind)
{
    uint32_t bits = embinit_bits(x);
    if (bits == 0) {
        return embinit_float(LIBM_MINUS_INFINITY);
    }
    uint32_t mantissa = bits & 0x7fffffu;
    uint32_t above = (mantissa + 0x4afb20u) & 0x800000u; /* not 0 where 1.mantissa exceeds sqrt 2 */
    float k = (float)((int32_t)((bits + above) >> 23) - 127);
    float f = embinit_rounded(embinit_float(mantissa | (above ^ 0x3f800000u)) - 1.0f);
    /* log x = k LN2_HIGH - (correction - f), by three formulas: for f next to 0, for mantissas from 1.38 to 1.42, at
     * both ends of its range, and elsewhere. */
    if (((mantissa + 15u) & 0x7ffff0u) == 0) {
        float f2 = embinit_rounded(f * f);
        float series = embinit_rounded(f2 * libm_fma(-LIBM_THIRD, f, 0.5f, kind));
        return k * LIBM_LN2_HIGH - embinit_rounded(libm_fma(-k, LIBM_LN2_LOW, series, kind) - f);
    }
    float f2_half = embinit_rounded(f * 0.5f * f);
    float s = embinit_rounded(f / embinit_rounded(2.0f + f));
    float z = embinit_rounded(s * s);
    float w = embinit_rounded(z * z);
    float R = libm_fma(libm_fma(libm_fma(LIBM_L7, w, LIBM_L5, kind), w, LIBM_L3, kind), w, LIBM_L1, kind);
    float even = libm_fma(libm_fma(LIBM_L6, w, LIBM_L4, kind), w, LIBM_L2, kind);
    R = libm_fma(even, w, embinit_rounded(z * R), kind);
    int extreme = mantissa - 0x30a3d0u <= 0x35c288u - 0x30a3d0u;
    float factor = embinit_rounded(extreme ? f2_half + R : f - R);
    /* Where k is 0, fdlibm leaves out its terms, and the product by s goes into one more subtraction. */
    if (k == 0.0f) {
        return extreme ? f - libm_fma(-s, factor, f2_half, kind) : libm_fma(-s, factor, f, kind);
    }
    float k_low = embinit_rounded(k * LIBM_LN2_LOW);
    float correction = extreme ? embinit_rounded(f2_half - libm_fma(s, factor, k_low, kind))
                               : libm_fma(s, factor, -k_low, kind);
    return k * LIBM_LN2_HIGH - embinit_rounded(correction - f);
}

float embinit_logf_fdlibm(float x)
{
    return libm_log(x, EMBINIT_SEPARATE);
}

float embinit_logf_fdlibm_fused(float x)
{
    return libm_log(x, EMBINIT_FUSED);
}

#define LIBM_TWO_OVER_PI 0x1.45f308p-1f
/* pi/2 = A + A_REST = A + B + B_REST. A and B have few bits, so that their products by 1 to 4 are exact. */
#define LIBM_A 0x1.921fp+0f
#define LIBM_A_REST 0x1.6a8886p-17f
#define LIBM_B 0x1.6a88p-17f
#define LIBM_B_REST 0x1.0b461p-34f

/* Return n and set y and its tail: x = y + tail + n pi/2.
 *
 * Next to pi/2 and next to 3 pi/2, where it masks different bits of x, fdlibm subtracts a second part of pi/2. Its
 * thresholds for n, its care next to pi and 2 pi, and its third subtraction never show in a cosine below 2 pi, so they
 * are left out.
 */
static int32_t libm_reduced(float x, float *y, float *tail)
{
    x = embinit_rounded(x);
    int32_t n = (int32_t)(x * LIBM_TWO_OVER_PI + 0.5f);
    float multiple = (float)n;
    uint32_t bits = embinit_bits(x);
    int second = (bits & 0xfffffff0u) == 0x3fc90fd0u || (bits & 0xffffff00u) == 0x4096cb00u;
    float high = embinit_rounded(x - multiple * LIBM_A);
    if (second) {
        high = embinit_rounded(high - multiple * LIBM_B);
    }
    float low = embinit_rounded(multiple * (second ? LIBM_B_REST : LIBM_A_REST));
    *y = embinit_rounded(high - low);
    *tail = embinit_rounded(embinit_rounded(high - *y) - low);
    return n;
}

#define LIBM_COS4 0x1.555556p-5f
#define LIBM_COS6 (-0x1.6c16c2p-10f)
#define LIBM_COS8 0x1.a01a02p-16f
#define LIBM_COS10 (-0x1.27e4f8p-22f)
#define LIBM_COS12 0x1.1ee9ecp-29f
#define LIBM_COS14 (-0x1.8fae9cp-37f)

/* cos(y + tail), |y| below pi/4. */
float embinit_small_cosf(float y, float tail, embinit_multiply_add kind)
{
    float z = embinit_rounded(y * y);
    float p = libm_fma(libm_fma(libm_fma(LIBM_COS14, z, LIBM_COS12, kind), z, LIBM_COS10, kind), z, LIBM_COS8, kind);
    p = embinit_rounded(z * libm_fma(libm_fma(p, z, LIBM_COS6, kind), z, LIBM_COS4, kind));
    /* 1 - z / 2 is computed as (1 - quarter) - (z / 2 - quarter), quarter being about |y| / 4, which loses less. */
    uint32_t size = embinit_bits(y) & 0x7fffffffu;
    float quarter = 0.0f;
    if (size > 0x3f480000u) {
        quarter = 0.28125f;
    } else if (size >= 0x3e99999au) {
        quarter = embinit_float(size - 0x01000000u);
    }
    float most = embinit_rounded(1.0f - quarter);
    float half = embinit_rounded(0.5f * z - quarter);
    float rest = libm_fma(z, p, -embinit_rounded(y * tail), kind);
    return most - embinit_rounded(half - rest);
}

#define LIBM_SIN3 (-0x1.555556p-3f)
#define LIBM_SIN5 0x1.111112p-7f
#define LIBM_SIN7 (-0x1.a01a02p-13f)
#define LIBM_SIN9 0x1.71de36p-19f
#define LIBM_SIN11 (-0x1.ae5e68p-26f)
#define LIBM_SIN13 0x1.5d93a6p-33f

/* sin(y + tail), |y| below pi/4. */
float embinit_small_sinf(float y, float tail, embinit_multiply_add kind)
{
    float z = embinit_rounded(y * y);
    float y3 = embinit_rounded(z * y);
    float p = libm_fma(libm_fma(libm_fma(LIBM_SIN13, z, LIBM_SIN11, kind), z, LIBM_SIN9, kind), z, LIBM_SIN7, kind);
    p = embinit_rounded(y3 * libm_fma(p, z, LIBM_SIN5, kind));
    float rest = embinit_rounded(0.5f * tail - p);
    return y - libm_fma(-LIBM_SIN3, y3, libm_fma(z, rest, -tail, kind), kind);
}

static float libm_cos(float x, embinit_multiply_add kind)
{
    float y;
    float tail;
    int32_t n = libm_reduced(x, &y, &tail);
    return libm_turned(n, n & 1 ? embinit_small_sinf(y, tail, kind) : embinit_small_cosf(y, tail, kind));
}

float embinit_cosf_fdlibm(float x)
{
    return libm_cos(x, EMBINIT_SEPARATE);
}

float embinit_cosf_fdlibm_fused(float x)
{
    return libm_cos(x, EMBINIT_FUSED);
}
