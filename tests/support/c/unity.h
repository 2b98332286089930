/* The few of Unity's macros that the generated tests use, for cores without a C library: counts runs and failures, and
 * prints through test_put. Unity itself (ThrowTheSwitch) takes this file's place in a real project. */
#ifndef UNITY_H
#define UNITY_H

#include <stdint.h>

int test_put(int character);
extern uint32_t unity_runs;
extern uint32_t unity_failures;

void unity_assert(int equal);
void unity_run(void (*test)(void), const char *name);
int unity_equal(const void *a, const void *b, uint32_t bytes);

void setUp(void);
void tearDown(void);

#define UNITY_BEGIN() (unity_runs = unity_failures = 0)
#define UNITY_END() ((int)unity_failures)
#define RUN_TEST(test) unity_run(test, #test)
#define TEST_ASSERT_EQUAL_HEX32(expected, actual) unity_assert((expected) == (actual))
#define TEST_ASSERT_EQUAL_HEX32_ARRAY(expected, actual, n) unity_assert(unity_equal(expected, actual, 4u * (n)))
#define TEST_ASSERT_EQUAL_HEX16_ARRAY(expected, actual, n) unity_assert(unity_equal(expected, actual, 2u * (n)))
#define TEST_ASSERT_EQUAL_HEX8_ARRAY(expected, actual, n) unity_assert(unity_equal(expected, actual, 1u * (n)))

#endif
