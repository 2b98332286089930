/* Requests to the bit generators in C: a kind, a seed and a distance of two words each, a number of words; and shifts. */
#include "embinit_lcg.h"
#include "embinit_minstd.h"
#include "embinit_pcg64.h"
#include "embinit_philox4x32.h"
#include "embinit_rand.h"
#include "embinit_rand_glibc.h"
#include "embinit_threefry2x32.h"
#include "embinit_xoroshiro128plus.h"
#include "embinit_xorshift.h"
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

/* Seed by a function of 32 bits, advance, and draw words of up to 32 bits. */
#define NARROW(name)                                                                                                   \
    do {                                                                                                               \
        embinit_##name generator;                                                                                      \
        embinit_##name##_seed(&generator, (uint32_t)seed);                                                             \
        embinit_##name##_advance(&generator, delta);                                                                   \
        for (uint32_t i = 0; i < n; i++) {                                                                             \
            answer[i] = embinit_##name##_source(&generator);                                                           \
        }                                                                                                              \
        return n;                                                                                                      \
    } while (0)

uint32_t respond(const uint32_t *request, uint32_t *answer)
{
    uint64_t seed = wide(request + 1);
    uint64_t delta = wide(request + 3);
    uint32_t n = request[5];
    embinit_lcg32 lcg32;
    embinit_lcg64 lcg64;
    embinit_minstd minstd;
    embinit_pcg64 pcg64;
    embinit_philox4x32 philox;
    embinit_threefry2x32 threefry;
    embinit_xoroshiro128plus xoroshiro;
    embinit_xorshift xorshift;
    uint32_t end = 0;
    switch (request[0]) {
    case 0: NARROW(rand_newlib);
    case 1: NARROW(rand_musl);
    case 2: NARROW(rand_msvc);
    case 3: NARROW(rand_avr);
    case 4: NARROW(random_avr);
    case 5: NARROW(rand_glibc);
    case 6:
        embinit_minstd_seed(&minstd, (uint32_t)seed, 16807);
        embinit_minstd_advance(&minstd, delta);
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_minstd_source(&minstd);
        }
        return n;
    case 7:
        embinit_lcg32_seed(&lcg32, (uint32_t)seed, 1664525u, 1013904223u);
        embinit_lcg32_advance(&lcg32, delta);
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_lcg32_source(&lcg32);
        }
        return n;
    case 8:
        embinit_lcg64_seed(&lcg64, seed, 6364136223846793005u, 1442695040888963407u);
        embinit_lcg64_advance(&lcg64, delta);
        for (uint32_t i = 0; i < n; i++) {
            end += put_wide(answer + end, embinit_lcg64_next(&lcg64));
        }
        return end;
    case 9: /* and bits, is_signed, three shifts */
        xorshift.state = seed;
        xorshift.bits = (uint8_t)request[6];
        xorshift.is_signed = (uint8_t)request[7];
        for (uint32_t i = 0; i < 3; i++) {
            xorshift.shifts[i] = (int8_t)((int32_t)request[8 + i] - 64);
        }
        embinit_xorshift_advance(&xorshift, delta);
        for (uint32_t i = 0; i < n; i++) {
            end += put_wide(answer + end, embinit_xorshift_next(&xorshift));
        }
        return end;
    case 10: /* and whether it is KANN's, else with rotations 24, 16, 37 */
        embinit_xoroshiro128plus_seed(&xoroshiro, seed);
        if (!request[6]) {
            xoroshiro.kann = 0;
            xoroshiro.rotations[0] = 24;
            xoroshiro.rotations[1] = 16;
            xoroshiro.rotations[2] = 37;
        }
        embinit_xoroshiro128plus_advance(&xoroshiro, delta);
        for (uint32_t i = 0; i < n; i++) {
            end += put_wide(answer + end, embinit_xoroshiro128plus_next(&xoroshiro));
        }
        return end;
    case 11: /* and whether it is PCG64DXSM */
        embinit_pcg64_seed(&pcg64, seed);
        embinit_pcg64_advance(&pcg64, request[6] ? embinit_pcg64dxsm_multiplier() : embinit_pcg64_multiplier(), delta);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t word = request[6] ? embinit_pcg64dxsm_next(&pcg64) : embinit_pcg64_next(&pcg64);
            end += put_wide(answer + end, word);
        }
        return end;
    case 12: /* and how many words are drawn before it advances */
        embinit_philox4x32_seed(&philox, seed, 0);
        for (uint32_t i = 0; i < request[6]; i++) {
            (void)embinit_philox4x32_source(&philox);
        }
        embinit_philox4x32_advance(&philox, delta);
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_philox4x32_source(&philox);
        }
        return n;
    default:
        embinit_threefry2x32_seed(&threefry, (uint32_t)(seed >> 32), (uint32_t)seed);
        embinit_threefry2x32_advance(&threefry, delta);
        for (uint32_t i = 0; i < n; i++) {
            answer[i] = embinit_threefry2x32_source(&threefry);
        }
        return n;
    }
}
