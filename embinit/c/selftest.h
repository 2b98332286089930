/* embinit: known answers, for a new board or a compiler that is not trusted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_SELFTEST_H
#define EMBINIT_SELFTEST_H

#ifdef __cplusplus
extern "C" {
#endif

/* Check the library's arithmetic against known answers, print a line for each through put (putchar will do), and
 * then what this build makes of a plain a * b + c. Return the number of wrong answers. */
int embinit_selftest(int (*put)(int));

#ifdef __cplusplus
}
#endif

#endif
