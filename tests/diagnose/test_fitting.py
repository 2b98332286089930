"""Codes that a device made by another rule: NumPy makes them, and the diagnosis names the rule and gives every bit."""

import dataclasses
import time
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose

F32 = np.float32


def model(weight_format, shape=(20, 13), seed=42, **keys):
    keys = {"bias": False, "weight_format": weight_format} | keys
    layer = embinit.Linear(name="fc", in_features=shape[1], out_features=shape[0], **keys)
    return embinit.Model("m", [layer], seed=seed)


def explained(asked, codes, dtype):
    """The first explanation of codes, which must be exact."""
    dump = {"fc.weight": codes.astype(np.int64).astype(dtype).tobytes()}
    found = diagnose(gather(asked.plan()), dump, "dump")
    assert found.explained, str(found)
    assert found.explanations[0].image == dump
    assert pasted(asked, found.explanations[0]) == dump
    return found.explanations[0]


def pasted(asked, explanation):
    """What the model leaves with the lines of an explanation in its layer; every rule has some."""
    ((table, text),) = explanation.lines.items()
    assert table == "[[layer]]"
    layer = dataclasses.replace(asked.layers[0], **tomllib.loads(text))
    return {entry.name: entry.payload for entry in gather(dataclasses.replace(asked, layers=[layer]).plan()).entries}


def says(explanation):
    return " ".join(cause.hypothesis.sentence for cause in explanation.causes)


def half_away(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def values(asked):
    return asked.init()["fc.weight"]


def absmax(v):
    return F32(np.abs(v).max())


SYMMETRIC = {
    "128": (lambda v: half_away(v / (absmax(v) / F32(128))).clip(-128, 127), 'weight_format = "int8/128"', "128"),
    "127.5": (
        lambda v: half_away(v / (absmax(v) / F32(127.5))).clip(-128, 127), 'weight_format = "int8/127.5"', "127.5",
    ),
    "255": (
        lambda v: half_away(v / (absmax(v) / F32(255))).clip(-127, 127), "weight_quantizer = { steps = 255.0 }", "255",
    ),
    "factor": (lambda v: half_away(v * (F32(127.5) / absmax(v))).clip(-128, 127), ..., "127.5"),
    "cast": (lambda v: np.trunc(v / (absmax(v) / F32(127)) + F32(0.5)), 'rounding = "add_half"', "(int)(x + 0.5)"),
    "wrap": (lambda v: half_away(v / (absmax(v) / F32(200))).astype(np.int64), ..., ""),
    "floor of half": (lambda v: np.floor(v / (absmax(v) / F32(128)) + F32(0.5)).clip(-128, 127), ..., "128"),
    "float16 and 128": (
        lambda v: half_away(v / np.float16(absmax(v) / F32(128)).astype(F32)).clip(-128, 127), ..., "128",
    ),
    "down to a power of two": (
        lambda v: half_away(v / F32(2.0 ** np.floor(np.log2(absmax(v) / 127)))).clip(-127, 127), ..., "power of two",
    ),
    "offset": (
        lambda v: half_away(v / (absmax(v) / F32(127))) + 128, "weight_quantizer = { offset = 128 }", "128 more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("rule", [rule for rule in SYMMETRIC if rule != "wrap"])
def test_scales_and_quotients(rule, seed):
    make, line, words = SYMMETRIC[rule]
    asked = model("int8", seed=seed, per_channel=False)

    found = explained(asked, make(values(asked)), "u1" if rule == "offset" else "i1")

    assert words in says(found)
    if line is not ...:
        assert found.lines.get("[[layer]]") == line


FIXED = {
    "2^n - 1": ("q7", lambda v: half_away(v * F32(127)), "127 (2^7 - 1)"),
    "2^15 - 1, cast": ("q15", lambda v: np.trunc(v * F32(32767)), "32767"),
    "cast": ("q15", lambda v: np.trunc(v * F32(32768) + F32(0.5)), "0.5"),
    "other bits": ("q15", lambda v: half_away(v * F32(2**11)), "11 fraction bits"),
    "slope": ("q15", lambda v: half_away(v * F32(1000)), "multiplied by 1000.0"),
    "slope and floor": ("q15", lambda v: np.floor(v * F32(12345)), "multiplied by 12345.0"),
}


@pytest.mark.parametrize("rule", FIXED)
def test_factors(rule):
    name, make, words = FIXED[rule]
    asked = model(name, shape=(40, 30))

    assert words in says(explained(asked, make(values(asked)), "i1" if name == "q7" else "<i2"))


@pytest.mark.parametrize(("name", "dtype", "bits"), [("q7", "i1", 8), ("q15", "<i2", 16)])
def test_codes_that_wrap(name, dtype, bits):
    asked = model(name, weight_init=embinit.initializers.uniform(-1.5, 1.5))
    codes = half_away(values(asked) * F32(2 ** (bits - 1))).astype(np.int64)
    codes = (codes + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)

    assert "wrap" in says(explained(asked, codes, dtype))


@pytest.mark.parametrize(
    ("name", "bits", "factor", "rounds"),
    [("q7", 8, 1000.0, half_away), ("int8", 8, 2333.3, np.floor), ("q15", 16, 3e5, half_away)],
)
def test_codes_that_wrap_by_a_scale_that_the_device_chose(name, bits, factor, rounds):
    asked = model(name, shape=(40, 30))
    x = rounds(values(asked) * F32(factor)).astype(np.int64)
    codes = (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    assert np.count_nonzero(codes != x) > 100

    found = says(explained(asked, codes, f"<i{bits // 8}"))

    assert "wrap around" in found
    assert "values are multiplied by " in found


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("by_row", [False, True])
def test_a_rounding_that_changes_where_vectors_end(lanes, by_row):
    asked = model("q15", shape=(5, 43))
    x = values(asked) * F32(32768)
    at = np.arange(x.size).reshape(x.shape) % (43 if by_row else x.size)
    end = (43 if by_row else x.size) // lanes * lanes

    found = explained(asked, np.where(at < end, half_away(x), np.trunc(x)), "<i2")

    assert f"groups of {lanes}" in says(found) or by_row
    assert "towards zero" in says(found)


def test_asymmetric_codes_kept_as_int8():
    asked = model("affine8", weight_init=embinit.initializers.uniform(-0.7, 0.2))
    v = values(asked)
    scale = F32(F32(v.max() - v.min()) / F32(255))
    codes = (half_away(v / scale) + half_away(-v.min() / scale)).clip(0, 255) - 128

    found = explained(asked, codes, "i1")

    assert found.lines["[[layer]]"] == 'weight_format = "affine_int8"'


@pytest.mark.parametrize("rule", ["128", "127.5"])
def test_the_line_is_what_the_device_does(rule):
    make, line, _ = SYMMETRIC[rule]
    asked = model("int8", per_channel=False)
    codes = make(values(asked)).astype("i1")
    changed = model(**tomllib.loads(line), per_channel=False)

    assert gather(changed.plan()).entries[0].payload == codes.tobytes()


# ---- Nothing false ----


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["int8", "q7", "q15", "sym5", "affine8", "int4"]))
def test_nothing_explains_random_codes(seed, name):
    asked = model(name, per_channel=False)
    bundle = gather(asked.plan())
    dump = {"fc.weight": np.random.default_rng(seed).bytes(len(bundle.entries[0].payload))}

    assert not diagnose(bundle, dump, "dump").explained


@settings(max_examples=10)
@given(st.integers(1, 2**32 - 1), st.sampled_from([*SYMMETRIC]), st.integers(0, 259), st.booleans())
def test_what_is_named_reproduces_every_bit(seed, rule, at, stray):
    asked = model("int8", seed=seed, per_channel=False)
    codes = SYMMETRIC[rule][0](values(asked)).astype(np.int64).astype("i1").reshape(-1)
    codes[at] ^= 64 * stray
    dump = {"fc.weight": codes.tobytes()}

    for found in diagnose(gather(asked.plan()), dump, "dump").explanations:
        assert found.exact == (found.image == dump)


def test_it_is_fast():
    asked = model("int8", shape=(100, 100), per_channel=False)
    dump = {"fc.weight": SYMMETRIC["128"][0](values(asked)).astype("i1").tobytes()}
    bundle = gather(asked.plan())
    diagnose(bundle, dump, "dump")  # compiles
    for held in (dump, {"fc.weight": np.random.default_rng(1).bytes(10_000)}):
        start = time.process_time()
        diagnose(bundle, held, "dump")

        assert time.process_time() - start < 2
