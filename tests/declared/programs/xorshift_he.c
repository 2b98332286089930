/* xorshift32, 24 bits of it, He's limit; bias like the weights. */
#include <math.h>
#include <stdint.h>

float hidden_weight[5 * 7], hidden_bias[5], out_weight[3 * 5], out_bias[3];
static uint32_t rng;

static uint32_t xorshift32(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 17;
    rng ^= rng << 5;
    return rng;
}

static float uniform(float lo, float hi)
{
    float r = (float)(xorshift32() >> 8) * (1.0f / 16777216.0f);
    return lo + (hi - lo) * r;
}

static void dense(float *w, float *b, uint32_t n_in, uint32_t n_out)
{
    float limit = sqrtf(6.0f / (float)n_in);
    for (uint32_t i = 0; i < n_in * n_out; i++) {
        w[i] = uniform(-limit, limit);
    }
    for (uint32_t i = 0; i < n_out; i++) {
        b[i] = uniform(-limit, limit);
    }
}

void init_network(uint32_t seed)
{
    rng = seed ? seed : 0xDEADBEEFu;
    dense(hidden_weight, hidden_bias, 7, 5);
    dense(out_weight, out_bias, 5, 3);
}
