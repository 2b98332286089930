/* PCG with constants of its own, for a convolution and a dense layer. */
#include <math.h>
#include <stdint.h>

float conv_weight[4][3][2], conv_bias[4], out_weight[3][8], out_bias[3];
static uint64_t state;

static uint32_t pcg(void)
{
    uint64_t old = state;
    state = old * 3935559000370003845ull + 2691343689449507681ull;
    uint32_t xorshifted = (uint32_t)(((old >> 18u) ^ old) >> 27u);
    uint32_t rot = (uint32_t)(old >> 59u);
    return (xorshifted >> rot) | (xorshifted << ((32u - rot) & 31u));
}

static float symmetric(float limit)
{
    return (float)((int32_t)pcg() >> 8) * (limit / 8388608.0f);
}

void init_network(uint32_t seed)
{
    state = ((uint64_t)seed << 32) | 0x5eedu;
    for (int i = 0; i < 8; i++) {
        pcg();
    }
    float limit = sqrtf(3.0f / (float)(2 * 3));
    for (int k = 0; k < 3; k++) { /* taps outermost */
        for (int o = 0; o < 4; o++) {
            for (int i = 0; i < 2; i++) {
                conv_weight[o][k][i] = symmetric(limit);
            }
        }
    }
    for (int o = 0; o < 4; o++) {
        conv_bias[o] = symmetric(0.5f * limit);
    }
    limit = sqrtf(3.0f / 8.0f);
    for (int i = 0; i < 3 * 8; i++) {
        (&out_weight[0][0])[i] = symmetric(limit);
    }
    for (int i = 0; i < 3; i++) {
        out_bias[i] = symmetric(0.5f * limit);
    }
}
