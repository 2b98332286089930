/* SPDX-License-Identifier: MIT */
#include "embinit_key_streams.h"

#include "embinit_fma.h"
#include "embinit_libm.h"
#include "embinit_threefry2x32.h"

/* The last 32 bits of the SHA-256 of four zero bytes. */
#define TINYGRAD_FIRST_DEVICE 0x14b81119u

#define MLX_LARGEST 0x1.fffffep-1f

/* Return the word of the element under way, and go on to the next element. odd is the second counter of the last block
 * where the size of the array is odd. */
static uint32_t array_word(embinit_array *array, uint32_t size, uint32_t odd)
{
    uint32_t half = size - size / 2u;
    uint32_t first = array->element < half ? array->element : array->element - half;
    uint32_t block[2];
    block[0] = first;
    block[1] = first < size / 2u ? first + half : odd;
    embinit_threefry2x32_block(array->key, block);
    uint32_t word = array->element < half ? block[0] : block[1];
    array->element = array->element + 1u == size ? 0 : array->element + 1u;
    return word;
}

/* ---- tinygrad ---- */

void embinit_tinygrad_seed(embinit_tinygrad *keys, uint32_t seed)
{
    keys->seed = seed;
    keys->drawn = 0;
    keys->array.element = 0;
}

uint32_t embinit_tinygrad_source(void *state)
{
    embinit_tinygrad *keys = (embinit_tinygrad *)state;
    keys->drawn++;
    return 0;
}

void embinit_tinygrad_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                              size_t n)
{
    embinit_tinygrad *keys = (embinit_tinygrad *)source->state;
    uint32_t size = ((const embinit_array_rule *)rule)->size;
    for (size_t i = 0; i < n; i++) {
        if (keys->array.element == 0) {
            uint32_t device[2] = {TINYGRAD_FIRST_DEVICE, 0};
            device[1] = keys->seed;
            keys->array.key[0] = keys->drawn;
            keys->array.key[1] = 0;
            embinit_threefry2x32_block(device, keys->array.key);
            keys->drawn += size;
        }
        uint32_t word = array_word(&keys->array, size, size);
        float unit = embinit_float((word >> 9) | 0x3f800000u) - 1.0f;
        out[i] = embinit_fused(unit, embinit_float(b), embinit_float(a));
    }
}

/* ---- MLX ---- */

/* Split the key in two: it becomes the first of them, and the second one is written. */
static void mlx_split(embinit_mlx *keys, uint32_t second[2])
{
    uint32_t left[2] = {0, 2};
    uint32_t right[2] = {1, 3};
    embinit_threefry2x32_block(keys->key, left);
    embinit_threefry2x32_block(keys->key, right);
    keys->key[0] = left[0];
    keys->key[1] = right[0];
    second[0] = left[1];
    second[1] = right[1];
}

void embinit_mlx_seed(embinit_mlx *keys, uint64_t seed)
{
    keys->key[0] = (uint32_t)(seed >> 32);
    keys->key[1] = (uint32_t)seed;
    keys->array.element = 0;
}

uint32_t embinit_mlx_source(void *state)
{
    embinit_mlx *keys = (embinit_mlx *)state;
    mlx_split(keys, keys->array.key);
    return 0;
}

/* The unit value of the element under way, below 1. */
static float mlx_unit(embinit_mlx *keys, const void *rule)
{
    if (keys->array.element == 0) {
        mlx_split(keys, keys->array.key);
    }
    uint32_t word = array_word(&keys->array, ((const embinit_array_rule *)rule)->size, 0);
    float unit = embinit_rounded((float)word) * 0x1p-32f;
    return unit < 1.0f ? unit : MLX_LARGEST;
}

void embinit_mlx_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float unit = mlx_unit((embinit_mlx *)source->state, rule);
        out[i] = embinit_separate(unit, embinit_float(b), embinit_float(a));
    }
}

#ifdef EMBINIT_DOUBLE

/* erf_inv of a between -1 and 1. */
static float mlx_erf_inv(float a)
{
    static const float tail[10] = {0.0f,           0x1.4deb44p-32f, 0x1.f7c9aep-26f, 0x1.47e512p-20f, 0x1.dca7dep-16f,
                                   0x1.9cab92p-12f, 0x1.8cc0dep-9f,  0x1.3ca920p-8f,  -0x1.0eff66p-2f, 0x1.ae16a4p-1f};
    static const float center[10] = {0x1.75c000p-28f,  0x1.33b402p-23f,  0x1.499232p-20f, 0x1.e52cd2p-24f,
                                     -0x1.d70bd0p-15f, -0x1.35be90p-13f, 0x1.2f6400p-9f,  0x1.7a1e50p-7f,
                                     -0x1.db2aeep-3f,  0x1.c5bf88p-1f};
    float t = embinit_logf_double(embinit_fused(a, -a, 1.0f));
    const float *coefficients = t < -6.125f ? tail : center;
    float p = coefficients[0];
    for (uint8_t i = 1; i < 10; i++) {
        p = embinit_fused(p, t, coefficients[i]);
    }
    return embinit_rounded(embinit_rounded(a) * p);
}

void embinit_mlx_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    float mean = embinit_float(a);
    for (size_t i = 0; i < n; i++) {
        float unit = mlx_unit((embinit_mlx *)source->state, rule);
        float z = mlx_erf_inv(embinit_separate(unit, 2.0f, -MLX_LARGEST));
        out[i] = mean != 0.0f ? embinit_separate(z, embinit_float(b), mean) : z * embinit_float(b);
    }
}

#endif
