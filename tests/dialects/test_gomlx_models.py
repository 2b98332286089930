"""Models of the gomlx dialects: what is refused, the order of draws, model files and seeds."""

import json
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    EmbinitError,
    Generator,
    Linear,
    Model,
    initializers,
)
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.dialects import gomlx
from embinit.distributions import Constant, Normal, Uniform

from support import gomlx as oracle
from support.gomlx_layers import ALL, RANDOM, SCALED, assert_same, shaped

# ---- What GoMLX does not have ----


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv1d(name="a", in_channels=4, out_channels=6, kernel_size=5, groups=2, weight_init=RANDOM[0]),
         "'a': groups must be 1 in dialect gomlx.*, got 2: GoMLX's kernel keeps all 4 input channels"),
        (ConvTranspose1d(name="a", in_channels=4, out_channels=6, kernel_size=5), "'a': .* has no ConvTranspose1d"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=Normal(0.5, 1.0)),
         "'a': weight: GoMLX's normal has no mean: it must be 0, got 0.5"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=initializers.he_normal()),
         "GoMLX has no variance_scaling.*truncated_normal"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=initializers.truncated_normal()),
         "GoMLX has no truncated_normal"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=initializers.eye()), "has no eye"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=Uniform(-3e38, 3e38)), "its width must be"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=RANDOM[0], weight_format="sym8",
                rounding="stochastic"), "'a': weight: rounding stochastic draws words, and dialect .* take another"),
        (Linear(name="a", in_features=4, out_features=6, weight_init=replace(gomlx.he(), axes=(0, 1))), "in_axis"),
    ],
)  # fmt: skip
def test_what_is_refused(dialect, layer, message):
    with pytest.raises(EmbinitError, match=message):
        Model("m", [layer], seed=1, dialect=dialect)


def test_shuffles_are_refused():
    with pytest.raises(EmbinitError, match="GoMLX shuffles no tensors"):
        Generator.seeded(1, "gomlx").shuffle([1, 2, 3])


@pytest.mark.parametrize("dialect", ALL)
def test_dropout_masks_are_uniform_values_below_p(dialect):
    """RandomBernoulli: a call of RandomUniform, compared in float32."""
    g, device = Generator.seeded(9, dialect), oracle.GoMlx(dialect, 9)
    for n, p in ((7, 0.3), (64, 0.5), (5, 1.0), (3, 0)):
        assert g.bernoulli(p, n).tolist() == (device.units(n) < np.float32(p)).tolist()


# ---- Models ----


def test_layouts_defaults_and_one_stream_in_creation_order():
    layers = [
        Linear(name="fc", in_features=3, out_features=2),
        Conv1d(name="conv", in_channels=4, out_channels=6, kernel_size=5, weight_init=RANDOM[1]),
        Conv2d(name="conv2", in_channels=4, out_channels=3, kernel_size=[5, 2], weight_init=RANDOM[0]),
        Conv3d(name="conv3", in_channels=1, out_channels=1, kernel_size=[2, 3, 4], bias=False),
    ]
    plan = Model("m", layers, seed=5, dialect="gomlx").plan()

    assert [(row.name, row.shape, row.first_draw, row.draws) for row in plan.rows] == [
        ("fc.weight", (3, 2), 0, 12),
        ("fc.bias", (2,), 12, 0),
        ("conv.weight", (5, 4, 6), 12, 240),
        ("conv.bias", (6,), 252, 12),
        ("conv2.weight", (5, 2, 4, 3), 264, 120),
        ("conv2.bias", (3,), 384, 3),
        ("conv3.weight", (2, 3, 4, 1, 1), 388, 48),
    ]
    assert plan.rows[0].initializer == gomlx.he()
    assert plan.rows[1].distribution == Constant(0.0)


@pytest.mark.parametrize("dialect", ALL)
def test_the_plan_counts_the_words_that_are_drawn(dialect):
    shapes = [(3, 5), (1, 1), (7, 3), (5, 3, 1), (1, 3)]
    layers = [shaped(s, name=f"l{i}", weight_init=(SCALED + RANDOM)[i]) for i, s in enumerate(shapes)]
    bundle = gather(Model("m", layers, seed=3, dialect=dialect).plan())

    for entry in bundle.entries:
        assert (entry.row.first_draw, entry.row.draws) == (entry.first_draw, entry.draws)


def test_restart_starts_again_from_the_seed():
    """As an initialization graph does up to 0.20."""
    layers = [
        Linear(name="a", in_features=3, out_features=2, weight_init=RANDOM[0]),
        Linear(name="b", in_features=3, out_features=2, weight_init=RANDOM[0], restart=True),
        Linear(name="c", in_features=3, out_features=2, weight_init=RANDOM[0]),
    ]
    for dialect in ALL:
        model = Model("m", layers, seed=3, dialect=dialect)
        values = model.init()
        assert values["a.weight"].tobytes() == values["b.weight"].tobytes()
        assert values["a.bias"].tobytes() == values["b.bias"].tobytes()
        assert values["c.weight"].tobytes() != values["b.weight"].tobytes()
        assert model.plan().rows[2].first_draw == 0
        assert next(v for _, v in model.init_many([3]))["c.bias"].tobytes() == values["c.bias"].tobytes()


@pytest.mark.parametrize("dialect", ALL)
def test_dropped_words_are_a_call(dialect):
    """In the model and before a layer; as a dropout mask would draw them."""
    low = {"in_features": 3, "out_features": 1, "bias": False, "weight_init": RANDOM[0]}
    layers = [Linear(name="a", skip_words=3, **low), Linear(name="b", **low), Linear(name="c", skip_words=4, **low)]
    model, device = Model("m", layers, seed=3, dialect=dialect, skip_words=5), oracle.GoMlx(dialect, 3)
    device.units(5)
    device.units(3)
    expected = [device.uniform(1.0, 2.0, 3), device.uniform(1.0, 2.0, 3)]
    device.units(4)
    expected.append(device.uniform(1.0, 2.0, 3))
    bundle = gather(model.plan())

    for found, right in zip(model.init().values(), expected, strict=True):
        assert_same(found, right)
    for entry in bundle.entries:
        assert (entry.row.first_draw, entry.row.draws) == (entry.first_draw, entry.draws)


def test_the_default_of_0_20_is_the_clocks():
    for build in (
        lambda: Model("m", [Linear(name="fc", in_features=3, out_features=2)], seed=1, dialect="gomlx-0.20"),
        lambda: Generator.seeded(1, "gomlx-0.20").fill("default", np.empty(3, np.float32)),
    ):
        with pytest.raises(
            EmbinitError, match='from the clock for each variable: name another, such as weight_init = "he"'
        ):
            build()
    out = np.empty((3, 2), np.float32)
    Generator.seeded(1, "gomlx-0.20").fill(Uniform(-0.05, 0.05), out)
    assert out.any()


MODEL = """[model]
name = "m"
dialect = "gomlx"
target = "cortex-m0"
seed = {seed}
"""
NAMES = {
    "default": "",
    "zero": "",
    "one": "",
    "random_uniform": "min = -0.5\nmax = 0.25",
    "random_normal": "stddev = 0.1",
    "glorot_uniform": "",
    "xavier_uniform": "",
    "xavier_normal": "",
    "he": "",
    "broadcast_tensor_to_shape": "base = [1, 2.5, -3e-9, 0.1]",
    "zeros": "",
    "ones": "",
    "constant": "value = 0.1",
    "uniform": "low = -0.5\nhigh = 0.25",
    "normal": "stddev = 0.1",
}
LAYER = '[[layer]]\nname = "{name}"\ntype = "Conv1d"\nin_channels = 3\nout_channels = 4\nkernel_size = 5\n'


def text(seed=7):
    layers = [f'{LAYER.format(name=f"fc_{name}")}weight_init = "{name}"\n{keys}\n' for name, keys in NAMES.items()]
    base = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    kernel = f'bias = false\nweight_init = "broadcast_tensor_to_shape"\nbase = {base}\n'
    scalar = 'weight_init = "broadcast_tensor_to_shape"\nbase = 0.3\n'
    return MODEL.format(seed=seed) + "".join(
        [*layers, LAYER.format(name="kernel") + kernel, LAYER.format(name="scalar") + scalar]
    )


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "m.toml"
    file.write_text(text())
    return file


def test_names_of_a_model_file(path):
    assert ["default", *gomlx.NAMED] == list(NAMES)
    values = embinit.load(path).init()

    assert (values["fc_one.bias"] == 1).all()
    assert values["fc_broadcast_tensor_to_shape.weight"][4, 2].tolist() == np.float32([1, 2.5, -3e-9, 0.1]).tolist()
    assert values["kernel.weight"][1].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    assert (values["scalar.bias"] == np.float32(0.3)).all()
    assert values["fc_uniform.bias"].any()
    assert not values["fc_default.bias"].any()


def test_a_given_base_stands_in_the_manifest(path):
    rows = {row["name"]: row for row in gather(embinit.load(path).plan()).manifest()["buffers"]}

    base = rows["fc_broadcast_tensor_to_shape.bias"]["distribution"]["base"]
    assert base["bits"] == ["0x3f800000", "0x40200000", f"0x{np.float32(-3e-9).view(np.uint32):08x}", "0x3dcccccd"]
    json.dumps(rows)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('weight_init = "he_normal"', ["fc", "he_normal", "xavier_normal"]),
        ('weight_init = "he"\nin_axis = 1', ["fc", "in_axis"]),
        ('weight_init = "random_uniform"\nmin = 1.0', ["fc", "max", "missing"]),
        ('weight_init = "random_normal"', ["fc", "stddev", "missing"]),
        ('weight_init = "broadcast_tensor_to_shape"\nbase = [1, 2]', ["fc", "[5, 3, 4]", "[2]"]),
        ('weight_init = "broadcast_tensor_to_shape"\nbase = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]',
         ["fc", "[4]", "[3, 4]"]),
    ],
)  # fmt: skip
def test_errors_of_a_model_file(keys, words, path):
    path.write_text(MODEL.format(seed=1) + LAYER.format(name="fc") + keys)
    with pytest.raises(EmbinitError) as error:
        embinit.load(path)
    for word in words:
        assert word in str(error.value)


# ---- Seeds ----


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 10**30])
def test_a_seed_is_an_int64(seed):
    with pytest.raises(EmbinitError, match=r"seed must be an integer from -9223372036854775808 to 9223372036854775807"):
        Model("m", [Linear(in_features=3, out_features=2)], seed=seed, dialect="gomlx")


def test_seed_0_is_a_seed_from_0_21_on():
    layer = Linear(name="fc", in_features=3, out_features=2)
    for dialect in ("gomlx", "gomlx-xla", "gomlx-xla-nofma"):
        model = Model("m", [layer], seed=0, dialect=dialect)
        assert not model.seed_picked
        assert (
            model.init()["fc.weight"].tobytes()
            == Model("m", [layer], seed=89482311, dialect=dialect).init()["fc.weight"].tobytes()
        )


def test_seed_0_asks_the_clock_up_to_0_20():
    layer = Linear(name="fc", in_features=3, out_features=2, weight_init=gomlx.he())
    models = [Model("m", [layer], seed=0, dialect="gomlx-0.20") for _ in range(3)]
    seeds = [model.seed for model in models]

    assert all(seed in gomlx.SEEDS and seed for seed in seeds)
    assert len(set(seeds)) == 3
    assert all(model.seed_picked for model in models)
    again = Model("m", [layer], seed=seeds[0], dialect="gomlx-0.20")
    assert not again.seed_picked
    assert again == models[0]
    assert gather(again.plan()).manifest() == gather(models[0].plan()).manifest()
    assert gather(models[0].plan()).manifest()["model"]["seed"] == seeds[0]
    with pytest.raises(EmbinitError, match=r"seed must not be 0: it asks dialect gomlx-0\.20 for a random one"):
        Generator.seeded(0, "gomlx-0.20")


def test_the_command_line_reports_the_seed_it_picked(path, tmp_path, capsys):
    path.write_text(
        path.read_text().replace('"gomlx"', '"gomlx-0.20"').replace('weight_init = "default"\n', 'weight_init = "he"\n')
    )
    assert main(["export", str(path), "--seed", "0", "-o", str(tmp_path / "picked"), "--format", "npz"]) == 0
    told = capsys.readouterr().err
    seed = json.loads((tmp_path / "picked" / "manifest.json").read_text())["model"]["seed"]
    assert f"--seed {seed}" in told

    assert main(["export", str(path), "--seed", str(seed), "-o", str(tmp_path / "again"), "--format", "npz"]) == 0
    assert capsys.readouterr().err == ""
    for name in ("m.npz", "manifest.json"):
        assert (tmp_path / "picked" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
