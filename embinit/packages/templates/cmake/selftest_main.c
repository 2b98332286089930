/* Empty in any other build, so that a build that takes every file of a folder may take this one. */
#ifdef EMBINIT_SELFTEST_MAIN

#include <stdio.h>

#include "selftest.h"

int main(void)
{
    return embinit_selftest(putchar) != 0;
}

#else
typedef int embinit_nothing_here;
#endif
