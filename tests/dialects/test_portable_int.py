"""The dialect portable-int: codes against Python integers, its C on a core without an FPU, and what it refuses."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import EmbinitError, Generator, LayerNorm, Linear, Pcg32, device, initializers
from embinit.bundle import gather
from embinit.formats import format_named
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build
from embinit.verify import verify

from support import reference_normal, strategies
from support.sweeps import examples

FORMATS = st.one_of(
    st.sampled_from(["q7", "q15", "q31", "q1.1", "q2.0", "q16.16", "q17.0"]),
    st.tuples(st.integers(1, 16), st.integers(1, 16)).map(lambda numbers: "q{}.{}".format(*numbers)),
)
SCHEMES = ("he_normal", "kaiming_normal", "xavier_uniform", "lecun_uniform", "zeros", "ones")
WORDS = [0, 1, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF]


def half_away(x):
    whole = int(abs(x) + Fraction(1, 2))
    return -whole if x < 0 else whole


def uniform_code(word, bound, wide):
    """Section 2 of the formats: the upper 16 bits of a word, or all of it."""
    bits, value = (32, word) if wide else (16, word >> 16)
    return (value * (2 * bound + 1) >> bits) - bound


def expected_codes(distribution, layout, words):
    """Compute a buffer's codes in Python integers, from a distribution's float32 parameters."""
    step = Fraction(1, 2**layout.frac_bits)
    match distribution:
        case initializers.Constant(value):
            codes = [half_away(Fraction(value) / step)] * len(words)
        case initializers.Uniform(_, high):
            bound = min(half_away(abs(Fraction(high)) / step), layout.qmax)
            codes = [uniform_code(word, bound, layout.qmax > 0x7FFF) for word in words]
        case initializers.Normal(mean, stddev) | initializers.TruncatedNormal(mean, stddev):
            truncated = isinstance(distribution, initializers.TruncatedNormal)
            z = reference_normal.truncated_code if truncated else reference_normal.code
            center = min(half_away(Fraction(mean) / step), 2**31 - 1)
            codes = [center + half_away(Fraction(stddev) / step * z(word) / 2**24) for word in words]
    return codes, [min(max(code, layout.qmin), layout.qmax) for code in codes]


@st.composite
def codes_models(draw):
    """Up to three layers in fixed point, with normal, uniform and given values that their formats hold."""
    layers = []
    for index in range(draw(st.integers(1, 3))):
        formats = {"weight_format": draw(FORMATS), "bias_format": draw(FORMATS)}
        if draw(st.integers(0, 4)) == 0:
            layers.append(LayerNorm(name=f"layer{index}", normalized_shape=draw(strategies.small), **formats))
            continue
        layout = format_named(formats["weight_format"])
        bound = -layout.qmin / 2.0**layout.frac_bits
        a, b, c = (bound * part for part in draw(st.tuples(*3 * [st.floats(-1, 1, width=32)])))
        free = [initializers.constant(a), initializers.normal(a, b), initializers.truncated_normal(a, b)]
        free += [initializers.uniform(-c, c), initializers.uniform(-bound, bound)]
        scheme = draw(st.sampled_from([None, *free, *(getattr(initializers, name)() for name in SCHEMES)]))
        sizes = {"in_features": 2 * draw(strategies.small), "out_features": draw(strategies.small)}
        layers.append(Linear(name=f"layer{index}", weight_init=scheme, **sizes, **formats))
    return layers, draw(strategies.seeds)


def model_of(layers, seed, target="cortex-m0"):
    """Build a model, or return None where a deviation or bound is beyond a format: sqrt(2) in q1.n."""
    try:
        return embinit.Model("m", layers, dialect="portable-int", seed=seed, target=target)
    except EmbinitError as error:
        assert "holds -" in str(error)
        return None


@given(codes_models())
def test_codes_are_those_of_the_oracle(made):
    model = model_of(*made)
    if model is None:
        return
    bundle, stream = gather(model.plan()), Pcg32(model.seed)
    for entry in bundle.entries:
        layout, drawn = format_named(entry.format), entry.row.draws
        words = stream.random_raw(drawn).tolist() or [0] * entry.row.size
        codes, kept = expected_codes(entry.row.distribution, layout, words)

        assert entry.data.ravel().tolist() == kept
        assert entry.data.dtype == layout.dtype
        assert entry.buffer.clipped == sum(a != b for a, b in zip(codes, kept, strict=True))
        assert (entry.first_draw, entry.row.store_draws) == (entry.row.first_draw, 0)
    assert bundle.state_after == stream.state


@pytest.mark.device
@settings(max_examples=6)
@given(codes_models(), st.sampled_from(["cortex-m0", "cortex-m4f"]))
def test_any_model_agrees_on_the_device(made, core):
    model = model_of(*made, core)
    if model is not None:
        bundle = gather(model.plan())
        assert verify(bundle, device.run(bundle), core).agrees


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    elf = tmp_path_factory.mktemp("integer") / "integer.elf"
    emulation = EMULATIONS["cortex-m0"]
    return Machine(build(device.SOURCES, emulation, elf, include=[device.C_DIRECTORY]), emulation)


@pytest.mark.device
@settings(max_examples=examples(300))
@given(
    word=st.one_of(st.sampled_from(WORDS), st.integers(0, 2**32 - 1)),
    a=st.one_of(st.sampled_from([0, -(2**31), 2**31 - 1]), st.integers(-(2**31), 2**31 - 1)),
    b=st.integers(1 - 2**24, 2**24 - 1),
    shift=st.integers(1, 62),
)
def test_the_c_of_normal_codes(core, word, a, b, shift):
    for name, z in (("normal", reference_normal.code), ("truncated_normal", reference_normal.truncated_code)):
        code = a + half_away(Fraction(z(word) * b, 2**shift))
        kept = min(max(code, -(2**31)), 2**31 - 1)

        assert core.call(f"embinit_scaled_{name}_code", word, a, b, shift) == kept & 0xFFFFFFFF


@pytest.mark.device
@given(st.one_of(st.sampled_from(WORDS), st.integers(0, 2**32 - 1)), st.integers(0, 2**31 - 1))
def test_the_c_of_uniform_codes(core, word, bound):
    for wide in (True, False):
        within = bound if wide else bound >> 16
        code = core.call(f"embinit_uniform_code{32 if wide else 16}", word, within, 0, 0)

        assert code == uniform_code(word, within, wide) & 0xFFFFFFFF


def test_normal_codes_are_the_portable_values_within_half_a_step():
    """The same words, the same z: only the last rounding differs."""
    scheme = initializers.normal(0.25, 0.1)
    layer = {"in_features": 50, "out_features": 40, "bias": False, "weight_init": scheme}
    codes = gather(embinit.Model("m", [Linear(**layer, weight_format="q15")], dialect="portable-int", seed=5).plan())
    values = embinit.Model("m", [Linear(**layer)], dialect="portable", seed=5).init()["linear0.weight"]
    (entry,) = codes.entries

    assert np.abs(entry.data / 2.0**15 - values).max() <= 2.0**-16 + 2.0**-24
    assert (entry.buffer.clipped, entry.draws) == (0, 2000)


def test_the_plan_shows_codes_in_place_of_floats():
    layers = [
        Linear(in_features=100, out_features=2, weight_format="q15", bias_format="q3.5"),
        LayerNorm(normalized_shape=2, weight_format="q7", bias_format="q7"),
        Linear(in_features=2, out_features=2, weight_init=initializers.normal(0.5, 0.125), weight_format="q7",
               bias=False),
    ]  # fmt: skip
    plan = embinit.Model("m", layers, dialect="portable-int", seed=1).plan()

    assert [str(row.codes) for row in plan.rows] == [
        "uniform codes(-3277, 3277)", "uniform codes(-3, 3)", "code 128", "code 0", "normal codes(64, 16)",
    ]  # fmt: skip
    assert "uniform codes(-3277, 3277)" in str(plan)
    rows = plan.as_json()["buffers"]
    assert rows[0]["codes"] == {"kind": "uniformcodes", "bound": 3277, "wide": False}
    assert rows[4]["codes"] == {"kind": "normalcodes", "mean": 64, "multiplier": 1, "shift": 20, "truncated": False}
    assert gather(plan).entries[2].data.tolist() == [127, 127]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "layer 'fc': weight: dialect portable-int holds buffers in fixed point, as q<m>.<n>, got float32"),
        ({"weight_format": "q7"}, "layer 'fc': bias: dialect portable-int holds buffers in fixed point"),
        ({"weight_format": "sym8"}, "got sym8"),
        ({"weight_format": "q7", "rounding": "stochastic"}, "got 'stochastic'"),
        ({"weight_format": "q7", "weight_init": initializers.uniform(-0.1, 0.2)}, "from -bound to bound, got uniform"),
        ({"weight_format": "q7", "weight_init": initializers.normal(0.0, 1.5)}, "q7 holds -1 to 1, got 1.5"),
        ({"weight_format": "q7", "weight_init": initializers.normal(-2.0, 0.5)}, "q7 holds -1 to 1, got -2"),
        ({"weight_format": "q7", "weight_init": initializers.uniform(-3, 3)}, "q7 holds -1 to 1, got 3"),
        ({"weight_format": "q2.6", "weight_init": initializers.constant(2.5)}, r"q2.6 holds -2 to 2, got 2.5"),
    ],
)
def test_what_needs_floats_or_does_not_fit_is_refused(keys, expected):
    with pytest.raises(EmbinitError) as error:
        embinit.Model("m", [Linear(name="fc", in_features=4, out_features=2, **keys)], dialect="portable-int", seed=1)
    assert expected in str(error.value)


def test_a_generator_has_no_values():
    with pytest.raises(EmbinitError, match="draws codes for the buffers of a model"):
        Generator(Pcg32(1), "portable-int").uniform(-1.0, 1.0, np.empty(3, np.float32))
