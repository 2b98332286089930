/* Requests to the buffer formats: an operation and its arguments as words, each answer is words. */
#include "embinit_formats.h"
#include "respond.h"

enum { Q, INT, SYM, SYM_INT32, ASYM, AFFINE, BFP, MAX_GROUPS = 64 };

typedef struct {
    uint32_t family, p, q, bits, rounding, run, groups, state, n;
} job;

static int make_grid(const job *j, const embinit_range *range, uint32_t word, embinit_grid *grid, uint8_t *exponent)
{
    embinit_rounding rounding = (embinit_rounding)j->rounding;
    switch (j->family) {
    case Q:
        *grid = embinit_q_grid(j->p, j->q);
        return 1;
    case INT:
        return embinit_int_grid(grid, range, j->p);
    case SYM:
        return embinit_sym_grid(grid, range, j->p);
    case SYM_INT32:
        return embinit_sym_int32_grid(grid, range, j->p);
    case ASYM:
        return embinit_asym_grid(grid, range, j->p, rounding, word);
    case AFFINE:
        return embinit_affine_grid(grid, range, j->p, rounding, word);
    default:
        return embinit_bfp_grid(grid, range, j->p, j->q, exponent);
    }
}

static uint32_t draw(const job *j, const embinit_source *source)
{
    return j->rounding == EMBINIT_STOCHASTIC ? source->next(source->state) : 0;
}

/* job, values -> 1, state, clipped, then scale, zero point and exponent of each group, payload, decoded values; or 0 */
static uint32_t encode(const job *j, const uint32_t *values, uint32_t *answer)
{
    static embinit_grid grids[MAX_GROUPS];
    static uint8_t exponents[MAX_GROUPS];
    embinit_xorshift32 generator = {j->state};
    embinit_source source = {embinit_xorshift32_source, &generator};
    int is_signed = j->family != ASYM && j->family != AFFINE;
    for (uint32_t g = 0; g < j->groups; g++) {
        embinit_range range = EMBINIT_EMPTY_RANGE;
        for (uint32_t i = 0; i < j->n; i++) {
            if (i / j->run % j->groups == g) {
                embinit_range_add(&range, embinit_float(values[i]));
            }
        }
        uint32_t word = is_signed ? 0 : draw(j, &source);
        exponents[g] = 0;
        if (!make_grid(j, &range, word, &grids[g], &exponents[g])) {
            answer[0] = 0;
            return 1;
        }
    }
    uint32_t clipped = 0;
    uint32_t *parameters = answer + 3;
    uint8_t *payload = (uint8_t *)(parameters + 3 * j->groups);
    uint32_t words = (uint32_t)(EMBINIT_PACKED_BYTES(j->n, j->bits) + 3) / 4;
    uint32_t *decoded = parameters + 3 * j->groups + words;
    for (uint32_t i = 0; i < 4 * words; i++) {
        payload[i] = i + 1 < EMBINIT_PACKED_BYTES(j->n, j->bits) ? 0xa5 : 0;
    }
    for (uint32_t i = 0; i < j->n; i++) {
        const embinit_grid *grid = &grids[i / j->run % j->groups];
        uint32_t word = draw(j, &source);
        int32_t code = embinit_encode(grid, (embinit_rounding)j->rounding, embinit_float(values[i]), word, &clipped);
        embinit_pack(payload, i, j->bits, code);
    }
    for (uint32_t i = 0; i < j->n; i++) {
        int32_t code = is_signed ? embinit_unpack_signed(payload, i, j->bits)
                                 : embinit_unpack_unsigned(payload, i, j->bits);
        decoded[i] = embinit_bits(embinit_decode(&grids[i / j->run % j->groups], code));
    }
    for (uint32_t g = 0; g < j->groups; g++) {
        parameters[3 * g] = embinit_bits(grids[g].scale);
        parameters[3 * g + 1] = (uint32_t)(grids[g].zero + (int32_t)grids[g].offset);
        parameters[3 * g + 2] = exponents[g];
    }
    answer[0] = 1;
    answer[1] = generator.state;
    answer[2] = clipped;
    return 3 + 3 * j->groups + words + j->n;
}

/* width, frac_bits, rounding, first, stride, count -> how many of those floats the integer-only code encodes otherwise
 * than the grid, CRC-32 of the codes, clipped, how many codes it decodes otherwise; NaN counts as 0 */
static uint32_t fixed_point(const uint32_t *a, uint32_t *answer)
{
    embinit_grid grid = embinit_q_grid(a[0], a[1]);
    embinit_rounding rounding = (embinit_rounding)a[2];
    uint32_t clipped[2] = {0, 0};
    answer[0] = answer[1] = answer[3] = 0;
    for (uint32_t i = 0; i < a[5]; i++) {
        uint32_t bits = a[3] + i * a[4];
        int32_t any = embinit_unpack_signed((const uint8_t *)&bits, 0, a[0]);
        answer[3] += embinit_q_decode(any, a[1]) != embinit_bits(embinit_decode(&grid, any));
        bits = (bits & 0x7fffffffu) > 0x7f800000u ? 0 : bits;
        int32_t code = embinit_q_encode(bits, a[0], a[1], rounding, &clipped[0]);
        answer[0] += code != embinit_encode(&grid, rounding, embinit_float(bits), 0, &clipped[1]);
        answer[0] += clipped[0] != clipped[1];
        answer[1] = embinit_crc32(answer[1], &code, sizeof code);
        answer[3] += embinit_q_decode(code, a[1]) != embinit_bits(embinit_decode(&grid, code));
    }
    answer[2] = clipped[0];
    return 4;
}

/* bits, bound, state, n -> codes, each in a word, and the state */
static uint32_t fill(const uint32_t *a, uint32_t *answer)
{
    embinit_xorshift32 generator = {a[2]};
    embinit_source source = {embinit_xorshift32_source, &generator};
    int8_t small = 0;
    int16_t middle = 0;
    int32_t large = 0;
    for (uint32_t i = 0; i < a[3]; i++) {
        if (a[0] == 8) {
            embinit_fill_q8(&source, (int8_t)a[1], &small, 1);
        } else if (a[0] == 16) {
            embinit_fill_q16(&source, (int16_t)a[1], &middle, 1);
        } else {
            embinit_fill_q32(&source, (int32_t)a[1], &large, 1);
        }
        answer[i] = (uint32_t)(small + middle + large);
    }
    answer[a[3]] = generator.state;
    return a[3] + 1;
}

uint32_t respond(const uint32_t *request, uint32_t *answer)
{
    const uint32_t *a = request + 1;
    job j;
    switch (request[0]) {
    case 0:
        j = (job){a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]};
        return encode(&j, a + 9, answer);
    case 1:
        return fixed_point(a, answer);
    default:
        return fill(a, answer);
    }
}
