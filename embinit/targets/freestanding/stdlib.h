/* embinit: the functions of <stdlib.h> that firmware without an operating system uses; rand is newlib's. */
#ifndef EMBINIT_FREESTANDING_STDLIB_H
#define EMBINIT_FREESTANDING_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAND_MAX 0x7fffffff
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

int rand(void);
void srand(unsigned seed);
int abs(int x);
long labs(long x);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *block);
__attribute__((noreturn)) void abort(void);
__attribute__((noreturn)) void exit(int status);

#ifdef __cplusplus
}
#endif

#endif
