/* xorshift64* and buffers of doubles, bias first. */
#include <math.h>
#include <stdint.h>

double hidden_weight[5][7], hidden_bias[5], out_weight[3][5], out_bias[3];
static uint64_t s;

static double u01(void)
{
    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    return (double)((s * 0x2545F4914F6CDD1Dull) >> 11) / 9007199254740992.0;
}

static void fill(double *p, int n, double a)
{
    int i;
    for (i = 0; i < n; ++i)
        p[i] = -a + 2.0 * a * u01();
}

void init_network(uint32_t seed)
{
    s = 0x9E3779B97F4A7C15ull ^ seed;
    fill(hidden_bias, 5, sqrt(1.0 / 7));
    fill(&hidden_weight[0][0], 35, sqrt(1.0 / 7));
    fill(out_bias, 3, sqrt(1.0 / 5));
    fill(&out_weight[0][0], 15, sqrt(1.0 / 5));
}
