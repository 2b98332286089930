/* Empty in any other build, so that a build that takes every file of a folder may take this one. */
#ifdef ESP_PLATFORM

#include <stdio.h>

#include "selftest.h"
#include "unity.h"

TEST_CASE("embinit has the known answers", "[embinit]")
{
    TEST_ASSERT_EQUAL_INT(0, embinit_selftest(putchar));
}

void app_main(void)
{
    UNITY_BEGIN();
    unity_run_all_tests();
    UNITY_END();
}

#else
typedef int embinit_nothing_here;
#endif
