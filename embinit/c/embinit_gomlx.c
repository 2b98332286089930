/* SPDX-License-Identifier: MIT */
#include "embinit_gomlx.h"

#include "embinit_libm.h"
#include "embinit_normal.h"

/* ---- Seeds ---- */

#define GOMLX_PRIME 0x7fffffffu

/* 48271 * x modulo 2^31 - 1: the seedrand of Go's math/rand. 2^31 is 1 there, so the upper part of the product, which
 * is below 48271, is added to the lower one: the sum is less than twice the prime. */
static uint32_t gomlx_stepped(uint32_t x)
{
    uint64_t product = (uint64_t)x * 48271u;
    uint32_t folded = (uint32_t)(product & GOMLX_PRIME) + (uint32_t)(product >> 31);
    return folded >= GOMLX_PRIME ? folded - GOMLX_PRIME : folded;
}

void embinit_gomlx_state(uint64_t state[3], int64_t seed)
{
    /* Entries 331 to 333 and 604 to 606 of the register, which the first three numbers are sums of. Go XORs these words
     * into them. */
    static const uint64_t cooked[6] = {
        0xf11bfbb3ba3e0841u, 0x3b7fc3ad0d1cd36bu, 0xbfb2f4d968b759c3u,
        0x74535a96cc7adfd7u, 0x7e57a19b735ef03bu, 0x39a00a3a31c025c6u,
    };
    uint64_t entry[6];
    int64_t rest = seed % (int64_t)GOMLX_PRIME;
    uint32_t x = (uint32_t)(rest < 0 ? rest + (int64_t)GOMLX_PRIME : rest);
    uint8_t found = 0;
    if (x == 0) {
        x = 89482311u; /* 0 would stay 0 */
    }
    /* Go drops 20 numbers, and makes each of the 607 entries of three. */
    for (uint8_t i = 0; i < 20; i++) {
        x = gomlx_stepped(x);
    }
    for (uint16_t i = 0; i < 607; i++) {
        uint64_t bits = 0;
        for (uint8_t j = 0; j < 3; j++) {
            x = gomlx_stepped(x);
            bits ^= (uint64_t)x << (40u - 20u * j);
        }
        if ((i >= 331u && i <= 333u) || i >= 604u) {
            entry[found] = bits ^ cooked[found];
            found++;
        }
    }
    for (uint8_t k = 0; k < 3; k++) {
        state[k] = entry[2 - k] + entry[5 - k];
    }
}

/* ---- The Go backend ---- */

static uint64_t gomlx_reversed(uint64_t word)
{
    uint64_t reversed = 0;
    for (uint8_t i = 0; i < 8; i++) {
        reversed = (reversed << 8) | (word & 0xffu);
        word >>= 8;
    }
    return reversed;
}

/* The state of GoMLX as a generator of PCG64, which has the same step. */
static embinit_pcg64 gomlx_pcg64(embinit_uint128 state)
{
    embinit_pcg64 generator;
    generator.state = state;
    generator.increment.low = 1442695040888963407u;
    generator.increment.high = 6364136223846793005u;
    return generator;
}

static uint32_t gomlx_next(embinit_gomlx_numbers *call)
{
    if (call->left != 0) {
        call->left = 0;
        return call->high;
    }
    embinit_pcg64 generator = gomlx_pcg64(call->state);
    embinit_pcg64_step(&generator, embinit_pcg64_multiplier());
    call->state = generator.state;
    uint64_t number = call->state.high;
    number ^= number >> 32;
    number *= 0xda942042e4dd58b5u;
    number ^= number >> 48;
    number *= call->state.low | 1u;
    call->high = (uint32_t)(number >> 32);
    call->left = 1;
    return (uint32_t)number;
}

static void gomlx_end(embinit_gomlx_numbers *call)
{
    call->state.high = gomlx_reversed(call->state.high);
    call->state.low = gomlx_reversed(call->state.low);
    call->left = 0;
}

void embinit_gomlx_pcg_seed(embinit_gomlx_pcg *generator, int64_t seed)
{
    uint64_t state[3];
    embinit_gomlx_state(state, seed);
    generator->call[0].state.high = state[0];
    generator->call[0].state.low = state[1];
    generator->call[0].high = 0;
    generator->call[0].left = 0;
    generator->call[1] = generator->call[0];
    generator->begun = 0;
    generator->calls = 1;
    generator->turn = 0;
}

uint32_t embinit_gomlx_pcg_source(void *state)
{
    embinit_gomlx_pcg *generator = (embinit_gomlx_pcg *)state;
    embinit_gomlx_numbers *call = &generator->call[generator->turn];
    generator->begun = 1;
    if (generator->calls == 2) {
        generator->turn ^= 1u;
    }
    return gomlx_next(call);
}

void embinit_gomlx_pcg_pair(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_gomlx_pcg *generator = (embinit_gomlx_pcg *)source->state;
    embinit_pcg64 ahead = gomlx_pcg64(generator->call[0].state);
    (void)rule;
    (void)b;
    (void)out;
    (void)n;
    embinit_pcg64_advance(&ahead, embinit_pcg64_multiplier(), a / 2u + (a & 1u));
    generator->call[1].state = ahead.state;
    gomlx_end(&generator->call[1]);
    generator->calls = 2;
}

void embinit_gomlx_pcg_end(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_gomlx_pcg *generator = (embinit_gomlx_pcg *)source->state;
    (void)rule;
    (void)a;
    (void)b;
    (void)out;
    (void)n;
    if (generator->begun) {
        generator->call[0] = generator->call[generator->calls - 1];
        gomlx_end(&generator->call[0]);
    }
    generator->begun = 0;
    generator->calls = 1;
    generator->turn = 0;
}

/* ---- XLA ---- */

void embinit_gomlx_philox_seed(embinit_gomlx_philox *generator, int64_t seed)
{
    uint64_t state[3];
    embinit_gomlx_state(state, seed);
    embinit_philox4x32_seed(&generator->call[0], state[0], state[2]);
    generator->call[0].counter[0] = (uint32_t)state[1];
    generator->call[0].counter[1] = (uint32_t)(state[1] >> 32);
    generator->call[1] = generator->call[0];
    generator->calls = 1;
    generator->turn = 0;
}

uint32_t embinit_gomlx_philox_source(void *state)
{
    embinit_gomlx_philox *generator = (embinit_gomlx_philox *)state;
    embinit_philox4x32 *call = &generator->call[generator->turn];
    if (generator->calls == 2) {
        generator->turn ^= 1u;
    }
    return embinit_philox4x32_next(call);
}

void embinit_gomlx_philox_pair(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                               size_t n)
{
    embinit_gomlx_philox *generator = (embinit_gomlx_philox *)source->state;
    (void)rule;
    (void)b;
    (void)out;
    (void)n;
    generator->call[1] = generator->call[0];
    embinit_philox4x32_skip(&generator->call[1], a / 4u + ((a & 3u) != 0));
    generator->calls = 2;
}

void embinit_gomlx_philox_end(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                              size_t n)
{
    embinit_gomlx_philox *generator = (embinit_gomlx_philox *)source->state;
    (void)rule;
    (void)a;
    (void)b;
    (void)out;
    (void)n;
    generator->call[0] = generator->call[generator->calls - 1];
    generator->call[0].left = 0;
    generator->calls = 1;
    generator->turn = 0;
}

/* ---- Uniform values ---- */

static float gomlx_unit(uint32_t word)
{
    float unit = embinit_rounded((float)word) * 0x1p-32f;
    return unit < 1.0f ? unit : 0x1.fffffep-1f;
}

void embinit_gomlx_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = embinit_separate(gomlx_unit(word), embinit_float(b), embinit_float(a));
    }
}

void embinit_gomlx_uniform_fused(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                 size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = embinit_fused(gomlx_unit(word), embinit_float(b), embinit_float(a));
    }
}

#ifdef EMBINIT_DOUBLE

/* ---- Go's logarithm and cosine, in double: every operation rounds once, whatever the compiler's flags are ---- */

static double gomlx_sum(double a, double b)
{
    return embinit_rounded64(a + b);
}

static double gomlx_product(double a, double b)
{
    return embinit_rounded64(a * b);
}

static double gomlx_quotient(double a, double b)
{
    return embinit_rounded64(a / b);
}

/* c[0] + x * (c[1] + x * (...)), count coefficients. */
static double gomlx_polynomial(const double *c, int count, double x)
{
    double result = c[count - 1];
    for (int i = count - 2; i >= 0; i--) {
        result = gomlx_sum(c[i], gomlx_product(x, result));
    }
    return result;
}

/* log x, x normal, as math.Log has it from FreeBSD's e_log.c (Sun Microsystems, 1993). */
static double gomlx_log(double x)
{
    static const double odd[] = {6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01,
                                 1.479819860511658591e-01};
    static const double even[] = {3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01};
    static const double ln2_high = 6.93147180369123816490e-01;
    static const double ln2_low = 1.90821492927058770002e-10;
    uint64_t bits = embinit_bits64(x);
    double half = embinit_double((bits & 0x000fffffffffffffu) | 0x3fe0000000000000u);
    int32_t k = (int32_t)(bits >> 52) - 1022;
    if (half < 0.70710678118654752440) {
        half *= 2.0;
        k--;
    }
    double f = gomlx_sum(half, -1.0);
    double s = gomlx_quotient(f, gomlx_sum(2.0, f));
    double s2 = gomlx_product(s, s);
    double s4 = gomlx_product(s2, s2);
    double t1 = gomlx_product(s2, gomlx_polynomial(odd, 4, s4));
    double t2 = gomlx_product(s4, gomlx_polynomial(even, 3, s4));
    double half_square = gomlx_product(gomlx_product(0.5, f), f);
    double taken = gomlx_product(s, gomlx_sum(half_square, gomlx_sum(t1, t2)));
    double low = gomlx_sum(taken, gomlx_product((double)k, ln2_low));
    double rest = gomlx_sum(gomlx_sum(half_square, -low), -f);
    return gomlx_sum(gomlx_product((double)k, ln2_high), -rest);
}

/* cos x, x from 0 to 2 pi, as math.Cos has it from Cephes (Stephen Moshier, 1984 to 2000). */
static double gomlx_cos(double x)
{
    static const double sines[] = {-1.66666666666666307295e-1,  8.33333333332211858878e-3,  -1.98412698295895385996e-4,
                                   2.75573136213857245213e-6,   -2.50507477628578072866e-8, 1.58962301576546568060e-10};
    static const double cosines[] = {4.16666666666665929218e-2,  -1.38888888888730564116e-3, 2.48015872888517045348e-5,
                                     -2.75573141792967388112e-7, 2.08757008419747316778e-9,  -1.13585365213876817300e-11};
    int32_t j = (int32_t)gomlx_product(x, 1.2732395447351628);
    j += j & 1;
    double z = gomlx_sum(x, -gomlx_product((double)j, 7.85398125648498535156e-1));
    z = gomlx_sum(z, -gomlx_product((double)j, 3.77489470793079817668e-8));
    z = gomlx_sum(z, -gomlx_product((double)j, 2.69515142907905952645e-15));
    double zz = gomlx_product(z, z);
    double magnitude;
    if (j & 2) {
        magnitude = gomlx_sum(z, gomlx_product(gomlx_product(z, zz), gomlx_polynomial(sines, 6, zz)));
    } else {
        double start = gomlx_sum(1.0, -gomlx_product(0.5, zz));
        magnitude = gomlx_sum(start, gomlx_product(gomlx_product(zz, zz), gomlx_polynomial(cosines, 6, zz)));
    }
    return (j + 2) & 4 ? -magnitude : magnitude;
}

static float gomlx_log_go(float x)
{
    return (float)gomlx_log((double)x);
}

static float gomlx_cos_go(float x)
{
    return (float)gomlx_cos((double)x);
}

/* ---- XLA's logarithm on a CPU, in float (from Cephes) ---- */

static float gomlx_multiply_add(float a, float b, float c, embinit_multiply_add kind)
{
    return embinit_rounded(kind == EMBINIT_FUSED ? embinit_fused(a, b, c) : embinit_separate(a, b, c));
}

/* (c[0] * t + c[1]) * t + c[2] */
static float gomlx_strand(const float *c, float t, embinit_multiply_add kind)
{
    return gomlx_multiply_add(gomlx_multiply_add(c[0], t, c[1], kind), t, c[2], kind);
}

/* log x = e ln 2 + log(1 + t), where x = 2^e (1 + t); -infinity for 0 and subnormal numbers. */
static float gomlx_log_cephes(float x, embinit_multiply_add kind)
{
    static const float strands[9] = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                                     -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                                     2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    uint32_t bits = embinit_bits(x);
    if (bits < 0x00800000u) {
        return embinit_float(0xff800000u);
    }
    float m = embinit_float((bits & 0x007fffffu) | 0x3f000000u);
    int32_t e = (int32_t)(bits >> 23) - 126;
    float t = embinit_rounded(m - 1.0f);
    if (m < 0.70710678118654752440f) {
        t = embinit_rounded(t + m);
        e--;
    }
    float x2 = embinit_rounded(t * t);
    float x3 = embinit_rounded(x2 * t);
    float y = gomlx_multiply_add(gomlx_strand(strands, t, kind), x3, gomlx_strand(strands + 3, t, kind), kind);
    y = gomlx_multiply_add(y, x3, gomlx_strand(strands + 6, t, kind), kind);
    float low = gomlx_multiply_add(y, x3, embinit_rounded(-2.12194440e-4f * (float)e), kind);
    float value = embinit_rounded(t - embinit_rounded(x2 * 0.5f));
    value = embinit_rounded(value + low);
    return value + embinit_rounded(0.693359375f * (float)e);
}

static float gomlx_log_xla(float x)
{
    return gomlx_log_cephes(x, EMBINIT_FUSED);
}

static float gomlx_log_xla_nofma(float x)
{
    return gomlx_log_cephes(x, EMBINIT_SEPARATE);
}

/* ---- Normal values, by Box-Muller with the cosine alone ---- */

static void gomlx_normal(const embinit_source *source, float (*logf)(float), float (*cosf)(float), float stddev,
                         float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t first = source->next(source->state);
        uint32_t second = source->next(source->state);
        float unit = first == 0 ? embinit_float(1u) : gomlx_unit(first);
        float square = embinit_rounded(-2.0f * logf(unit));
        float radius = embinit_bits(square) == 0x7f800000u ? square : embinit_sqrt(square);
        float cosine = embinit_rounded(cosf(embinit_rounded(gomlx_unit(second) * 6.2831855f)));
        out[i] = embinit_rounded(radius * cosine) * stddev;
    }
}

void embinit_gomlx_normal_go(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    (void)b;
    gomlx_normal(source, gomlx_log_go, gomlx_cos_go, embinit_float(a), out, n);
}

/* XLA calls the cosine of glibc. */
void embinit_gomlx_normal_xla(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                              size_t n)
{
    (void)rule;
    (void)b;
    gomlx_normal(source, gomlx_log_xla, embinit_cosf_double, embinit_float(a), out, n);
}

void embinit_gomlx_normal_xla_nofma(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                    size_t n)
{
    (void)rule;
    (void)b;
    gomlx_normal(source, gomlx_log_xla_nofma, embinit_cosf_double, embinit_float(a), out, n);
}

#endif /* EMBINIT_DOUBLE */
