"""The gomlx dialects: GoMLX's recorded bits, an oracle on unseen models, streams and constants."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import (
    Generator,
    LayerNorm,
    Model,
)
from embinit.bundle import gather
from embinit.dialects import DIALECTS, dialect_named

from support import gomlx as oracle
from support.gomlx_layers import ALL, assert_same, shaped

PARAMETERS = {"random_normal": {"stddev": 0.02}, "random_uniform": {"min": -0.3, "max": 0.7}}
int64 = st.one_of(st.sampled_from([1, -1, 2**31, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1).filter(bool))


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
