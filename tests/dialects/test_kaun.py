"""The kaun dialect: what each scheme draws, by statistics that a wrong constant fails; axes, errors, models, cores."""

import math
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import (
    Conv1d,
    ConvTranspose1d,
    EmbinitError,
    Generator,
    Linear,
    Model,
    Pcg32,
    Xorshift32,
    device,
    initializers,
)
from embinit.bundle import gather
from embinit.dialects import kaun
from embinit.distributions import Constant
from embinit.initializers import VarianceScaling
from embinit.verify import verify

from support import scheme_statistics as expect

MODES = ("fan_in", "fan_out", "fan_avg")
MATRIX = (512, 2048)  # fans 512 and 2048
KERNEL = (4, 128, 2048)  # fans 512 and 8192
MOVED = (2048, 8, 64)  # with in_axis 0 and out_axis 2 fans 16384 and 512

#: A name for the test -> what builds the initializer, the shape, what it must draw by the text of Kaun.
SCHEMES = {
    "uniform": (kaun.uniform(), MATRIX, expect.uniform(0, 0.01)),
    "uniform scale": (kaun.uniform(0.3), MATRIX, expect.uniform(0, 0.3)),
    "normal": (kaun.normal(), MATRIX, expect.normal(0.01)),
    "normal stddev": (kaun.normal(0.3), MATRIX, expect.normal(0.3)),
    "glorot_uniform": (kaun.glorot_uniform(), MATRIX, expect.uniform(-math.sqrt(6 / 2560), math.sqrt(6 / 2560))),
    "glorot_normal": (kaun.glorot_normal(), MATRIX, expect.truncated_normal(math.sqrt(2 / 2560))),
    "he_uniform": (kaun.he_uniform(), KERNEL, expect.uniform(-math.sqrt(6 / 512), math.sqrt(6 / 512))),
    "he_normal": (kaun.he_normal(), KERNEL, expect.truncated_normal(math.sqrt(2 / 512))),
    "lecun_uniform": (kaun.lecun_uniform(), KERNEL, expect.uniform(-math.sqrt(3 / 512), math.sqrt(3 / 512))),
    "lecun_normal": (kaun.lecun_normal(), MATRIX, expect.truncated_normal(math.sqrt(1 / 512))),
    "he_normal axes": (kaun.he_normal(0, 2), MOVED, expect.truncated_normal(math.sqrt(2 / 16384))),
    "glorot_uniform axes": (
        kaun.glorot_uniform(in_axis=0, out_axis=-1),
        MOVED,
        expect.uniform(-math.sqrt(6 / 16896), math.sqrt(6 / 16896)),
    ),
}
for mode, n in zip(MODES, (512, 8192, 4352), strict=True):
    deviation = math.sqrt(0.7 / n)
    for shape, expected in (
        ("uniform", expect.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation)),
        ("normal", expect.normal(deviation)),
        ("truncated_normal", expect.truncated_normal(deviation)),
    ):
        SCHEMES[f"variance_scaling {mode} {shape}"] = (kaun.variance_scaling(0.7, mode, shape), KERNEL, expected)


def draw(initializer, shape, bitgen=None, **fans):
    out = np.empty(shape, np.float32)
    Generator(bitgen or Pcg32(20), "kaun").fill(initializer, out, **fans)
    return out


@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(initializer, shape), expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(expect.rescaled(initializer, factor), shape), expected) == expected.statistics


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal"])
def test_the_statistics_tell_a_truncated_normal_from_a_normal(name):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(replace(initializer, distribution="normal"), shape), expected) >= {"kolmogorov_smirnov"}


def test_constants_draw_nothing():
    generator, out = Generator(Pcg32(1), "kaun"), np.empty((2, 3), np.float32)
    for initializer, value in ((kaun.zeros(), 0.0), (kaun.ones(), 1.0), (kaun.constant(0.1), np.float32(0.1))):
        generator.fill(initializer, out)
        assert (out == value).all()
    assert generator.drawn == 0


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.7])
def test_parameters_are_kauns_formulas_rounded_once(scale):
    for fan in [*range(1, 2000), *np.random.default_rng(4).integers(2000, 2**31, 2000).tolist()]:
        uniform, normal, truncated = (
            kaun.KAUN.distribution(VarianceScaling(scale, "fan_in", shape), fan, 7)
            for shape in ("uniform", "normal", "truncated_normal")
        )
        variance = scale / fan
        assert uniform.high == -uniform.low == np.float32(math.sqrt(3.0 * variance))
        assert normal.stddev == np.float32(math.sqrt(variance))
        assert truncated.stddev == np.float32(math.sqrt(variance) / 0.87962566103423978)


@pytest.mark.parametrize(
    ("shape", "axes", "fans"),
    [
        ((3, 5), (-2, -1), (3, 5)),
        ((7, 3, 5), (-2, -1), (21, 35)),
        ((2, 7, 3, 5), (-2, -1), (42, 70)),
        ((5, 3, 7), (1, 0), (21, 35)),
        ((5, 3, 7), (-2, -3), (21, 35)),
        ((3, 5), (0, 0), (15, 15)),
        ((6,), (-2, -1), (6, 6)),
        ((6,), (9, -9), (6, 6)),
        ((), (-2, -1), (1, 1)),
    ],
)
def test_fans_by_axes(shape, axes, fans):
    assert kaun.fans_by_axes(shape, *axes) == fans


def test_fans_given_come_before_those_of_the_shape():
    given = draw(kaun.he_uniform(), (3, 5), fan_in=12, fan_out=1)

    assert given.tobytes() == draw(initializers.uniform(-math.sqrt(0.5), math.sqrt(0.5)), (3, 5)).tobytes()
    assert not np.array_equal(given, draw(kaun.he_uniform(), (3, 5)))


def test_any_bit_generator_reads_the_same_rule():
    """One word an element, (word >> 8) * 2^-24 from 0 up."""
    out = draw(kaun.uniform(0.5), (4, 4), Xorshift32(42))

    words = Xorshift32(42).random_raw(16)
    assert out.ravel().tolist() == [float(word >> 8) * 2.0**-25 for word in words.tolist()]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: kaun.uniform(-0.01), ["scale", "negative", "-0.01"]),
        (lambda: kaun.normal(-1.0), ["stddev", "negative", "-1.0"]),
        (lambda: kaun.normal(math.inf), ["stddev", "inf"]),
        (lambda: kaun.uniform("1"), ["scale", "'1'"]),
        (lambda: kaun.variance_scaling(-1.0, "fan_in", "normal"), ["scale", "negative", "-1.0"]),
        (lambda: kaun.variance_scaling(1.0, "fan", "normal"), ["mode", "fan_avg", "'fan'"]),
        (lambda: kaun.variance_scaling(1.0, "fan_in", "cauchy"), ["distribution", "cauchy"]),
        (lambda: kaun.he_normal(in_axis=0.5), ["in_axis", "integer", "0.5"]),
        (lambda: kaun.he_normal(out_axis=True), ["out_axis", "integer", "True"]),
    ],
)
def test_errors_when_built(build, words):
    with pytest.raises(EmbinitError) as error:
        build()
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("initializer", "shape", "words"),
    [
        (kaun.he_normal(in_axis=2), (3, 5), ["in_axis", "-2 to 1", "rank 2", "got 2"]),
        (kaun.he_normal(out_axis=-4), (3, 5, 7), ["out_axis", "-3 to 2", "rank 3", "got -4"]),
        (kaun.he_normal(), (0, 5), ["fan_in", "positive", "got fan_in 0", "[0, 5]"]),
        (kaun.glorot_uniform(), (0, 0), ["fan_avg", "positive", "fan_out 0"]),
        (kaun.variance_scaling(1.0, "fan_out", "normal"), (4, 0), ["fan_out", "positive"]),
        (kaun.lecun_normal(), (0,), ["fan_in", "positive"]),
    ],
)
def test_errors_of_a_shape(initializer, shape, words):
    with pytest.raises(EmbinitError) as error:
        draw(initializer, shape)
    for word in words:
        assert word in str(error.value)


def test_an_average_may_be_positive_with_one_fan_of_0():
    assert draw(kaun.glorot_uniform(), (0, 5)).size == 0


@pytest.mark.parametrize("dialect", ["odt", "portable", "torch", "odt-2026-04"])
def test_axes_mean_nothing_to_other_dialects(dialect):
    layer = Linear(name="fc", in_features=3, out_features=2, weight_init=kaun.lecun_uniform())
    with pytest.raises(EmbinitError, match=f"'fc': dialect {dialect} has no .*in_axis|'fc': .*no choice"):
        Model("m", [layer], seed=1, dialect=dialect)


# ---- Models ----


def test_layouts_defaults_and_order():
    layers = [
        Linear(name="fc", in_features=3, out_features=2),
        Conv1d(name="conv", in_channels=4, out_channels=6, kernel_size=5, groups=2),
        ConvTranspose1d(name="deconv", in_channels=4, out_channels=6, kernel_size=5, groups=2, bias=False),
    ]
    plan = Model("m", layers, seed=5, dialect="kaun").plan()

    assert [(row.name, row.axes, row.shape, row.fan_in, row.fan_out) for row in plan.rows if row.draws] == [
        ("fc.weight", ("in", "out"), (3, 2), 3, 2),
        ("conv.weight", ("kernel", "in", "out"), (5, 2, 6), 10, 30),
        ("deconv.weight", ("kernel", "in", "out"), (5, 4, 3), 20, 15),
    ]
    assert plan.rows[1].distribution == plan.rows[3].distribution == Constant(0.0)
    assert [row.first_draw for row in plan.rows] == [0, 6, 6, 66, 66]
    stream = Generator(Pcg32(5), "kaun")
    for row, values in zip(plan.rows, plan.model.init().values(), strict=True):
        out = np.empty(row.shape, np.float32)
        stream.fill(kaun.glorot_uniform() if row.draws else kaun.zeros(), out)
        assert out.tobytes() == values.tobytes()


NAMES = [
    "zeros", "ones", "constant", "uniform", "normal", "variance_scaling", "glorot_uniform", "glorot_normal",
    "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "xavier_uniform", "xavier_normal", "kaiming_uniform",
    "kaiming_normal",
]  # fmt: skip
HEAD = '[model]\nname = "m"\ndialect = "{dialect}"\ntarget = "{target}"\nseed = 7\n'
LAYER = '[[layer]]\nname = "fc{i}"\ntype = "Conv1d"\nin_channels = 3\nout_channels = 4\nkernel_size = 5\n{keys}\n'


def load(tmp_path, *keys, dialect="kaun", target="cortex-m0"):
    path = tmp_path / "m.toml"
    layers = "".join(LAYER.format(i=i, keys=each) for i, each in enumerate(keys))
    path.write_text(HEAD.format(dialect=dialect, target=target) + layers)
    return embinit.load(path)


def every_scheme():
    yield ""
    for name in NAMES:
        required = {"constant": "value = 0.1", "variance_scaling": SCALING}.get(name, "")
        yield f'weight_init = "{name}"\n{required}'
    yield 'weight_init = "he_normal"\nin_axis = 0\nout_axis = -1'
    yield 'weight_init = "uniform"\nscale = 0.25\nbias = false'


SCALING = 'scale = 3.0\nmode = "fan_out"\ndistribution = "normal"'


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_a_model_of_every_scheme_on_an_emulated_core(target, tmp_path):
    bundle = gather(load(tmp_path, *every_scheme(), target=target).plan())

    assert verify(bundle, device.run(bundle), target).agrees
    assert bundle.payload == gather(load(tmp_path, *every_scheme(), target="host").plan()).payload


def test_names_of_a_model_file(tmp_path):
    assert list(kaun.NAMED) == NAMES
    model = load(tmp_path, *every_scheme())
    by_name = dict(zip(["default", *NAMES, "axes", "scale"], model.layers, strict=True))

    assert by_name["xavier_normal"].weight_init == kaun.glorot_normal()
    assert by_name["kaiming_uniform"].weight_init == kaun.he_uniform()
    assert by_name["variance_scaling"].weight_init == kaun.variance_scaling(3.0, "fan_out", "normal")
    assert by_name["axes"].weight_init == kaun.he_normal(0, -1)
    (weight,) = (t for t in model.tensors if t.name == f"{by_name['axes'].name}.weight")
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((5, 3, 4), 15, 12)
    assert by_name["scale"].weight_init == kaun.uniform(0.25)


@pytest.mark.parametrize(
    ("keys", "dialect", "words"),
    [
        ('weight_init = "he_normal"\nin_axis = 3', "kaun", ["fc0", "in_axis", "-3 to 2", "3"]),
        ('weight_init = "he_normal"\ngain = 1.0', "kaun", ["fc0", "gain"]),
        ('weight_init = "uniform"\nlow = 1.0', "kaun", ["fc0", "low"]),
        ('weight_init = "uniform"\nin_axis = 1', "kaun", ["fc0", "uniform", "in_axis", "scale"]),
        ("in_axis = 1", "kaun", ["fc0", "default", "in_axis"]),
        ('weight_init = "variance_scaling"', "kaun", ["fc0", "scale", "missing"]),
        ('weight_init = "truncated_normal"', "kaun", ["fc0", "truncated_normal", "glorot_normal"]),
        ('weight_init = "uniform"\nscale = -1.0', "kaun", ["fc0", "scale", "-1.0"]),
        ('weight_init = "he_uniform"\nin_axis = 1', "portable", ["fc0", "in_axis"]),
        ('weight_init = "he_uniform"\nin_axis = 1', "torch", ["fc0", "in_axis"]),
    ],
)
def test_errors_of_a_model_file(keys, dialect, words, tmp_path):
    with pytest.raises(EmbinitError) as error:
        load(tmp_path, keys, dialect=dialect)
    for word in words:
        assert word in str(error.value)
