/* embinit: <stdio.h> of a core without a console: what is printed is lost, and no bit depends on it. */
#ifndef EMBINIT_FREESTANDING_STDIO_H
#define EMBINIT_FREESTANDING_STDIO_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int puts(const char *text);
int putchar(int character);

#ifdef __cplusplus
}
#endif

#endif
