"""The keras dialects: recorded tensors, which initializer takes which seed, and what Keras does not have."""

import math
import random
import re
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import (
    GRU,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    EmbinitError,
    Generator,
    LayerNorm,
    Linear,
    Model,
    initializers,
)
from embinit.bitgen.keras import TensorFlowPhilox
from embinit.dialects import dialect_named
from embinit.dialects.keras import LISTED, NAMED, OWN
from embinit.layers import DrawFree
from embinit.many import init_many

from support import recorded_keras

BACKENDS = ["torch", "tensorflow", "jax"]
MODELS = {
    "mlp": [
        Linear(name="dense", in_features=7, out_features=6),
        LayerNorm(name="layer_normalization", normalized_shape=6),
        Linear(name="dense_1", in_features=6, out_features=3),
    ],
    "cnn": [
        Conv2d(name="conv2d", in_channels=2, out_channels=4, kernel_size=3),
        Conv2d(name="depthwise_conv2d", in_channels=4, out_channels=4, groups=4, kernel_size=3),
        BatchNorm2d(name="batch_normalization", num_features=4),
        Linear(name="dense", in_features=64, out_features=3),
    ],
    "emb": [
        Embedding(name="embedding", num_embeddings=11, embedding_dim=4),
        Conv1d(name="conv1d", in_channels=4, out_channels=3, kernel_size=2),
    ],
}
PARTS = {
    "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "embeddings": "weight",
}  # fmt: skip


def filled(dialect, table, shape, seed=0):
    out = np.empty(shape, np.float32)
    Generator.seeded(seed, dialect).fill(table, out)
    return out.view(np.uint32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_recorded_initializers_with_a_seed(backend):
    for case in recorded_keras.cases(backend, "init"):
        name = re.sub("(?<!^)([A-Z])", r"_\1", case["fn"]).lower()
        for words in recorded_keras.words(backend, case).values():
            table = {"name": name, **case["kwargs"], "seed": case["seed"]}
            assert filled(f"keras-{backend}", table, words.shape).tolist() == words.tolist(), table


@pytest.mark.parametrize("backend", BACKENDS)
def test_recorded_models_in_keras_s_shapes(backend):
    checked = 0
    for case in recorded_keras.cases(backend, "model"):
        layers = MODELS[case["model"]]
        values = Model("m", layers, case["set_random_seed"], f"keras-{backend}").init()
        recorded = recorded_keras.words(backend, case)
        names = dict(zip(dict.fromkeys(path.split("/")[1] for path in recorded), layers, strict=True))
        for path, words in recorded.items():
            _, name, part = path.split("/")
            if part.startswith("moving_"):  # statistics, of no buffer
                continue
            found = values[f"{names[name].name}.{PARTS[part]}"]
            assert found.view(np.uint32).tolist() == words.tolist(), path
            checked += 1
    assert checked > 30


def test_recorded_calls_of_tensorflow():
    tables = {
        "uniform": {"name": "random_uniform", "minval": 0.0, "maxval": 1.0},
        "uniform_-.3_.7": {"name": "random_uniform", "minval": -0.05, "maxval": 0.07},
        "normal": {"name": "random_normal", "stddev": 1.0},
        "truncated": {"name": "truncated_normal", "stddev": 1.0},
    }
    for case in recorded_keras.cases("tensorflow", "tf"):
        recorded = recorded_keras.words("tensorflow", case)
        generator = TensorFlowPhilox(case["seed"][0])
        key, counter, _ = generator.state
        assert recorded.pop("key").view(np.uint64).tolist() == [key]
        assert recorded.pop("counter").view(np.uint64).tolist() == [counter % 2**64, counter >> 64]
        for name, words in recorded.items():
            table = {**tables[name], "seed": case["seed"][0]}
            assert filled("keras-tensorflow", table, words.shape).tolist() == words.tolist(), (case["seed"], name)


def weights(layers, dialect="keras-torch", seed=42):
    return Model("m", layers, seed, dialect).init()


def listed(number, shape, name="glorot_uniform", seed=42):
    """What an initializer with the seed of that number in the list draws."""
    numbers = random.Random(seed)
    own = [numbers.randint(1, 10**9) for _ in range(number + 1)][number]
    return filled("keras-torch", {"name": name, "seed": own}, shape).tolist()


def dense(**keys):
    return Linear(name="last", in_features=4, out_features=3, **keys)


def init(name, **parameters):
    return dialect_named("keras-torch").initializer({"name": name, **parameters})


@pytest.mark.parametrize(
    ("layer", "takes"),
    [
        (dense(), 1),
        (dense(weight_init=init("zeros")), 0),
        (dense(weight_init=init("he_normal", seed=3)), 0),
        (dense(bias_init=init("random_normal")), 2),
        (dense(bias=False, bias_init=init("random_normal")), 2),
        (dense(bias=False, bias_init=init("random_normal", seed=3)), 1),
        (Embedding(num_embeddings=2, embedding_dim=3), 1),
        (LayerNorm(normalized_shape=3), 0),
        (BatchNorm2d(num_features=3), 0),
        (DrawFree(kind="Dropout"), 1),
        (DrawFree(kind="Dropout2d"), 1),
        (DrawFree(kind="ReLU"), 0),
    ],
)
def test_how_many_seeds_of_the_list_a_layer_takes(layer, takes):
    assert weights([replace(layer, name="before"), dense()])["last.weight"].view(np.uint32).tolist() == listed(
        takes, (4, 3)
    )


def test_the_plan_shows_the_seed_of_each_initializer():
    plan = Model(
        "m", [dense(bias_init=init("he_normal", seed=7)), LayerNorm(name="n", normalized_shape=3)], 42, "keras-jax"
    ).plan()
    assert [row.key for row in plan.rows] == [(random.Random(42).randint(1, 10**9),), (7,), None, None]
    assert re.search(r"^last.bias .* 7 +0 +3 ", str(plan), re.MULTILINE)
    assert plan.as_json()["buffers"][0]["key"] == [f"0x{plan.rows[0].key[0]:08x}"]


def test_a_copy_takes_no_seed():
    layers = [dense(), Linear(name="copy", in_features=4, out_features=3, same_as="last")]
    layers += [Linear(name="next", in_features=4, out_features=3)]
    values = weights(layers)
    assert (values["copy.weight"] == values["last.weight"]).all()
    assert values["next.weight"].view(np.uint32).tolist() == listed(1, (4, 3))


def test_arrays_of_a_generator_take_the_seeds_in_turn():
    generator, out = Generator.seeded(42, "keras-torch"), np.empty((4, 3), np.float32)
    for table, number in (
        ("glorot_uniform", 0),
        ("zeros", None),
        ({"name": "he_normal", "seed": 7}, None),
        ("he_normal", 1),
    ):
        generator.fill(table, out)
        if number is not None:
            assert out.view(np.uint32).tolist() == listed(number, (4, 3), table)
    generator.uniform(-1.0, 1.0, out)
    numbers = random.Random(42)
    own = [numbers.randint(1, 10**9) for _ in range(3)][2]
    table = {"name": "random_uniform", "minval": -1.0, "maxval": 1.0, "seed": own}
    assert out.view(np.uint32).tolist() == filled("keras-torch", table, (4, 3)).tolist()


def test_fans_of_biases_depthwise_and_transposed_kernels():
    he = init("he_uniform")
    sizes = {"in_channels": 4, "out_channels": 4, "kernel_size": [3, 2], "weight_init": he, "bias_init": he}
    layers = [
        Conv2d(name="depthwise", groups=4, **sizes),
        Conv2d(name="grouped", groups=2, **sizes),
        ConvTranspose2d(name="transposed", **{**sizes, "in_channels": 5}),
    ]
    rows = {row.name: row for row in Model("m", layers, 1, "keras-torch").plan().rows}
    assert {name: (row.shape, row.fan_in, row.fan_out) for name, row in rows.items() if row.part == "weight"} == {
        "depthwise.weight": ((3, 2, 4, 1), 24, 6),
        "grouped.weight": ((3, 2, 2, 4), 12, 24),
        "transposed.weight": ((3, 2, 4, 5), 24, 30),
    }
    assert rows["grouped.bias"].distribution.high == math.sqrt(3.0 * (2.0 / 4))


@pytest.mark.parametrize("backend", BACKENDS)
def test_seeds_side_by_side_are_seeds_one_by_one(backend):
    model = Model("m", MODELS["mlp"], 0, f"keras-{backend}")
    for seed, values in init_many(model, [0, 1, 2**32 - 1]):
        alone = weights(MODELS["mlp"], f"keras-{backend}", seed)
        assert all((values[name] == alone[name]).all() for name in alone)


@pytest.mark.parametrize("backend", BACKENDS)
def test_uniform_values_do_not_depend_on_threads(backend, monkeypatch):
    table = {"name": "random_uniform", "seed": 5}
    whole = filled(f"keras-{backend}", table, 50_001).tolist()
    monkeypatch.setattr("embinit.drawing.PARALLEL", 1000)
    assert filled(f"keras-{backend}", table, 50_001).tolist() == whole


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 15, 16, 17, 40_001])
def test_truncated_values_of_torch_are_chosen_from_normal_ones(n):
    found = filled("keras-torch", {"name": "truncated_normal", "mean": 0.25, "stddev": 0.5, "seed": 9}, n)
    candidates = np.empty(4 * n, np.float32)
    Generator.seeded(9, "torch").normal(0.0, 1.0, candidates)
    chosen = [next((z for z in four if -2 < z < 2), four[0]) for four in candidates.reshape(-1, 4)]
    expected = (np.array(chosen, np.float32) * np.float32(0.5) + np.float32(0.25)).view(np.uint32)
    assert found.tolist() == expected.tolist()


def test_truncated_values_of_tensorflow_are_the_same_in_any_length():
    table = {"name": "truncated_normal", "seed": 2**31}
    whole = filled("keras-tensorflow", table, 1000).tolist()
    for n in (1, 2, 3, 4, 5, 999):
        assert filled("keras-tensorflow", table, n).tolist() == whole[:n]


def test_a_model_file_gives_initializers_their_seeds(tmp_path):
    text = (
        '[model]\nname = "m"\ndialect = "keras-tensorflow"\nseed = 1\n[[layer]]\nname = "last"\ntype = "Linear"\n'
        'in_features = 4\nout_features = 3\nweight_init = "he_normal"\nseed = 7\n'
    )
    (tmp_path / "m.toml").write_text(text)
    found = embinit.load(tmp_path / "m.toml").init()["last.weight"].view(np.uint32)
    assert found.tolist() == filled("keras-tensorflow", {"name": "he_normal", "seed": 7}, (4, 3)).tolist()


def refusal(layers, **keys):
    return lambda: Model("m", layers, **{"seed": 1, "dialect": "keras-torch", **keys})


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (refusal([GRU(input_size=2, hidden_size=3)]), "the recurrent kernel of Keras' GRU is orthogonal"),
        (refusal([Embedding(num_embeddings=3, embedding_dim=2, padding_idx=0)]), "Keras has no padding_idx"),
        (
            refusal([ConvTranspose2d(in_channels=4, out_channels=4, kernel_size=2, groups=2)]),
            "Keras has no ConvTranspose2d with groups: groups must be 1, got 2",
        ),
        (refusal([dense()], seed=2**32), "seed must be an integer from 0 to 4294967295"),
        (
            refusal([dense(weight_init=initializers.Seeded(embinit.initializers.zeros(), 1))], dialect="odt"),
            "own seed belongs",
        ),
        (lambda: init("orthogonal"), "orthogonal"),
        (lambda: init("he_normal", seed=-1), "seed must be an integer from 0 to 4294967295, got -1"),
        (lambda: init("he_normal", gain=2.0), "initializer 'he_normal' has no key 'gain'; its keys are seed"),
        (lambda: init("variance_scaling", distribution="normal"), "distribution must be one of"),
        (lambda: init("variance_scaling", scale=0.0), "scale must be positive in Keras, got 0.0"),
        (
            lambda: filled("keras-torch", {"name": "random_normal", "stddev": -1.0}, 3),
            "stddev must not be negative in Keras",
        ),
        (lambda: Generator.seeded(1, "keras-jax").bernoulli(0.5, 3), "and no masks"),
        (lambda: Generator.seeded(1, "keras-jax").shuffle([1, 2]), "and shuffle nothing"),
        (
            refusal([dense(weight_format="sym8", rounding="stochastic")]),
            "has one for each tensor: take another rounding",
        ),
    ],
)
def test_refusals(work, message):
    with pytest.raises(EmbinitError, match=message):
        work()


@pytest.mark.parametrize("seed", [None, 5])
def test_an_initializer_that_init_tells_takes_its_seed(seed):
    drawn = NAMED["he_normal"](seed)
    embedding = Embedding(name="e", num_embeddings=3, embedding_dim=2, init={"weight": drawn})
    sizes = {"name": "fc", "in_features": 2, "out_features": 3}
    told, given = (
        Model(
            "m",
            [embedding, Linear(**sizes, **keys), Linear(name="last", in_features=2, out_features=2)],
            1,
            "keras-jax",
        )
        for keys in ({"init": {"bias": drawn}}, {"bias_init": drawn})
    )
    assert {name: each.tobytes() for name, each in told.init().items()} == {
        name: each.tobytes() for name, each in given.init().items()
    }
    starts = [tensor.order.restart for tensor in told.tensors]
    assert starts == [
        ((5, OWN) if seed else (0, LISTED)),
        (0 if seed else 1, LISTED),
        ((5, OWN) if seed else (2, LISTED)),
        (1 if seed else 3, LISTED),
        None,
    ]
