"""Arrays and models of the Kaun dialects."""

from dataclasses import replace

import numpy as np

from embinit import Model

from support.reference_kaun import ERAS

DIALECTS = tuple(ERAS)


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32).ravel().tolist()


def filled(generator, initializer, shape, **fans):
    out = np.empty(shape, np.float32)
    generator.fill(initializer, out, **fans)
    return out


def model_of(layers, dialect, seed, **keys):
    return Model("m", [replace(layer, name=name) for name, layer in layers.items()], seed, dialect, **keys)
