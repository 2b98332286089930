/* Two models by hand, for what generated code does not show: where the stream ends, and a buffer without codes. */
#include "embinit_store.h"

uint32_t store_end(uint32_t seed, uint32_t rounding);
uint32_t store_row_without_codes(uint32_t bits);

static void copy_state(void *to, const void *from)
{
    *(embinit_xorshift32 *)to = *(const embinit_xorshift32 *)from;
}

/* Fill float32, sym4, a norm of asym4 that rounds at once, and q7; return the state of the generator. */
uint32_t store_end(uint32_t seed, uint32_t rounding)
{
    static const embinit_uniform_rule rule = {8, EMBINIT_SEPARATE};
    uint8_t mode = (uint8_t)rounding;
    uint8_t at_once = rounding == EMBINIT_STOCHASTIC;
    const embinit_stored_row rows[4] = {
        {{embinit_uniform, &rule, 5, 0xbf800000u, 0x40000000u, 0}, {0}},
        {{embinit_uniform, &rule, 7, 0xbf800000u, 0x40000000u, 0}, {&embinit_family_sym, 4, 4, 0, mode, 0, 1, 7}},
        {{embinit_constant, 0, 3, 0x3f800000u, 0, 0}, {&embinit_family_asym, 4, 4, 0, mode, at_once, 1, 3}},
        {{embinit_uniform, &rule, 2, 0xbf800000u, 0x40000000u, 0}, {&embinit_family_q, 8, 8, 7, mode, 0, 1, 2}},
    };
    float values[5];
    uint8_t payload[EMBINIT_PACKED_BYTES(7, 4)];
    uint8_t norm[EMBINIT_PACKED_BYTES(3, 4)];
    int8_t codes[2];
    float scale[2];
    int32_t zero_point;
    const embinit_buffer buffers[4] = {
        {values, 0, 0, 0}, {payload, &scale[0], 0, 0}, {norm, &scale[1], &zero_point, 0}, {codes, 0, 0, 0}};
    embinit_xorshift32 states[3] = {{seed}, {0}, {0}};
    const embinit_stream stream = {embinit_xorshift32_source, copy_state, &states[0], &states[1], &states[2]};
    return embinit_store(rows, 4, &stream, buffers) == 4 ? states[0].state : 0;
}

/* Fill 1 and then the float of these bits, both as sym8; return what embinit_store does. */
uint32_t store_row_without_codes(uint32_t bits)
{
    const embinit_storage sym8 = {&embinit_family_sym, 8, 8, 0, EMBINIT_HALF_AWAY, 0, 1, 4};
    const embinit_stored_row rows[2] = {
        {{embinit_constant, 0, 4, 0x3f800000u, 0, 0}, sym8},
        {{embinit_constant, 0, 4, bits, 0, 0}, sym8},
    };
    int8_t codes[2][4];
    float scale[2];
    const embinit_buffer buffers[2] = {{codes[0], &scale[0], 0, 0}, {codes[1], &scale[1], 0, 0}};
    embinit_xorshift32 states[3] = {{1}, {0}, {0}};
    const embinit_stream stream = {embinit_xorshift32_source, copy_state, &states[0], &states[1], &states[2]};
    return (uint32_t)embinit_store(rows, 2, &stream, buffers);
}
