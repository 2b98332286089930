/* SPDX-License-Identifier: MIT */
#include "embinit_kaun.h"

#include "embinit_normal.h"
#include "embinit_threefry2x32.h"

#define KAUN_TWO_PI 6.2831855f
#define KAUN_SMALLEST 1e-7f

/* ---- Keys ---- */

static void kaun_start(embinit_kaun *scope, uint32_t k0, uint32_t k1)
{
    scope->root[0] = k0;
    scope->root[1] = k1;
    scope->taken = 0;
    scope->element = 0;
    scope->attempts = 0;
}

void embinit_kaun_seed(embinit_kaun *scope, int64_t seed)
{
    kaun_start(scope, (uint32_t)((uint64_t)seed >> 32), (uint32_t)(uint64_t)seed);
}

/* Key i of the scope. */
static void kaun_key(const embinit_kaun *scope, uint32_t i, uint32_t key[2])
{
    key[0] = 0;
    key[1] = i;
    embinit_threefry2x32_block(scope->root, key);
}

static void kaun_uniform(const embinit_kaun *scope, uint32_t keys[2][2])
{
    kaun_key(scope, scope->taken, keys[0]);
}

static void kaun_block(const uint32_t key[2], uint32_t element, uint32_t block[2])
{
    block[0] = element;
    block[1] = element + 1u;
    embinit_threefry2x32_block(key, block);
}

static void kaun_normal(const embinit_kaun *scope, uint32_t attempt, uint32_t keys[2][2])
{
    uint32_t key[2];
    kaun_key(scope, scope->taken + attempt, key);
    kaun_block(key, 0, keys[0]);
    kaun_block(key, 2, keys[1]);
}

const embinit_kaun_way embinit_kaun_today = {kaun_uniform, kaun_normal, kaun_block, 1};

uint32_t embinit_kaun_source(void *state)
{
    embinit_kaun *scope = (embinit_kaun *)state;
    scope->taken++;
    return 0;
}

/* ---- Keys of 1.0.0 alpha3 ---- */

/* murmur3's finalizer, without the sign bit. */
static uint32_t kaun_mixed(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return (x ^ (x >> 16)) & 0x7fffffffu;
}

void embinit_kaun_alpha3_seed(embinit_kaun *scope, int64_t seed)
{
    uint32_t low = (uint32_t)(uint64_t)seed;
    kaun_start(scope, (seed < 0 ? 0u - low : low) & 0x7fffffffu, 0);
}

void embinit_kaun_alpha3_layer(embinit_kaun *scope, uint32_t layer)
{
    kaun_start(scope, kaun_mixed(scope->root[0] ^ layer), 0);
}

static void alpha3_uniform(const embinit_kaun *scope, uint32_t keys[2][2])
{
    keys[0][0] = kaun_mixed(scope->root[0] ^ scope->taken);
}

static void alpha3_normal(const embinit_kaun *scope, uint32_t attempt, uint32_t keys[2][2])
{
    uint32_t first = scope->taken + 2u * attempt;
    keys[0][0] = kaun_mixed(scope->root[0] ^ first);
    keys[1][0] = kaun_mixed(scope->root[0] ^ (first + 1u));
}

static void alpha3_block(const uint32_t key[2], uint32_t element, uint32_t block[2])
{
    uint32_t hashed[2];
    hashed[0] = kaun_mixed(key[0] ^ element);
    hashed[1] = kaun_mixed(key[0] ^ (element + 1u));
    kaun_block(hashed, element, block);
}

const embinit_kaun_way embinit_kaun_of_alpha3 = {alpha3_uniform, alpha3_normal, alpha3_block, 2};

/* ---- Values ---- */

/* A word as a signed one, moved by 2^31, over 2^32. The conversion and the sum round, so the result may be 1. */
static float kaun_unit(uint32_t word)
{
    int32_t value = word < 0x80000000u ? (int32_t)word : -(int32_t)(~word) - 1;
    float converted = embinit_rounded((float)value);
    return embinit_rounded(converted + 2147483648.0f) * 0x1p-32f;
}

/* The value of the element under way for one of its array's keys; a block is computed once for two elements. */
static float kaun_next_unit(embinit_kaun *scope, const embinit_kaun_way *way, uint8_t which)
{
    uint32_t block[2];
    if (scope->element & 1u) {
        return kaun_unit(scope->second[which]);
    }
    way->block(scope->keys[which], scope->element, block);
    scope->second[which] = block[1];
    return kaun_unit(block[0]);
}

/* The array is complete; it took some keys each time that it was drawn. */
static void kaun_finish(embinit_kaun *scope, const embinit_kaun_rule *rule, uint32_t keys)
{
    scope->element++;
    if (scope->element == rule->size) {
        scope->taken += keys * scope->attempts;
        scope->element = 0;
    }
}

void embinit_kaun_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_kaun *scope = (embinit_kaun *)source->state;
    const embinit_kaun_rule *array = (const embinit_kaun_rule *)rule;
    float low = embinit_float(a);
    float width = embinit_float(b);
    for (size_t i = 0; i < n; i++) {
        if (scope->element == 0) {
            array->way->uniform(scope, scope->keys);
            scope->attempts = 1;
        }
        float unit = kaun_next_unit(scope, array->way, 0);
        out[i] = embinit_separate(unit, width, low);
        kaun_finish(scope, array, 1);
    }
}

static float kaun_standard(const embinit_kaun_rule *rule, float u1, float u2)
{
    float angle = embinit_rounded(u1 * KAUN_TWO_PI);
    float rest = embinit_rounded(1.0f - u2);
    float log = rule->logf(rest < KAUN_SMALLEST ? KAUN_SMALLEST : rest);
    float square = embinit_rounded(-2.0f * log);
    float radius = square > 0.0f ? embinit_sqrt(square) : square; /* -0, where u2 is 0 */
    float cosine = embinit_rounded(rule->cosf(angle));
    return embinit_rounded(cosine * radius);
}

/* A standard normal value of the element under way. */
static float kaun_next_normal(embinit_kaun *scope, const embinit_kaun_rule *rule)
{
    if (scope->element == 0) {
        rule->way->normal(scope, 0, scope->keys);
        scope->attempts = 1;
    }
    float u1 = kaun_next_unit(scope, rule->way, 0);
    float u2 = kaun_next_unit(scope, rule->way, 1);
    return kaun_standard(rule, u1, u2);
}

static float kaun_scaled(float z, float mean, float stddev)
{
    return mean != 0.0f ? embinit_separate(z, stddev, mean) : z * stddev;
}

void embinit_kaun_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_kaun *scope = (embinit_kaun *)source->state;
    const embinit_kaun_rule *array = (const embinit_kaun_rule *)rule;
    for (size_t i = 0; i < n; i++) {
        float z = kaun_next_normal(scope, array);
        out[i] = kaun_scaled(z, embinit_float(a), embinit_float(b));
        kaun_finish(scope, array, array->way->keys_of_normal);
    }
}

/* The value of the element under way in the array that is drawn for the attempt-th time. */
static float kaun_again(const embinit_kaun *scope, const embinit_kaun_rule *rule, uint32_t attempt)
{
    uint32_t keys[2][2];
    uint32_t angle[2];
    uint32_t radius[2];
    uint32_t half = scope->element & 1u;
    rule->way->normal(scope, attempt, keys);
    rule->way->block(keys[0], scope->element - half, angle);
    rule->way->block(keys[1], scope->element - half, radius);
    return kaun_standard(rule, kaun_unit(angle[half]), kaun_unit(radius[half]));
}

void embinit_kaun_truncated_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                   size_t n)
{
    embinit_kaun *scope = (embinit_kaun *)source->state;
    const embinit_kaun_rule *array = (const embinit_kaun_rule *)rule;
    for (size_t i = 0; i < n; i++) {
        float z = kaun_next_normal(scope, array);
        uint32_t attempts = 1;
        while (z < -2.0f || z > 2.0f) {
            z = kaun_again(scope, array, attempts);
            attempts++;
        }
        if (attempts > scope->attempts) {
            scope->attempts = attempts;
        }
        out[i] = kaun_scaled(z, embinit_float(a), embinit_float(b));
        kaun_finish(scope, array, array->way->keys_of_normal);
    }
}
