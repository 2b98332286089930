/* What gcc's runtime library for the LX106 leaves to the ROM of an ESP8266, which an emulated core does not have:
 * integers of 64 bits, division, and floats and doubles rounded to nearest, as IEEE 754 defines them. A sum is a
 * fused multiply-add with the factor 1, and a product one with the addend -0.
 *
 * SPDX-License-Identifier: MIT
 */
#define embinit_fused_software rom_fused
#define embinit_fused64_software rom_fused64
#define embinit_fused64 rom_fused64_alike
#include "../c/embinit_fma.c"
#include "../c/embinit_fma64.c"

#define SIGN ((uint32_t)1 << 31)
#define INFINITE ((uint32_t)0xff << 23)
#define NOT_A_NUMBER (INFINITE | (uint32_t)1 << 22)
#define SIGN64 FMA64_SIGN
#define INFINITE64 FMA64_INFINITY
#define NOT_A_NUMBER64 (INFINITE64 | (uint64_t)1 << 51)

/* ---- Integers ---- */

uint64_t __umulsidi3(uint32_t a, uint32_t b);
uint64_t __muldi3(uint64_t a, uint64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rest); /* of the runtime library */
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);

uint64_t __umulsidi3(uint32_t a, uint32_t b)
{
    uint32_t low = (a & 0xffffu) * (b & 0xffffu);
    uint32_t middle = (a >> 16) * (b & 0xffffu) + (low >> 16);
    uint32_t carried = (a & 0xffffu) * (b >> 16) + (middle & 0xffffu);
    uint32_t high = (a >> 16) * (b >> 16) + (middle >> 16) + (carried >> 16);
    return (uint64_t)high << 32 | (carried << 16 | (low & 0xffffu));
}

uint64_t __muldi3(uint64_t a, uint64_t b)
{
    uint32_t crossed = (uint32_t)(a >> 32) * (uint32_t)b + (uint32_t)a * (uint32_t)(b >> 32);
    return __umulsidi3((uint32_t)a, (uint32_t)b) + ((uint64_t)crossed << 32);
}

static uint32_t divided(uint32_t a, uint32_t b, uint32_t *rest)
{
    uint32_t quotient = 0;
    *rest = 0;
    for (int place = 31; place >= 0; place--) {
        *rest = *rest << 1 | (a >> place & 1u);
        if (*rest >= b) {
            *rest -= b;
            quotient |= (uint32_t)1 << place;
        }
    }
    return quotient;
}

uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t rest;
    return divided(a, b, &rest);
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    uint32_t rest;
    (void)divided(a, b, &rest);
    return rest;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    uint32_t quotient = __udivsi3(a < 0 ? 0u - (uint32_t)a : (uint32_t)a, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
    return (int32_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    uint64_t rest;
    return __udivmoddi4(a, b, &rest);
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    uint64_t rest;
    (void)__udivmoddi4(a, b, &rest);
    return rest;
}

int64_t __divdi3(int64_t a, int64_t b)
{
    uint64_t quotient = __udivdi3(a < 0 ? 0u - (uint64_t)a : (uint64_t)a, b < 0 ? 0u - (uint64_t)b : (uint64_t)b);
    return (int64_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

/* ---- Floats ---- */

float __addsf3(float a, float b);
float __subsf3(float a, float b);
float __mulsf3(float a, float b);
float __floatsisf(int32_t value);
float __floatunsisf(uint32_t value);
uint32_t __fixunssfsi(float value);

float __addsf3(float a, float b)
{
    uint32_t x = embinit_bits(a);
    uint32_t y = embinit_bits(b);
    uint32_t p = x & ~SIGN;
    uint32_t q = y & ~SIGN;
    if (p > INFINITE || q > INFINITE || (p == INFINITE && q == INFINITE && x != y)) {
        return embinit_float(NOT_A_NUMBER);
    }
    if (p == INFINITE || q == 0) {
        return p == 0 ? embinit_float(x & y) : a;
    }
    return p == 0 || q == INFINITE ? b : rom_fused(a, 1.0f, b);
}

float __subsf3(float a, float b)
{
    return __addsf3(a, embinit_float(embinit_bits(b) ^ SIGN));
}

float __mulsf3(float a, float b)
{
    uint32_t p = embinit_bits(a) & ~SIGN;
    uint32_t q = embinit_bits(b) & ~SIGN;
    uint32_t sign = (embinit_bits(a) ^ embinit_bits(b)) & SIGN;
    if (p > INFINITE || q > INFINITE || (p == INFINITE && q == 0) || (q == INFINITE && p == 0)) {
        return embinit_float(NOT_A_NUMBER);
    }
    if (p == INFINITE || q == INFINITE) {
        return embinit_float(sign | INFINITE);
    }
    return p == 0 || q == 0 ? embinit_float(sign) : rom_fused(a, b, embinit_float(SIGN));
}

float __floatunsisf(uint32_t value)
{
    return embinit_float(value == 0 ? 0 : fma_rounded(value, 0));
}

float __floatsisf(int32_t value)
{
    uint32_t bits = embinit_bits(__floatunsisf(value < 0 ? 0u - (uint32_t)value : (uint32_t)value));
    return embinit_float(value < 0 ? bits | SIGN : bits);
}

/* ---- Doubles ---- */

double __adddf3(double a, double b);
double __subdf3(double a, double b);
double __muldf3(double a, double b);
double __divdf3(double a, double b);
double __floatsidf(int32_t value);
double __floatunsidf(uint32_t value);
int64_t __fixdfdi(double value); /* of the runtime library */
int32_t __fixdfsi(double value);
uint32_t __fixunsdfsi(double value);
double __extendsfdf2(float value);
float __truncdfsf2(double value);

double __adddf3(double a, double b)
{
    uint64_t x = embinit_bits64(a);
    uint64_t y = embinit_bits64(b);
    uint64_t p = x & ~SIGN64;
    uint64_t q = y & ~SIGN64;
    if (p > INFINITE64 || q > INFINITE64 || (p == INFINITE64 && q == INFINITE64 && x != y)) {
        return embinit_double(NOT_A_NUMBER64);
    }
    if (p == INFINITE64 || q == 0) {
        return p == 0 ? embinit_double(x & y) : a;
    }
    return p == 0 || q == INFINITE64 ? b : rom_fused64(a, 1.0, b);
}

double __subdf3(double a, double b)
{
    return __adddf3(a, embinit_double(embinit_bits64(b) ^ SIGN64));
}

double __muldf3(double a, double b)
{
    uint64_t p = embinit_bits64(a) & ~SIGN64;
    uint64_t q = embinit_bits64(b) & ~SIGN64;
    uint64_t sign = (embinit_bits64(a) ^ embinit_bits64(b)) & SIGN64;
    if (p > INFINITE64 || q > INFINITE64 || (p == INFINITE64 && q == 0) || (q == INFINITE64 && p == 0)) {
        return embinit_double(NOT_A_NUMBER64);
    }
    if (p == INFINITE64 || q == INFINITE64) {
        return embinit_double(sign | INFINITE64);
    }
    return p == 0 || q == 0 ? embinit_double(sign) : rom_fused64(a, b, embinit_double(SIGN64));
}

/* A finite double other than 0 as an integer of 53 bits, times 2^exponent. */
static fma64_wide of_53_bits(uint64_t bits)
{
    fma64_wide x = {0, fma64_significand(bits), fma64_exponent(bits)};
    return fma64_shifted_left(x, 53 - fma64_width_of(x));
}

double __divdf3(double a, double b)
{
    uint64_t p = embinit_bits64(a) & ~SIGN64;
    uint64_t q = embinit_bits64(b) & ~SIGN64;
    uint64_t sign = (embinit_bits64(a) ^ embinit_bits64(b)) & SIGN64;
    if (p > INFINITE64 || q > INFINITE64 || (p == q && (p == 0 || p == INFINITE64))) {
        return embinit_double(NOT_A_NUMBER64);
    }
    if (p == INFINITE64 || q == 0) {
        return embinit_double(sign | INFINITE64);
    }
    if (p == 0 || q == INFINITE64) {
        return embinit_double(sign);
    }
    fma64_wide dividend = of_53_bits(p);
    fma64_wide divisor = of_53_bits(q);
    uint64_t rest = dividend.low;
    uint64_t quotient = 0;
    for (int place = 0; place < 57; place++) {
        quotient <<= 1;
        if (rest >= divisor.low) {
            rest -= divisor.low;
            quotient |= 1;
        }
        rest <<= 1;
    }
    fma64_wide exact = {0, quotient | (rest != 0), dividend.exponent - divisor.exponent - 56};
    return embinit_double(sign | fma64_rounded(exact));
}

double __floatunsidf(uint32_t value)
{
    fma64_wide whole = {0, value, 0};
    return embinit_double(value == 0 ? 0 : fma64_rounded(whole));
}

double __floatsidf(int32_t value)
{
    uint64_t bits = embinit_bits64(__floatunsidf(value < 0 ? 0u - (uint32_t)value : (uint32_t)value));
    return embinit_double(value < 0 ? bits | SIGN64 : bits);
}

int32_t __fixdfsi(double value)
{
    return (int32_t)__fixdfdi(value);
}

uint32_t __fixunsdfsi(double value)
{
    return (uint32_t)__fixdfdi(value);
}

double __extendsfdf2(float value)
{
    uint32_t bits = embinit_bits(value);
    uint32_t size = bits & ~SIGN;
    uint64_t sign = (uint64_t)(bits & SIGN) << 32;
    fma64_wide exact = {0, fma_significand(size), fma_exponent(size)};
    if (size >= INFINITE) {
        return embinit_double(sign | (size > INFINITE ? NOT_A_NUMBER64 : INFINITE64));
    }
    return embinit_double(sign | (size == 0 ? 0 : fma64_rounded(exact)));
}

float __truncdfsf2(double value)
{
    const uint64_t too_large = (uint64_t)(1023 + 128) << 52;
    uint64_t size = embinit_bits64(value) & ~SIGN64;
    uint32_t sign = (uint32_t)(embinit_bits64(value) >> 32) & SIGN;
    if (size >= too_large) {
        return embinit_float(sign | (size > INFINITE64 ? NOT_A_NUMBER : INFINITE));
    }
    return embinit_float(sign | (size == 0 ? 0 : fma_rounded(fma64_significand(size), fma64_exponent(size))));
}

uint32_t __fixunssfsi(float value)
{
    return __fixunsdfsi(__extendsfdf2(value));
}
