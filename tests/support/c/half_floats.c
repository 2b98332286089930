/* Requests to float16 and bfloat16: fraction_bits, rounding, n, then n values and n words -> n results and how many were
 * too large. */
#include "embinit_formats.h"
#include "respond.h"

uint32_t respond(const uint32_t *request, uint32_t *answer)
{
    uint32_t n = request[2];
    const uint32_t *values = request + 3;
    answer[n] = 0;
    for (uint32_t i = 0; i < n; i++) {
        embinit_rounding rounding = (embinit_rounding)request[1];
        answer[i] = embinit_half(embinit_float(values[i]), request[0], rounding, values[n + i], &answer[n]);
    }
    return n + 1;
}
