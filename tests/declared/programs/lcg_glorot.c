/* The example of the C standard, 15 bits a word; Glorot's limit; weights as [in][out]. */
#include <math.h>
#include <stdint.h>

float hidden_weight[7][5], hidden_bias[5], out_weight[5][3], out_bias[3];
static uint32_t next = 1;

static int my_rand(void)
{
    next = next * 1103515245u + 12345u;
    return (int)((next >> 16) & 0x7fff);
}

#define GLOROT(fan_in, fan_out) sqrtf(6.0f / (float)((fan_in) + (fan_out)))

static void fill(float *w, int n, float a)
{
    while (n--) {
        *w++ = ((float)my_rand() / 32767.0f * 2.0f - 1.0f) * a;
    }
}

void init_network(uint32_t seed)
{
    next = seed;
    fill(hidden_weight[0], 7 * 5, GLOROT(7, 5));
    fill(out_weight[0], 5 * 3, GLOROT(5, 3));
    for (int i = 0; i < 5; i++) {
        hidden_bias[i] = 0.0f;
    }
    for (int i = 0; i < 3; i++) {
        out_bias[i] = 0.0f;
    }
}
