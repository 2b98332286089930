/* Integers from -127 to 127 with one scale a layer; each neuron's row, then its bias, as its MAC loop reads them. */
#include <stdint.h>

float hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];
static uint32_t x = 1;

static int8_t code(void)
{
    /* Park and Miller, by Schrage */
    int32_t hi = (int32_t)x / 127773, lo = (int32_t)x % 127773;
    int32_t t = 16807 * lo - 2836 * hi;
    if (t <= 0) {
        t += 2147483647;
    }
    x = (uint32_t)t;
    return (int8_t)((int32_t)((x >> 4) % 255u) - 127);
}

static void rows(float *w, float *b, int in, int out)
{
    const float scale = 0.75f / (127.0f * in);
    for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++) {
            w[o * in + i] = code() * scale;
        }
        b[o] = code() * scale + 0.05f;
    }
}

void init_network(uint32_t seed)
{
    x = seed % 2147483646u + 1u;
    rows(&hidden_weight[0][0], hidden_bias, 7, 5);
    rows(&out_weight[0][0], out_bias, 5, 3);
}
