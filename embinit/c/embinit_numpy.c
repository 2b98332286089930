/* SPDX-License-Identifier: MIT */
#include "embinit_numpy.h"

#include "embinit_double.h"
#include "embinit_numpy_strips.h"

/* ---- Generator ---- */

void embinit_numpy_seed(embinit_numpy *generator, uint64_t seed)
{
    embinit_pcg64_seed(&generator->stream, seed);
    generator->half = 0;
    generator->kept = 0;
}

uint32_t embinit_numpy_source(void *state)
{
    embinit_numpy *generator = (embinit_numpy *)state;
    uint64_t word;
    if (generator->kept) {
        generator->kept = 0;
        return generator->half;
    }
    word = embinit_pcg64_next(&generator->stream);
    generator->half = (uint32_t)(word >> 32);
    generator->kept = 1;
    return (uint32_t)word;
}

void embinit_numpy_skip(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_pcg64_advance(&((embinit_numpy *)source->state)->stream, embinit_pcg64_multiplier(), a);
    (void)rule;
    (void)b;
    (void)out;
    (void)n;
}

void embinit_numpy_random(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    (void)a;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = (float)(word >> 8) * 0x1p-24f;
    }
}

/* ---- RandomState ---- */

void embinit_numpy_legacy_seed(embinit_numpy_legacy *generator, uint32_t seed)
{
    embinit_mt19937_seed(&generator->stream, seed);
    generator->normal = 0;
    generator->kept = 0;
}

uint32_t embinit_numpy_legacy_source(void *state)
{
    return embinit_mt19937_next(&((embinit_numpy_legacy *)state)->stream);
}

#ifdef EMBINIT_DOUBLE

/* ---- Every operation of double rounds once, whatever the compiler's flags are ---- */

static double numpy_sum(double a, double b)
{
    return embinit_rounded64(a + b);
}

static double numpy_product(double a, double b)
{
    return embinit_rounded64(a * b);
}

static double numpy_quotient(double a, double b)
{
    return embinit_rounded64(a / b);
}

static float numpy_value(const void *rule, double drawn)
{
    const embinit_numpy_rule *numbers = (const embinit_numpy_rule *)rule;
    return (float)numpy_sum(numbers->start, numpy_product(numbers->scale, drawn));
}

/* ---- Uniform values ---- */

static double numpy_unit(embinit_pcg64 *stream)
{
    uint64_t word = embinit_pcg64_next(stream);
    return (double)(int64_t)(word >> 11) * 0x1p-53;
}

void embinit_numpy_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_numpy *generator = (embinit_numpy *)source->state;
    (void)a;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        double unit = numpy_unit(&generator->stream);
        out[i] = numpy_value(rule, unit);
    }
}

static double numpy_legacy_unit(const embinit_source *source)
{
    uint32_t high = source->next(source->state);
    uint32_t low = source->next(source->state);
    return (double)((int64_t)(high >> 5) * 0x4000000 + (int64_t)(low >> 6)) * 0x1p-53;
}

void embinit_numpy_legacy_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                  size_t n)
{
    (void)a;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        double unit = numpy_legacy_unit(source);
        out[i] = numpy_value(rule, unit);
    }
}

/* ---- Normal values ---- */

/* A value beyond `end`, where the last strip of the ziggurat ends. The factor is NumPy's reciprocal of it, which differs
 * from the correctly rounded one in its last place. */
static double numpy_tail(embinit_pcg64 *stream, int negative)
{
    static const double end = 3.6541528853610088;
    for (;;) {
        double u = numpy_unit(stream);
        double v = numpy_unit(stream);
        double x = numpy_product(-0.27366123732975828, embinit_c_log_fdlibm(1.0 - u));
        double y = -embinit_c_log_fdlibm(1.0 - v);
        if (y + y > numpy_product(x, x)) {
            double z = numpy_sum(end, x);
            return negative ? -z : z;
        }
    }
}

static double numpy_standard_normal(embinit_pcg64 *stream)
{
    for (;;) {
        uint64_t word = embinit_pcg64_next(stream);
        uint64_t integer = (word >> 9) & 0xfffffffffffffu;
        const embinit_numpy_strip *strip = &embinit_numpy_strips[word & 255u];
        double z = numpy_product((double)(int64_t)integer, strip->width);
        if (integer < strip->limit) {
            return word & 256u ? -z : z;
        }
        if (strip == embinit_numpy_strips) {
            return numpy_tail(stream, (int)(integer >> 8) & 1);
        }
        double between = numpy_product(numpy_sum(strip[-1].height, -strip->height), numpy_unit(stream));
        if (embinit_c_log_fdlibm(numpy_sum(between, strip->height)) < numpy_product(-0.5 * z, z)) {
            return word & 256u ? -z : z;
        }
    }
}

void embinit_numpy_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    embinit_numpy *generator = (embinit_numpy *)source->state;
    (void)a;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        double normal = numpy_standard_normal(&generator->stream);
        out[i] = numpy_value(rule, normal);
    }
}

/* Marsaglia's polar method: a point in the unit circle gives two values, that of its second coordinate first. */
static double numpy_legacy_standard_normal(const embinit_source *source)
{
    embinit_numpy_legacy *generator = (embinit_numpy_legacy *)source->state;
    double x;
    double y;
    double square;
    double factor;
    if (generator->kept) {
        generator->kept = 0;
        return embinit_double(generator->normal);
    }
    do {
        x = 2.0 * numpy_legacy_unit(source) - 1.0;
        y = 2.0 * numpy_legacy_unit(source) - 1.0;
        square = numpy_sum(numpy_product(x, x), numpy_product(y, y));
    } while (square >= 1.0 || (embinit_bits64(square) << 1) == 0);
    factor = embinit_c_sqrt(numpy_quotient(-2.0 * embinit_c_log_double(square), square));
    generator->normal = embinit_bits64(numpy_product(factor, x));
    generator->kept = 1;
    return numpy_product(factor, y);
}

void embinit_numpy_legacy_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                 size_t n)
{
    (void)a;
    (void)b;
    for (size_t i = 0; i < n; i++) {
        double normal = numpy_legacy_standard_normal(source);
        out[i] = numpy_value(rule, normal);
    }
}

#endif /* EMBINIT_DOUBLE */
