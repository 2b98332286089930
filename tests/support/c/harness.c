/* Runs the generated tests on an emulated core: the buffers of firmware.c are what they look at. */
#include "unity.h"

#define UART (*(volatile uint32_t *)0x40000000u)

uint32_t unity_runs;
uint32_t unity_failures;
static int failed;

int test_put(int character)
{
    UART = (uint32_t)character;
    return character;
}

void unity_assert(int equal)
{
    failed |= !equal;
}

int unity_equal(const void *a, const void *b, uint32_t bytes)
{
    const unsigned char *x = (const unsigned char *)a;
    const unsigned char *y = (const unsigned char *)b;
    while (bytes-- != 0) {
        if (*x++ != *y++) {
            return 0;
        }
    }
    return 1;
}

void unity_run(void (*test)(void), const char *name)
{
    failed = 0;
    setUp();
    test();
    tearDown();
    unity_runs++;
    if (failed) {
        unity_failures++;
        while (*name != '\0') {
            (void)test_put(*name++);
        }
        (void)test_put(' ');
    }
}
