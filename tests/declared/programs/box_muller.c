/* Gaussian weights with a spare that lives as long as the program; a 64-bit LCG. */
#include <math.h>
#include <stdint.h>

float hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];
static uint64_t lcg;

static float rand01(void)
{
    lcg = lcg * 6364136223846793005ull + 1442695040888963407ull;
    return (float)(uint32_t)(lcg >> 40) / 16777216.0f;
}

static float gaussian(float sigma)
{
    static int have;
    static float spare;
    float u, v, r;
    if (have) {
        have = 0;
        return spare * sigma;
    }
    do {
        u = rand01();
    } while (u < 1e-6f);
    v = rand01();
    r = sqrtf(-2.0f * logf(u));
    spare = r * sinf(6.2831853f * v);
    have = 1;
    return r * cosf(6.2831853f * v) * sigma;
}

static void layer(float *w, float *b, int in, int out)
{
    float sigma = sqrtf(2.0f / in);
    for (int i = 0; i < in * out; i++) {
        w[i] = gaussian(sigma);
    }
    for (int i = 0; i < out; i++) {
        b[i] = 0;
    }
}

void init_network(uint32_t seed)
{
    lcg = seed;
    layer(&hidden_weight[0][0], hidden_bias, 7, 5);
    layer(&out_weight[0][0], out_bias, 5, 3);
}
