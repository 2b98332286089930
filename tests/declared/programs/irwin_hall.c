/* Twelve uniform values are nearly a normal one: no logf, no cosf. */
#include <stdint.h>

float hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];
static uint16_t lfsr[2];

static uint16_t noise(void)
{
    uint16_t t = (uint16_t)(lfsr[0] ^ (lfsr[0] << 5));
    lfsr[0] = lfsr[1];
    lfsr[1] = (uint16_t)((lfsr[1] ^ (lfsr[1] >> 1)) ^ (t ^ (t >> 3)));
    return lfsr[1];
}

static float normal(float mean, float stddev)
{
    float sum = 0.0f;
    for (int i = 0; i < 12; i++) {
        sum += noise() / 65536.0f;
    }
    return mean + stddev * (sum - 6.0f);
}

void init_network(uint32_t seed)
{
    lfsr[0] = (uint16_t)(seed | 1u);
    lfsr[1] = (uint16_t)(seed >> 16);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 7; j++) {
            hidden_weight[i][j] = normal(0.0f, 0.1f);
        }
    }
    for (int i = 0; i < 5; i++) {
        hidden_bias[i] = normal(0.0f, 0.1f);
    }
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++) {
            out_weight[i][j] = normal(0.0f, 0.1f);
        }
    }
    for (int i = 0; i < 3; i++) {
        out_bias[i] = normal(0.0f, 0.1f);
    }
}
