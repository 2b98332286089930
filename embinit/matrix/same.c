/* SPDX-License-Identifier: MIT */
#include "same.h"

#include <stdint.h>

#define PI 0x1.921fb54442d18p+1
#define LN2 0x1.62e42fefa39efp-1
#define HUGE 0x1p+1023

/* Volatile, so that no flag lets a compiler fuse, regroup or replace an operation. */
static double plus(double a, double b)
{
    volatile double sum = a + b;
    return sum;
}

static double times(double a, double b)
{
    volatile double product = a * b;
    return product;
}

static double over(double a, double b)
{
    volatile double quotient = a / b;
    return quotient;
}

static double power_of_two(int n)
{
    double x = 1.0;
    for (; n > 0; n--) {
        x = times(x, 2.0);
    }
    for (; n < 0; n++) {
        x = times(x, 0.5);
    }
    return x;
}

/* Newton's steps, from above. */
static double root(double x)
{
    double y = x > 1.0 ? x : 1.0;
    for (int i = 0; i < 1100 && x > 0.0; i++) {
        double next = times(0.5, plus(y, over(x, y)));
        if (next >= y) {
            return y;
        }
        y = next;
    }
    return x > 0.0 ? y : 0.0;
}

static int nearest(double x)
{
    return (int)(x < 0.0 ? plus(x, -0.5) : plus(x, 0.5));
}

double embinit_same_exp(double x)
{
    double sum = 1.0, term = 1.0, rest;
    int n;
    if (!(x > -745.0 && x < 709.0)) {
        return x > 0.0 ? HUGE : 0.0;
    }
    n = nearest(over(x, LN2));
    rest = plus(x, -times(n, LN2));
    for (int i = 1; i < 20; i++) {
        term = over(times(term, rest), i);
        sum = plus(sum, term);
    }
    return times(sum, power_of_two(n));
}

double embinit_same_log(double x)
{
    double square, power, sum = 0.0;
    int n = 0;
    if (!(x > 0.0 && x < HUGE)) {
        return x > 0.0 ? 710.0 : -HUGE;
    }
    for (; x > 1.4142135623730951; n++) {
        x = times(x, 0.5);
    }
    for (; x < 0.7071067811865476; n--) {
        x = times(x, 2.0);
    }
    power = over(plus(x, -1.0), plus(x, 1.0));
    square = times(power, power);
    for (int i = 1; i < 40; i += 2) {
        sum = plus(sum, over(power, i));
        power = times(power, square);
    }
    return plus(times(2.0, sum), times(n, LN2));
}

/* The sine of x and so many quarters of a turn. */
static double sine(double x, int quarters)
{
    double rest, square, term, sum;
    int n;
    if (!(x > -10000.0 && x < 10000.0)) {
        return 0.0;
    }
    n = nearest(over(x, PI / 2.0));
    rest = plus(x, -times(n, PI / 2.0));
    quarters = (n + quarters) & 3;
    square = times(rest, rest);
    term = (quarters & 1) != 0 ? 1.0 : rest;
    sum = term;
    for (int i = (quarters & 1) != 0 ? 1 : 2; i < 24; i += 2) {
        term = -over(times(term, square), i * (i + 1));
        sum = plus(sum, term);
    }
    return quarters > 1 ? -sum : sum;
}

double embinit_same_sin(double x)
{
    return sine(x, 0);
}

double embinit_same_cos(double x)
{
    return sine(x, 1);
}

double embinit_same_tan(double x)
{
    return over(sine(x, 0), sine(x, 1));
}

double embinit_same_atan(double x)
{
    double turned = x > 1.0 ? PI / 2.0 : x < -1.0 ? -PI / 2.0 : 0.0, power, square, sum = 0.0;
    if (turned != 0.0) {
        x = -over(1.0, x);
    }
    for (int halvings = 0; halvings < 3; halvings++) {
        x = over(x, plus(1.0, root(plus(1.0, times(x, x)))));
    }
    power = x;
    square = -times(x, x);
    for (int i = 1; i < 32; i += 2) {
        sum = plus(sum, over(power, i));
        power = times(power, square);
    }
    return plus(turned, times(8.0, sum));
}

double embinit_same_atan2(double y, double x)
{
    if (x == 0.0) {
        return y > 0.0 ? PI / 2.0 : y < 0.0 ? -PI / 2.0 : 0.0;
    }
    return plus(embinit_same_atan(over(y, x)), x > 0.0 ? 0.0 : y < 0.0 ? -PI : PI);
}

double embinit_same_asin(double x)
{
    return embinit_same_atan2(x, root(plus(1.0, -times(x, x))));
}

double embinit_same_acos(double x)
{
    return embinit_same_atan2(root(plus(1.0, -times(x, x))), x);
}

double embinit_same_exp2(double x)
{
    return embinit_same_exp(times(x, LN2));
}

double embinit_same_expm1(double x)
{
    return plus(embinit_same_exp(x), -1.0);
}

double embinit_same_log2(double x)
{
    return over(embinit_same_log(x), LN2);
}

double embinit_same_log10(double x)
{
    return over(embinit_same_log(x), 0x1.26bb1bbb55516p+1);
}

double embinit_same_log1p(double x)
{
    return embinit_same_log(plus(1.0, x));
}

double embinit_same_sinh(double x)
{
    double power = embinit_same_exp(x);
    return times(0.5, plus(power, -over(1.0, power)));
}

double embinit_same_cosh(double x)
{
    double power = embinit_same_exp(x);
    return times(0.5, plus(power, over(1.0, power)));
}

double embinit_same_tanh(double x)
{
    double power = embinit_same_exp(x > 20.0 ? 40.0 : x < -20.0 ? -40.0 : times(2.0, x));
    return over(plus(power, -1.0), plus(power, 1.0));
}

double embinit_same_erf(double x)
{
    double term = x, sum = x, square = times(x, x);
    if (!(x > -6.0 && x < 6.0)) {
        return x > 0.0 ? 1.0 : -1.0;
    }
    for (int i = 1; i < 200; i++) {
        term = -over(times(term, square), i);
        sum = plus(sum, over(term, 2 * i + 1));
    }
    return times(sum, 0x1.20dd750429b6dp+0);
}

double embinit_same_pow(double x, double y)
{
    double power;
    if (y == 0.0 || x == 0.0) {
        return y == 0.0 ? 1.0 : y > 0.0 ? 0.0 : HUGE;
    }
    power = embinit_same_exp(times(y, embinit_same_log(x < 0.0 ? -x : x)));
    return x < 0.0 && ((int64_t)y & 1) != 0 ? -power : power;
}

double embinit_same_cbrt(double x)
{
    double power = embinit_same_pow(x < 0.0 ? -x : x, 1.0 / 3.0);
    return x < 0.0 ? -power : power;
}

double embinit_same_hypot(double x, double y)
{
    return root(plus(times(x, x), times(y, y)));
}

#define ROUNDED_1(function)                       \
    float embinit_same_##function##f(float x)     \
    {                                             \
        return (float)embinit_same_##function(x); \
    }
#define ROUNDED_2(function)                            \
    float embinit_same_##function##f(float x, float y) \
    {                                                  \
        return (float)embinit_same_##function(x, y);   \
    }

EMBINIT_SAME(ROUNDED_1, ROUNDED_2)

static uint32_t state = 1;

void embinit_same_srand(unsigned seed)
{
    state = seed;
}

int embinit_same_rand(void)
{
    state = (uint32_t)(state * 1664525u + 1013904223u);
    return (int)(state >> 1);
}

/* Insertion, which leaves equal elements in their order. */
void embinit_same_qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    unsigned char *bytes = items;
    for (size_t i = 1; i < count; i++) {
        for (unsigned char *item = bytes + i * size; item > bytes && compare(item - size, item) > 0; item -= size) {
            for (size_t k = 0; k < size; k++) {
                unsigned char other = item[k];
                item[k] = (item - size)[k];
                (item - size)[k] = other;
            }
        }
    }
}
