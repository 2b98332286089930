"""The gomlx dialect: what each scheme draws, by statistics that a wrong constant fails; ranks, dtypes, seeds, cores."""

import json
import math

import numpy as np
import pytest

import embinit
from embinit import Conv1d, ConvTranspose1d, EmbinitError, Generator, Linear, Model, Pcg32, device, initializers
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.dialects import gomlx, kaun
from embinit.distributions import Broadcast, Constant
from embinit.verify import verify

from support import scheme_statistics as expect

MATRIX = (512, 2048)  # fans 512 and 2048
KERNEL = (2, 2, 128, 2048)  # fans 512 and 8192

#: A name for the test -> what builds the initializer, the shape, what it must draw by the text of GoMLX.
SCHEMES = {
    "random_uniform": (gomlx.random_uniform(-0.3, 0.7), MATRIX, expect.uniform(-0.3, 0.7)),
    "random_uniform rank 1": (gomlx.random_uniform(0.0, 2.0), (expect.N,), expect.uniform(0, 2)),
    "random_normal": (gomlx.random_normal(0.05), MATRIX, expect.normal(0.05)),
    "random_normal rank 1": (gomlx.random_normal(2.0), (expect.N,), expect.normal(2)),
    "glorot_uniform": (gomlx.glorot_uniform(), MATRIX, expect.uniform(-math.sqrt(3 / 1280), math.sqrt(3 / 1280))),
    "glorot_uniform kernel": (
        gomlx.glorot_uniform(),
        KERNEL,
        expect.uniform(-math.sqrt(3 / 4352), math.sqrt(3 / 4352)),
    ),
    "xavier_uniform": (gomlx.xavier_uniform(), MATRIX, expect.uniform(-math.sqrt(6 / 2560), math.sqrt(6 / 2560))),
    "xavier_normal": (gomlx.xavier_normal(), MATRIX, expect.normal(math.sqrt(2 / 2560))),
    "xavier_normal kernel": (gomlx.xavier_normal(), KERNEL, expect.normal(math.sqrt(2 / 8704))),
    "he": (gomlx.he(), MATRIX, expect.normal(math.sqrt(2 / 512))),
    "he kernel": (gomlx.he(), KERNEL, expect.normal(math.sqrt(2 / 512))),
}


def draw(initializer, shape, dtype=np.float32, **fans):
    out = np.empty(shape, dtype)
    generator = Generator(Pcg32(21), "gomlx")
    generator.fill(initializer, out, **fans)
    return out, generator.drawn


@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(initializer, shape)[0], expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, shape, expected = SCHEMES[name]
    values, _ = draw(expect.rescaled(initializer, factor), shape)

    assert expect.failed(values, expected) == expected.statistics


@pytest.mark.parametrize("name", ["xavier_normal", "he"])
def test_normals_are_not_truncated(name):
    initializer, shape, expected = SCHEMES[name]
    values, _ = draw(initializer, shape)
    truncated, _ = draw(initializers.variance_scaling(initializer.scale, initializer.mode), shape)

    assert np.abs(values).max() > 4 * math.sqrt(expected.variance)
    assert expect.failed(truncated, expected) >= {"kolmogorov_smirnov"}


def test_parameters_are_gomlxs_formulas_rounded_once():
    def parameters(initializer, *fans):
        return gomlx.GOMLX.distribution(initializer, *fans)

    chance = np.random.default_rng(4)
    for fan_in, fan_out in [
        *chance.integers(1, 40, (1000, 2)).tolist(),
        *chance.integers(1, 2**30, (2000, 2)).tolist(),
    ]:
        total = float(fan_in + fan_out)
        assert parameters(gomlx.glorot_uniform(), fan_in, fan_out).high == np.float32(math.sqrt(3.0 / (total / 2.0)))
        assert parameters(gomlx.xavier_uniform(), fan_in, fan_out).high == np.float32(math.sqrt(6.0 / total))
        assert parameters(gomlx.xavier_normal(), fan_in, fan_out).stddev == np.float32(math.sqrt(2.0 / total))
        assert parameters(gomlx.he(), fan_in, fan_out).stddev == np.float32(math.sqrt(2.0 / fan_in))


SCALED = [gomlx.glorot_uniform(), gomlx.xavier_uniform(), gomlx.xavier_normal(), gomlx.he()]
RANDOM = [gomlx.random_uniform(1.0, 2.0), gomlx.random_normal(1.0)]


@pytest.mark.parametrize("shape", [(), (1,), (7,)])
def test_scaled_variance_is_zeros_up_to_rank_one(shape):
    for initializer in SCALED:
        for fans in ({}, {"fan_in": 3, "fan_out": 4}):
            values, drawn = draw(initializer, shape, **fans)
            assert (values == 0).all()
            assert drawn == 0
    for initializer in RANDOM:
        values, drawn = draw(initializer, shape)
        assert (values != 0).all()
        assert drawn == values.size


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.bool_])
def test_tensors_that_are_not_float_are_zeros_unless_their_values_are_given(dtype):
    for initializer in (*SCALED, *RANDOM):
        values, drawn = draw(initializer, (3, 4), dtype)
        assert not values.any()
        assert drawn == 0
    assert (draw(initializers.ones(), (3, 4), dtype)[0] == 1).all()
    given, _ = draw(gomlx.broadcast_tensor_to_shape([1.9, 0, 3]), (2, 3), dtype)
    assert given.tolist() == np.array([[1, 0, 3]] * 2).astype(dtype).tolist()


def test_values_that_an_integer_cannot_hold_are_an_error():
    with pytest.raises(EmbinitError, match="int8"):
        draw(gomlx.broadcast_tensor_to_shape([1, 300]), (2, 2), np.int8)
    with pytest.raises(EmbinitError, match="float64"):
        draw(gomlx.he(), (2, 2), np.float64)
    with pytest.raises(EmbinitError, match="int8"):
        Generator(Pcg32(1), "kaun").fill(initializers.ones(), np.empty((2, 2), np.int8))


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((3, 5), (3, 5)), ((7, 3, 5), (21, 35)), ((2, 7, 3, 5), (42, 70)), ((0, 5), (1, 5)), ((4, 0, 5), (1, 20))],
)
def test_fans_of_shapes_are_one_at_least(shape, fans):
    assert gomlx.shape_fans(gomlx.he(), shape) == fans


@pytest.mark.parametrize("base", [0.1, [0.1, 2, 3], [[1, 2, 3], [4, 5, 6.5]], np.arange(12).reshape(2, 2, 3)])
def test_a_base_is_repeated_over_leading_axes(base):
    for shape in ((2, 2, 3), (5, 2, 2, 3)):
        values, drawn = draw(gomlx.broadcast_tensor_to_shape(base), shape)
        assert values.tobytes() == np.broadcast_to(np.asarray(base, np.float32), shape).tobytes()
        assert drawn == 0


@pytest.mark.parametrize(
    ("base", "shape"),
    [([1.0, 2.0], (2, 3)), ([1.0, 2.0], (1,)), ([[1.0], [2.0]], (2, 2)), ([[1.0, 2.0]], (2,)), ([1], ())],
)
def test_a_base_that_is_no_suffix_is_an_error_with_both_shapes(base, shape):
    with pytest.raises(EmbinitError) as error:
        draw(gomlx.broadcast_tensor_to_shape(base), shape)

    assert str(list(np.shape(base))) in str(error.value)
    assert str(list(shape)) in str(error.value)


@pytest.mark.parametrize("base", ["text", [], [[1, 2], [3]], None, [1.0, math.inf], [1e39], [True, False]])
def test_a_base_of_something_else_is_an_error(base):
    with pytest.raises(EmbinitError, match="base"):
        gomlx.broadcast_tensor_to_shape(base)


def test_axes_mean_nothing():
    with pytest.raises(EmbinitError, match=r"gomlx has no .*in_axis"):
        draw(kaun.he_normal(), (3, 4))


@pytest.mark.parametrize("dialect", ["odt", "portable", "kaun", "torch"])
def test_other_dialects_have_no_broadcast(dialect):
    layer = Linear(name="fc", in_features=3, out_features=2, weight_init=Broadcast((1.0, 2.0)))
    with pytest.raises(EmbinitError, match=f"'fc': dialect {dialect} has no broadcast"):
        Model("m", [layer], seed=1, dialect=dialect)


# ---- Models ----


def test_layouts_defaults_and_one_stream_in_creation_order():
    layers = [
        Linear(name="fc", in_features=3, out_features=2),
        Conv1d(name="conv", in_channels=4, out_channels=6, kernel_size=5, groups=2, weight_init=RANDOM[1]),
        ConvTranspose1d(name="deconv", in_channels=4, out_channels=6, kernel_size=5, groups=2, weight_init=RANDOM[0]),
    ]
    plan = Model("m", layers, seed=5, dialect="gomlx").plan()

    assert [(row.name, row.shape, row.draws) for row in plan.rows] == [
        ("fc.weight", (3, 2), 6),
        ("fc.bias", (2,), 0),
        ("conv.weight", (5, 2, 6), 60),
        ("conv.bias", (6,), 6),
        ("deconv.weight", (5, 4, 3), 60),
        ("deconv.bias", (6,), 6),
    ]
    assert plan.rows[0].initializer == gomlx.he()
    assert plan.rows[1].distribution == Constant(0.0)
    stream = Generator(Pcg32(5), "gomlx")
    for row, values in zip(plan.rows, plan.model.init().values(), strict=True):
        out = np.empty(row.shape, np.float32)
        stream.fill([gomlx.he(), RANDOM[1], RANDOM[0]][plan.rows.index(row) // 2], out)
        assert out.tobytes() == values.tobytes()


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


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_a_model_of_every_scheme_on_an_emulated_core(target, path):
    bundle = gather(embinit.load(path, target=target).plan())

    assert verify(bundle, device.run(bundle), target).agrees
    assert bundle.payload == gather(embinit.load(path, target="host").plan()).payload


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


# ---- No seed ----


def test_without_a_seed_one_is_picked_and_recorded():
    layer = Linear(name="fc", in_features=3, out_features=2)
    models = [Model("m", [layer], seed=0, dialect="gomlx") for _ in range(3)]
    seeds = [model.seed for model in models]

    assert all(1 <= seed < 2**32 for seed in seeds)
    assert len(set(seeds)) == 3
    assert all(model.seed_picked for model in models)
    again = Model("m", [layer], seed=seeds[0], dialect="gomlx")
    assert not again.seed_picked
    assert again == models[0]
    assert gather(again.plan()).manifest() == gather(models[0].plan()).manifest()
    assert gather(models[0].plan()).manifest()["model"]["seed"] == seeds[0]
    assert Model("m", [layer], seed=0, dialect="kaun").seed == 0


def test_the_command_line_reports_the_seed_it_picked(path, tmp_path, capsys):
    assert main(["export", str(path), "--seed", "0", "-o", str(tmp_path / "picked"), "--format", "npz"]) == 0
    told = capsys.readouterr().err
    seed = json.loads((tmp_path / "picked" / "manifest.json").read_text())["model"]["seed"]
    assert f"--seed {seed}" in told

    assert main(["export", str(path), "--seed", str(seed), "-o", str(tmp_path / "again"), "--format", "npz"]) == 0
    assert capsys.readouterr().err == ""
    for name in ("m.npz", "manifest.json"):
        assert (tmp_path / "picked" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
