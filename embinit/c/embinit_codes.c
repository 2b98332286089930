/* SPDX-License-Identifier: MIT */
#include "embinit_codes.h"

/* ---- Fixed point ---- */

/* magnitude is at most 2^31 - 1, or where negative 2^31, which is not the negation of an int32_t. */
static int32_t codes_signed(uint32_t magnitude, int negative)
{
    if (!negative) {
        return (int32_t)magnitude;
    }
    return magnitude == 0 ? 0 : -(int32_t)(magnitude - 1u) - 1;
}

/* The magnitude of significand * 2^-places, rounded; significand < 2^24, places > 0. From 25 places on it is below a
 * half, so 25 stand for all of them. */
static uint32_t codes_rounded(uint32_t significand, int32_t places, int negative, embinit_rounding rounding)
{
    if (places > 25) {
        places = 25;
    }
    uint32_t half = (uint32_t)1 << (places - 1);
    uint32_t rest = significand & (2u * half - 1u);
    uint32_t kept = significand >> places;
    switch (rounding) {
    case EMBINIT_HALF_AWAY:
        return kept + (rest >= half);
    case EMBINIT_HALF_EVEN:
        return kept + (rest > half || (rest == half && (kept & 1u)));
    case EMBINIT_FLOOR:
        return kept + (negative && rest != 0);
    default:
        return kept;
    }
}

int32_t embinit_q_encode(uint32_t float_bits, unsigned width, unsigned frac_bits, embinit_rounding rounding,
                         uint32_t *clipped)
{
    uint32_t biased = (float_bits >> 23) & 0xffu;
    uint32_t fraction = float_bits & 0x7fffffu;
    int negative = (float_bits >> 31) && !(biased == 0xffu && fraction != 0);
    uint32_t limit = ((uint32_t)1 << (width - 1)) - !negative;
    uint32_t significand = biased == 0 ? fraction : fraction | 0x800000u;
    /* The value is significand * 2^(biased - 150), and its code has frac_bits places after the point. */
    int32_t places = 150 - (int32_t)(biased == 0 ? 1 : biased) - (int32_t)frac_bits;
    uint32_t magnitude = limit;
    /* Shifted to the left by 8 places, 24 bits fill 32; by 9 a normal number has at least 2^32, more than any limit.
     * (The places of a subnormal number are positive, as frac_bits is at most 64.) */
    int fits = biased != 0xffu && places >= -8;
    if (fits) {
        magnitude = places > 0 ? codes_rounded(significand, places, negative, rounding) : significand << -places;
        fits = magnitude <= limit;
    }
    *clipped += !fits;
    return codes_signed(fits ? magnitude : limit, negative);
}

uint32_t embinit_q_decode(int32_t code, unsigned frac_bits)
{
    uint32_t sign = code < 0 ? 0x80000000u : 0;
    uint32_t magnitude = code < 0 ? (uint32_t)-(code + 1) + 1u : (uint32_t)code;
    if (magnitude == 0) {
        return 0;
    }
    /* Biased, of a magnitude whose highest bit is bit 31. frac_bits is from -32 to 64, so this is from 94 to 190, and the
     * loop takes at most 31 from it: the result is a normal float. */
    uint32_t exponent = 158u - frac_bits;
    while (!(magnitude >> 31)) {
        magnitude <<= 1;
        exponent--;
    }
    uint32_t kept = magnitude >> 8;
    uint32_t rest = magnitude & 0xffu;
    kept += rest > 0x80u || (rest == 0x80u && (kept & 1u));
    return sign | (((exponent - 1u) << 23) + kept); /* the leading 1 adds itself to the exponent, and so does a carry */
}

/* ---- Uniform codes ---- */

/* offset is from 0 to 2 bound: a word is below 2^32, so the upper half of its product by span is below span. */
int32_t embinit_q_uniform(uint32_t word, int32_t bound)
{
    uint32_t span = 2u * (uint32_t)bound + 1u;
    uint32_t offset = (uint32_t)(((uint64_t)word * span) >> 32);
    return offset < (uint32_t)bound ? -(int32_t)((uint32_t)bound - offset) : (int32_t)(offset - (uint32_t)bound);
}

/* The same from 16 bits: span is at most 65535, so the product is below 2^32. */
int32_t embinit_q_uniform16(uint32_t word, int32_t bound)
{
    uint32_t span = 2u * (uint32_t)bound + 1u;
    return (int32_t)(((word >> 16) * span) >> 16) - bound;
}

void embinit_fill_q8(const embinit_source *source, int8_t bound, int8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (int8_t)embinit_q_uniform16(word, bound);
    }
}

void embinit_fill_q16(const embinit_source *source, int16_t bound, int16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (int16_t)embinit_q_uniform16(word, bound);
    }
}

void embinit_fill_q32(const embinit_source *source, int32_t bound, int32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = embinit_q_uniform(word, bound);
    }
}

/* ---- Packing ---- */

/* The byte where a code begins, and the bit in that byte. The number of the bit in the stream may not fit in size_t. */
static size_t codes_first_byte(size_t index, unsigned bits)
{
    return index / 8 * bits + index % 8 * bits / 8;
}

static unsigned codes_first_bit(size_t index, unsigned bits)
{
    return (unsigned)(index % 8) * bits % 8u;
}

/* A byte at a time: each holds from 1 to 8 bits of the code, so the loops end, no shift is by more than 8 in
 * packing, and in unpacking none by more than 31, since done < bits <= 32. */
void embinit_pack(uint8_t *payload, size_t index, unsigned bits, int32_t code)
{
    uint32_t rest = (uint32_t)code;
    uint8_t *byte = payload + codes_first_byte(index, bits);
    unsigned shift = codes_first_bit(index, bits);
    while (bits != 0) {
        unsigned count = 8u - shift < bits ? 8u - shift : bits;
        uint32_t mask = (((uint32_t)1 << count) - 1u) << shift;
        *byte = (uint8_t)((*byte & ~mask) | ((rest << shift) & mask));
        byte++;
        shift = 0;
        rest >>= count;
        bits -= count;
    }
}

static uint32_t codes_unpacked(const uint8_t *payload, size_t index, unsigned bits)
{
    uint32_t code = 0;
    const uint8_t *byte = payload + codes_first_byte(index, bits);
    unsigned shift = codes_first_bit(index, bits);
    unsigned done = 0;
    while (done < bits) {
        unsigned count = 8u - shift < bits - done ? 8u - shift : bits - done;
        uint32_t part = ((uint32_t)*byte >> shift) & (((uint32_t)1 << count) - 1u);
        code |= part << done;
        byte++;
        shift = 0;
        done += count;
    }
    return code;
}

int32_t embinit_unpack_signed(const uint8_t *payload, size_t index, unsigned bits)
{
    uint32_t code = codes_unpacked(payload, index, bits);
    uint32_t sign = (uint32_t)1 << (bits - 1);
    return code & sign ? -(int32_t)(sign - 1u - (code & (sign - 1u))) - 1 : (int32_t)code;
}

int32_t embinit_unpack_unsigned(const uint8_t *payload, size_t index, unsigned bits)
{
    return (int32_t)codes_unpacked(payload, index, bits);
}
