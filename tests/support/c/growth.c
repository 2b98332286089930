/* Requests to embinit_growth: an operation and its arguments as words, each answer is words. */
#include "embinit_growth.h"
#include "embinit_libm.h"
#include "embinit_normal.h"
#include "embinit_scaled.h"
#include "respond.h"

typedef union {
    uint64_t bits;
    double value;
} wide;

static double double_of(const uint32_t *words)
{
    wide w;
    w.bits = words[0] | (uint64_t)words[1] << 32;
    return w.value;
}

static uint32_t put_double(uint32_t *words, double value)
{
    wide w;
    w.value = value;
    words[0] = (uint32_t)w.bits;
    words[1] = (uint32_t)(w.bits >> 32);
    return 2;
}

static float (*const LOGF[])(float) = {embinit_logf_double, embinit_logf_fdlibm, embinit_logf_fdlibm_fused};
static float (*const COSF[])(float) = {embinit_cosf_double, embinit_cosf_fdlibm, embinit_cosf_fdlibm_fused};

/* Take n floats of the answer, copied from the request where it has them. */
static float *take(float **place, const uint32_t **given, size_t n)
{
    float *taken = *place;
    for (size_t i = 0; i < n && given != 0; i++) {
        taken[i] = embinit_float((*given)[i]);
    }
    *place += n;
    if (given != 0) {
        *given += n;
    }
    return n != 0 ? taken : 0;
}

static size_t weight_size(const embinit_growing *layer)
{
    return (size_t)layer->inputs * layer->outputs * layer->receptive;
}

/* scaled, state, multiply_add, libm, deviation_first, gain, noise_ratio, neurons, rescaling, input, output, paired, bias,
 * statistics, two layers of outer, inner, inputs, outputs, receptive, their values -> those after, extensions, grown
 * weights, state */
static uint32_t grow(const uint32_t *a, uint32_t *answer)
{
    embinit_xorshift32 xorshift = {a[1]};
    embinit_source source = {embinit_xorshift32_source, &xorshift};
    embinit_uniform_rule uniform_rule = {8, (uint8_t)a[2]};
    embinit_normal_rule normal_rule = {LOGF[a[3]], COSF[a[3]], 8, (uint8_t)a[2], (uint8_t)a[4]};
    embinit_spread uniform = EMBINIT_SPREAD_UNIFORM(&uniform_rule);
    embinit_spread normal = EMBINIT_SPREAD_NORMAL(&normal_rule);
    embinit_spread scaled_uniform = EMBINIT_SPREAD_SCALED_UNIFORM;
    embinit_spread scaled_normal = EMBINIT_SPREAD_SCALED_NORMAL;
    embinit_growth growth = {a[0] ? &scaled_uniform : &uniform, a[0] ? &scaled_normal : &normal, 0.0, 0.0, a[9],
                             (uint8_t)a[10], (uint8_t)a[11], (uint8_t)a[12], (uint8_t)a[13]};
    growth.gain = double_of(a + 5);
    growth.noise_ratio = double_of(a + 7);
    embinit_growing first = {0, 0, 0, 0, 0, 0, a[16], a[17], a[18], a[19], a[20]};
    embinit_growing second = {0, 0, 0, 0, 0, 0, a[21], a[22], a[23], a[24], a[25]};
    uint32_t biases = a[14];
    uint32_t statistics = a[15];
    uint32_t neurons = a[9];
    const uint32_t *given = a + 26;
    float *place = (float *)answer;
    first.weight = take(&place, &given, weight_size(&first));
    first.bias = take(&place, &given, biases ? first.outputs : 0);
    first.running_mean = take(&place, &given, statistics ? first.outputs : 0);
    first.running_var = take(&place, &given, statistics ? first.outputs : 0);
    second.weight = take(&place, &given, weight_size(&second));
    second.bias = take(&place, &given, biases ? second.outputs : 0);
    second.weight_extension = take(&place, 0, (size_t)second.outer * neurons * second.inner);
    first.weight_extension = take(&place, 0, (size_t)first.outer * neurons * first.inner);
    first.bias_extension = take(&place, 0, biases ? neurons : 0);
    embinit_grow(&growth, &first, &second, &source);
    embinit_append(first.weight, (size_t)first.outputs * first.inner, first.weight_extension,
                   (size_t)neurons * first.inner, first.outer, place);
    place += weight_size(&first) + (size_t)first.outer * neurons * first.inner;
    embinit_append(second.weight, (size_t)second.inputs * second.inner, second.weight_extension,
                   (size_t)neurons * second.inner, second.outer, place);
    place += weight_size(&second) + (size_t)second.outer * neurons * second.inner;
    uint32_t n = (uint32_t)(place - (float *)answer);
    answer[n++] = xorshift.state;
    return n;
}

uint32_t respond(const uint32_t *request, uint32_t *answer)
{
    const uint32_t *a = request + 1;
    switch (request[0]) {
    case 0: /* x -> square root, of doubles */
        return put_double(answer, embinit_root(double_of(a)));
    case 1: /* n, values -> variance */
        return put_double(answer, embinit_variance((const float *)(a + 1), a[0]));
    default:
        return grow(a, answer);
    }
}
