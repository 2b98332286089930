"""Keras itself, where it is installed, against the dialect of its backend: random models, layer by layer.

KERAS_BACKEND says which, or else PyTorch is taken; it is skipped where Keras or the backend is missing.
"""

import os
import random

import numpy as np
import pytest

from embinit import Conv1d, Conv2d, Conv3d, ConvTranspose2d, Embedding, Linear, Model
from embinit.dialects import dialect_named
from embinit.layers import DrawFree

pytest.importorskip(os.environ.setdefault("KERAS_BACKEND", "torch"))
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DIALECT = dialect_named(f"keras-{keras.backend.backend()}")
SCALED = [f"{name}_{kind}" for name in ("glorot", "he", "lecun") for kind in ("uniform", "normal")]
SEEDS = [0, 1, 2**31, 2**32 - 1]


def initializer(rng):
    """Return a table, and what makes the same in Keras: a name, or an object as soon as it is called."""
    name = rng.choice(
        [*SCALED, "random_uniform", "random_normal", "truncated_normal", "variance_scaling", "zeros", "ones"]
    )
    keys = {}
    if name == "random_uniform":
        keys = {"minval": rng.uniform(-2, 1), "maxval": rng.uniform(1, 2)}
    elif name in ("random_normal", "truncated_normal"):
        keys = {"mean": rng.choice([0.0, rng.uniform(-1, 1)]), "stddev": rng.uniform(0, 2)}
    elif name == "variance_scaling":
        kinds = ["truncated_normal", "untruncated_normal", "uniform"]
        mode = rng.choice(["fan_in", "fan_out", "fan_avg"])
        keys = {"scale": rng.uniform(0.01, 3), "mode": mode, "distribution": rng.choice(kinds)}
    if name not in ("zeros", "ones") and rng.random() < 0.3:
        keys["seed"] = rng.choice([*SEEDS, rng.randrange(2**32)])
    theirs = "".join(part.capitalize() for part in name.split("_"))
    return {"name": name, **keys}, (lambda: getattr(keras.initializers, theirs)(**keys)) if keys else (lambda: name)


def options(rng, weight="kernel_initializer"):
    """Return the same options of a layer of ours and of Keras; objects are made weight first, and never for a bias
    alone, where Keras would make the weight's name an object after them.
    """
    ours, theirs = {}, {}
    if rng.random() < 0.6:
        table, make = initializer(rng)
        ours["weight_init"], theirs[weight] = DIALECT.initializer(table), make()
    if rng.random() < 0.3:
        table, make = initializer(rng)
        if len(table) == 1 or "seed" in table or not isinstance(theirs.get(weight, ""), str):
            ours["bias_init"], theirs["bias_initializer"] = DIALECT.initializer(table), make()
    if rng.random() < 0.3:
        ours["bias"] = theirs["use_bias"] = False
    return ours, theirs


def layer(rng, name):
    """Return a layer of ours, and the same of Keras with its weights."""
    layers, kind = keras.layers, rng.randrange(8)
    inputs, outputs, kernel = rng.randrange(1, 9), rng.randrange(1, 9), [rng.randrange(1, 4), rng.randrange(1, 4)]
    if kind == 0:
        made = layers.Embedding(inputs, outputs)
        made.build((None,))
        return Embedding(name=name, num_embeddings=inputs, embedding_dim=outputs), made
    if kind == 1:
        return DrawFree(name=name, kind="Dropout"), layers.Dropout(0.3)
    ours, theirs = options(rng, "depthwise_initializer" if kind == 2 else "kernel_initializer")
    sizes = {"name": name, "in_channels": inputs, "out_channels": outputs, "kernel_size": kernel, **ours}
    image = (None, 9, 9, inputs)
    if kind == 2:
        image, sizes = (None, 9, 9, inputs + 1), {**sizes, "in_channels": inputs + 1, "out_channels": inputs + 1}
        made, same = layers.DepthwiseConv2D(kernel, **theirs), Conv2d(groups=inputs + 1, **sizes)
    elif kind == 3:
        image, sizes = (None, 9, 9, 4), {**sizes, "in_channels": 4, "out_channels": 2 * outputs}
        made, same = layers.Conv2D(2 * outputs, kernel, groups=2, **theirs), Conv2d(groups=2, **sizes)
    elif kind == 4:
        made, same = layers.Conv2DTranspose(outputs, kernel, **theirs), ConvTranspose2d(**sizes)
    elif kind == 5:
        image = (None, 9, inputs)
        made, same = layers.Conv1D(outputs, kernel[0], **theirs), Conv1d(**{**sizes, "kernel_size": kernel[0]})
    elif kind == 6:
        image = (None, 9, 9, 9, inputs)
        made, same = layers.Conv3D(outputs, 3, **theirs), Conv3d(**{**sizes, "kernel_size": 3})
    else:
        image = (None, inputs)
        made, same = (
            layers.Dense(outputs, **theirs),
            Linear(name=name, in_features=inputs, out_features=outputs, **ours),
        )
    made.build(image)
    return same, made


@pytest.mark.parametrize("part", range(5))
def test_random_models(part):
    rng = random.Random(part)
    for _ in range(100):
        seed = rng.choice([*SEEDS, rng.randrange(2**32)])
        keras.utils.set_random_seed(seed)
        layers = [layer(rng, f"l{i}") for i in range(rng.randrange(1, 6))]
        values = Model("m", [ours for ours, _ in layers], seed, DIALECT).init()
        for ours, theirs in layers:
            kept = [] if isinstance(ours, DrawFree) else theirs.get_weights()
            for part_name, weight in zip(("weight", "bias"), kept, strict=False):
                found = values[f"{ours.name}.{part_name}"]
                assert found.shape == weight.shape
                assert np.array_equal(found.view(np.uint32), weight.view(np.uint32)), (seed, ours)
