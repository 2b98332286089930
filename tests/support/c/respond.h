/* A harness responds to requests: words in, words out. Built with respond.c it is a program that reads them from standard
 * input (ON_HOST), or firmware whose `respond` is called on a core with its two buffers. */
#include <stdint.h>

/* Answer one request; return the words of the answer. */
uint32_t respond(const uint32_t *request, uint32_t *answer);
