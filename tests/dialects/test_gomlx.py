"""The gomlx dialects: GoMLX's recorded bits, an oracle on unseen models, its schemes by statistics, ranks, dtypes,
seeds, graphs and what it refuses.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    EmbinitError,
    Generator,
    LayerNorm,
    Linear,
    Model,
    initializers,
)
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.dialects import DIALECTS, dialect_named, gomlx
from embinit.distributions import Broadcast, Constant, Normal, Uniform

from support import gomlx as oracle
from support import scheme_statistics as expect

ALL = ["gomlx", "gomlx-0.20", "gomlx-xla", "gomlx-xla-nofma"]
PARAMETERS = {"random_normal": {"stddev": 0.02}, "random_uniform": {"min": -0.3, "max": 0.7}}
int64 = st.one_of(st.sampled_from([1, -1, 2**31, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1).filter(bool))


def assert_same(found, expected):
    assert np.ascontiguousarray(found).ravel().view(np.uint32).tolist() == np.ravel(expected).view(np.uint32).tolist()


def shaped(shape, **keys):
    """The layer whose weight has a shape."""
    if len(shape) == 2:
        return Linear(in_features=shape[0], out_features=shape[1], **keys)
    kind = {3: Conv1d, 4: Conv2d, 5: Conv3d}[len(shape)]
    return kind(kernel_size=shape[:-2], in_channels=shape[-2], out_channels=shape[-1], **keys)


# ---- Recorded ----


def recorded(kind):
    return [(case, words) for case, words in oracle.recorded() if case["kind"] == kind]


@pytest.mark.parametrize("kind", ["random_uniform_f32", "random_normal_f32", "bits32"])
def test_recorded_calls(kind):
    """The values, and the state that GoMLX has after them."""
    cases = recorded(kind)
    assert len(cases) >= 27
    for case, words in cases:
        g = Generator.seeded(case["seed"], case["dialect"])
        if kind == "bits32":
            assert_same(g.bitgen.random_raw(words.size), words)
            g.bitgen.align()
        else:
            out = np.empty(words.size, np.float32)
            g.uniform(0, 1, out) if kind == "random_uniform_f32" else g.normal(0, 1, out)
            assert_same(out, words)
        state = [int(word) for word in case["new_state"]]
        after = g.bitgen.state
        if case["dialect"] == "gomlx":
            assert (list(after[0][:2]), after[1]) == (state, 0)
        else:
            assert after == (state[0], state[1] | state[2] << 64, 0)


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-0.20", "gomlx-xla"])
def test_recorded_initializers(dialect):
    cases, generators = [pair for pair in recorded("initializer") if pair[0]["dialect"] == dialect], {}
    assert len(cases) > 15
    for case, words in cases:
        at = case["seed"], case["init"]
        g = generators.setdefault(at, Generator.seeded(case["seed"], dialect))
        if case.get("path", "").endswith("rngState"):
            assert list(g.bitgen.state[0][:2]) == words.view(np.uint64).tolist()
            continue
        out = np.empty(case["shape"], np.float32)
        g.fill({"name": case["init"], **PARAMETERS.get(case["init"], {})}, out)
        assert_same(out, words)


MODELS = sorted({(c["dialect"], c["name"], c["init"], c["seed"]) for c, _ in recorded("model")})


@pytest.mark.parametrize(("dialect", "name", "init", "seed"), MODELS)
def test_recorded_models(dialect, name, init, seed):
    """The model of two graphs, and models of layers.Convolution, layers.Dense and fnn in creation order."""
    chosen = [
        (case, words)
        for case, words in recorded("model")
        if (case["dialect"], case["name"], case["init"], case["seed"]) == (dialect, name, init, seed)
    ]
    tensors = [(case, words) for case, words in chosen if not case["path"].endswith("rngState")]
    scheme = (
        None if init == "default" else dialect_named(dialect).initializer({"name": init, **PARAMETERS.get(init, {})})
    )
    if any(len(case["shape"]) > 2 for case, _ in tensors) and dialect == "gomlx-0.20":  # a Dense of several outputs
        g = Generator.seeded(seed, dialect)
        for case, words in tensors:
            out = np.empty(case["shape"], np.float32)
            g.fill(scheme, out)
            assert_same(out, words)
        return
    layers, parts = [], []
    for case, _ in tensors:
        if case["path"].endswith("/biases"):
            layers[-1] = replace(layers[-1], bias=True)
            parts.append(f"l{len(layers) - 1}.bias")
        else:
            again = name == "two_phase" and bool(layers)
            layers.append(shaped(case["shape"], name=f"l{len(layers)}", bias=False, weight_init=scheme, restart=again))
            parts.append(f"l{len(layers) - 1}.weight")
    plan = Model("m", layers, seed=seed, dialect=dialect).plan()
    bundle = gather(plan)
    values = plan.model.init()

    assert [row.name for row in plan.rows] == parts
    for (case, words), part in zip(tensors, parts, strict=True):
        assert values[part].shape == tuple(case["shape"])
        assert_same(values[part], words)
    for case, words in chosen:
        if case["path"].endswith("rngState"):
            assert list(bundle.manifest()["rng_state_after"][0][:2]) == words.view(np.uint64).tolist()


# ---- The oracle ----


@st.composite
def layer(draw):
    rank = draw(st.integers(2, 5))
    shape = draw(st.tuples(*[st.integers(1, 4)] * (rank - 2), *[st.integers(1, 9)] * 2))
    name = draw(st.sampled_from(["he", "glorot_uniform", "xavier_uniform", "xavier_normal", *PARAMETERS]))
    given = ()
    if name == "random_uniform":
        low, high = sorted(draw(st.tuples(st.floats(-2, 2), st.floats(-2, 2)).filter(lambda x: x[0] != x[1])))
        given = (low, high)
    elif name == "random_normal":
        given = (draw(st.floats(0, 3)),)
    keys = dict(zip(("stddev",) if name == "random_normal" else ("min", "max"), given, strict=False))
    return shape, name, given, keys, draw(st.booleans()), draw(st.booleans())


@pytest.mark.parametrize("dialect", ALL)
@settings(max_examples=20, deadline=None)
@given(st.lists(layer(), min_size=1, max_size=4), int64)
def test_models_are_what_the_text_of_the_specification_says(dialect, described, seed):
    named = dialect_named(dialect)
    layers, device, expected = [], oracle.GoMlx(dialect, seed), []
    for i, (shape, name, values, keys, bias, restart) in enumerate(described):
        init = named.initializer({"name": name, **keys})
        layers += [shaped(shape, name=f"l{i}", weight_init=init, bias=bias, restart=restart)]
        layers += [LayerNorm(name=f"n{i}", normalized_shape=3)]
        if restart:
            device.restart()
        expected += [device.initialized(name, shape, values)]
        expected += [device.initialized(name, shape[-1:], values)] if bias else []
        expected += [np.ones(3, np.float32), np.zeros(3, np.float32)]
    values = Model("m", layers, seed=seed, dialect=dialect).init()

    assert len(values) == len(expected)
    for found, right in zip(values.values(), expected, strict=True):
        assert found.shape == right.shape
        assert_same(found, right)


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-xla-nofma"])
def test_large_tensors(dialect):
    """Of more than one run of the kernels, and more than one part of the second call."""
    device, g, out = oracle.GoMlx(dialect, 7), Generator.seeded(7, dialect), np.empty(1001, np.float32)
    for draw in ("uniform", "normal", "normal", "uniform"):
        getattr(g, draw)(*((-0.3, 0.7) if draw == "uniform" else (0, 0.5)), out)
        assert_same(out, device.uniform(-0.3, 0.7, out.size) if draw == "uniform" else device.normal(0.5, out.size))


def test_gos_normals_by_numpys_logarithm_and_cosine():
    n = 2**17 + 3
    g, out = Generator.seeded(3, "gomlx"), np.empty(n, np.float32)
    state = g.copy().bitgen
    first = oracle.unit(state.random_raw(n))
    state.align()
    second = oracle.unit(state.random_raw(n))
    g.normal(0, 1.5, out)
    log = np.log(np.maximum(first, np.float32(2.0**-149)).astype(np.float64)).astype(np.float32)
    cos = np.cos((second * np.float32(2 * math.pi)).astype(np.float64)).astype(np.float32)

    assert_same(out, np.sqrt(log * np.float32(-2)) * cos * np.float32(1.5))


WORDS = [
    0,
    1,
    2,
    255,
    2**24 - 1,
    2**24 + 1,
    2**31 - 1,
    2**31,
    2**31 + 129,
    2**32 - 257,
    2**32 - 129,
    2**32 - 128,
    2**32 - 1,
]


class Given:
    """A generator of given words."""

    word_bits = 32

    def __init__(self, words):
        self.words = list(words)

    def next_raw(self):
        return self.words.pop(0)


@pytest.mark.parametrize("dialect", ALL)
def test_words_at_the_ends(dialect):
    out = np.empty(len(WORDS), np.float32)
    Generator(Given(WORDS), dialect).uniform(0, 1, out)
    assert_same(out, oracle.unit(WORDS))
    assert out[-1] == out[-2] == out[-3] == np.float32(1 - 2.0**-24)

    firsts, seconds = [w for w in WORDS for _ in WORDS], WORDS * len(WORDS)
    out = np.empty(len(firsts), np.float32)
    Generator(Given(firsts + seconds), dialect).normal(0, 1, out)
    device = oracle.GoMlx(dialect, 1)
    units = iter([oracle.unit(firsts), oracle.unit(seconds)])
    device.units = lambda _: next(units)
    with np.errstate(divide="ignore"):
        expected = device.normal(1, out.size)
    if "xla" in dialect:  # subnormal numbers count as 0
        zero = np.array(firsts) == 0
        expected[zero] = np.copysign(np.float32(np.inf), expected[zero])
    assert_same(out, expected)


# ---- Statistics ----

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


def draw(initializer, shape, dtype=np.float32, seed=21, dialect="gomlx", **fans):
    out = np.empty(shape, dtype)
    generator = Generator.seeded(seed, dialect)
    generator.fill(initializer, out, **fans)
    return out, generator.drawn


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-xla"])
@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name, dialect):
    initializer, shape, expected = SCHEMES[name]

    assert expect.failed(draw(initializer, shape, dialect=dialect)[0], expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, shape, expected = SCHEMES[name]
    values, _ = draw(expect.rescaled(initializer, factor), shape)

    assert expect.failed(values, expected) == expected.statistics


@pytest.mark.parametrize("name", ["xavier_normal", "he"])
def test_normals_are_not_truncated(name):
    initializer, shape, expected = SCHEMES[name]

    assert np.abs(draw(initializer, shape)[0]).max() > 4 * math.sqrt(expected.variance)


def test_parameters_are_gomlxs_formulas():
    def parameters(initializer, *fans):
        return gomlx.GOMLX.distribution(initializer, *fans)

    chance = np.random.default_rng(4)
    for fan_in, fan_out in [
        *chance.integers(1, 40, (1000, 2)).tolist(),
        *chance.integers(1, 2**30, (2000, 2)).tolist(),
    ]:
        total = float(fan_in + fan_out)
        assert parameters(gomlx.glorot_uniform(), fan_in, fan_out).high == math.sqrt(3.0 / (total / 2.0))
        assert parameters(gomlx.xavier_uniform(), fan_in, fan_out).high == math.sqrt(6.0 / total)
        assert parameters(gomlx.xavier_normal(), fan_in, fan_out).stddev == math.sqrt(2.0 / total)
        assert parameters(gomlx.he(), fan_in, fan_out).stddev == math.sqrt(2.0 / fan_in)


def test_bounds_are_rounded_after_the_subtraction():
    """fl(b - a) is not fl(b) - fl(a)."""
    low, high = 0.1, 1.3
    width = np.float32(high - low)
    assert width != np.float32(high) - np.float32(low)
    out = np.empty(64, np.float32)
    Generator.seeded(5, "gomlx").uniform(low, high, out)

    assert_same(out, oracle.GoMlx("gomlx", 5).units(64) * width + np.float32(low))


# ---- Ranks, dtypes, shapes ----

SCALED = [gomlx.glorot_uniform(), gomlx.xavier_uniform(), gomlx.xavier_normal(), gomlx.he()]
RANDOM = [gomlx.random_uniform(1.0, 2.0), gomlx.random_normal(1.0)]


@pytest.mark.parametrize("shape", [(), (1,), (7,)])
def test_scaled_variance_is_zeros_up_to_rank_one(shape):
    for initializer in SCALED:
        for fans in ({}, {"fan_in": 3, "fan_out": 4}):
            values, drawn = draw(initializer, shape, **fans)
            assert (values == 0).all()
            assert drawn == 0
    for initializer, words in zip(RANDOM, (1, 3), strict=True):
        values, drawn = draw(initializer, shape)
        assert (values != 0).all()
        assert drawn == {0: words + 1, 1: words + 1, 7: 8 * (words + 1) // 2}[values.size if shape else 0]


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


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((3, 5), (3, 5)), ((7, 3, 5), (21, 35)), ((2, 7, 3, 5), (42, 70)), ((0, 5), (0, 5)), ((4, 0, 5), (0, 20)),
        ((6,), (0, 0)), ((), (1, 1)),
    ],
)  # fmt: skip
def test_fans_of_shapes(shape, fans):
    assert gomlx.shape_fans(gomlx.he(), shape) == fans
    assert draw(gomlx.he(), shape)[0].shape == shape


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


@pytest.mark.parametrize("dialect", ["odt", "portable", "torch"])
def test_other_dialects_have_no_broadcast(dialect):
    layer = Linear(name="fc", in_features=3, out_features=2, weight_init=Broadcast((1.0, 2.0)))
    with pytest.raises(EmbinitError, match=f"'fc': dialect {dialect} has no broadcast"):
        Model("m", [layer], seed=1, dialect=dialect)


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


# ---- Streams: copies, parts, threads ----


@pytest.mark.parametrize("dialect", ALL)
def test_a_copy_and_a_state_go_on_alike(dialect):
    g = Generator.seeded(11, dialect)
    g.normal(0, 1, np.empty(7, np.float32))
    other, third, outs = g.copy(), Generator.seeded(12, dialect), np.empty((3, 9), np.float32)
    third.state = g.state
    for each, out in zip((g, other, third), outs, strict=True):
        each.uniform(-1, 1, out)

    assert outs[0].tobytes() == outs[1].tobytes() == outs[2].tobytes()


@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-xla"])
def test_a_tensor_that_threads_draw_is_the_same(dialect, monkeypatch):
    n = 2**12 + 3
    out, parted = np.empty(n, np.float32), np.empty(n, np.float32)
    one, several = Generator.seeded(4, dialect), Generator.seeded(4, dialect)
    one.uniform(-1, 2, out)
    monkeypatch.setattr("embinit.drawing.PARALLEL", 100)
    monkeypatch.setattr("embinit.threads.thread_count", lambda: 3)
    several.uniform(-1, 2, parted)

    assert out.tobytes() == parted.tobytes()
    assert one.bitgen == several.bitgen
    assert one.drawn == several.drawn


def test_the_dialects_are_these():
    assert [name for name in DIALECTS.names() if name.startswith("gomlx")] == ALL


def test_every_constant_of_the_c_library_is_in_the_specification():
    root = Path(__file__).parents[2]
    number = re.compile(r"\d+\.\d{4,}(?:e[+-]?\d+)?")
    code = re.sub(r"/\*.*?\*/", "", (root / "embinit" / "c" / "embinit_gomlx.c").read_text(), flags=re.DOTALL)
    section = (root / "SPEC.md").read_text().partition("## 9. The gomlx dialects")[2].partition("\n## ")[0]
    used = set(number.findall(code)) - {"6.2831855"}  # written fl(2 pi)

    assert len(used) > 35
    assert used <= set(number.findall(section))
    for word in ("f11bfbb3ba3e0841", "39a00a3a31c025c6", "da942042e4dd58b5"):
        assert word in code
        assert word in section
