/* embinit: growing a layer on the device. Variance transfer rescales two consecutive layers, `first` and `second`, the
 * new neurons between them are drawn, and paired ones cancel. Sums are in double and in memory's order. The promises of
 * embinit.h hold, for operations in double too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_GROWTH_H
#define EMBINIT_GROWTH_H

#include "embinit.h"

#if DBL_MANT_DIG != 53 || DBL_MAX_EXP != 1024
#error "embinit_growth needs double to be IEEE 754 binary64"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The unbiased variance of n values; 0 of fewer than 2. */
double embinit_variance(const float *values, size_t n);

/* The square root of a double that is 0 or normal and positive, rounded to nearest, in integers. */
double embinit_root(double x);

/* A distribution around 0 by its spread, the bound of a uniform or the deviation of a normal: each parameter is the bits
 * of the float `per_spread * spread` or, where per_spread is 0, the given word. */
typedef struct {
    float per_spread;
    uint32_t word;
} embinit_spread_parameter;

typedef struct {
    embinit_distribution *draw;
    const void *rule;
    embinit_spread_parameter a;
    embinit_spread_parameter b;
} embinit_spread;

/* What these are of embinit.h, embinit_normal.h and embinit_scaled.h. */
#define EMBINIT_SPREAD_UNIFORM(rule) {embinit_uniform, (rule), {-1.0f, 0}, {2.0f, 0}}
#define EMBINIT_SPREAD_NORMAL(rule) {embinit_normal, (rule), {0.0f, 0}, {1.0f, 0}}
#define EMBINIT_SPREAD_SCALED_UNIFORM {embinit_scaled_uniform, 0, {0x1p-23f, 0}, {0.0f, 0xff800000u}}
#define EMBINIT_SPREAD_SCALED_NORMAL {embinit_scaled_normal, 0, {0x1p-24f, 0}, {0.0f, 0}}

typedef enum {
    EMBINIT_NO_RESCALING,
    EMBINIT_DEFAULT_VT,
    EMBINIT_VT_CONSTRAINT_OLD_SHAPE,
    EMBINIT_VT_CONSTRAINT_NEW_SHAPE
} embinit_rescaling;

typedef enum {
    EMBINIT_COPY_UNIFORM,
    EMBINIT_COPY_NORMAL,
    EMBINIT_KAIMING,
    EMBINIT_KAIMING_NORMAL,
    EMBINIT_ZEROS,
    EMBINIT_LECUN_NORMAL
} embinit_extension;

/* A step: how many neurons are added, and how. */
typedef struct {
    const embinit_spread *uniform;
    const embinit_spread *normal;
    double gain;             /* of the constraints: variance gain^2 / fan_in */
    double noise_ratio;      /* of paired neurons; 0: none */
    uint32_t neurons;        /* even when paired */
    uint8_t rescaling;       /* embinit_rescaling */
    uint8_t input_extension; /* embinit_extension, of second's weight */
    uint8_t output_extension;
    uint8_t paired; /* not 0: (V, V) and (Z, -Z) */
} embinit_growth;

/* A layer and the room for its extension. In memory the axis of the hidden neurons, first's outputs and second's inputs,
 * has `outer` blocks around each of it and runs of `inner` elements for each neuron: [out][in][kernel] is outer 1, inner
 * in * kernel for first, outer out, inner kernel for second. What a layer has not is 0. */
typedef struct {
    float *weight;
    float *weight_extension; /* [outer][new neurons][inner] */
    float *bias;
    float *bias_extension; /* of first */
    float *running_mean;   /* of a batch norm behind the layer, one an output */
    float *running_var;
    uint32_t outer;
    uint32_t inner;
    uint32_t inputs;
    uint32_t outputs;
    uint32_t receptive; /* the product of the kernel's axes */
} embinit_growing;

/* Rescale both layers in place and draw their extensions: second's, first's, that of first's bias; then the noise. */
void embinit_grow(const embinit_growth *growth, const embinit_growing *first, const embinit_growing *second,
                  const embinit_source *source);

/* Lay values and their extension, runs of each in every one of `outer` blocks, into `grown`. */
void embinit_append(const float *values, size_t run, const float *extension, size_t extension_run, size_t outer,
                    float *grown);

#ifdef __cplusplus
}
#endif

#endif
