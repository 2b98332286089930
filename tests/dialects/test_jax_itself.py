"""JAX and Flax themselves, where they are installed: 500 random calls and modules, against dialects jax and flax."""

import random

import numpy as np
import pytest

from embinit import Conv1d, Conv2d, Embedding, EmbinitError, Generator, Linear, Model
from embinit.layers import DrawFree

jax = pytest.importorskip("jax")
flax = pytest.importorskip("flax")
from flax import linen, nnx  # noqa: E402 (after what skips)

SEEDS = 2**31
#: JAX compiles its functions for each of them.
SHAPES = [(5, 3), (2, 3, 4), (3, 1, 2, 5)]


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32).ravel().tolist()


def of_key(rng):
    """Return a generator and a key of JAX that went through the same splits and folds."""
    seed = rng.randrange(-SEEDS, 2 * SEEDS)
    ours, theirs = Generator.seeded(seed, "jax"), jax.random.key(seed)
    for _ in range(rng.randrange(4)):
        if rng.random() < 0.5:
            n = rng.randrange(1, 6)
            i = rng.randrange(n)
            ours, theirs = ours.split(n)[i], jax.random.split(theirs, n)[i]
        else:
            data = rng.randrange(2 * SEEDS)
            ours, theirs = ours.fold_in(data), jax.random.fold_in(theirs, data)
    assert list(ours.key) == jax.random.key_data(theirs).tolist()
    return ours, theirs


def a_call(rng):
    """Return an initializer as a table of embinit and as one of JAX."""
    stddev, low = rng.uniform(0.01, 3), rng.uniform(-3, 1)
    scaled = {
        "scale": rng.uniform(0.1, 4), "mode": rng.choice(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]),
        "distribution": rng.choice(["uniform", "normal", "truncated_normal"]),
    }  # fmt: skip
    name, keys = rng.choice(
        [("normal", {"stddev": stddev}), ("uniform", {"scale": stddev}), ("variance_scaling", scaled),
         ("truncated_normal", {"stddev": stddev, "lower": low, "upper": low + rng.uniform(0.3, 3)})]
        + [(f"{who}_{what}", {}) for who in ("lecun", "glorot", "he") for what in ("uniform", "normal")]
    )  # fmt: skip
    return {"name": name, **keys}, getattr(jax.nn.initializers, name)(**keys)


@pytest.mark.parametrize("number", range(10))
def test_random_calls(number):
    rng = random.Random(number)
    for _ in range(30):
        ours, theirs = of_key(rng)
        shape = rng.choice(SHAPES)
        if rng.random() < 0.2:
            assert ours.bitgen.random_raw(9).tolist() == jax.random.bits(theirs, (9,)).tolist()
            low, high = rng.uniform(-3, 3), rng.uniform(-3, 3)
            out = np.empty(shape, np.float32)
            ours.fold_in(1).uniform(low, high, out)
            assert bits(out) == bits(jax.random.uniform(jax.random.fold_in(theirs, 1), shape, minval=low, maxval=high))
            continue
        table, call = a_call(rng)
        out = np.empty(shape, np.float32)
        ours.fill(table, out)
        assert bits(out) == bits(call(theirs, shape)), (table, shape)


@pytest.mark.parametrize("number", range(4))
def test_random_calls_under_jit(number):
    rng = random.Random(100 + number)
    for _ in range(10):
        seed, (table, call) = rng.randrange(SEEDS), a_call(rng)
        shape = rng.choice(SHAPES)
        out = np.empty(shape, np.float32)
        try:
            Generator.seeded(seed, "jax", jit=True).fill(table, out)
        except EmbinitError as error:
            assert "glibc" in str(error)
            continue
        theirs = jax.jit(lambda key, call=call, shape=shape: call(key, shape))(jax.random.key(seed))
        assert bits(out) == bits(theirs), (table, shape)


def a_layer(rng, name):
    """Return a random layer of embinit, its class of Flax, and the arguments of nnx and of linen."""
    a, b, k = rng.randrange(1, 6), rng.randrange(1, 6), rng.randrange(1, 4)
    bias, kind = rng.random() < 0.7, rng.choice(["Linear", "Conv1d", "Conv2d", "Embedding"])
    if kind == "Linear":
        return Linear(name=name, in_features=a, out_features=b, bias=bias), (a, b), {"use_bias": bias}
    if kind == "Embedding":
        return Embedding(name=name, num_embeddings=a, embedding_dim=b), (a, b), {}
    size = (k,) if kind == "Conv1d" else (k, rng.randrange(1, 4))
    ours = {"Conv1d": Conv1d, "Conv2d": Conv2d}[kind]
    layer = ours(name=name, in_channels=a, out_channels=b, kernel_size=size, bias=bias)
    return layer, (a, b), {"kernel_size": size, "use_bias": bias}


NNX = {"Linear": nnx.Linear, "Conv1d": nnx.Conv, "Conv2d": nnx.Conv, "Embedding": nnx.Embed}
PARTS = {"weight": ("kernel", "embedding"), "bias": ("bias",)}


def parameter(module, part):
    return next(np.asarray(getattr(module, name)[...]) for name in PARTS[part] if hasattr(module, name))


@pytest.mark.parametrize("number", range(8))
def test_random_modules_of_nnx(number):
    rng = random.Random(number)
    for _ in range(10):
        seed, rngs_of = rng.randrange(SEEDS), []
        layers, rngs = [], nnx.Rngs(seed)
        for i in range(rng.randrange(1, 5)):
            if rng.random() < 0.2:
                layers.append(DrawFree(name=f"d{i}", kind="Dropout"))
                nnx.Dropout(0.5, rngs=rngs)
                rngs_of.append(None)
                continue
            layer, sizes, keys = a_layer(rng, f"l{i}")
            layers.append(layer)
            rngs_of.append(NNX[layer.type](*sizes, **keys, rngs=rngs))
        for name, values in Model("m", layers, seed, "flax-nnx").init().items():
            layer, part = name.split(".")
            assert bits(values) == bits(parameter(rngs_of[int(layer[1:])], part)), (seed, name, layers)


def linen_module(layer, sizes, keys, name):
    if isinstance(layer, Linear):
        return linen.Dense(sizes[1], name=name, **keys), np.zeros((1, sizes[0]), np.float32)
    if isinstance(layer, Embedding):
        return linen.Embed(*sizes, name=name), np.zeros((1,), np.int32)
    rank = len(keys["kernel_size"])
    return linen.Conv(sizes[1], name=name, **keys), np.zeros((1, *[4] * rank, sizes[0]), np.float32)


@pytest.mark.parametrize("number", range(8))
def test_random_modules_of_linen(number):
    rng = random.Random(number)
    for _ in range(10):
        seed, drawn = rng.randrange(SEEDS), [a_layer(rng, f"l{i}") for i in range(rng.randrange(1, 4))]
        names = rng.sample(["Dense_0", "head", "Block_0_conv", "Conv_1", "ä"], len(drawn))
        scope = rng.choice(["", "Net_0", "encoder"])

        class Inner(linen.Module):
            @linen.compact
            def __call__(self, drawn=drawn, names=names):
                for (layer, sizes, keys), name in zip(drawn, names, strict=True):
                    module, x = linen_module(layer, sizes, keys, name)
                    module(x)

        class Outer(linen.Module):
            @linen.compact
            def __call__(self, scope=scope, Inner=Inner):
                Inner(name=scope)()

        params = (Outer if scope else Inner)().init(jax.random.key(seed))["params"]
        held = params[scope] if scope else params
        paths = [f"{scope}/{name}" if scope else name for name in names]
        layers = [type(layer)(**{**vars(layer), "path": path}) for (layer, *_), path in zip(drawn, paths, strict=True)]
        for name, values in Model("m", layers, seed, "flax-linen").init().items():
            layer, part = name.split(".")
            theirs = held[names[int(layer[1:])]]
            found = next(theirs[each] for each in PARTS[part] if each in theirs)
            assert bits(values) == bits(found), (seed, name, paths)
