#include "respond.h"

#ifdef ON_HOST

#include <stdio.h>
#include <stdlib.h>

/* Standard input: words of the request, words of the answer, then the request; and so on. Each lies in memory of just
 * its size, so that the address sanitizer sees any access beyond. */
int main(void)
{
    uint32_t sizes[2];
    while (fread(sizes, sizeof *sizes, 2, stdin) == 2) {
        uint32_t *request = malloc(sizes[0] * sizeof *request);
        uint32_t *answer = malloc(sizes[1] * sizeof *answer);
        if (request == NULL || answer == NULL || fread(request, sizeof *request, sizes[0], stdin) != sizes[0] ||
            respond(request, answer) != sizes[1] || fwrite(answer, sizeof *answer, sizes[1], stdout) != sizes[1]) {
            return 1;
        }
        free(request);
        free(answer);
    }
    return 0;
}

#else

extern uint32_t request_words[16384];
extern uint32_t answer_words[16384];
uint32_t request_words[16384];
uint32_t answer_words[16384];

#endif
