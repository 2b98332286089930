/* embinit: what a compiler, its flags and its libm make of weight initialization.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_PROBE_H
#define EMBINIT_PROBE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Find out by known answers how this build multiplies and adds, and which logf and cosf it links. Print through put
 * (putchar will do) the two lines for the [model] table of a model file, after comments that say what was found
 * where. Return how many of the two are of no known kind. Compile it as the firmware is compiled; it links logf and
 * cosf. */
int embinit_probe(int (*put)(int));

/* Find out by known answers whose rand() this build links, and print its line for the [model] table, or a comment.
 * Return 0, or 1 where no known C library has such a rand. It calls srand(42). */
int embinit_probe_rand(int (*put)(int));

#ifdef __cplusplus
}
#endif

#endif
