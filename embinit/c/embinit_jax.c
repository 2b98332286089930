/* SPDX-License-Identifier: MIT */
#include "embinit_jax.h"

#include "embinit_normal.h"

#define JAX_SMALL 0x3ed413cdu /* sqrt 2 - 1 */
#define JAX_ROOT_HALF 0x3f3504f3u
#define JAX_LN2_HIGH 0x3f318000u
#define JAX_LN2_LOW 0xb95e8083u

static float jax_multiply_add(float a, float b, float c, uint8_t arithmetic)
{
    return embinit_rounded(arithmetic == EMBINIT_JAX_SEPARATE ? embinit_separate(a, b, c) : embinit_fused(a, b, c));
}

static float jax_product(float a, float b)
{
    return embinit_rounded(embinit_rounded(a) * embinit_rounded(b));
}

static float jax_sum(float a, float b)
{
    return embinit_rounded(embinit_rounded(a) + embinit_rounded(b));
}

/* A polynomial of x by Horner's rule; c has the bits of its coefficients, the highest power first. */
static float jax_polynomial(const uint32_t *c, uint8_t degree, float x, uint8_t arithmetic)
{
    float p = embinit_float(c[0]);
    for (uint8_t i = 1; i <= degree; i++) {
        p = jax_multiply_add(p, x, embinit_float(c[i]), arithmetic);
    }
    return p;
}

/* log x = exponent ln 2 + log(1 + s), where 1 + s is from sqrt(1/2) to sqrt 2; x is normal and above 0. */
static float jax_log(float x, uint8_t arithmetic)
{
    static const uint32_t coefficients[9] = {
        0x3d9021bbu, 0xbdebd1b8u, 0x3def251au, 0xbdfe5d4fu, 0x3e11e9bfu, 0xbe2aae50u, 0x3e4cceacu, 0xbe7ffffcu, 0x3eaaaaaau,
    };
    uint32_t bits = embinit_bits(x);
    int32_t exponent = (int32_t)(bits >> 23) - 126;
    float m = embinit_float((bits & 0x7fffffu) | 0x3f000000u);
    float s = jax_sum(m, -1.0f);
    if (embinit_bits(m) < JAX_ROOT_HALF) {
        exponent--;
        s = jax_sum(s, m);
    }
    float z = jax_product(s, s);
    float s3 = jax_product(z, s);
    float y = jax_polynomial(coefficients, 2, s, arithmetic);
    y = jax_multiply_add(y, s3, jax_polynomial(coefficients + 3, 2, s, arithmetic), arithmetic);
    y = jax_multiply_add(y, s3, jax_polynomial(coefficients + 6, 2, s, arithmetic), arithmetic);
    y = jax_multiply_add(y, s3, jax_product((float)exponent, embinit_float(JAX_LN2_LOW)), arithmetic);
    float h = jax_multiply_add(-0.5f, z, s, arithmetic);
    return jax_multiply_add((float)exponent, embinit_float(JAX_LN2_HIGH), jax_sum(h, y), arithmetic);
}

/* log(1 + t) for t from -1 to 0, -1 excluded. */
static float jax_log1p(float t, uint8_t arithmetic)
{
    static const uint32_t numerator[7] = {
        0x383de04bu, 0x3eff40c5u, 0x40d284fau, 0x41ef4b9cu, 0x4273cc76u, 0x426473adu, 0x41a05101u,
    };
    static const uint32_t denominator[7] = {
        0x3f800000u, 0x417101adu, 0x42a6185bu, 0x435dc32du, 0x439a8ca3u, 0x43586d8au, 0x42707982u,
    };
    if ((embinit_bits(t) & 0x7fffffffu) >= JAX_SMALL) {
        return jax_log(jax_sum(t, 1.0f), arithmetic);
    }
    float z = jax_product(t, t);
    float d = jax_polynomial(denominator, 6, t, arithmetic);
    float n = jax_polynomial(numerator, 6, t, arithmetic);
    float r = embinit_rounded(n / d);
    float t3 = jax_product(t, z);
    /* t3 * r - z / 2: two products, of which one is fused with the difference. */
    float rest = arithmetic == EMBINIT_JAX_FUSED_0_6 ? jax_multiply_add(t3, r, -jax_product(z, 0.5f), arithmetic)
                                                     : jax_multiply_add(-0.5f, z, jax_product(t3, r), arithmetic);
    return jax_sum(t, rest);
}

/* XLA's erf_inv of x between -1 and 1, both excluded. */
static float jax_erf_inv(float x, uint8_t arithmetic)
{
    static const uint32_t central[9] = {
        0x32f16588u, 0x34b84b36u, 0xb66c7357u, 0xb6935ac1u, 0x396532dbu, 0xbaa45408u, 0xbb88e4efu, 0x3e7c8f63u, 0x3fc02e2fu,
    };
    static const uint32_t tail[9] = {
        0xb951f09bu, 0x38d3b56bu, 0x3ab0dc72u, 0xbb70bde7u, 0x3bbc127bu, 0xbbf9c5d7u, 0x3c1aa57eu, 0x3f8036dbu, 0x40354f7eu,
    };
    float w = -jax_log1p(-jax_product(x, x), arithmetic);
    float p = w < 5.0f ? jax_polynomial(central, 8, jax_sum(w, -2.5f), arithmetic)
                       : jax_polynomial(tail, 8, jax_sum(embinit_sqrt(w), -3.0f), arithmetic);
    return jax_product(x, p);
}

/* low + width * u, no less than low, where u in [0, 1) is the upper 23 bits of the next word. */
static float jax_between(const embinit_source *source, uint32_t low, uint32_t width, uint8_t arithmetic)
{
    uint32_t word = source->next(source->state);
    float u = jax_sum(embinit_float((word >> 9) | 0x3f800000u), -1.0f);
    float value = jax_multiply_add(u, embinit_float(width), embinit_float(low), arithmetic);
    return value < embinit_float(low) ? embinit_float(low) : value;
}

void embinit_jax_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_jax_uniform_rule *uniform = (const embinit_jax_uniform_rule *)rule;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        out[i] = jax_product(jax_between(source, uniform->low, uniform->width, uniform->multiply_add), embinit_float(a));
    }
}

void embinit_jax_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_jax_normal_rule *normal = (const embinit_jax_normal_rule *)rule;
    float lowest = embinit_float(normal->lowest);
    float highest = embinit_float(normal->highest);
    for (size_t i = 0; i < n; i++) {
        float x = jax_between(source, normal->low, normal->width, normal->arithmetic);
        float z = x < 0.0f ? lowest : highest;
        if ((embinit_bits(x) & 0x7fffffffu) != 0x3f800000u) { /* erf_inv of 1 is infinite */
            z = jax_product(jax_erf_inv(x, normal->arithmetic), embinit_float(b));
            z = z < lowest ? lowest : z > highest ? highest : z;
        }
        out[i] = jax_product(z, embinit_float(a));
    }
}
