/* embinit: a model drawn straight into quantized buffers, without a float copy of any tensor.
 *
 * The values of a buffer are drawn one by one, and drawn again when they are needed once more: first for the ranges of
 * its groups, where the format has ranges to find, then for the codes. With EMBINIT_STOCHASTIC the stream first runs
 * through the values of the whole model, to where rounding begins to draw.
 *
 * Besides the buffers a fill takes two states of the generator, three where rounding draws, and a few words of stack,
 * whatever the sizes are; 132 bytes more for each state where values can only be drawn together. For
 * each group sym<b>, int8 and int4 keep a float, affine<b> a float and a uint16_t, bfp<m>e<e> a byte; for the whole
 * buffer sym_int32/<b> keeps a float, and asym<b> a float and an int32_t; q<m>.<n> and float32 keep nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_STORE_H
#define EMBINIT_STORE_H

#include "embinit_formats.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stream that can be read more than once. values and ahead are room for two more states of the same type. If no
 * rounding draws words after all values, values may be the state itself. */
typedef struct {
    uint32_t (*next)(void *state);
    void (*copy)(void *to, const void *from); /* of a state */
    void *state;                              /* seeded; moves through all words of the model */
    void *values;
    void *ahead;
} embinit_stream;

/* The most values of which none can be drawn without the others. */
#define EMBINIT_TOGETHER 16

/* Values that were drawn together, where they are taken one by one. It is a part of the state of a source. */
typedef struct {
    float values[2 * EMBINIT_TOGETHER - 1];
    uint32_t drawn; /* of the buffer */
    uint8_t held;
    uint8_t taken;
} embinit_window;

static inline void embinit_window_empty(embinit_window *window)
{
    window->drawn = 0;
    window->held = 0;
    window->taken = 0;
}

/* Values of another distribution one by one, `together` of them drawn at once, and the last ones, fewer than twice as
 * many. The state of its source is one of the other's, which begins it, with a window. rule is an
 * embinit_together_rule. */
embinit_distribution embinit_one_by_one;

typedef struct {
    embinit_distribution *draw;
    const void *rule;
    embinit_window *(*window)(void *state);
    uint32_t count; /* of the buffer */
    uint32_t together;
} embinit_together_rule;

/* A buffer in the device's memory: its elements or packed payload, and what its format keeps for each group.
 * Pointers to what it does not keep are 0. */
typedef struct {
    void *data;
    float *scale;
    void *zero_point; /* int32_t of asym<b>, uint16_t of affine<b>, int16_t of affine_int<b> */
    uint8_t *exponents;
} embinit_buffer;

/* A family: the formats whose grids are made in the same way. The linker keeps the families that a model names. Members are
 * private.
 *
 * make sets the grid of a group from its range, with word to round a zero point, and stores what the buffer keeps of
 * it; it returns 0 where there is no grid. load turns the grid of one group into that of another; it is 0 where a
 * buffer has one group. put stores an element; it is 0 where that is the code of embinit_encode. */
struct embinit_storage;
typedef struct {
    int (*make)(embinit_grid *grid, const embinit_range *range, const struct embinit_storage *storage, uint32_t word,
                const embinit_buffer *buffer, uint32_t group);
    void (*load)(embinit_grid *grid, const struct embinit_storage *storage, const embinit_buffer *buffer, uint32_t group);
    uint8_t ranged; /* whether make reads the range */
    uint8_t zero_point_bytes;
    uint32_t rounds; /* 0: a group has one run */
    uint32_t turn;   /* 0: all groups take turns */
    void (*put)(void *data, size_t i, const embinit_grid *grid, const struct embinit_storage *storage, float value,
                uint32_t word);
} embinit_family;

extern const embinit_family embinit_family_q;         /* q<m>.<n> */
extern const embinit_family embinit_family_int;       /* int4, int8, int16 and int<b>/<steps> */
extern const embinit_family embinit_family_sym;       /* sym<b> */
extern const embinit_family embinit_family_sym_int32; /* sym_int32/<b> */
extern const embinit_family embinit_family_asym;      /* asym<b> */
extern const embinit_family embinit_family_affine;    /* affine<b> */
extern const embinit_family embinit_family_affine_int; /* affine_int<b> */
extern const embinit_family embinit_family_chosen;    /* q<b>/auto */
extern const embinit_family embinit_family_bfp;       /* bfp<m>e<e> */
extern const embinit_family embinit_family_half;      /* float16, bfloat16 */

/* int8 and int4 where `turn` groups take turns for `rounds` rounds, then the next `turn` groups do, and after the
 * last ones the first again: the channels of a transposed convolution, whose inputs come group by group. turn and
 * groups are at least 1, turn divides groups, and run * groups * rounds divides the number of elements. */
#define EMBINIT_FAMILY_INT_IN_TURNS(turn, rounds) {embinit_make_int, embinit_load_scale, 1, 0, (rounds), (turn), 0}

int embinit_make_int(embinit_grid *grid, const embinit_range *range, const struct embinit_storage *storage, uint32_t word,
                     const embinit_buffer *buffer, uint32_t group);
void embinit_load_scale(embinit_grid *grid, const struct embinit_storage *storage, const embinit_buffer *buffer,
                        uint32_t group);

/* int32 and int64 biases: their scales are input_scale times those of the weight, whose row is so many rows before.
 * divides: values are divided by a scale, not multiplied by its inverse. */
typedef struct {
    embinit_family family;
    float input_scale;
    uint32_t before;
    int divides;
} embinit_bias_family;

#define EMBINIT_BIAS_FAMILY(input_scale, before, divides) \
    {{embinit_make_bias, embinit_load_scale, 1, 0, 0, 0, embinit_put_bias}, (input_scale), (before), (divides)}

int embinit_make_bias(embinit_grid *grid, const embinit_range *range, const struct embinit_storage *storage,
                      uint32_t word, const embinit_buffer *buffer, uint32_t group);
void embinit_put_bias(void *data, size_t i, const embinit_grid *grid, const struct embinit_storage *storage, float value,
                      uint32_t word);

/* How a buffer is stored: in runs of elements, one for each group in turn. Both groups and run are at least 1, and
 * their product is the number of elements; with int8 and int4, where a group may have several runs, it divides that
 * number. */
typedef struct embinit_storage {
    const embinit_family *family; /* 0: float32, which does not use the members below */
    uint8_t bits;                 /* of an element in memory */
    uint8_t width;                /* of a code: m + n of q<m>.<n>, m of bfp<m>e<e>, else the number in the name */
    uint8_t part;                 /* n of q<m>.<n>, e of bfp<m>e<e>, fraction bits of float16, halves of int<b>/<steps> */
    uint8_t rounding;             /* embinit_rounding */
    uint8_t at_once;              /* not 0: rounding draws after these values, not after all values; one group */
    uint32_t groups;
    uint32_t run;
} embinit_storage;

/* A buffer of a model. Unless it is float32 its values are drawn with n = 1, so its distribution must not depend on
 * the index of an element, or be embinit_one_by_one. crc32 is that of the payload and, continued, of scales, zero points
 * and exponents. */
typedef struct {
    embinit_row row;
    embinit_storage storage;
} embinit_stored_row;

/* Fill and store buffers[i] by rows[i], in order, and return row_count. Return the index of a row whose format has
 * no code for its values (embinit_formats.h): then its buffer and those after it are not what the plan says. Return
 * the index of a row whose groups do not make up its elements (embinit_storage): then no buffer was touched and
 * nothing was drawn. */
size_t embinit_store(const embinit_stored_row *rows, size_t row_count, const embinit_stream *stream,
                     const embinit_buffer *buffers);

/* Return the index of the first buffer whose CRC32 is not its row's, or row_count when all agree. */
size_t embinit_check_stored(const embinit_stored_row *rows, size_t row_count, const embinit_buffer *buffers);

#ifdef __cplusplus
}
#endif

#endif
