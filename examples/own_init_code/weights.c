#include <math.h>
#include <stdint.h>

static uint32_t state;

static float unit(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 16777216.0f;
}

void dense_init(float *weight, float *bias, uint32_t inputs, uint32_t outputs, uint32_t seed)
{
    float limit = sqrtf(6.0f / (float)(inputs + outputs));
    state = seed;
    for (uint32_t i = 0; i < inputs * outputs; i++) {
        weight[i] = unit() * (2.0f * limit) - limit;
    }
    for (uint32_t i = 0; i < outputs; i++) {
        bias[i] = 0.0f;
    }
}
