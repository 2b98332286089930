/* SPDX-License-Identifier: MIT */
#include "embinit_store.h"

/* ---- Families ---- */

static int make_q(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                  const embinit_buffer *buffer, uint32_t group)
{
    (void)range;
    (void)word;
    (void)buffer;
    (void)group;
    *grid = embinit_q_grid(storage->width, (unsigned)(int)(int8_t)storage->part);
    return 1;
}

int embinit_make_int(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                     const embinit_buffer *buffer, uint32_t group)
{
    (void)word;
    int made = embinit_int_steps_grid(grid, range, storage->width, storage->part);
    buffer->scale[group] = grid->scale;
    return made;
}

static int make_sym(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                    const embinit_buffer *buffer, uint32_t group)
{
    (void)word;
    int made = embinit_sym_grid(grid, range, storage->width);
    buffer->scale[group] = grid->scale;
    return made;
}

static int make_sym_int32(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                          const embinit_buffer *buffer, uint32_t group)
{
    (void)word;
    int made = embinit_sym_int32_grid(grid, range, storage->width);
    buffer->scale[group] = grid->scale;
    return made;
}

static int make_asym(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                     const embinit_buffer *buffer, uint32_t group)
{
    int made = embinit_asym_grid(grid, range, storage->width, (embinit_rounding)storage->rounding, word);
    buffer->scale[group] = grid->scale;
    ((int32_t *)buffer->zero_point)[group] = (int32_t)grid->offset;
    return made;
}

static int make_affine(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                       const embinit_buffer *buffer, uint32_t group)
{
    int made = embinit_affine_grid(grid, range, storage->width, (embinit_rounding)storage->rounding, word);
    buffer->scale[group] = grid->scale;
    ((uint16_t *)buffer->zero_point)[group] = (uint16_t)grid->zero;
    return made;
}

/* affine<b> with codes and zero points 2^(b-1) less. */
static int make_affine_int(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                           const embinit_buffer *buffer, uint32_t group)
{
    int32_t half = (int32_t)1 << (storage->width - 1u);
    int made = embinit_affine_grid(grid, range, storage->width, (embinit_rounding)storage->rounding, word);
    grid->low -= half;
    grid->high -= half;
    grid->zero -= half;
    buffer->scale[group] = grid->scale;
    ((int16_t *)buffer->zero_point)[group] = (int16_t)grid->zero;
    return made;
}

static int make_chosen(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                       const embinit_buffer *buffer, uint32_t group)
{
    (void)word;
    int made = embinit_chosen_grid(grid, range, storage->width);
    buffer->scale[group] = grid->scale;
    return made;
}

static int make_bfp(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                    const embinit_buffer *buffer, uint32_t group)
{
    (void)word;
    return embinit_bfp_grid(grid, range, storage->width, storage->part, &buffer->exponents[group]);
}

void embinit_load_scale(embinit_grid *grid, const embinit_storage *storage, const embinit_buffer *buffer,
                        uint32_t group)
{
    (void)storage;
    grid->scale = buffer->scale[group];
}

static void load_affine(embinit_grid *grid, const embinit_storage *storage, const embinit_buffer *buffer, uint32_t group)
{
    (void)storage;
    grid->scale = buffer->scale[group];
    grid->zero = ((const uint16_t *)buffer->zero_point)[group];
}

static void load_affine_int(embinit_grid *grid, const embinit_storage *storage, const embinit_buffer *buffer,
                            uint32_t group)
{
    (void)storage;
    grid->scale = buffer->scale[group];
    grid->zero = ((const int16_t *)buffer->zero_point)[group];
}

static void load_bfp(embinit_grid *grid, const embinit_storage *storage, const embinit_buffer *buffer, uint32_t group)
{
    grid->scale = embinit_bfp_scale(buffer->exponents[group], storage->part);
}

const embinit_family embinit_family_q = {make_q, 0, 0, 0, 0, 0, 0};
const embinit_family embinit_family_int = {embinit_make_int, embinit_load_scale, 1, 0, 1, 0, 0};
const embinit_family embinit_family_sym = {make_sym, embinit_load_scale, 1, 0, 0, 0, 0};
const embinit_family embinit_family_sym_int32 = {make_sym_int32, 0, 1, 0, 0, 0, 0};
const embinit_family embinit_family_asym = {make_asym, 0, 1, sizeof(int32_t), 0, 0, 0};
const embinit_family embinit_family_affine = {make_affine, load_affine, 1, sizeof(uint16_t), 0, 0, 0};
const embinit_family embinit_family_affine_int = {make_affine_int, load_affine_int, 1, sizeof(int16_t), 0, 0, 0};
const embinit_family embinit_family_chosen = {make_chosen, embinit_load_scale, 1, 0, 0, 0, 0};
const embinit_family embinit_family_bfp = {make_bfp, load_bfp, 1, 0, 0, 0, 0};

static int make_half(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                     const embinit_buffer *buffer, uint32_t group)
{
    (void)grid;
    (void)range;
    (void)storage;
    (void)word;
    (void)buffer;
    (void)group;
    return 1;
}

static void put_half(void *data, size_t i, const embinit_grid *grid, const embinit_storage *storage, float value,
                     uint32_t word)
{
    uint32_t clipped = 0;
    uint16_t bits = embinit_half(value, storage->part, (embinit_rounding)storage->rounding, word, &clipped);
    (void)grid;
    embinit_pack((uint8_t *)data, i, 16, (int32_t)bits);
}

const embinit_family embinit_family_half = {make_half, 0, 0, 0, 0, 0, put_half};

int embinit_make_bias(embinit_grid *grid, const embinit_range *range, const embinit_storage *storage, uint32_t word,
                      const embinit_buffer *buffer, uint32_t group)
{
    const embinit_bias_family *family = (const embinit_bias_family *)(const void *)storage->family;
    const embinit_grid made = {
        embinit_rounded(family->input_scale * (buffer - family->before)->scale[group]), 0.0f, 0, 0, 0, 0};
    float inverse = embinit_rounded(1.0f / made.scale);
    (void)range;
    (void)word;
    *grid = made;
    buffer->scale[group] = made.scale;
    return made.scale > 0.0f && made.scale <= FLT_MAX && inverse > 0.0f && inverse <= FLT_MAX;
}

void embinit_put_bias(void *data, size_t i, const embinit_grid *grid, const embinit_storage *storage, float value,
                      uint32_t word)
{
    uint32_t clipped = 0;
    const embinit_bias_family *family = (const embinit_bias_family *)(const void *)storage->family;
    float inverse = embinit_rounded(1.0f / grid->scale);
    float divided = embinit_rounded(embinit_rounded(value) / embinit_rounded(grid->scale));
    float quotient = family->divides ? divided : embinit_rounded(value * inverse);
    embinit_rounding rounding = (embinit_rounding)storage->rounding;
    uint64_t code = (uint64_t)embinit_bias_code(quotient, storage->bits, rounding, word, &clipped);
    if (storage->bits == 32) {
        embinit_pack((uint8_t *)data, i, 32, (int32_t)(uint32_t)code);
    } else {
        embinit_pack((uint8_t *)data, 2 * i, 32, (int32_t)(uint32_t)code);
        embinit_pack((uint8_t *)data, 2 * i + 1, 32, (int32_t)(uint32_t)(code >> 32));
    }
}

/* How many groups take turns, and for how many rounds before the next ones do. */
static uint32_t turn_of(const embinit_storage *storage)
{
    return storage->family->turn != 0 ? storage->family->turn : storage->groups;
}

static uint32_t rounds_of(const embinit_storage *storage)
{
    return storage->family->rounds != 0 ? storage->family->rounds : 1;
}

/* Whether groups make up the elements of a row. */
static int store_grouped(const embinit_stored_row *stored)
{
    const embinit_storage *storage = &stored->storage;
    if (storage->family == 0) {
        return 1;
    }
    if (storage->run == 0 || storage->groups == 0 || storage->groups % turn_of(storage) != 0 ||
        stored->row.count % storage->run != 0) {
        return 0;
    }
    uint32_t runs = stored->row.count / storage->run;
    if (storage->groups > runs / rounds_of(storage)) {
        return 0; /* from here on groups * rounds is at most runs, so the product does not overflow */
    }
    return storage->family->rounds != 0 ? runs % (storage->groups * rounds_of(storage)) == 0 : runs == storage->groups;
}

/* The group of a run; both count from 0. turn is at most groups, so the product here does not overflow either. */
static uint32_t group_of(const embinit_storage *storage, uint32_t run)
{
    uint32_t turn = turn_of(storage);
    uint32_t before = run / (turn * rounds_of(storage)) * turn; /* groups that have had all their rounds */
    return before % storage->groups + run % turn;
}

/* ---- Draws ---- */

void embinit_one_by_one(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    const embinit_together_rule *row = (const embinit_together_rule *)rule;
    embinit_window *window = row->window(source->state);
    for (size_t i = 0; i < n; i++) {
        if (window->taken == window->held) {
            uint32_t rest = row->count - window->drawn;
            uint32_t held = rest < 2 * row->together ? rest : row->together;
            row->draw(source, row->rule, a, b, window->values, (size_t)held);
            window->drawn = held == rest ? 0 : window->drawn + held;
            window->held = (uint8_t)held;
            window->taken = 0;
        }
        out[i] = window->values[window->taken++];
    }
}

static float store_next_value(const embinit_row *row, const embinit_source *values)
{
    float value;
    row->draw(values, row->rule, row->a, row->b, &value, 1);
    return value;
}

/* A word, drawn where rounding needs one. */
static uint32_t store_next_word(const embinit_storage *storage, const embinit_source *words)
{
    return storage->rounding == EMBINIT_STOCHASTIC ? words->next(words->state) : 0;
}

static uint32_t words_for_rounding(const embinit_stored_row *stored)
{
    const embinit_storage *storage = &stored->storage;
    if (storage->family == 0 || storage->rounding != EMBINIT_STOCHASTIC) {
        return 0;
    }
    return stored->row.count + (storage->family->zero_point_bytes != 0 ? storage->groups : 0);
}

/* Move a source past a row. The values of a float32 row need room, and its buffer, filled later, gives it. */
static void store_pass(const embinit_stored_row *stored, const embinit_source *source, const embinit_buffer *buffer)
{
    const embinit_row *row = &stored->row;
    if (stored->storage.family == 0) {
        row->draw(source, row->rule, row->a, row->b, (float *)buffer->data, (size_t)row->count);
        return;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        (void)store_next_value(row, source);
    }
    if (stored->storage.at_once) {
        for (uint32_t i = words_for_rounding(stored); i != 0; i--) {
            (void)source->next(source->state);
        }
    }
}

/* ---- A buffer ---- */

/* Make the grids of groups that lie one after the other; grid becomes the one of the last. */
static int make_grids(const embinit_stored_row *stored, const embinit_source *values, const embinit_source *words,
                      const embinit_buffer *buffer, embinit_grid *grid)
{
    const embinit_storage *storage = &stored->storage;
    const embinit_family *family = storage->family;
    for (uint32_t group = 0; group < storage->groups; group++) {
        embinit_range range = EMBINIT_EMPTY_RANGE;
        for (uint32_t i = 0; i < storage->run; i++) {
            embinit_range_add(&range, store_next_value(&stored->row, values));
        }
        uint32_t word = family->zero_point_bytes != 0 ? store_next_word(storage, words) : 0;
        if (!family->make(grid, &range, storage, word, buffer, group)) {
            return 0;
        }
    }
    return 1;
}

/* The same for groups whose runs take turns: the scales hold the largest magnitudes until all values were drawn. */
static int make_channel_grids(const embinit_stored_row *stored, const embinit_source *values,
                              const embinit_buffer *buffer, embinit_grid *grid)
{
    const embinit_storage *storage = &stored->storage;
    for (uint32_t group = 0; group < storage->groups; group++) {
        buffer->scale[group] = 0.0f;
    }
    uint32_t runs = stored->row.count / storage->run;
    for (uint32_t i = 0; i < runs; i++) {
        float *largest = &buffer->scale[group_of(storage, i)];
        for (uint32_t j = 0; j < storage->run; j++) {
            uint32_t magnitude = embinit_bits(store_next_value(&stored->row, values)) & 0x7fffffffu;
            if (magnitude > embinit_bits(*largest)) {
                *largest = embinit_float(magnitude);
            }
        }
    }
    for (uint32_t group = 0; group < storage->groups; group++) {
        embinit_range range = EMBINIT_EMPTY_RANGE;
        embinit_range_add(&range, buffer->scale[group]);
        if (!storage->family->make(grid, &range, storage, 0, buffer, group)) {
            return 0;
        }
    }
    return 1;
}

static void store_encode(const embinit_stored_row *stored, const embinit_source *values, const embinit_source *words,
                         const embinit_buffer *buffer, embinit_grid *grid)
{
    const embinit_storage *storage = &stored->storage;
    uint8_t *payload = (uint8_t *)buffer->data;
    uint32_t count = stored->row.count;
    uint32_t run = 0;
    uint32_t left = storage->run;
    uint32_t clipped = 0;
    payload[EMBINIT_PACKED_BYTES(count, storage->bits) - 1] = 0; /* for the bits after the last code */
    for (uint32_t i = 0; i < count; i++, left--) {
        if (left == 0) {
            run++;
            left = storage->run;
        }
        if (left == storage->run && storage->family->load != 0) {
            storage->family->load(grid, storage, buffer, group_of(storage, run));
        }
        float value = store_next_value(&stored->row, values);
        uint32_t word = store_next_word(storage, words);
        if (storage->family->put != 0) {
            storage->family->put(payload, (size_t)i, grid, storage, value, word);
        } else {
            int32_t code = embinit_encode(grid, (embinit_rounding)storage->rounding, value, word, &clipped);
            embinit_pack(payload, (size_t)i, storage->bits, code);
        }
    }
}

/* Fill a buffer from stream->values, which moves past the row. Return 0 where there is no grid. */
static int store_row(const embinit_stored_row *stored, const embinit_stream *stream, const embinit_buffer *buffer)
{
    const embinit_row *row = &stored->row;
    const embinit_storage *storage = &stored->storage;
    const embinit_source values = {stream->next, stream->values};
    const embinit_source ahead = {stream->next, stream->ahead};
    const embinit_source words = {stream->next, storage->at_once ? stream->ahead : stream->state};
    embinit_grid grid;
    int made = 0;
    if (storage->family == 0) {
        row->draw(&values, row->rule, row->a, row->b, (float *)buffer->data, (size_t)row->count);
        return 1;
    }
    stream->copy(stream->ahead, stream->values);
    if (!storage->family->ranged && !storage->at_once) {
        made = storage->family->make(&grid, 0, storage, 0, buffer, 0);
    } else if (storage->groups * storage->run < row->count) {
        made = make_channel_grids(stored, &ahead, buffer, &grid);
    } else {
        made = make_grids(stored, &ahead, &words, buffer, &grid);
    }
    if (!made) {
        return 0;
    }
    store_encode(stored, &values, &words, buffer, &grid);
    if (storage->at_once) {
        stream->copy(stream->values, stream->ahead);
    }
    return 1;
}

/* ---- A model ---- */

size_t embinit_store(const embinit_stored_row *rows, size_t row_count, const embinit_stream *stream,
                     const embinit_buffer *buffers)
{
    const embinit_source words = {stream->next, stream->state};
    int rounds_later = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (!store_grouped(&rows[i])) {
            return i;
        }
        rounds_later |= !rows[i].storage.at_once && words_for_rounding(&rows[i]) != 0;
    }
    stream->copy(stream->values, stream->state);
    for (size_t i = 0; rounds_later && i < row_count; i++) {
        store_pass(&rows[i], &words, &buffers[i]);
    }
    for (size_t i = 0; i < row_count; i++) {
        if (!store_row(&rows[i], stream, &buffers[i])) {
            return i;
        }
    }
    if (!rounds_later) {
        stream->copy(stream->state, stream->values);
    }
    return row_count;
}

static uint32_t store_crc32(const embinit_stored_row *stored, const embinit_buffer *buffer)
{
    const embinit_storage *storage = &stored->storage;
    if (storage->family == 0) {
        return embinit_crc32(0, buffer->data, (size_t)stored->row.count * sizeof(float));
    }
    uint32_t crc = embinit_crc32(0, buffer->data, EMBINIT_PACKED_BYTES(stored->row.count, storage->bits));
    if (buffer->scale != 0) {
        crc = embinit_crc32(crc, buffer->scale, (size_t)storage->groups * sizeof(float));
    }
    if (buffer->zero_point != 0) {
        crc = embinit_crc32(crc, buffer->zero_point, (size_t)storage->groups * storage->family->zero_point_bytes);
    }
    return buffer->exponents != 0 ? embinit_crc32(crc, buffer->exponents, (size_t)storage->groups) : crc;
}

size_t embinit_check_stored(const embinit_stored_row *rows, size_t row_count, const embinit_buffer *buffers)
{
    size_t i = 0;
    while (i < row_count && store_crc32(&rows[i], &buffers[i]) == rows[i].row.crc32) {
        i++;
    }
    return i;
}
