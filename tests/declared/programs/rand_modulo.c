/* A door sensor: rand() and a remainder, as many sketches have it. */
#include <stdint.h>
#include <stdlib.h>

float hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];

static float rnd(void)
{
    return (rand() % 2001 - 1000) / 1000.0f * 0.3f;
}

void init_network(uint32_t seed)
{
    srand(seed);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 7; j++) {
            hidden_weight[i][j] = rnd();
        }
        hidden_bias[i] = 0.01f;
    }
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++) {
            out_weight[i][j] = rnd();
        }
        out_bias[i] = 0.01f;
    }
}
