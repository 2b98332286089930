/* Two uniform values make a triangle; each layer has a seed of its own, and drops its first words. */
#include <math.h>
#include <stdint.h>

float hidden_weight[35], hidden_bias[5], out_weight[15], out_bias[3];

typedef struct {
    uint32_t s;
} rng_t;

static float rng_float(rng_t *rng)
{
    rng->s = 1664525u * rng->s + 1013904223u;
    return (rng->s >> 9) * 0x1p-23f;
}

static void init_layer(float *w, float *b, uint32_t in, uint32_t out, uint32_t seed)
{
    rng_t rng = {seed};
    float scale = 1.0f / sqrtf((float)in);
    for (int i = 0; i < 4; i++) {
        rng_float(&rng);
    }
    for (uint32_t i = 0; i < in * out; i++) {
        float p = rng_float(&rng);
        float q = rng_float(&rng);
        w[i] = scale * (p + q - 1.0f);
    }
    for (uint32_t i = 0; i < out; i++) {
        b[i] = 0.1f * scale * rng_float(&rng) + 0.001f;
    }
}

void init_network(uint32_t seed)
{
    init_layer(hidden_weight, hidden_bias, 7, 5, seed);
    init_layer(out_weight, out_bias, 5, 3, seed + 1000u);
}
