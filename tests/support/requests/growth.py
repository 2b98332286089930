"""Requests to a C harness and the answers of the kernels: growth."""

import itertools
import math

import numpy as np

from embinit import Generator, Xorshift32
from embinit.growth import (
    INITIALIZERS,
    STRATEGIES,
    Weights,
    grow_layers,
    variance,
)
from embinit.targets import LIBMS

from support.compilers import CORE


def random_weights(shape, out_axis=0, in_axis=1, bias=True, seed=0, scale=0.3):
    chance = np.random.default_rng(seed)
    weight = chance.normal(0.1, scale, shape).astype(np.float32)
    return Weights(
        weight, chance.normal(0, scale, shape[out_axis]).astype(np.float32) if bias else None, out_axis, in_axis
    )


SHAPES = {  # first, second: shape, axis of outputs, axis of inputs
    "[out, in]": (((6, 5), 0, 1), ((3, 6), 0, 1)),
    "[out, in, kernel]": (((4, 3, 3), 0, 1), ((5, 4, 2), 0, 1)),
    "[in, out, kernel]": (((3, 4, 3), 1, 0), ((4, 5, 2), 1, 0)),
    "[kernel, in, out]": (((3, 3, 4), 2, 1), ((2, 4, 5), 2, 1)),
    "[out, in, kernel, kernel]": (((2, 2, 3, 3), 0, 1), ((3, 2, 2, 2), 0, 1)),
}


def words_of(*values):
    """Return uint32 words: of floats64 two, of integers one, of float32 arrays one an element."""
    words = []
    for value in values:
        if isinstance(value, np.ndarray):
            words += value.ravel().view(np.uint32).tolist()
        elif isinstance(value, float):
            words += np.array([value]).view(np.uint32).tolist()
        else:
            words.append(int(value))
    return words


def geometry(layer, axis):
    shape = layer.weight.shape
    inner = math.prod(shape[axis + 1 :])
    return [math.prod(shape[:axis]), inner, layer.inputs, layer.outputs, layer.receptive]


def growth_requests(chance):
    """Every shape, strategy and pairing, with initializers, biases, statistics, targets and sizes by chance."""
    for shapes in SHAPES.values():
        for strategy in (None, *STRATEGIES):
            for paired in (False, True):
                bias, statistics, seed = chance.random() < 0.7, chance.random() < 0.5, chance.getrandbits(32) or 1
                (first, second) = (random_weights(*s, bias=bias, seed=seed + i) for i, s in enumerate(shapes))
                if statistics:
                    seen = np.random.default_rng(seed).random((2, first.outputs), np.float32)
                    first = Weights(first.weight, first.bias, first.out_axis, first.in_axis, *seen)
                yield growth_request(chance, first, second, strategy, paired, seed)
    for hidden in (0, 1):
        for strategy in (None, *STRATEGIES):
            for inits in itertools.product(INITIALIZERS[:2], INITIALIZERS[:2]):
                seed = chance.getrandbits(32) or 1
                first = random_weights((hidden, 3), seed=seed)
                yield growth_request(
                    chance, first, random_weights((2, hidden), seed=seed + 1), strategy, False, seed, inits
                )
    flat = Weights(np.full((2, 3), 0.25, np.float32), np.zeros(2, np.float32))
    for strategy in STRATEGIES:
        yield growth_request(
            chance, flat, Weights(np.zeros((3, 2), np.float32), np.zeros(3, np.float32)), strategy, True, 9
        )


def growth_request(chance, first, second, strategy, paired, state, inits=None):
    dialect = chance.choice(["odt", "odt-2026-06", "portable"])
    target, multiply_add = chance.choice(["host", "cortex-m0", "cortex-m4f"]), chance.choice(["separate", "fused"])
    inits = inits or (chance.choice(INITIALIZERS), chance.choice(INITIALIZERS))
    neurons = chance.choice([2, 4, 6]) if paired else chance.randrange(1, 6)
    ratio = chance.choice([0.0, 0.001, 0.3])
    gain = chance.choice([1.0, math.sqrt(2)]) if strategy in STRATEGIES[1:] else 1.0
    g = Generator(Xorshift32(state), dialect, target, multiply_add)
    step = grow_layers(first, second, neurons, g, strategy, inits, "vv_z_negz" if paired else None, ratio, gain)
    n, m = first.outputs, second.inputs
    kept = [np.split(step.first.weight, [n], first.out_axis)[0], step.first.bias, step.first.running_mean,
            step.first.running_var, np.split(step.second.weight, [m], second.in_axis)[0], step.second.bias]  # fmt: skip
    kept[1] = None if kept[1] is None else kept[1][:n]
    held = [first.weight, first.bias, first.running_mean, first.running_var, second.weight, second.bias]
    made = [step.input_weight, step.output_weight, step.output_bias, step.first.weight, step.second.weight]
    asked = words_of(
        2, dialect == "portable", state, multiply_add == "fused", LIBMS.index(g.build.libm),
        getattr(g.dialect.sampler, "deviation_first", 0), gain, ratio, neurons, [None, *STRATEGIES].index(strategy),
        *(INITIALIZERS.index(init) for init in inits), paired, first.bias is not None, first.running_mean is not None,
        *geometry(first, first.out_axis), *geometry(second, second.in_axis), *present(held),
    )  # fmt: skip
    return asked, [*words_of(*present(kept), *present(made)), g.bitgen.state]


def present(arrays):
    return [array for array in arrays if array is not None]


def root_requests(chance):
    """Squares of 53-bit numbers and their neighbours, whose roots are close to a tie, and doubles of any size."""
    for _ in range(1500):
        near = float(chance.getrandbits(26) | 1) ** 2 * 2.0 ** chance.randrange(-600, 400)
        wide = math.ldexp(chance.random() + 0.5, chance.randrange(-1020, 1020))
        for x in (near, math.nextafter(near, 0), math.nextafter(near, math.inf), wide):
            yield words_of(0, x), words_of(math.sqrt(x))
    for x in (0.0, 1.0, 2.0, 2.0**-1022, 1.7976931348623157e308):
        yield words_of(0, x), words_of(math.sqrt(x))


def variance_requests(chance):
    for n in (0, 1, 2, 3, 17, 200):
        for scale in (1.0, 1e-30, 1e30):
            values = np.array([chance.uniform(-scale, scale) for _ in range(n)], np.float32)
            yield words_of(1, n, values), words_of(float(variance(values)))


UNITS = (*CORE, "embinit_growth", "embinit_libm", "embinit_normal", "embinit_scaled")
