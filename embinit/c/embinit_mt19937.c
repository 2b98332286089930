/* SPDX-License-Identifier: MIT */
#include "embinit_mt19937.h"

#include "embinit_normal.h"

/* ---- MT19937 ---- */

#define N EMBINIT_MT19937_WORDS
#define M 397

/* The word of the seeding recurrence at an index, from the one before it. */
static uint32_t seeded(uint32_t before, uint32_t index)
{
    return 1812433253u * (before ^ (before >> 30)) + index;
}

/* The highest bit of a word and the 31 others of the next one, times the matrix A over GF(2). */
static uint32_t twisted(uint32_t word, uint32_t next)
{
    uint32_t y = (word & 0x80000000u) | (next & 0x7fffffffu);
    return (y >> 1) ^ ((y & 1u) * 0x9908b0dfu);
}

static uint32_t tempered(uint32_t x)
{
    x ^= x >> 11;
    x ^= (x << 7) & 0x9d2c5680u;
    x ^= (x << 15) & 0xefc60000u;
    return x ^ (x >> 18);
}

void embinit_mt19937_seed(embinit_mt19937 *generator, uint32_t seed)
{
    generator->words[0] = seed;
    for (uint32_t i = 1; i < N; i++) {
        generator->words[i] = seeded(generator->words[i - 1], i);
    }
    generator->position = N;
}

uint32_t embinit_mt19937_next(embinit_mt19937 *generator)
{
    uint32_t *x = generator->words;
    if (generator->position == N) {
        for (uint32_t i = 0; i < N; i++) {
            x[i] = x[i < N - M ? i + M : i + M - N] ^ twisted(x[i], x[i < N - 1 ? i + 1 : 0]);
        }
        generator->position = 0;
    }
    return tempered(x[generator->position++]);
}

void embinit_mt19937_small_seed(embinit_mt19937_small *generator, uint32_t seed)
{
    uint32_t middle = seed;
    for (uint32_t i = 1; i <= M; i++) {
        middle = seeded(middle, i);
    }
    embinit_mt19937_small start = {seed, middle, seed, seed, seed, middle, 0};
    *generator = start;
}

/* The twist of a word of the seeding recurrence with the next one, whose index is given; the word becomes that one. */
static uint32_t twisted_on(uint32_t *word, uint32_t next_index)
{
    uint32_t before = *word;
    *word = seeded(before, next_index);
    return twisted(before, *word);
}

uint32_t embinit_mt19937_small_next(embinit_mt19937_small *generator)
{
    uint32_t k = generator->drawn;
    if (k == N) {
        return 0;
    }
    uint32_t x = generator->ahead;
    if (k < N - 1) {
        x ^= twisted_on(&generator->current, k + 1);
    } else { /* the next block's first word comes after this block's last */
        uint32_t first = generator->middle ^ twisted(generator->seed, seeded(generator->seed, 1));
        x ^= twisted(generator->current, first);
    }
    /* From the word N - M on, the one that stands M further on is of this block: the terms that made it take its place. */
    if (k >= N - M) {
        x ^= twisted_on(&generator->behind, k - (N - M) + 1);
    }
    if (k >= 2 * (N - M)) {
        x ^= twisted_on(&generator->far_behind, k - 2 * (N - M) + 1);
    }
    uint32_t step = k % (N - M);
    generator->ahead = step == N - M - 1 ? generator->middle : seeded(generator->ahead, M + step + 1);
    generator->drawn = k + 1;
    return tempered(x);
}

uint32_t embinit_mt19937_source(void *state)
{
    return embinit_mt19937_next((embinit_mt19937 *)state);
}

uint32_t embinit_mt19937_small_source(void *state)
{
    return embinit_mt19937_small_next((embinit_mt19937_small *)state);
}

/* ---- Fills ---- */

/* n multiples of 2^-24, from the low 24 bits of a word each. */
static void draw_units(const embinit_source *source, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (float)(int32_t)(word & 0xffffffu) * 0x1p-24f;
    }
}

void embinit_torch_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    float low = embinit_float(a);
    float high = embinit_float(b);
    embinit_uniform(source, rule, a, embinit_bits(high - low), out, n);
    for (size_t i = 0; i < n; i++) {
        if (out[i] == high) {
            out[i] = low;
        }
    }
}

void embinit_torch_symmetric(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    (void)b;
    float unit = embinit_rounded(embinit_float(a) * 0x1p-23f);
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (float)((int32_t)(word & 0xffffffu) - 0x800000) * unit;
    }
}

/* Logarithm, sine and cosine of the Cephes library (Moshier, 1992) in single precision. */
#define ROOT_HALF 0x1.6a09e6p-1f
#define LN2_HIGH 0x1.63p-1f
#define LN2_LOW (-0x1.bd0106p-13f)
static const float L[9] = {
    0x1.204376p-4f, -0x1.d7a37p-4f, 0x1.de4a34p-4f,  -0x1.fcba9ep-4f, 0x1.23d37ep-3f,
    -0x1.555cap-3f, 0x1.999d58p-3f, -0x1.fffff8p-3f, 0x1.555554p-2f,
};
#define FOUR_OVER_PI 0x1.45f306p+0f
/* The sum of the D is -pi/4. */
#define D1 (-0x1.92p-1f)
#define D2 (-0x1.fb4p-13f)
#define D3 (-0x1.4442d2p-25f)
#define C0 0x1.99eb9cp-16f
#define C1 (-0x1.6c0c34p-10f)
#define C2 0x1.55554ap-5f
#define S0 (-0x1.9943f2p-13f)
#define S1 0x1.11073cp-7f
#define S2 (-0x1.555546p-3f)
#define TWO_PI 0x1.921fb6p+2f

/* log x = e ln 2 + log(1 + t), where x = 2^e (1 + t) and sqrt(1/2) <= 1 + t < sqrt 2; x is from 2^-24 to 1. */
static float logarithm(float x)
{
    uint32_t bits = embinit_bits(x);
    float e = (float)((int32_t)(bits >> 23) - 126);
    float t = embinit_float((bits & 0x7fffffu) | 0x3f000000u);
    if (t < ROOT_HALF) {
        e -= 1.0f;
        t += t;
    }
    t = embinit_rounded(t - 1.0f);
    float y = L[0];
    for (int i = 1; i < 9; i++) {
        y = embinit_fused(y, t, L[i]);
    }
    float z = embinit_rounded(t * t);
    float tail = embinit_rounded(e * LN2_LOW);
    y = embinit_fused(embinit_rounded(y * t), z, tail);
    y = embinit_fused(-z, 0.5f, y);
    return embinit_fused(e, LN2_HIGH, t + y);
}

/* From r = x - j pi/4, j even; x is from 0 to 2 pi. A zero is +0 until its sign is set. */
static void sine_and_cosine(float x, float *sine, float *cosine)
{
    int32_t j = ((int32_t)(x * FOUR_OVER_PI) + 1) & ~1;
    float y = (float)j;
    float r = embinit_fused(y, D1, x);
    r = embinit_fused(y, D2, r);
    r = embinit_fused(y, D3, r);
    float z = r * r;
    float p = embinit_fused(embinit_fused(C0, z, C1), z, C2);
    float c = embinit_fused(z, p * z, -(0.5f * z)) + 1.0f;
    p = embinit_fused(embinit_fused(S0, z, S1), z, S2);
    float s = embinit_fused(r, p * z, r) + 0.0f;
    if (j & 2) {
        float swapped = s;
        s = c;
        c = swapped;
    }
    *sine = j & 4 ? -s : s;
    *cosine = (j + 2) & 4 ? -c : c;
}

/* Make 16 normal values of 16 uniform ones: eight radii, then eight angles. */
static void transform(float mean, float stddev, float *block)
{
    for (int j = 0; j < 8; j++) {
        float square = -2.0f * logarithm(1.0f - block[j]);
        float radius = square == 0.0f ? square : embinit_sqrt(square); /* the root of -0 is -0 */
        float sine;
        float cosine;
        sine_and_cosine(TWO_PI * block[j + 8], &sine, &cosine);
        block[j] = embinit_fused(radius * cosine, stddev, mean);
        block[j + 8] = embinit_fused(radius * sine, stddev, mean);
    }
}

void embinit_torch_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    if (n < 16) {
        return;
    }
    draw_units(source, out, n);
    for (size_t i = 0; i + 16 <= n; i += 16) {
        transform(embinit_float(a), embinit_float(b), out + i);
    }
    if (n % 16 != 0) { /* the last 16 are drawn anew, whatever they hold */
        draw_units(source, out + n - 16, 16);
        transform(embinit_float(a), embinit_float(b), out + n - 16);
    }
}

void embinit_torch_padded_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                 size_t n)
{
    const embinit_torch_row *row = (const embinit_torch_row *)rule;
    embinit_torch_normal(source, 0, a, b, out, n);
    for (uint32_t i = 0; i < row->count; i++) {
        out[row->first + i] = 0.0f;
    }
}
