/* embinit: growing a layer on the device. Variance transfer rescales two consecutive layers, `first` and `second`; the
 * new neurons between them are drawn, and paired ones cancel. Sums are in double and in memory's order. The promises of
 * embinit.h hold for operations in double too. Where double is not IEEE 754 binary64, as on AVR, nothing grows, and
 * naming a function that would compute in double does not compile.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_GROWTH_H
#define EMBINIT_GROWTH_H

#include "embinit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A distribution around 0, given by its spread: the bound of a uniform one, the deviation of a normal one. Each
 * parameter is the bits of the float `per_spread * spread` or, where per_spread is 0, the given word. */
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

/* Those of embinit.h, embinit_normal.h and embinit_scaled.h, which the user includes. */
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

/* One step of growth: how many neurons are added, and how. */
typedef struct {
    const embinit_spread *uniform;
    const embinit_spread *normal;
    double gain;             /* for the constraints: the variance is gain^2 / fan_in */
    double noise_ratio;      /* among paired neurons; 0: none */
    uint32_t neurons;        /* even when paired */
    uint8_t rescaling;       /* embinit_rescaling */
    uint8_t input_extension; /* embinit_extension, of second's weight */
    uint8_t output_extension;
    uint8_t paired; /* not 0: (V, V) and (Z, -Z) */
} embinit_growth;

/* A layer and the room for its extension. The axis of the hidden neurons, first's outputs and second's inputs,
 * splits the memory of a weight into `outer` blocks with a run of `inner` elements for each neuron:
 * [out][in][kernel] has outer 1 and inner in * kernel in first, outer out and inner kernel in second. Pointers to
 * what a layer does not have are 0. */
typedef struct {
    float *weight;
    float *weight_extension; /* [outer][new neurons][inner] */
    float *bias;
    float *bias_extension; /* of first */
    float *running_mean;   /* of a batch norm after the layer, one for each output */
    float *running_var;
    uint32_t outer;
    uint32_t inner;
    uint32_t inputs;
    uint32_t outputs;
    uint32_t receptive; /* the product of the kernel's axes */
} embinit_growing;

#ifdef EMBINIT_DOUBLE

/* Return the unbiased variance of n values; 0 for fewer than 2. */
double embinit_variance(const float *values, size_t n);

/* Return the square root of a double that is 0 or normal and positive, rounded to nearest, computed in integers. */
double embinit_root(double x);

/* Rescale both layers in place and draw their extensions: second's, first's, and that of first's bias; then the
 * noise. */
void embinit_grow(const embinit_growth *growth, const embinit_growing *first, const embinit_growing *second,
                  const embinit_source *source);

#else
#define embinit_variance growth_needs_a_double_of_64_bits
#define embinit_root growth_needs_a_double_of_64_bits
#define embinit_grow growth_needs_a_double_of_64_bits
#endif

/* Lay values and their extension into `grown`: in each of `outer` blocks a run of the one, then a run of the other. */
void embinit_append(const float *values, size_t run, const float *extension, size_t extension_run, size_t outer,
                    float *grown);

#ifdef __cplusplus
}
#endif

#endif
