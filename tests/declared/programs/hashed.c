/* A hash of a counter, a start for each tensor; Marsaglia's polar method, the second value thrown away. */
#include <math.h>
#include <stdint.h>

float hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];
static uint32_t key, counter;

static uint32_t mix(void)
{
    uint32_t h = key + counter++ * 0x9E3779B9u;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    return h;
}

static float centered(void)
{
    return (float)mix() * (2.0f / 4294967296.0f) - 1.0f;
}

static float polar(void)
{
    float a, b, s;
    do {
        a = centered();
        b = centered();
        s = a * a + b * b;
    } while (s >= 1.0f || s == 0.0f);
    return a * sqrtf(-2.0f * logf(s) / s);
}

static void tensor(float *t, int n, float stddev, uint32_t k)
{
    key = k;
    counter = 0;
    for (int i = 0; i < n; i++) {
        t[i] = polar() * stddev + 0.01f;
    }
}

void init_network(uint32_t seed)
{
    tensor(&hidden_weight[0][0], 35, 0.2f, seed);
    tensor(hidden_bias, 5, 0.2f, seed ^ 1u);
    tensor(&out_weight[0][0], 15, 0.2f, seed ^ 2u);
    tensor(out_bias, 3, 0.2f, seed ^ 3u);
}
