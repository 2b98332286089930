/* Requests to the C library: an operation and its arguments as words, each answer is words. */
#include "embinit.h"
#include "embinit_libm.h"
#include "embinit_normal.h"
#include "embinit_scaled.h"
#include "respond.h"

static uint64_t wide(const uint32_t *words)
{
    return words[0] | (uint64_t)words[1] << 32;
}

static uint32_t put_wide(uint32_t *words, uint64_t value)
{
    words[0] = (uint32_t)value;
    words[1] = (uint32_t)(value >> 32);
    return 2;
}

static float (*const LOGF[])(float) = {embinit_logf_double, embinit_logf_fdlibm, embinit_logf_fdlibm_fused};
static float (*const COSF[])(float) = {embinit_cosf_double, embinit_cosf_fdlibm, embinit_cosf_fdlibm_fused};

static embinit_distribution *const SCALED[] = {embinit_scaled_uniform, embinit_scaled_normal,
                                               embinit_scaled_truncated_normal};

uint32_t respond(const uint32_t *request, uint32_t *answer)
{
    const uint32_t *a = request + 1;
    embinit_xorshift32 xorshift = {a[0]};
    embinit_source source = {embinit_xorshift32_source, &xorshift};
    embinit_pcg32 pcg;
    embinit_uniform_rule uniform = {8, EMBINIT_SEPARATE};
    embinit_normal_rule normal = {embinit_logf_double, embinit_cosf_double, 8, EMBINIT_SEPARATE, 0};
    uint32_t n = 0;
    switch (request[0]) {
    case 0: /* state, n -> words, state */
        for (n = 0; n < a[1]; n++) {
            answer[n] = embinit_xorshift32_next(&xorshift);
        }
        answer[n++] = xorshift.state;
        return n;
    case 1: /* state, delta -> state */
        embinit_xorshift32_advance(&xorshift, wide(a + 1));
        answer[0] = xorshift.state;
        return 1;
    case 2: /* seed, stream, n -> words, state, increment */
        embinit_pcg32_seed(&pcg, wide(a), wide(a + 2));
        for (n = 0; n < a[4]; n++) {
            answer[n] = embinit_pcg32_next(&pcg);
        }
        n += put_wide(answer + n, pcg.state);
        return n + put_wide(answer + n, pcg.increment);
    case 3: /* state, increment, delta -> state */
        pcg.state = wide(a);
        pcg.increment = wide(a + 2);
        embinit_pcg32_advance(&pcg, wide(a + 4));
        return put_wide(answer, pcg.state);
    case 4: /* a, b, c -> separate, fused, fused in software */
        answer[0] = embinit_bits(embinit_separate(embinit_float(a[0]), embinit_float(a[1]), embinit_float(a[2])));
        answer[1] = embinit_bits(embinit_fused(embinit_float(a[0]), embinit_float(a[1]), embinit_float(a[2])));
        answer[2] = embinit_bits(embinit_fused_software(embinit_float(a[0]), embinit_float(a[1]), embinit_float(a[2])));
        return 3;
    case 5: /* state, multiply_add, low, width, n -> values, state */
        uniform.multiply_add = (uint8_t)a[1];
        embinit_uniform(&source, &uniform, a[2], a[3], (float *)answer, a[4]);
        answer[a[4]] = xorshift.state;
        return a[4] + 1;
    case 6: /* state, p, n, fill -> n / 32 + 1 words of bits, state */
        for (; n < a[2] / 32 + 1; n++) {
            answer[n] = a[3];
        }
        embinit_bernoulli(&source, &uniform, embinit_float(a[1]), (uint8_t *)answer, a[2]);
        answer[n++] = xorshift.state;
        return n;
    case 7: /* state, n -> order, state */
        for (n = 0; n < a[1]; n++) {
            answer[n] = n;
        }
        embinit_shuffle(&source, answer, n);
        answer[n++] = xorshift.state;
        return n;
    case 8: /* state, multiply_add, libm, deviation_first, mean, stddev, n -> values, state */
        normal.logf = LOGF[a[2]];
        normal.cosf = COSF[a[2]];
        normal.multiply_add = (uint8_t)a[1];
        normal.deviation_first = (uint8_t)a[3];
        embinit_normal(&source, &normal, a[4], a[5], (float *)answer, a[6]);
        answer[a[6]] = xorshift.state;
        return a[6] + 1;
    case 9: /* x -> square root */
        answer[0] = embinit_bits(embinit_sqrt(embinit_float(a[0])));
        return 1;
    case 10: /* seed, stream, multiply_add, low, width, n -> values from PCG32, words drawn */
        embinit_pcg32_seed(&pcg, wide(a), wide(a + 2));
        source.next = embinit_pcg32_source;
        source.state = &pcg;
        uniform.multiply_add = (uint8_t)a[4];
        embinit_uniform(&source, &uniform, a[5], a[6], (float *)answer, a[7]);
        return a[7] + put_wide(answer + a[7], pcg.state);
    case 11: /* state, shape, a, b, n -> values, state */
        SCALED[a[1]](&source, 0, a[2], a[3], (float *)answer, a[4]);
        answer[a[4]] = xorshift.state;
        return a[4] + 1;
    case 12: /* word -> normal code, truncated normal code */
        answer[0] = (uint32_t)embinit_normal_code(a[0]);
        answer[1] = (uint32_t)embinit_truncated_normal_code(a[0]);
        return 2;
    default: /* n, words -> CRC-32 */
        answer[0] = embinit_crc32(0, a + 1, 4u * (size_t)a[0]);
        return 1;
    }
}
