/* SPDX-License-Identifier: MIT */
#include "embinit_growth.h"

#ifdef EMBINIT_DOUBLE

double embinit_variance(const float *values, size_t n)
{
    if (n < 2) {
        return 0.0;
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum = embinit_rounded64(sum + (double)values[i]);
    }
    double mean = embinit_rounded64(sum / (double)n);
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        double deviation = embinit_rounded64((double)values[i] - mean);
        squares = embinit_rounded64(squares + embinit_rounded64(deviation * deviation));
    }
    return embinit_rounded64(squares / (double)(n - 1));
}

double embinit_root(double x)
{
    uint64_t bits = embinit_bits64(x);
    if (bits == 0) {
        return x;
    }
    /* x = significand * 2^exponent with an even exponent, and 53 or 54 bits. A step takes two of them and gives one
     * of the root: 27 steps, and 27 more that take zeros, make 53 bits and one to round by. root stays below 2^54. */
    int32_t exponent = (int32_t)(bits >> 52) - 1075;
    uint64_t significand = (bits & 0xfffffffffffffu) | 0x10000000000000u;
    if (exponent & 1) {
        significand <<= 1;
        exponent--;
    }
    uint64_t rest = 0;
    uint64_t root = 0;
    for (int step = 0; step < 54; step++) {
        rest = (rest << 2) | ((significand >> 52) & 3u);
        significand <<= 2;
        uint64_t trial = (root << 2) | 1u;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1u;
        }
    }
    /* A root half way between two doubles would be odd here, and so would its square. But that is a multiple of 2^54:
     * there are no ties. */
    return embinit_double(((uint64_t)(exponent / 2 + 1048) << 52) + ((root + 1) >> 1));
}

static void growth_rescale(float *values, size_t n, float factor)
{
    for (size_t i = 0; values != 0 && i < n; i++) {
        values[i] *= factor;
    }
}

static size_t weight_size(const embinit_growing *layer)
{
    return (size_t)layer->inputs * (size_t)layer->outputs * (size_t)layer->receptive;
}

static void rescale_layer(const embinit_growing *layer, float factor)
{
    growth_rescale(layer->weight, weight_size(layer), factor);
    growth_rescale(layer->bias, (size_t)layer->outputs, factor);
    growth_rescale(layer->running_mean, (size_t)layer->outputs, factor);
    growth_rescale(layer->running_var, (size_t)layer->outputs, embinit_rounded(factor * factor));
}

/* The factor that brings a weight to variance gain^2 / fan_in, or 1 where its variance is 0. */
static float to_variance(const embinit_growing *layer, double gain, double fan_in)
{
    double found = embinit_variance(layer->weight, weight_size(layer));
    return found > 0.0 ? (float)embinit_root(embinit_rounded64(gain * gain) / embinit_rounded64(fan_in * found)) : 1.0f;
}

static uint32_t growth_parameter(const embinit_spread_parameter *how, float spread)
{
    return how->per_spread != 0.0f ? embinit_bits(how->per_spread * spread) : how->word;
}

static void growth_draw(const embinit_spread *how, double spread, const embinit_source *source, float *out, size_t n)
{
    uint32_t a = growth_parameter(&how->a, (float)spread);
    uint32_t b = growth_parameter(&how->b, (float)spread);
    how->draw(source, how->rule, a, b, out, n);
}

/* The spread of an extension's distribution. Where there is no variance to copy, that of Kaiming. */
static double spread_of(embinit_extension extension, double variance, double fan_in)
{
    switch (extension) {
    case EMBINIT_COPY_UNIFORM:
        return embinit_root(variance > 0.0 ? 3.0 * variance : 6.0 / fan_in);
    case EMBINIT_COPY_NORMAL:
        return embinit_root(variance > 0.0 ? variance : 2.0 / fan_in);
    case EMBINIT_KAIMING:
        return embinit_root(6.0 / fan_in);
    case EMBINIT_KAIMING_NORMAL:
        return embinit_root(2.0 / fan_in);
    case EMBINIT_LECUN_NORMAL:
        return embinit_root(1.0 / fan_in);
    default:
        return 0.0;
    }
}

/* Draw blocks of a tensor. Of paired neurons only the first half of each run is drawn; the rest repeats it with a
 * sign. */
static void draw_runs(const embinit_growth *growth, embinit_extension extension, double variance, double fan_in,
                      const embinit_source *source, float *out, size_t outer, size_t run, float sign)
{
    size_t drawn = growth->paired ? run / 2 : run;
    int uniform = extension == EMBINIT_COPY_UNIFORM || extension == EMBINIT_KAIMING;
    double spread = spread_of(extension, variance, fan_in);
    for (size_t block = 0; block < outer; block++) {
        float *start = out + block * run;
        if (extension == EMBINIT_ZEROS) {
            embinit_constant(source, 0, 0, 0, start, drawn);
        } else {
            growth_draw(uniform ? growth->uniform : growth->normal, spread, source, start, drawn);
        }
        for (size_t i = drawn; i < run; i++) {
            start[i] = sign * start[i - drawn];
        }
    }
}

static void add_noise(const embinit_growth *growth, const embinit_source *source, float *values, size_t n)
{
    double ratio2 = embinit_rounded64(growth->noise_ratio * growth->noise_ratio);
    float spread = (float)embinit_root(ratio2 * embinit_variance(values, n));
    for (size_t i = 0; i < n; i++) {
        float drawn;
        growth_draw(growth->normal, 1.0, source, &drawn, 1);
        values[i] += embinit_rounded(embinit_rounded(drawn) * spread);
    }
}

void embinit_grow(const embinit_growth *growth, const embinit_growing *first, const embinit_growing *second,
                  const embinit_source *source)
{
    double old_fan_in = (double)second->inputs * (double)second->receptive;
    double fan_in = ((double)second->inputs + (double)growth->neurons) * (double)second->receptive;
    double first_fan_in = (double)first->inputs * (double)first->receptive;
    if (second->inputs == 0 || growth->rescaling == EMBINIT_NO_RESCALING) {
        /* nothing to rescale */
    } else if (growth->rescaling == EMBINIT_DEFAULT_VT) {
        rescale_layer(second, (float)embinit_root(old_fan_in / fan_in));
    } else {
        double target = growth->rescaling == EMBINIT_VT_CONSTRAINT_OLD_SHAPE ? old_fan_in : fan_in;
        rescale_layer(first, to_variance(first, growth->gain, first_fan_in));
        rescale_layer(second, to_variance(second, growth->gain, target));
    }
    size_t neurons = (size_t)growth->neurons;
    size_t run = neurons * (size_t)second->inner;
    double variance = embinit_variance(second->weight, weight_size(second));
    draw_runs(growth, (embinit_extension)growth->input_extension, variance, fan_in, source, second->weight_extension,
              (size_t)second->outer, run, -1.0f);
    variance = embinit_variance(first->weight, weight_size(first));
    draw_runs(growth, (embinit_extension)growth->output_extension, variance, first_fan_in, source,
              first->weight_extension, (size_t)first->outer, neurons * (size_t)first->inner, 1.0f);
    if (first->bias_extension != 0) {
        variance = embinit_variance(first->bias, (size_t)first->outputs);
        draw_runs(growth, (embinit_extension)growth->output_extension, variance, first_fan_in, source,
                  first->bias_extension, 1, neurons, 1.0f);
    }
    if (growth->paired && growth->noise_ratio != 0.0) {
        add_noise(growth, source, second->weight_extension, (size_t)second->outer * run);
    }
}

#endif /* EMBINIT_DOUBLE */

void embinit_append(const float *values, size_t run, const float *extension, size_t extension_run, size_t outer,
                    float *grown)
{
    for (size_t block = 0; block < outer; block++) {
        for (size_t i = 0; i < run; i++) {
            *grown++ = values[block * run + i];
        }
        for (size_t i = 0; i < extension_run; i++) {
            *grown++ = extension[block * extension_run + i];
        }
    }
}
