"""The dialects tinygrad and mlx: recordings, the libraries themselves where they are installed, C, and refusals."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Embedding,
    EmbinitError,
    Generator,
    Linear,
    Model,
    device,
)
from embinit.bitgen.key_streams import MlxKeys, TinygradKeys
from embinit.bundle import gather
from embinit.dialects import mlx, tinygrad
from embinit.verify import verify

VECTORS = Path(__file__).parents[1] / "vectors"
F32 = np.float32


def recorded(library):
    words = np.load(VECTORS / library / f"{library}.npz")["words"]
    for case in json.loads((VECTORS / library / f"{library}.json").read_text())["cases"]:
        for array in case["arrays"]:
            found = words[array["offset"] : array["offset"] + array["words"]].reshape(array["shape"])
            yield case["kind"], array["name"], case["seed"], found


def bits(values):
    return np.ascontiguousarray(values, F32).view(np.uint32).tolist()


def filled(generator, initializer, shape):
    out = np.empty(shape, F32)
    generator.fill(initializer, out)
    return out


# ---- Recordings ----


def test_recorded_by_tinygrad():
    streams, seen = {}, 0
    for kind, name, seed, words in recorded("tinygrad"):
        if kind == "stream":
            generator = streams.setdefault(seed, Generator.seeded(seed, "tinygrad"))
            assert bits(filled(generator, "uniform", words.shape)) == words.tolist(), (seed, name)
        elif kind == "linear":
            fc = Linear(name="fc", in_features=3, out_features=4)
            assert bits(Model("m", [fc], seed, "tinygrad").init()[f"fc.{name}"]) == words.tolist()
        elif kind == "uniform":
            drawn = filled(
                Generator.seeded(seed, "tinygrad"), {"name": "uniform", "low": -0.3, "high": 0.55}, words.shape
            )
            assert bits(drawn) == words.tolist()
        seen += kind != "randn"
    assert seen == 21


def test_recorded_by_mlx():
    calls = {"uniform_ab": {"name": "uniform", "low": -0.3, "high": 0.55}, "normal": "normal"}
    for kind, name, seed, words in recorded("mlx"):
        root = Generator.seeded(seed, "mlx")
        if kind == "linear":
            fc = Linear(name="fc", in_features=3, out_features=4)
            assert bits(Model("m", [fc], seed, "mlx").init()[f"fc.{name}"]) == words.tolist()
        elif name == "key":
            assert list(root.key) == words.tolist()
        elif name == "split":
            assert [list(each.key) for each in root.split(2)] == words.tolist()
        else:
            of_key = Generator(MlxKeys.explicit(root.key), dialect="mlx")
            assert bits(filled(of_key, calls.get(name, "uniform"), words.shape)) == words.tolist(), (seed, name)


# ---- The libraries themselves ----


def tinygrad_model(rng):
    """Return layers of embinit, and the same of tinygrad as a function that makes them."""
    nn = pytest.importorskip("tinygrad.nn")
    layers, made = [], []
    for i in range(rng.randrange(1, 5)):
        a, b, k, n = rng.randrange(1, 6), rng.randrange(1, 6), rng.randrange(1, 4), rng.randrange(1, 4)
        groups, bias, transposed = rng.randrange(1, 3), rng.random() < 0.7, rng.random() < 0.5
        kind = rng.choice(["Linear", "Conv", "Embedding"])
        if kind == "Linear":
            layers.append(Linear(name=f"l{i}", in_features=a, out_features=b, bias=bias))
            made.append(lambda a=a, b=b, bias=bias: nn.Linear(a, b, bias=bias))
        elif kind == "Embedding":
            layers.append(Embedding(name=f"l{i}", num_embeddings=a, embedding_dim=b))
            made.append(lambda a=a, b=b: nn.Embedding(a, b))
        else:
            a, b, size = a * groups, b * groups, (k, *[rng.randrange(1, 4) for _ in range(n - 1)])
            ours = [Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d][n - 1 + 3 * transposed]
            theirs = nn.ConvTranspose2d if transposed else nn.Conv2d
            channels = {"in_channels": a, "out_channels": b, "groups": groups, "bias": bias}
            layers.append(ours(name=f"l{i}", kernel_size=size, **channels))
            made.append(lambda theirs=theirs, size=size, channels=channels: theirs(kernel_size=size, **channels))
    return layers, made


@pytest.mark.parametrize("number", range(5))
def test_random_models_of_tinygrad_itself(number):
    tensor = pytest.importorskip("tinygrad").Tensor
    rng = random.Random(number)
    for _ in range(10):
        seed, (layers, made) = rng.randrange(-(2**33), 2**33), tinygrad_model(rng)
        tensor.manual_seed(seed)
        modules = [make() for make in made]
        for name, values in Model("m", layers, seed, "tinygrad").init().items():
            layer, part = name.split(".")
            assert bits(values) == bits(getattr(modules[int(layer[1:])], part).numpy()), (seed, name, layers)


@pytest.mark.parametrize("number", range(5))
def test_random_calls_of_tinygrad_itself(number):
    tensor = pytest.importorskip("tinygrad").Tensor
    rng = random.Random(number)
    for _ in range(10):
        seed = rng.randrange(2**32)
        tensor.manual_seed(seed)
        generator = Generator.seeded(seed, "tinygrad")
        for _ in range(3):
            shape = tuple(rng.randrange(1, 8) for _ in range(rng.randrange(1, 4)))
            low = rng.uniform(-3, 3)
            name, keys = rng.choice(
                [("uniform", {"low": low, "high": low + rng.uniform(0.001, 2)}), ("glorot_uniform", {}),
                 ("kaiming_uniform", {"a": rng.uniform(0, 3)})]
            )  # fmt: skip
            theirs = getattr(tensor, name)(*shape, **keys).numpy()
            assert bits(filled(generator, {"name": name, **keys}, shape)) == bits(theirs), (seed, name, keys, shape)


def mlx_layer(rng, i):
    """Return a layer of embinit, and the same of MLX as a function that makes it."""
    nn = pytest.importorskip("mlx.nn")
    a, b, n = rng.randrange(1, 6), rng.randrange(1, 6), rng.randrange(1, 4)
    bias, kind, name = rng.random() < 0.7, rng.choice(["Linear", "Conv", "ConvTranspose", "Embedding"]), f"l{i}"
    if kind == "Linear":
        return Linear(name=name, in_features=a, out_features=b, bias=bias), lambda: nn.Linear(a, b, bias=bias)
    if kind == "Embedding":
        return Embedding(name=name, num_embeddings=a, embedding_dim=b), lambda: nn.Embedding(a, b)
    groups = {"groups": 2} if kind == "Conv" and n < 3 and rng.random() < 0.5 else {}
    channels = {"in_channels": 2 * a, "out_channels": 2 * b, "bias": bias, **groups}
    size = tuple(rng.randrange(1, 4) for _ in range(n))
    ours = getattr(embinit, f"{kind}{n}d")(name=name, kernel_size=size, **channels)
    return ours, lambda: getattr(nn, f"{kind}{n}d")(kernel_size=size if n > 1 else size[0], **channels)


def test_random_models_of_mlx_itself():
    random_ = pytest.importorskip("mlx.core").random
    rng = random.Random(0)
    for _ in range(100):
        seed = rng.choice([rng.randrange(100), rng.randrange(2**64)])
        random_.seed(seed)
        both = [mlx_layer(rng, i) for i in range(rng.randrange(1, 5))]
        modules = [make() for _, make in both]
        layers = [layer for layer, _ in both]
        for name, values in Model("m", layers, seed, "mlx").init().items():
            layer, part = name.split(".")
            assert bits(values) == bits(np.array(modules[int(layer[1:])][part])), (seed, name, layers)


def test_random_calls_of_mlx_itself():
    core = pytest.importorskip("mlx.core")
    init = pytest.importorskip("mlx.nn").init
    rng = random.Random(0)
    for _ in range(100):
        seed, n = rng.randrange(2**64), rng.randrange(1, 5)
        core.random.seed(seed)
        generator = Generator.seeded(seed, "mlx")
        if rng.random() < 0.5:
            i = rng.randrange(n)
            assert [list(each.key) for each in generator.split(n)] == core.random.split(
                core.random.key(seed), n
            ).tolist()
            theirs = core.random.uniform(shape=(7,), key=core.random.split(core.random.key(seed), n)[i])
            assert bits(filled(generator.split(n)[i], "uniform", 7)) == bits(np.array(theirs))
        for _ in range(3):
            shape = tuple(rng.randrange(1, 8) for _ in range(rng.randrange(2, 4)))
            low, gain, mode = rng.uniform(-3, 3), rng.uniform(0, 2), rng.choice(["fan_in", "fan_out"])
            name, made, called = rng.choice(
                [("uniform", {"low": low, "high": rng.uniform(-3, 3)}, {}),
                 ("normal", {"mean": rng.choice([0, low]), "std": gain}, {}), ("glorot_uniform", {}, {"gain": gain}),
                 ("glorot_normal", {}, {"gain": gain}), ("he_uniform", {}, {"gain": gain, "mode": mode}),
                 ("he_normal", {}, {"gain": gain, "mode": mode})]
            )  # fmt: skip
            theirs = getattr(init, name)(**made)(core.zeros(shape), **called)
            ours = filled(generator, {"name": name, **made, **called}, shape)
            assert bits(ours) == bits(np.array(theirs)), (seed, name, made, called, shape)


# ---- C ----

LAYERS = {
    "tinygrad": [
        Linear(in_features=7, out_features=5),
        ConvTranspose1d(in_channels=4, out_channels=6, kernel_size=3, groups=2),
        Conv2d(in_channels=2, out_channels=3, kernel_size=[3, 2], weight_init=tinygrad.kaiming_uniform(), bias=False),
        Embedding(num_embeddings=9, embedding_dim=5),
        Linear(in_features=3, out_features=3, weight_format="int8", bias_init=tinygrad.uniform(0.2, 0.9), skip_words=3),
    ],
    "mlx": [
        Linear(in_features=7, out_features=5),
        Conv2d(in_channels=4, out_channels=6, kernel_size=[3, 1], groups=2),
        Embedding(num_embeddings=9, embedding_dim=5),
        Linear(in_features=3, out_features=3, weight_init=mlx.normal(0.5, 0.25), weight_format="sym8", skip_words=3),
        Linear(in_features=1, out_features=1, restart=True),
    ],
}


@pytest.mark.device
@pytest.mark.parametrize(("library", "target"), [("tinygrad", "cortex-m0"), ("mlx", "cortex-m4f")])
def test_c(library, target):
    bundle = gather(Model("m", LAYERS[library], 2**31 + 5, library, target).plan())

    assert verify(bundle, device.run(bundle), target).agrees


# ---- Streams and refusals ----


@pytest.mark.parametrize("start", [TinygradKeys, MlxKeys.seeded])
def test_words_in_parts(start):
    one, other = start(5), start(5)
    ahead = one.random_raw(9).tolist()
    assert [*other.random_raw(4).tolist(), *other.random_raw(5).tolist()] == ahead
    assert start(5).jumped(7).random_raw(2).tolist() == ahead[7:]
    assert start(5).jumped(99) == start(5).jumped(60).jumped(39)
    assert (one, one.state) == (other, other.state)


def test_the_plan_names_each_key_of_mlx():
    rows = Model("m", [Linear(name="fc", in_features=2, out_features=1)], 42, "mlx").plan().rows
    first, used = MlxKeys.split((0, 42), 2)
    assert [row.key for row in rows] == [used, MlxKeys.split(first, 2)[1]]


def test_a_key_of_mlx_gives_one_array():
    child = Generator.seeded(3, "mlx").split(2)[0]
    filled(child, "normal", 4)
    with pytest.raises(EmbinitError, match="one array is drawn from a key of MLX"):
        filled(child, "normal", 4)


def test_values_of_tinygrad_are_counted_by_64_bits():
    near = TinygradKeys(1)
    near.state = 1, 2**32 - 1
    low, high = near.random_raw(2).tolist()
    assert len({low, high, *TinygradKeys(1).random_raw(2).tolist()}) == 4


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: filled(Generator.seeded(1, "tinygrad"), "normal", 3), "normal values are not known"),
        (lambda: filled(Generator.seeded(1, "tinygrad"), "kaiming_normal", 3), "normal values are not known"),
        (lambda: tinygrad.uniform(1.0, 1.0), "low must be less than high in tinygrad, got 1.0 and 1.0"),
        (lambda: Generator.seeded(1, "tinygrad").normal(0, 1, np.empty(2, F32)), "tinygrad has no normal"),
        (lambda: Generator.seeded(1, "tinygrad").shuffle(np.arange(3)), "shuffles of tinygrad are not known"),
        (lambda: Generator.seeded(1, "mlx").bernoulli(0.5, 3), "masks of MLX are not known"),
        (lambda: Generator.seeded(1, "tinygrad").split(2), "tinygrad has no keys"),
        (lambda: Generator.seeded(1, "mlx").fold_in(2), "fold_in"),
        (lambda: Generator.seeded(-1, "mlx"), "seed must be an integer from 0 to 18446744073709551615"),
        (lambda: mlx.he_uniform("fan_avg"), 'mode must be "fan_in" or "fan_out" in MLX'),
        (lambda: filled(Generator.seeded(1, "mlx"), "he_normal", 3), "at least two axes"),
        (lambda: MlxKeys((0, 1)).advance(-1), "cannot go back by 1 keys"),
        (lambda: TinygradKeys(1).advance(-1), "cannot go back by 1 values"),
        (lambda: Generator.seeded(1, "mlx").uniform(-3e38, 3e38, np.empty(1, F32)), "width"),
        (
            lambda: Model("m", [Conv3d(in_channels=2, out_channels=2, kernel_size=1, groups=2)], 1, "mlx"),
            "a Conv3d of MLX has none, got 2",
        ),
        (lambda: Model("m", [Embedding(num_embeddings=2, embedding_dim=1, padding_idx=0)], 1, "mlx"), "no padding_idx"),
    ],
)
def test_refusals(work, message):
    with pytest.raises(EmbinitError, match=message):
        work()
