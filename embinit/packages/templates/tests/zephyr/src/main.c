/* Empty in any other build, so that a build that takes every file of a folder may take this one. */
#ifdef __ZEPHYR__

#include <zephyr/ztest.h>

#include "selftest.h"

static int put(int character)
{
    printk("%c", character);
    return character;
}

ZTEST(embinit, test_known_answers)
{
    const int wrong = embinit_selftest(put);
    zassert_equal(wrong, 0, "%d answers are wrong", wrong);
}

ZTEST_SUITE(embinit, NULL, NULL, NULL, NULL, NULL);

#else
typedef int embinit_nothing_here;
#endif
