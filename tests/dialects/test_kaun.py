"""The dialects kaun and kaun-alpha3: recordings of raven, an oracle, statistics, models, and what they refuse."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import Conv1d, Conv2d, ConvTranspose2d, Embedding, EmbinitError, Generator, Linear, Model
from embinit._kernels import kaun as kernels
from embinit.dialects import kaun
from embinit.distributions import Constant, Normal, TruncatedNormal, Uniform
from embinit.initializers import VarianceScaling
from embinit.layers import DrawFree

from support import scheme_statistics as expect
from support.reference_kaun import CASES, ERAS, WORDS, Scope, cosf, logf

DIALECTS = tuple(ERAS)
SEEDS = st.integers(-(2**62), 2**62 - 1)


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32).ravel().tolist()


def filled(generator, initializer, shape, **fans):
    out = np.empty(shape, np.float32)
    generator.fill(initializer, out, **fans)
    return out


# ---- Recordings ----

PARAMETERS = {
    "uniform": {"scale": 0.01},
    "normal": {"stddev": 0.01},
    "vs_normal": {"name": "variance_scaling", "scale": 1.7, "mode": "fan_out", "distribution": "normal"},
}
MODELS = {  # the layers in the order in which they are initialized; of a record { l1; l2 } that is l2, l1
    "model": {
        "conv": Conv2d(in_channels=3, out_channels=4, kernel_size=[3, 2]),
        "conv_he": Conv2d(in_channels=4, out_channels=2, kernel_size=[1, 3], weight_init=kaun.he_normal()),
        "linear": Linear(in_features=12, out_features=7),
        "linear_lecun": Linear(
            in_features=7, out_features=5, weight_init=kaun.lecun_normal(), bias_init=kaun.normal(0.1)
        ),
        "embedding": Embedding(num_embeddings=6, embedding_dim=4),
    },
    "xor": {"l2": Linear(in_features=8, out_features=1), "l1": Linear(in_features=2, out_features=8)},
}


def model_of(layers, dialect, seed, **keys):
    return Model("m", [replace(layer, name=name) for name, layer in layers.items()], seed, dialect, **keys)


def drawn_by_key(kind, key, n):
    """What rand and randn of a key give, without a scope."""
    out = np.empty(n, np.float32)
    if kind == "normal":
        angle, radius = ERAS["kaun"].split(key, 2)
        kernels.normal(*angle, *radius, False, 0, False, out)
    else:
        kernels.uniform(*key, False, 0, out)
    return out * np.float32(5.5) + np.float32(-3.0) if kind == "uniform-3,2" else out


ALONE = ("key", "fold", "split", "split2", "split5", "uniform", "uniform-3,2", "normal")


def groups():
    """Cases that are drawn from one scope, one after the other."""
    before, group = None, []
    for case in CASES:
        part, *words = case["kind"].split(".")
        part = f"init.{words[0]}" if part == "init" else {"randn": "rand"}.get(part, part)
        place = None if part in ALONE else (case["dialect"], case["seed"], part)
        if group and (place is None or place != before):
            yield group
            group = []
        group.append(case)
        before = place
    yield group


@pytest.mark.parametrize("group", list(groups()), ids=lambda group: "{dialect} {kind} {seed}".format(**group[0]))
def test_recordings(group):
    dialect, seed = group[0]["dialect"], group[0]["seed"]
    kind, generator = group[0]["kind"].split(".")[0], Generator.seeded(seed, dialect)
    if kind in MODELS:
        values = model_of(MODELS[kind], dialect, seed).init()
    if kind == "seq":
        layers = {
            case["kind"].split(".")[1]: Linear(in_features=case["shape"][0], out_features=case["shape"][1])
            for case in group
        }
        values = model_of({f"l{name}": layer for name, layer in layers.items()}, dialect, seed).init()
    for case in group:
        words = case["kind"].split(".")
        expected = WORDS[case["offset"] :][: case["words"]].tolist()
        out = np.empty(case["shape"], np.float32)
        match kind, words[-1]:
            case (("model" | "xor"), part):
                found = bits(values[f"{words[1]}.{'weight' if part == 'w' else 'bias'}"])
            case "seq", _:
                found = bits(values[f"l{words[1]}.weight"])
            case "init", _:
                table = {"name": words[1], **PARAMETERS.get(words[1], {})}
                found = bits(filled(generator, table, case["shape"], fan_in=int(words[2]), fan_out=int(words[3])))
            case "key", _:
                found = list(generator.key)
            case (("split2" | "split5"), which) if dialect == "kaun":
                found = list(generator.split(int(kind[5:]))[int(which)].key)
            case (("split" | "split5"), _):
                found = [word for each in generator.split(int(kind[5:] or 2)) for word in each.key]
            case "fold", which:
                data = [int(which)] if dialect == "kaun" else range(12)
                found = [word for each in data for word in generator.fold_in(each).key]
            case (("uniform" | "uniform-3,2" | "normal"), _) if dialect == "kaun":
                found = bits(drawn_by_key(kind, generator.key, out.size))
            case _, "trunc":
                found = bits(filled(generator, "truncated_normal", case["shape"]))
            case _, draw:
                getattr(generator, "normal" if draw == "randn" else "uniform")(0, 1, out)
                found = bits(out)
        assert found == expected, case


# ---- An oracle ----

INITIALIZERS = st.one_of(
    st.builds(lambda a, b: ("uniform", a, b), *[st.floats(-4, 4, width=64)] * 2),
    st.builds(lambda a: ("normal", a), st.floats(0, 4)),
    st.builds(lambda a: ("truncated", a), st.floats(0, 4)),
    st.builds(
        lambda *parts: ("scaled", *parts),
        st.floats(0, 9),
        st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
        st.sampled_from(["uniform", "normal", "truncated_normal"]),
        st.tuples(*[st.integers(1, 5000)] * 2),
    ),
)
BUILT = {"uniform": Uniform, "normal": partial(Normal, 0.0), "truncated": partial(TruncatedNormal, 0.0)}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DIALECTS), SEEDS, st.lists(st.tuples(INITIALIZERS, st.integers(1, 70)), min_size=1, max_size=4))
def test_any_arrays_are_those_of_the_specification(dialect, seed, arrays):
    generator, scope = Generator.seeded(seed, dialect), Scope(dialect, ERAS[dialect].key(seed))
    for (kind, *parameters), n in arrays:
        initializer = VarianceScaling(*parameters[:3]) if kind == "scaled" else BUILT[kind](*parameters)
        fans = parameters[-1] if kind == "scaled" else (1, 1)
        found = filled(generator, initializer, n, fan_in=fans[0], fan_out=fans[1])

        assert bits(found) == bits(getattr(scope, kind)(*parameters, n))
        assert (generator.drawn, generator.bitgen.state[1]) == (scope.taken, scope.taken)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DIALECTS), SEEDS, SEEDS, st.integers(0, 9))
def test_any_keys_are_those_of_the_specification(dialect, seed, data, n):
    generator, era = Generator.seeded(seed, dialect), ERAS[dialect]
    root = era.key(seed)

    def words(key):
        return key if isinstance(key, tuple) else (key,)

    assert generator.key == words(root)
    assert generator.fold_in(data).key == words(era.fold_in(root, data))
    assert [each.key for each in generator.split(n)] == [words(key) for key in era.split(root, n)]
    joined = sum(word << 32 * i for i, word in enumerate(reversed(words(era.fold_in(root, n)))))
    assert generator.bitgen.random_raw(n + 1).tolist()[n] == joined
    assert generator.fold_in(data).bitgen.state == (words(era.fold_in(root, data)), 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_large_array_begins_as_a_small_one(dialect):
    """An element depends on its place alone: blocks of the kernels do not show. A truncated one may be drawn again."""
    large, small = Generator.seeded(3, dialect), Generator.seeded(3, dialect)
    for initializer in (Uniform(-1, 1), Normal(0, 1), TruncatedNormal(0, 1)):
        long, short = filled(large, initializer, 3 * kernels.BLOCK + 5), filled(small, initializer, kernels.BLOCK + 3)
        assert bits(long[: short.size]) == bits(short)
        small.bitgen = large.bitgen.copy()
    assert np.abs(long).max() <= 2


def test_the_ends_of_a_uniform_value():
    """Two roundings: 1 comes of 191 words, 0 of 65; and a normal value of each is right."""
    words = np.array([0x7FFFFF40, 0x7FFFFF41, 0x7FFFFFFF, 0x80000000, 0x80000040, 0x80000041], np.uint32)
    assert [float(kernels._unit(word)) for word in words] == [1 - 2.0**-24, 1.0, 1.0, 0.0, 0.0, 2.0**-25]

    one, zero, other = (0, 5711240), (0, 115445473), (0, 1)  # keys whose second word gives 1, or 0
    u, one_value, zero_value = (np.empty(2, np.float32) for _ in range(3))
    kernels.uniform(*one, False, 0, one_value)
    kernels.uniform(*zero, False, 0, zero_value)
    assert (one_value[1], zero_value[1]) == (1, 0)
    kernels.uniform(*other, False, 0, u)
    for (angle, u1), radius_of in (((one, 1.0), other), ((zero, 0.0), other)):
        out = np.empty(2, np.float32)
        kernels.normal(*angle, *radius_of, False, 0, False, out)
        expected = cosf(np.float32(u1) * np.float32(6.2831855)) * np.sqrt(-2 * logf(np.float32(1) - u[1]))
        assert bits(out)[1] == bits(expected)[0]
    for key, log in ((one, logf(np.float32(1e-7))), (zero, logf(np.float32(1)))):
        kernels.normal(*other, *key, False, 0, False, out)
        expected = cosf(u[1] * np.float32(6.2831855)) * np.sqrt(np.float32(-2) * log)
        assert bits(out)[1] == bits(expected)[0]
    assert bits(out)[1] in (0, 0x80000000)


@pytest.mark.parametrize(("dialect", "uniform", "normal"), [("kaun", 1, 1), ("kaun-alpha3", 1, 0)])
def test_what_an_array_without_elements_takes(dialect, uniform, normal):
    generator = Generator.seeded(1, dialect)
    filled(generator, Uniform(0, 1), 0)
    assert generator.drawn == uniform
    filled(generator, Normal(0, 1), (0, 3))
    assert generator.drawn == uniform + normal
    assert generator.dialect.sampler.draws(Normal(0, 1), 0) == normal


# ---- Statistics ----

MATRIX = (512, 2048)
FANS = {"fan_in": 512, "fan_out": 2048}
GLOROT, HE, LECUN = math.sqrt(6 / 2560), math.sqrt(6 / 512), math.sqrt(3 / 512)
SCHEMES = {
    "uniform": (kaun.uniform(0.3), expect.uniform(0, 0.3)),
    "normal": (kaun.normal(0.3), expect.normal(0.3)),
    "glorot_uniform": (kaun.glorot_uniform(), expect.uniform(-GLOROT, GLOROT)),
    "glorot_normal": (kaun.glorot_normal(), expect.truncated_normal(math.sqrt(2 / 2560))),
    "he_uniform": (kaun.he_uniform(), expect.uniform(-HE, HE)),
    "he_normal": (kaun.he_normal(), expect.truncated_normal(math.sqrt(2 / 512))),
    "lecun_uniform": (kaun.lecun_uniform(), expect.uniform(-LECUN, LECUN)),
    "lecun_normal": (kaun.lecun_normal(), expect.truncated_normal(math.sqrt(1 / 512))),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name, dialect):
    initializer, expected = SCHEMES[name]

    assert expect.failed(filled(Generator.seeded(20, dialect), initializer, MATRIX, **FANS), expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, expected = SCHEMES[name]
    off = expect.rescaled(initializer, factor)

    assert expect.failed(filled(Generator.seeded(20, "kaun"), off, MATRIX, **FANS), expected) == expected.statistics


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal"])
def test_the_statistics_tell_a_truncated_normal_from_a_normal(name):
    initializer, expected = SCHEMES[name]
    normal = replace(initializer, distribution="normal")

    found = expect.failed(filled(Generator.seeded(20, "kaun"), normal, MATRIX, **FANS), expected)
    assert found >= {"kolmogorov_smirnov"}


# ---- Models ----


def test_a_model_is_one_scope():
    layers = {
        "fc": Linear(in_features=3, out_features=2),
        "conv": Conv2d(in_channels=4, out_channels=6, kernel_size=[5, 2], bias=False),
        "table": Embedding(num_embeddings=5, embedding_dim=3),
    }
    plan = model_of(layers, "kaun", 5).plan()

    assert [(row.name, row.axes, row.shape, row.fan_in, row.fan_out, row.first_draw) for row in plan.rows] == [
        ("fc.weight", ("in", "out"), (3, 2), 3, 2, 0),
        ("fc.bias", ("out",), (2,), 3, 2, 1),
        ("conv.weight", ("out", "in", "height", "width"), (6, 4, 5, 2), 40, 60, 1),
        ("table.weight", ("index", "feature"), (5, 3), 1, 1, 2),
    ]
    scope = Scope("kaun", ERAS["kaun"].key(5))
    expected = [
        scope.scaled(1, "fan_avg", "uniform", (3, 2), 6), np.zeros(2, np.float32),
        scope.scaled(1, "fan_avg", "uniform", (40, 60), 240), scope.normal(1.0, 15),
    ]  # fmt: skip
    assert [bits(each) for each in plan.model.init().values()] == [bits(each) for each in expected]


def test_a_model_of_alpha3_is_a_sequential_one():
    """A scope for each layer, layers without parameters counted."""
    layers = {
        "conv": Conv1d(in_channels=3, out_channels=4, kernel_size=5),
        "act": DrawFree(kind="ReLU"),
        "norm": embinit.LayerNorm(normalized_shape=4),
        "fc": Linear(in_features=4, out_features=3, weight_init=kaun.he_normal(), bias_init=kaun.lecun_uniform()),
        "table": Embedding(num_embeddings=5, embedding_dim=3),
    }
    plan = model_of(layers, "kaun-alpha3", -9).plan()
    era, root = ERAS["kaun-alpha3"], ERAS["kaun-alpha3"].key(-9)
    scopes = [Scope("kaun-alpha3", era.fold_in(root, i)) for i in range(5)]
    expected = {
        "conv.weight": scopes[0].scaled(1, "fan_avg", "uniform", (15, 20), 60), "conv.bias": np.zeros(4, np.float32),
        "norm.weight": np.ones(4, np.float32), "norm.bias": np.zeros(4, np.float32),
        "fc.weight": scopes[3].scaled(2, "fan_in", "truncated_normal", (4, 3), 12),
        "fc.bias": scopes[3].scaled(1, "fan_in", "uniform", (3, 3), 3), "table.weight": scopes[4].normal(0.02, 15),
    }  # fmt: skip
    values = plan.model.init()

    assert list(values) == list(expected)
    assert {name: bits(each) for name, each in values.items()} == {name: bits(each) for name, each in expected.items()}
    assert [row.order.restart for row in plan.rows] == [(0, 0), None, (2, 0), None, (3, 0), None, (4, 0)]
    assert plan.rows[0].shape == (4, 3, 5)


@pytest.mark.parametrize(
    ("shape", "axes", "fans"),
    [
        ((3, 5), (-2, -1), (3, 5)),
        ((7, 3, 5), (-2, -1), (21, 35)),
        ((5, 3, 7), (1, 0), (21, 35)),
        ((5, 3, 7), (-2, -3), (21, 35)),
        ((3, 5), (0, 0), (15, 15)),
        ((6,), (9, -9), (6, 6)),
        ((), (-2, -1), (1, 1)),
    ],
)
def test_fans_of_alpha3_by_axes(shape, axes, fans):
    assert kaun.fans_by_axes(shape, *axes) == fans
    scaled = {"name": "variance_scaling", "scale": 1.0, "mode": "fan_in", "distribution": "normal"}
    found = filled(Generator.seeded(1, "kaun-alpha3"), {**scaled, "in_axis": axes[0], "out_axis": axes[1]}, shape)
    given = filled(Generator.seeded(1, "kaun-alpha3"), scaled, shape, fan_in=fans[0], fan_out=fans[1])
    assert bits(found) == bits(given)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_plan_shows_the_key_of_each_array(dialect):
    layers = {
        "a": Linear(in_features=3, out_features=2, bias_init=kaun.uniform(0.5)),
        "b": Linear(in_features=3, out_features=2, weight_init=kaun.he_normal(), bias_init=kaun.normal(0.5)),
    }
    plan, era = model_of(layers, dialect, 7).plan(), ERAS[dialect]
    root = era.key(7)
    scopes = [root, root] if dialect == "kaun" else [era.fold_in(root, i) for i in (0, 1)]
    expected = [era.fold_in(scopes[0], 0), era.fold_in(scopes[0], 1), era.fold_in(scopes[1], 2 * (dialect == "kaun"))]
    expected = [key if isinstance(key, tuple) else (key,) for key in expected]

    assert [row.key for row in plan.rows] == [*expected, None]  # the last one: after values that may be drawn again
    written = ["".join(f"{word:08x}" for word in key) for key in expected]
    lines = str(plan).splitlines()[1:]
    assert "  key " in lines[0]
    assert all(key in line for key, line in zip(written, lines[1:], strict=False))
    first, *_, last = plan.as_json()["buffers"]
    assert first["key"] == [f"0x{word:08x}" for word in expected[0]]
    assert "key" not in last


# ---- Refusals ----

NAMES = [
    "zeros", "ones", "constant", "uniform", "normal", "truncated_normal", "variance_scaling", "glorot_uniform",
    "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
]  # fmt: skip


def test_names_and_constants():
    assert list(kaun.KAUN.named) == list(kaun.KAUN_ALPHA3.named) == NAMES
    generator = Generator.seeded(1, "kaun")
    assert filled(generator, "zeros", 2).tolist() == [0, 0]
    assert filled(generator, {"name": "constant", "value": 0.1}, 1).tolist() == [np.float32(0.1)]
    assert generator.drawn == 0
    assert kaun.KAUN_ALPHA3.initializer("uniform") == Uniform(0.0, 0.01)
    assert kaun.KAUN_ALPHA3.initializer("normal") == Normal(0.0, 0.01)


@pytest.mark.parametrize(
    ("dialect", "table", "message"),
    [
        ("kaun", "uniform", "needs the key 'scale'"),
        ("kaun", "normal", "needs the key 'stddev'"),
        ("kaun", "xavier_uniform", "initializer must be one of default, zeros.*got 'xavier_uniform'"),
        ("kaun-alpha3", "kaiming_normal", "got 'kaiming_normal'"),
        ("kaun", {"name": "uniform", "scale": -0.01}, "scale must not be negative, got -0.01"),
        ("kaun", {"name": "normal", "stddev": -1}, "stddev must not be negative, got -1"),
        ("kaun", {"name": "normal", "stddev": math.inf}, "stddev must be a finite float32 number, got inf"),
        ("kaun", {"name": "variance_scaling", "scale": -1, "mode": "fan_in", "distribution": "normal"}, "negative"),
        ("kaun", {"name": "he_normal", "in_axis": 0}, "has no key 'in_axis'"),
        ("kaun", {"name": "he_normal"}, "fan_in must be a positive integer"),
        ("kaun", VarianceScaling(1.0, "fan_in", "normal", axes=(0, 1)), "in_axis and out_axis belong to"),
        ("kaun", embinit.initializers.eye(), "dialect kaun has no eye"),
        ("kaun-alpha3", {"name": "he_normal", "in_axis": 2}, "in_axis must be from -2 to 1 .* rank 2, got 2"),
    ],
)
def test_initializers_that_are_refused(dialect, table, message):
    with pytest.raises(EmbinitError, match=message):
        fans = {"fan_in": 2, "fan_out": 3} if isinstance(table, VarianceScaling) else {}
        filled(Generator.seeded(1, dialect), table, (2, 3), **fans)


CONV = {"in_channels": 2, "out_channels": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("dialect", "layer", "message"),
    [
        ("kaun", Conv2d(**CONV, groups=2), "groups must be 1: a Conv2d of Kaun has none, got 2"),
        ("kaun-alpha3", Conv1d(**CONV, groups=2), "groups must be 1"),
        ("kaun", Conv1d(**CONV), "dialect kaun has no Conv1d; dialects with one: .*kaun-alpha3"),
        ("kaun", ConvTranspose2d(**CONV), "dialect kaun has no ConvTranspose2d; dialects with one: "),
        ("kaun-alpha3", ConvTranspose2d(**CONV), "dialect kaun-alpha3 has no ConvTranspose2d"),
        ("kaun", Embedding(num_embeddings=3, embedding_dim=2, padding_idx=0), "no padding_idx"),
        ("kaun-alpha3", Linear(in_features=2, out_features=3, bias=False), "a Linear .* always has a bias"),
        ("kaun-alpha3", Conv2d(**CONV, weight_init=kaun.he_normal()), "a Conv2d .* takes no initializer"),
        ("kaun", Linear(in_features=2, out_features=3, weight_format="q7", rounding="stochastic"), "of 32 bits.* 64"),
    ],
)
def test_layers_that_are_refused(dialect, layer, message):
    with pytest.raises(EmbinitError, match=f"layer 'x': .*{message}"):
        Model("m", [replace(layer, name="x")], 1, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_other_refusals(dialect):
    generator = Generator.seeded(1, dialect)
    for seed in (-(2**62) - 1, 2**62, 1.5):
        with pytest.raises(EmbinitError, match=f"seed must be an integer from -4611686018427387904 to .* {dialect}"):
            Generator.seeded(seed, dialect)
    with pytest.raises(EmbinitError, match="data must be an integer from -4611686018427387904 to"):
        generator.fold_in(2**62)
    with pytest.raises(EmbinitError, match="Kaun draws no masks"):
        generator.bernoulli(0.5, 3)
    with pytest.raises(EmbinitError, match="Kaun shuffles nothing"):
        generator.shuffle([1, 2, 3])
    with pytest.raises(EmbinitError, match=f"dialect {dialect}: the generator must be a Kaun.*Scope, .* got Pcg32"):
        Generator(embinit.Pcg32(1), dialect)
    with pytest.raises(EmbinitError, match="cannot go back by 1 keys: 0 have been taken"):
        generator.advance(-1)
    other = generator.copy()
    filled(other, Uniform(0, 1), 3)
    generator.state = other.state
    assert bits(filled(generator, Normal(0, 1), 3)) == bits(filled(other, Normal(0, 1), 3))
    assert Constant(0.0) == kaun.KAUN.bias
