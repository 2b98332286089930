/* SPDX-License-Identifier: MIT */
#include "embinit_xorshift32.h"

uint32_t embinit_xorshift32_next(embinit_xorshift32 *generator)
{
    uint32_t x = generator->state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    generator->state = x;
    return x;
}

/* The step is a linear map over GF(2). Its characteristic polynomial is z^32 plus these powers, bit i for z^i. */
#define XORSHIFT32_CHARACTERISTIC 0x003ec241u

/* a * z modulo the characteristic polynomial: a bit that moves up to z^32 becomes the powers above. */
static uint32_t xorshift32_times_z(uint32_t a)
{
    return (a << 1) ^ ((a >> 31) * XORSHIFT32_CHARACTERISTIC);
}

static uint32_t xorshift32_times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int bit = 31; bit >= 0; bit--) {
        product = xorshift32_times_z(product) ^ (a * ((b >> bit) & 1u));
    }
    return product;
}

/* A map satisfies its characteristic polynomial. So where z^delta is a sum of powers z^i with i < 32, the state delta
 * steps on is the sum of the states i steps on. The period is 2^32 - 1, so delta counts modulo that. */
void embinit_xorshift32_advance(embinit_xorshift32 *generator, uint64_t delta)
{
    uint32_t exponent = (uint32_t)(delta % 0xffffffffu);
    uint32_t power = 1;
    for (int bit = 31; bit >= 0; bit--) {
        power = xorshift32_times(power, power);
        if ((exponent >> bit) & 1u) {
            power = xorshift32_times_z(power);
        }
    }
    uint32_t moved = 0;
    for (int i = 0; i < 32; i++) {
        if ((power >> i) & 1u) {
            moved ^= generator->state;
        }
        (void)embinit_xorshift32_next(generator);
    }
    generator->state = moved;
}

uint32_t embinit_xorshift32_source(void *state)
{
    return embinit_xorshift32_next((embinit_xorshift32 *)state);
}
